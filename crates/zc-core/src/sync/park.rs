//! Putting one thread to sleep and waking it: `std`'s and shuttle's way. loom has its own.

use std::time::Duration;

use super::imp::raw;
use super::thread::{self, Thread};

/// Puts the thread that made it to sleep until its [`Unparker`] is used. A wake that comes first is
/// kept. Sleeping may end for no reason.
#[derive(Debug)]
pub struct Parker(Thread);

/// Wakes the thread of one [`Parker`].
#[derive(Clone, Debug)]
pub struct Unparker(Thread);

impl Parker {
    /// A parker for this thread.
    #[must_use]
    pub fn new() -> Self {
        Self(thread::current())
    }

    /// What wakes this thread.
    #[must_use]
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// Sleeps until woken.
    pub fn park(&self) {
        raw::park();
    }

    /// Sleeps until woken, at most for `timeout`.
    pub fn park_timeout(&self, timeout: Duration) {
        raw::park_timeout(timeout);
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Unparker {
    /// Wakes the thread, now or when it next parks.
    pub fn unpark(&self) {
        self.0.unpark();
    }
}

//! shuttle's primitives, for random schedules of bigger models. Sequentially consistent: it finds
//! wrong logic and lost wake-ups, not missing orderings.

use std::future::Future;

/// shuttle's `Arc`.
pub type Arc<T> = shuttle::sync::Arc<T>;

pub(super) mod raw {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    #[expect(clippy::disallowed_types, reason = "this is the sync shim")]
    pub(crate) type UnsafeCell<T> = std::cell::UnsafeCell<T>;
}

pub use shuttle::hint;

pub mod atomic {
    //! Atomic integers and pointers.

    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
}

pub mod thread {
    //! Threads: spawning, parking, yielding.

    pub use shuttle::thread::{
        Builder, JoinHandle, Scope, Thread, current, scope, sleep, spawn, yield_now,
    };
}

/// Puts the thread that made it to sleep until its [`Unparker`] is used. A wake that comes first is
/// kept. Sleeping may end for no reason.
#[derive(Debug)]
pub struct Parker(shuttle::thread::Thread);

/// Wakes the thread of one [`Parker`].
#[derive(Clone, Debug)]
pub struct Unparker(shuttle::thread::Thread);

impl Parker {
    /// A parker for this thread.
    #[must_use]
    pub fn new() -> Self {
        Self(shuttle::thread::current())
    }

    /// What wakes this thread.
    #[must_use]
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// Sleeps until woken.
    pub fn park(&self) {
        shuttle::thread::park();
    }

    /// Sleeps until woken, at most for `timeout`.
    pub fn park_timeout(&self, timeout: std::time::Duration) {
        shuttle::thread::park_timeout(timeout);
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

/// Every access is sequentially consistent here, so this only gives the scheduler a chance.
pub fn store_load_barrier() {
    shuttle::sync::atomic::fence(shuttle::sync::atomic::Ordering::SeqCst);
}

/// Runs `f` under `SHUTTLE_ITERATIONS` random schedules, 2,000 unless set.
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("SHUTTLE_ITERATIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2_000);
    shuttle::check_random(f, iterations);
}

/// Polls `future` to completion on this modelled thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    shuttle::future::block_on(future)
}

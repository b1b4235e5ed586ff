//! loom's primitives, for exhaustive exploration of small models.

use std::future::Future;

/// loom's `Arc`, whose reference counting is part of the model.
pub type Arc<T> = loom::sync::Arc<T>;

pub(super) mod raw {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

pub use loom::{hint, thread_local};

pub mod atomic {
    //! Atomic integers and pointers.

    pub use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
}

pub mod thread {
    //! Threads: spawning, parking, yielding.

    pub use loom::thread::{Builder, JoinHandle, Thread, current, spawn, yield_now};

    /// Time does not pass in a model.
    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

/// See the documentation of the normal build. loom's own `unpark` also wakes a thread that is
/// blocked on a mutex, which no real one does, so this is a notification instead.
#[derive(Debug)]
pub struct Parker(Arc<loom::sync::Notify>);

/// Wakes the thread of one [`Parker`].
#[derive(Clone, Debug)]
pub struct Unparker(Arc<loom::sync::Notify>);

impl Parker {
    /// A parker for this thread.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(loom::sync::Notify::new()))
    }

    /// What wakes this thread.
    #[must_use]
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// Sleeps until woken.
    pub fn park(&self) {
        self.0.wait();
    }

    /// Time does not pass in a model: a spurious wake-up, which every caller must cope with.
    pub fn park_timeout(&self, _: std::time::Duration) {
        loom::thread::yield_now();
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
        self.0.notify();
    }
}

/// See the documentation of the normal build. loom models sequentially consistent fences, but
/// takes `SeqCst` accesses for `AcqRel`: this must be a fence here.
pub fn store_load_barrier() {
    loom::sync::atomic::fence(loom::sync::atomic::Ordering::SeqCst);
}

/// Explores every execution of `f` (up to the preemption bound of `LOOM_MAX_PREEMPTIONS`, 3
/// unless set).
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(f);
}

/// Polls `future` to completion on this modelled thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    loom::future::block_on(future)
}

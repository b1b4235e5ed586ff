//! shuttle's primitives, for random schedules of bigger models. Sequentially consistent: it finds
//! wrong logic and lost wake-ups, not missing orderings.

use std::future::Future;

/// shuttle's `Arc`.
pub type Arc<T> = shuttle::sync::Arc<T>;

pub(super) mod raw {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use shuttle::thread::{park, park_timeout};
    #[expect(clippy::disallowed_types, reason = "this is the sync shim")]
    pub(crate) type UnsafeCell<T> = std::cell::UnsafeCell<T>;
}

pub use shuttle::{hint, thread_local};

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

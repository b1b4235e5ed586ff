//! The real thing. Aliases and inlined newtypes only.

#![expect(clippy::disallowed_types, reason = "this is the sync shim")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

/// `std::sync::Arc`; loom's under `--cfg zc_loom`, which has no `Weak`.
pub type Arc<T> = std::sync::Arc<T>;

/// Aliases, because a lint that bans a type sees through a re-export, not through an alias.
pub(super) mod raw {
    pub(crate) type UnsafeCell<T> = std::cell::UnsafeCell<T>;
    pub(crate) type Mutex<T> = std::sync::Mutex<T>;
    pub(crate) type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;
    pub(crate) type Condvar = std::sync::Condvar;
}

pub mod atomic {
    //! Atomic integers and pointers.

    /// See `std::sync::atomic::AtomicBool`.
    pub type AtomicBool = std::sync::atomic::AtomicBool;
    /// See `std::sync::atomic::AtomicU8`.
    pub type AtomicU8 = std::sync::atomic::AtomicU8;
    /// See `std::sync::atomic::AtomicU16`.
    pub type AtomicU16 = std::sync::atomic::AtomicU16;
    /// See `std::sync::atomic::AtomicU32`.
    pub type AtomicU32 = std::sync::atomic::AtomicU32;
    /// See `std::sync::atomic::AtomicU64`.
    pub type AtomicU64 = std::sync::atomic::AtomicU64;
    /// See `std::sync::atomic::AtomicUsize`.
    pub type AtomicUsize = std::sync::atomic::AtomicUsize;
    /// See `std::sync::atomic::AtomicPtr`.
    pub type AtomicPtr<T> = std::sync::atomic::AtomicPtr<T>;

    pub use std::sync::atomic::Ordering;
}

pub mod hint {
    //! Hints to the processor.

    pub use std::hint::spin_loop;
}

pub mod thread {
    //! Threads: spawning, parking, yielding.

    pub use std::thread::{
        Builder, JoinHandle, Scope, Thread, current, scope, sleep, spawn, yield_now,
    };
}

/// Puts the thread that made it to sleep until its [`Unparker`] is used. A wake that comes first is
/// kept. Sleeping may end for no reason.
#[derive(Debug)]
pub struct Parker(std::thread::Thread);

/// Wakes the thread of one [`Parker`].
#[derive(Clone, Debug)]
pub struct Unparker(std::thread::Thread);

impl Parker {
    /// A parker for this thread.
    #[must_use]
    pub fn new() -> Self {
        Self(std::thread::current())
    }

    /// What wakes this thread.
    #[must_use]
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// Sleeps until woken.
    pub fn park(&self) {
        std::thread::park();
    }

    /// Sleeps until woken, at most for `timeout`.
    pub fn park_timeout(&self, timeout: std::time::Duration) {
        std::thread::park_timeout(timeout);
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

/// Orders every store before it ahead of every load after it, which neither Release nor Acquire
/// does. It is the one thing a waker and a waiter need who each write one word and read the other.
///
/// Costs 5 to 8 ns where a locked instruction does; `mfence`, which `fence(SeqCst)` emits on
/// x86-64, costs twice that. It carries no data edge: the words themselves do.
#[inline(always)]
pub fn store_load_barrier() {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: ORs zero into the word at the top of the stack, which changes nothing;
    // a locked read-modify-write is a full barrier on x86. The asm clobbers memory and flags, so
    // the compiler moves no access across it.
    unsafe {
        std::arch::asm!("lock or dword ptr [rsp], 0");
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// Runs `f` once. Under a model checker: once for every execution it explores.
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    f();
}

/// Polls `future` to completion on this thread, parking in between. For tests, examples and
/// programs that have no executor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

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
    pub(crate) use std::thread::{park, park_timeout};
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

pub use std::thread_local;

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

//! Exhaustive models of the waiter list, the view counts and the lock. Each is named after what it
//! proves; `seeds.txt` names the defects that must make it fail.

#![cfg(zc_loom)]

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use zc_core::sync::atomic::{AtomicUsize, Ordering::*};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{Arc, block_on, model, thread};
use zc_core::wait::{WaitList, WaitStrategy};

/// A number of things that are ready, taken one at a time.
struct Things {
    ready: AtomicUsize,
    list: WaitList,
}

impl Things {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            ready: AtomicUsize::new(0),
            list: WaitList::new(),
        })
    }

    fn put(&self) {
        self.ready.fetch_add(1, Release);
        self.list.notify(1);
    }

    fn take(&self) -> Option<()> {
        self.ready.fetch_update(AcqRel, Acquire, |n| n.checked_sub(1)).ok().map(|_| ())
    }

    fn take_blocking(&self) {
        self.list.block_until(WaitStrategy::Park, None, || self.take()).unwrap();
    }

    async fn take_async(&self) {
        let mut waiter = pin!(self.list.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.take())).await;
    }
}

#[test]
fn a_parked_thread_is_woken() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        things.put();
        waiter.join().unwrap();
    });
}

#[test]
fn two_waiters_get_two_things() {
    model(|| {
        let things = Things::new();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let other = things.clone();
                thread::spawn(move || other.take_blocking())
            })
            .collect();
        things.put();
        things.put();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_task_is_woken() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || block_on(other.take_async()));
        things.put();
        waiter.join().unwrap();
    });
}

#[test]
fn a_cancelled_waiter_passes_its_wake_on() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        {
            let mut cancelled = pin!(things.take_async());
            let mut cx = Context::from_waker(Waker::noop());
            if cancelled.as_mut().poll(&mut cx).is_ready() {
                unreachable!("nothing is ready yet");
            }
            things.put();
        }
        waiter.join().unwrap();
    });
}

#[test]
fn a_leaked_waiter_takes_at_most_one_wake_with_it() {
    model(|| {
        let things = Things::new();
        let mut leaked = Box::pin({
            // A model's memory must be clean at its end, so what the leaked future holds is not.
            let things: &'static Things = Box::leak(Box::new(Things {
                ready: AtomicUsize::new(0),
                list: WaitList::new(),
            }));
            async move {
                things.take_async().await;
                things
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(leaked.as_mut().poll(&mut cx).is_pending());
        std::mem::forget(leaked);
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        things.put();
        waiter.join().unwrap();
    });
}

/// What went through one handle of a counted owner happens before the last one frees it.
#[test]
fn the_last_view_frees_after_all_others_are_done() {
    struct Watched(UnsafeCell<u8>);
    // SAFETY: loom checks the accesses.
    unsafe impl Sync for Watched {}
    impl AsRef<[u8]> for Watched {
        fn as_ref(&self) -> &[u8] {
            // SAFETY: nobody writes while a view exists.
            self.0.with(|byte| unsafe { std::slice::from_ref(&*byte) })
        }
    }
    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.with_mut(|_| ());
        }
    }
    model(|| {
        let cell = Arc::new(AtomicUsize::new(0));
        let view = zc_core::Frozen::from_owner(Watched(UnsafeCell::new(7)));
        let other = view.clone();
        let seen = cell.clone();
        let reader = thread::spawn(move || {
            seen.store(usize::from(other[0]), Relaxed);
            drop(other);
        });
        drop(view);
        reader.join().unwrap();
        assert_eq!(cell.load(Relaxed), 7);
    });
}

#[expect(dead_code, reason = "keeps the imports that other models share honest")]
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

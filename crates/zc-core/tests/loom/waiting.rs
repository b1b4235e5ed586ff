//! The waiter list: who waits is woken, whoever goes away meanwhile; and its modes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use zc_core::sync::atomic::{AtomicUsize, Ordering::*};
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
        self.ready
            .fetch_update(AcqRel, Acquire, |n| n.checked_sub(1))
            .ok()
            .map(|_| ())
    }

    fn take_blocking(&self) {
        self.list
            .block_until(WaitStrategy::Park, None, || self.take())
            .unwrap();
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
fn the_main_thread_is_woken_when_it_parks() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let putter = thread::spawn(move || other.put());
        things.take_blocking();
        putter.join().unwrap();
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

/// What the notifier did to the node is over before its owner, without the lock, takes it back.
#[test]
fn a_woken_waiter_leaves_without_the_lock() {
    model(|| {
        let things = Things::new();
        let other = things.clone();
        let mut cx = Context::from_waker(Waker::noop());
        let mut waiting = pin!(things.take_async());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let putter = thread::spawn(move || other.put());
        if waiting.as_mut().poll(&mut cx).is_pending() {
            // In the list again, with the same waker; or the wake is on its way.
            putter.join().unwrap();
            assert!(waiting.as_mut().poll(&mut cx).is_ready());
        }
    });
}

/// A waiter goes away just when it is notified: the other one is woken instead.
#[test]
fn a_waiter_that_is_cancelled_meanwhile_passes_its_wake_on() {
    model(|| {
        let things = Things::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut cancelled = Box::pin(things.list.waiter());
        let polled = cancelled.as_mut().poll_until(&mut cx, || None::<()>);
        assert!(polled.is_pending());
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        let other = things.clone();
        let putter = thread::spawn(move || other.put());
        drop(cancelled);
        putter.join().unwrap();
        waiter.join().unwrap();
    });
}

#[test]
fn a_leaked_waiter_takes_at_most_one_wake_with_it() {
    model(|| {
        // Leaked as well, since the leaked future refers to it for ever.
        let things: &'static Things = Box::leak(Box::new(Things {
            ready: AtomicUsize::new(0),
            list: WaitList::new(),
        }));
        let mut leaked = Box::pin(things.take_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(leaked.as_mut().poll(&mut cx).is_pending());
        std::mem::forget(leaked);
        let waiter = thread::spawn(move || things.take_blocking());
        things.put();
        things.put();
        waiter.join().unwrap();
    });
}

// ---- the modes of the waiter list --------------------------------------------------------------
// loom has no asymmetric barrier: both of its sides are full ones here, and what is shown is that
// each side has one wherever the modes may lead.

fn relaxed_things() -> Arc<Things> {
    let things = Things {
        ready: AtomicUsize::new(0),
        list: WaitList::with_patience(1),
    };
    // Nobody waits: from here on the list is relaxed.
    things.list.notify(1);
    Arc::new(things)
}

#[test]
fn the_first_waiter_of_a_relaxed_list_is_woken() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let waiter = thread::spawn(move || other.take_blocking());
        things.ready.store(1, Release);
        things.list.notify(1);
        waiter.join().unwrap();
    });
}

#[test]
fn a_relaxed_list_wakes_the_main_thread_too() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let putter = thread::spawn(move || {
            other.ready.store(1, Release);
            other.list.notify(1);
        });
        things.take_blocking();
        putter.join().unwrap();
    });
}

/// The list relaxes again while the second waiter comes.
#[test]
fn a_list_that_relaxes_again_wakes_the_next_waiter() {
    model(|| {
        let things = relaxed_things();
        let other = things.clone();
        let waiter = thread::spawn(move || {
            other.take_blocking();
            other.take_blocking();
        });
        things.put();
        things.list.notify(1);
        things.put();
        waiter.join().unwrap();
    });
}

//! The line of waiters as its users see it: order, places kept, wakers that panic.
#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use std::task::{Context, Wake, Waker};

use zc_core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use zc_core::wait::{WaitList, Waiter};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Polls `waiter` in vain with `waker`.
fn wait(waiter: &mut Pin<Box<Waiter<'_>>>, waker: &Waker) {
    let polled = waiter
        .as_mut()
        .poll_until(&mut Context::from_waker(waker), || None::<()>);
    assert!(polled.is_pending());
}

#[test]
fn a_waiter_that_is_polled_again_keeps_its_place() {
    let list = WaitList::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let wakers = counts.clone().map(Waker::from);
    let mut waiters = [(); 2].map(|()| Box::pin(list.waiter()));
    for (waiter, waker) in waiters.iter_mut().zip(&wakers) {
        wait(waiter, waker);
    }
    wait(&mut waiters[0], &wakers[0]);
    assert_eq!(list.waiting(), 2);
    list.notify(1);
    assert_eq!(counts.each_ref().map(|count| count.get()), [1, 0]);

    // Woken in vain, it is the first in line again.
    wait(&mut waiters[0], &wakers[0]);
    list.notify(1);
    assert_eq!(counts.each_ref().map(|count| count.get()), [2, 0]);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_used() {
    let list = WaitList::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let wakers = counts.clone().map(Waker::from);
    let mut waiter = Box::pin(list.waiter());
    wait(&mut waiter, &wakers[0]);
    wait(&mut waiter, &wakers[1]);
    assert_eq!(list.waiting(), 1);
    assert_eq!(
        Arc::strong_count(&counts[0]),
        2,
        "the former one was dropped"
    );
    list.notify(1);
    assert_eq!(counts.each_ref().map(|count| count.get()), [0, 1]);
}

/// Panics when it is dropped.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a waker may do what it likes");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_leaves_the_line_whole() {
    let list = WaitList::new();
    let count = Arc::new(Count::default());
    let [mut before, mut cancelled, mut after] = [(); 3].map(|()| Box::pin(list.waiter()));
    wait(&mut before, Waker::noop());
    let bomb = Waker::from(Arc::new(Bomb));
    wait(&mut cancelled, &bomb);
    wait(&mut after, &Waker::from(count.clone()));
    // The one in the line is the last.
    drop(bomb);

    let cancel = AssertUnwindSafe(|| cancelled.as_mut().cancel());
    assert!(catch_unwind(cancel).is_err());
    assert_eq!(list.waiting(), 2);
    drop(cancelled);
    drop(before);
    assert_eq!(list.waiting(), 1);
    list.notify(1);
    assert_eq!((count.get(), list.waiting()), (1, 0));
}

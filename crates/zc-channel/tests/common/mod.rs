//! A payload that counts: made, alive, dropped. Every test's items are these.

use std::future::Ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use zc_core::sync::atomic::{AtomicUsize, Ordering};

/// Counts the items of one test.
#[derive(Debug, Default, Clone)]
pub(crate) struct Census {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// An item: a number, and an entry in the census. A second drop of one item would make the
/// numbers disagree, and is a use after free for the sanitizers besides.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: usize,
    // On the heap, so that a duplicate is a double free.
    payload: Box<usize>,
    counts: Arc<Counts>,
}

impl Census {
    pub(crate) fn item(&self, id: usize) -> Item {
        self.counts.made.fetch_add(1, Ordering::Relaxed);
        Item {
            id,
            payload: Box::new(id),
            counts: Arc::clone(&self.counts),
        }
    }

    pub(crate) fn made(&self) -> usize {
        self.counts.made.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn alive(&self) -> usize {
        self.made() - self.dropped()
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        assert_eq!(*self.payload, self.id, "a torn or stale item");
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker that counts its wakes.
#[derive(Debug, Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let this = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&this));
        (this, waker)
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics.
pub(crate) struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics, on purpose");
    }
}

/// Polls once with `waker`.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Polls once with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll(future, Waker::noop())
}

// Each test file uses its own part of this; here all of it counts as used.
const _: &[fn(&Census) -> usize] = &[Census::made, Census::dropped, Census::alive];
const _: fn(&Census, usize) -> Item = Census::item;
const _: fn() -> (Arc<CountingWaker>, Waker) = CountingWaker::new;
const _: fn(&CountingWaker) -> usize = CountingWaker::wakes;
const _: PanickingWaker = PanickingWaker;
const _: fn(Pin<&mut Ready<()>>, &Waker) -> Poll<()> = poll;
const _: fn(Pin<&mut Ready<()>>) -> Poll<()> = poll_once;
const _: fn(&Item) -> usize = |item| item.id;

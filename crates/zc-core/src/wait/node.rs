//! [`Node`]: one who waits. Its states and the invariants are those of the [list](super::list).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::Waker;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::cell::UnsafeCell;
use crate::sync::{Unparker, edge};

#[derive(Debug)]
pub(super) struct Node {
    state: AtomicUsize,
    pub(super) entry: UnsafeCell<Entry>,
}

/// What a linked node consists of.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) prev: *const Node,
    pub(super) next: *const Node,
    pub(super) handle: Option<Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Linked,
    Notified,
}

/// What wakes the owner of a node.
#[derive(Debug)]
pub(super) enum Handle {
    Thread(Unparker),
    Task(Waker),
}

impl Node {
    pub(super) fn idle() -> Self {
        Self {
            state: AtomicUsize::new(State::Idle as usize),
            entry: UnsafeCell::new(Entry {
                prev: ptr::null(),
                next: ptr::null(),
                handle: None,
            }),
        }
    }

    /// For the owner. Anything but `Linked` stays true, and the `entry` is the owner's alone; what
    /// is `Linked` is certain only under the lock.
    pub(super) fn state(&self) -> State {
        let state = self
            .state
            .load(edge("core.wait_notified", Ordering::Acquire));
        if state == State::Linked as usize {
            State::Linked
        } else if state == State::Notified as usize {
            State::Notified
        } else {
            State::Idle
        }
    }

    /// For the owner, of a node that is not in the list (any more).
    pub(super) fn set_idle(&self) {
        self.state.store(State::Idle as usize, Ordering::Relaxed);
    }

    /// For the owner, under the lock.
    pub(super) fn set_linked(&self) {
        self.state.store(State::Linked as usize, Ordering::Relaxed);
    }

    /// For a notifier, under the lock, once the node is out of the list: from here on it may be
    /// gone.
    pub(super) fn set_notified(&self) {
        self.state.store(
            State::Notified as usize,
            edge("core.wait_notified", Ordering::Release),
        );
    }
}

impl Handle {
    /// Runs a waker: never under the lock (I5).
    pub(super) fn wake(self) {
        let wake = AssertUnwindSafe(|| match self {
            Handle::Thread(unparker) => unparker.unpark(),
            Handle::Task(waker) => waker.wake(),
        });
        if cfg!(zc_loom) {
            // loom reports what it finds by panicking, here too.
            return wake.0();
        }
        // The panic hook has reported it by now; the notifier's own work is done and must stand.
        drop(catch_unwind(wake));
    }
}

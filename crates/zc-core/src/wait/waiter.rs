//! [`Waiter`]: the node of one future, or of one blocked thread, in a [`WaitList`].

use std::fmt;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::links::Owed;
use super::list::WaitList;
use super::node::{Handle, Node, State};
use crate::sync::seeded;

/// One waiter of a [`WaitList`], to be pinned inside the future that waits.
///
/// Cancel-safe: dropping it takes it out of the list and passes on a wake it was sent and has not
/// used. Forget-safe: a leaked one takes at most one wake with it.
pub struct Waiter<'a> {
    list: &'a WaitList,
    node: Node,
    _pinned: PhantomPinned,
}

// SAFETY: I1 of the list: while the node is linked all access to its entry goes through the list's
// lock, and while it is not only its owner reaches it. `Handle` is `Send`.
unsafe impl Send for Waiter<'_> {}

// SAFETY: a shared `Waiter` offers nothing but `Debug`, which loads the state and no more.
unsafe impl Sync for Waiter<'_> {}

impl<'a> Waiter<'a> {
    pub(super) fn new(list: &'a WaitList) -> Self {
        Self {
            list,
            node: Node::idle(),
            _pinned: PhantomPinned,
        }
    }

    /// Ready once `ready` gives something; until then the task is woken whenever it is worth
    /// another look.
    ///
    /// `ready` is called before the task is put into the list and once more after, and must not
    /// block. The waiter can be used again after it was ready.
    pub fn poll_until<R>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        if let Some(result) = ready() {
            self.as_mut().leave(Wake::Used);
            return Poll::Ready(result);
        }
        let owed = self.as_mut().register(cx.waker());
        self.list.pay(owed);
        match ready() {
            Some(result) => {
                // What was found may have been there before this waiter was in the list. A wake
                // that came since then was meant for something else: somebody else must see it.
                self.leave(Wake::PassOn);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// Takes this waiter out of the list without having got anything; a wake it was sent goes on
    /// to the next in line.
    pub fn cancel(self: Pin<&mut Self>) {
        self.leave(Wake::PassOn);
    }

    /// Links the node with `waker`, or leaves it where it is if it is linked with an equal one.
    fn register(self: Pin<&mut Self>, waker: &Waker) -> Owed {
        if self.node.state() == State::Linked
            && let Some(owed) = self.keep(waker)
        {
            return owed;
        }
        // Cloned outside of the lock, because a clone is user code (I5).
        self.link(Handle::Task(waker.clone()))
    }

    /// The barrier that is owed if the node is linked with a handle as good as `waker`.
    fn keep(&self, waker: &Waker) -> Option<Owed> {
        self.list.with_links(|links| {
            // Asked again: a notifier may have been faster.
            let is_kept = self.node.state() == State::Linked
                && self.node.entry.with(|entry| {
                    // SAFETY: the lock is held (I1).
                    let handle = unsafe { &(*entry).handle };
                    matches!(handle, Some(Handle::Task(present)) if present.will_wake(waker))
                });
            is_kept.then(|| links.owed())
        })
    }

    /// Links the node with `handle`; if it is linked already, replaces the one that it has.
    pub(super) fn link(self: Pin<&mut Self>, handle: Handle) -> Owed {
        let this = self.into_ref();
        let (replaced, owed) = this.list.with_links(|links| {
            let replaced = if this.node.state() == State::Linked {
                this.node.entry.with_mut(|entry| {
                    // SAFETY: the lock is held (I1).
                    unsafe { (*entry).handle.replace(handle) }
                })
            } else {
                // SAFETY: valid, pinned by `self`, not linked, and owned by the caller.
                unsafe { links.link(&raw const this.node, handle) };
                None
            };
            (replaced, links.owed())
        });
        // The drop of a waker is user code (I5).
        drop(replaced);
        owed
    }

    /// Whether the node has been notified since it was linked.
    pub(super) fn is_notified(&self) -> bool {
        self.node.state() == State::Notified
    }

    /// Makes the node idle; a wake that it was sent is used up or passed on.
    pub(super) fn leave(self: Pin<&mut Self>, wake: Wake) {
        let was = match self.node.state() {
            State::Idle => return,
            State::Notified => State::Notified,
            State::Linked => self.unlink(),
        };
        debug_assert!(self.has_no_handle(), "the notifier has taken the handle");
        self.node.set_idle();
        if was == State::Notified && wake == Wake::PassOn && !seeded("core.wait_pass_on") {
            self.list.notify(1);
        }
    }

    /// Takes the node out of the list, unless a notifier has done so since the owner looked: in
    /// which state it was found.
    #[cold]
    fn unlink(&self) -> State {
        let (was, handle) = self.list.with_links(|links| match self.node.state() {
            // SAFETY: it is linked in this very list.
            State::Linked => (State::Linked, unsafe { links.unlink(&raw const self.node) }),
            was => (was, None),
        });
        drop(handle);
        was
    }

    /// Of a node that is not linked.
    fn has_no_handle(&self) -> bool {
        self.node.entry.with(|entry| {
            // SAFETY: it is not linked, so that only its owner reaches it.
            unsafe { (*entry).handle.is_none() }
        })
    }
}

/// What becomes of a wake that the leaving waiter was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Used,
    PassOn,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        // SAFETY: a value that is being dropped never moves again.
        unsafe { Pin::new_unchecked(self) }.cancel();
    }
}

impl fmt::Debug for Waiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("state", &self.node.state())
            .finish_non_exhaustive()
    }
}

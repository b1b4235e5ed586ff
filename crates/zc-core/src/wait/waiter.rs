//! [`Waiter`]: the node of one future, or of one blocked thread, in a [`WaitList`].

use std::fmt;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::list::{Handle, Node, Owed, State, WaitList};
use crate::sync::cell::UnsafeCell;
use crate::sync::seeded;

/// One waiter of a [`WaitList`], to be pinned inside the future that waits.
///
/// Cancel-safe: dropping it takes it out of the list and passes on a wake it was sent and has not
/// used. Forget-safe: a leaked one takes at most one wake with it.
pub struct Waiter<'a> {
    list: &'a WaitList,
    /// Whether the node may be linked or notified; only the owner reads or writes this. While it
    /// is false the node is idle and the lock is not needed.
    registered: bool,
    node: UnsafeCell<Node>,
    _pinned: PhantomPinned,
}

// SAFETY: I1 of the list: while the node is linked all access to it goes through the list's lock,
// and while it is not only its owner reaches it. `Handle` is `Send`.
unsafe impl Send for Waiter<'_> {}

// SAFETY: a shared `Waiter` offers nothing but `Debug`, which does not touch the node.
unsafe impl Sync for Waiter<'_> {}

impl<'a> Waiter<'a> {
    pub(super) fn new(list: &'a WaitList) -> Self {
        Self {
            list,
            registered: false,
            node: UnsafeCell::new(Node::idle()),
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

    /// Links the node with `waker`, or keeps it linked where it has an equal one.
    fn register(self: Pin<&mut Self>, waker: &Waker) -> Owed {
        let is_present = self.registered
            && self.list.with_links(|_| {
                self.node.with(|node| {
                    // SAFETY: the lock is held (I1).
                    let handle = unsafe { &(*node).handle };
                    matches!(handle, Some(Handle::Task(present)) if present.will_wake(waker))
                })
            });
        // Cloned outside of the lock, because a clone is user code (I5).
        self.link((!is_present).then(|| Handle::Task(waker.clone())))
    }

    /// Links the node with `handle`; `None` where a handle in place is still good.
    pub(super) fn link(self: Pin<&mut Self>, handle: Option<Handle>) -> Owed {
        // SAFETY: nothing is moved out of the pinned value.
        let this = unsafe { self.get_unchecked_mut() };
        this.registered = true;
        let (replaced, owed) = this.list.with_links(|links| {
            let replaced = this.node.with_mut(|node| {
                // SAFETY: the lock is held (I1).
                let state = unsafe { (*node).state };
                match (state, handle) {
                    (State::Linked, None) => None,
                    (State::Linked, Some(handle)) => {
                        // SAFETY: the lock is held (I1).
                        unsafe { (*node).handle.replace(handle) }
                    }
                    (_, Some(handle)) => {
                        // SAFETY: valid, pinned by `self`, not linked, and owned by the caller.
                        unsafe { links.link(node, handle) };
                        None
                    }
                    // Notified since the caller looked: that wake is already on its way.
                    (_, None) => None,
                }
            });
            (replaced, links.owed())
        });
        drop(replaced);
        owed
    }

    /// Whether the node has been notified since it was linked.
    pub(super) fn is_notified(&self) -> bool {
        self.list.with_links(|_| {
            self.node.with(|node| {
                // SAFETY: the lock is held (I1).
                unsafe { (*node).state == State::Notified }
            })
        })
    }

    /// Makes the node idle; a wake that it was sent is used up or passed on.
    pub(super) fn leave(self: Pin<&mut Self>, wake: Wake) {
        // SAFETY: nothing is moved out of the pinned value.
        let this = unsafe { self.get_unchecked_mut() };
        if !std::mem::take(&mut this.registered) {
            return;
        }
        let (was, handle) = this.list.with_links(|links| {
            this.node.with_mut(|node| {
                // SAFETY: the lock is held (I1).
                let was = unsafe { (*node).state };
                let handle = match was {
                    // SAFETY: it is linked in this very list.
                    State::Linked => unsafe { links.unlink(node) },
                    State::Idle | State::Notified => None,
                };
                // SAFETY: the lock is held (I1).
                unsafe { (*node).state = State::Idle };
                (was, handle)
            })
        });
        drop(handle);
        if was == State::Notified && wake == Wake::PassOn && !seeded("core.wait_pass_on") {
            this.list.notify(1);
        }
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
            .field("registered", &self.registered)
            .finish_non_exhaustive()
    }
}

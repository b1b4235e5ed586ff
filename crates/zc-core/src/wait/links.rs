//! [`Links`]: what the lock of a [list](super::list) protects, the nodes in a row and the mode.
//! The invariants are those of the list.

use std::ptr;

use super::node::{Entry, Handle, Node, State};

pub(super) const RELAXED: usize = 0;
pub(super) const SETTLING: usize = 1;
pub(super) const CAREFUL: usize = 2;

/// Ends of the list; null when it is empty.
#[derive(Debug)]
pub(super) struct Links {
    head: *const Node,
    tail: *const Node,
    pub(super) len: usize,
    pub(super) mode: usize,
}

/// The barrier that a waiter owes between linking itself and looking again.
#[must_use = "without its barrier a waiter may sleep for ever"]
#[derive(Clone, Copy)]
pub(super) enum Owed {
    Barrier,
    Heavy,
    /// And then the list is `CAREFUL`.
    HeavyAndSettle,
}

// SAFETY: I1. The nodes behind the pointers are only touched under the lock around `Links`, and
// what they hold, an `Unparker` or a `Waker`, may be sent.
unsafe impl Send for Links {}

impl Default for Links {
    fn default() -> Self {
        Self {
            head: ptr::null(),
            tail: ptr::null(),
            len: 0,
            mode: CAREFUL,
        }
    }
}

impl Links {
    /// Called under the lock by a waiter that is linked: which barrier it owes.
    pub(super) fn owed(&mut self) -> Owed {
        match self.mode {
            RELAXED => {
                self.mode = SETTLING;
                Owed::HeavyAndSettle
            }
            SETTLING => Owed::Heavy,
            _ => Owed::Barrier,
        }
    }

    /// Links `node` with `handle` at the back, or at the front where it was woken in vain.
    ///
    /// # Safety
    /// `node` is valid, pinned (I2), not linked, and only its owner, the caller, can reach it.
    pub(super) unsafe fn link(&mut self, node: *const Node, handle: Handle) {
        // SAFETY: valid, as the caller promises.
        let this = unsafe { &*node };
        let (prev, next) = if this.state() == State::Notified {
            (ptr::null(), self.head)
        } else {
            (self.tail, ptr::null())
        };
        let entry = Entry {
            prev,
            next,
            handle: Some(handle),
        };
        this.entry.with_mut(|place| {
            // SAFETY: it is not linked, and the caller is the only one to reach it.
            unsafe { *place = entry }
        });
        this.set_linked();
        self.join(prev, node);
        self.join(node, next);
        self.len += 1;
    }

    /// Takes a linked `node` out. Its state is for the caller to change.
    ///
    /// # Safety
    /// `node` is linked in this list.
    pub(super) unsafe fn unlink(&mut self, node: *const Node) -> Option<Handle> {
        // SAFETY: I2; the caller's promise that it is linked here.
        let this = unsafe { &*node };
        debug_assert_eq!(this.state(), State::Linked);
        let (prev, next, handle) = this.entry.with_mut(|entry| {
            // SAFETY: I1: `&mut self` is proof of the lock.
            let entry = unsafe { &mut *entry };
            (entry.prev, entry.next, entry.handle.take())
        });
        self.join(prev, next);
        self.len -= 1;
        handle
    }

    /// Makes `next` follow `prev`, where null stands for the end of the list on that side (I3).
    fn join(&mut self, prev: *const Node, next: *const Node) {
        // SAFETY: I2: what is not null is linked, or about to be.
        match unsafe { prev.as_ref() } {
            None => self.head = next,
            Some(prev) => prev.entry.with_mut(|entry| {
                // SAFETY: I1: the lock is held.
                unsafe { (*entry).next = next }
            }),
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            None => self.tail = prev,
            Some(next) => next.entry.with_mut(|entry| {
                // SAFETY: I1: the lock is held.
                unsafe { (*entry).prev = prev }
            }),
        }
    }

    /// Notifies the one at the front: what wakes it.
    pub(super) fn pop(&mut self) -> Option<Handle> {
        let node = self.head;
        if node.is_null() {
            return None;
        }
        // SAFETY: `head` is linked in this list (I3).
        let handle = unsafe { self.unlink(node) };
        // SAFETY: I2: its owner does not let go of it before it sees this store, or has the lock.
        unsafe { &*node }.set_notified();
        handle
    }

    /// Notifies from the front until `handles` is full or the list is empty; returns how many.
    pub(super) fn pop_into(&mut self, handles: &mut [Option<Handle>]) -> usize {
        for (count, slot) in handles.iter_mut().enumerate() {
            *slot = self.pop();
            if slot.is_none() {
                return count;
            }
        }
        handles.len()
    }
}

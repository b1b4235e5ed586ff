//! Where each reader says which node it is looking at.
//!
//! # Invariants
//!
//! * **I1** Slots are only ever added to the list, at its head; they are freed with it. So the
//!   publisher walks it without a lock, and a reader that comes or goes holds nobody up. A slot
//!   that one reader leaves is taken by the next, so there are never more than there were readers
//!   at one time.
//!
//! # Edges
//!
//! * `core.unpin`: the reader clears its slot, or puts another node into it (Release) → the
//!   publisher's look (Acquire): what the reader did with a node happens before it is emptied.
//! * `core.slot_list`: a slot is put into the list (Release) → whoever walks it (Acquire).
//! * `core.slot_free`: a reader that goes away has cleared its slot (Release) → the reader that
//!   takes the slot over (Acquire).

use std::ptr;

use crossbeam_utils::CachePadded;

use super::versions::Node;
use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::sync::edge;

/// Where one reader says which node it is looking at; null while it looks at none.
pub(super) struct Slot<V> {
    pinned: CachePadded<AtomicPtr<Node<V>>>,
    /// Whether a reader has it.
    taken: AtomicBool,
    /// Set before the slot is in the list, and never again.
    next: AtomicPtr<Slot<V>>,
}

/// The slots of all readers.
pub(super) struct Slots<V> {
    head: AtomicPtr<Slot<V>>,
}

impl<V> Slots<V> {
    pub(super) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A slot for one more reader: one that another reader has left, or a new one.
    pub(super) fn register(&self) -> &Slot<V> {
        if let Some(left) = self.iter().find(|slot| slot.take()) {
            return left;
        }
        let slot = Box::into_raw(Box::new(Slot {
            pinned: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            taken: AtomicBool::new(true),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        // SAFETY: it is freed with the list, which it joins now (I1).
        let new = unsafe { &*slot };
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            new.next.store(head, Ordering::Relaxed);
            match self.head.compare_exchange_weak(
                head,
                slot,
                edge("core.slot_list", Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) => return new,
                Err(now) => head = now,
            }
        }
    }

    /// Whether any reader looks at `node`.
    #[inline]
    pub(super) fn is_pinned(&self, node: *mut Node<V>) -> bool {
        self.iter()
            .any(|slot| slot.pinned.load(edge("core.unpin", Ordering::Acquire)) == node)
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = &Slot<V>> {
        // Every later slot was in the list before the first one, so the Acquire is for all.
        let mut at = self.head.load(edge("core.slot_list", Ordering::Acquire));
        std::iter::from_fn(move || {
            // SAFETY: null or a slot of this list (I1).
            let slot = unsafe { at.as_ref() }?;
            at = slot.next.load(Ordering::Relaxed);
            Some(slot)
        })
    }
}

impl<V> Drop for Slots<V> {
    fn drop(&mut self) {
        let mut at = self.head.load(Ordering::Relaxed);
        while !at.is_null() {
            // SAFETY: made by `register`, freed here only (I1).
            let slot = unsafe { Box::from_raw(at) };
            at = slot.next.load(Ordering::Relaxed);
        }
    }
}

impl<V> Slot<V> {
    #[inline]
    pub(super) fn set(&self, node: *mut Node<V>) {
        // Release as well: the publisher may see this store in place of the clearing one before it.
        self.pinned
            .store(node, edge("core.unpin", Ordering::Release));
    }

    #[inline]
    pub(super) fn clear(&self) {
        self.pinned
            .store(ptr::null_mut(), edge("core.unpin", Ordering::Release));
    }

    /// Takes a slot that no reader has.
    fn take(&self) -> bool {
        !self.taken.load(Ordering::Relaxed)
            && self
                .taken
                .compare_exchange(
                    false,
                    true,
                    edge("core.slot_free", Ordering::Acquire),
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// The reader of this slot goes away.
    pub(super) fn leave(&self) {
        self.clear();
        self.taken
            .store(false, edge("core.slot_free", Ordering::Release));
    }
}

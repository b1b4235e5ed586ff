//! What publisher and readers share, and when an old version may go.
//!
//! # States of a node
//!
//! * **current**: `current` points to it. Any reader may pin it.
//! * **retired**: replaced, and in the registry. Readers that pinned it before may still look at
//!   it; nobody can pin it any more.
//! * **gone**: retired and in no reader's slot when the publisher looked.
//!
//! # Why nothing is freed under a reader
//!
//! A reader writes the pointer into its slot and *then* looks whether it is still current; the
//! publisher replaces the pointer and *then* looks into the slots; each with a store→load barrier
//! in between. So either the reader sees that it came too late and tries again, or the publisher
//! sees the slot and keeps the node.
//!
//! # Invariants
//!
//! * **I1** `current` is never null and points to a node that is not retired.
//! * **I2** A node whose pointer was found current after it was put into a slot is not freed while
//!   the slot holds it.
//! * **I3** Only the publisher writes `current` and the registry's retired nodes; there is one.
//!
//! # Edges
//!
//! * `core.publish`: the new pointer (Release) → the reader's look (Acquire): it sees the node.
//! * `core.unpin`: the reader clears its slot, or puts another node into it (Release) → the
//!   publisher's look (Acquire): what the reader did with a node happens before it is freed.

use std::fmt;

use crossbeam_utils::CachePadded;

use super::Version;
use crate::frozen::Frozen;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::sync::cell::UnsafeCell;
use crate::sync::{Arc, Mutex, edge, seeded, store_load_barrier};
use crate::wait::WaitList;

/// One published version.
pub(super) struct Node<T> {
    pub(super) version: Version,
    /// In a cell only so that a model checker watches it: it is never changed.
    value: UnsafeCell<Frozen<T>>,
}

impl<T> Node<T> {
    pub(super) fn boxed(version: Version, value: Frozen<T>) -> *mut Self {
        Box::into_raw(Box::new(Self {
            version,
            value: UnsafeCell::new(value),
        }))
    }

    pub(super) fn value(&self) -> &Frozen<T> {
        // SAFETY: the value is not changed before the node is freed, and `self` is borrowed.
        self.value.with(|value| unsafe { &*value })
    }
}

/// Where one reader says which node it is looking at; null while it looks at none.
pub(super) struct Slot<T>(CachePadded<AtomicPtr<Node<T>>>);

pub(super) struct Shared<T> {
    current: CachePadded<AtomicPtr<Node<T>>>,
    /// Of the current node, to be compared without pinning it.
    version: AtomicU64,
    closed: AtomicBool,
    registry: Mutex<Registry<T>>,
    pub(super) changed: WaitList,
}

struct Registry<T> {
    slots: Vec<Arc<Slot<T>>>,
    retired: Vec<*mut Node<T>>,
}

// SAFETY: nodes are shared between threads as `&Node<T>` (`Sync`) and freed by whichever thread
// publishes or drops last (`Send`). The raw pointers are owned as I1 to I3 say.
unsafe impl<T: Send + Sync> Send for Shared<T> {}

// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(first: Frozen<T>) -> Self {
        Self {
            current: CachePadded::new(AtomicPtr::new(Node::boxed(Version::FIRST, first))),
            version: AtomicU64::new(Version::FIRST.0),
            closed: AtomicBool::new(false),
            registry: Mutex::new(Registry {
                slots: Vec::new(),
                retired: Vec::new(),
            }),
            changed: WaitList::new(),
        }
    }

    pub(super) fn version(&self) -> Version {
        Version(
            self.version
                .load(edge("core.publish_version", Ordering::Acquire)),
        )
    }

    /// The current version. Publisher only: nobody else replaces it meanwhile (I3).
    pub(super) fn peek(&self) -> Frozen<T> {
        // SAFETY: I1, and the publisher, which is the caller, does not replace it now.
        unsafe { &*self.current.load(Ordering::Relaxed) }
            .value()
            .clone()
    }

    /// A slot for one more reader.
    pub(super) fn register(&self) -> Arc<Slot<T>> {
        let slot = Arc::new(Slot(CachePadded::new(AtomicPtr::new(std::ptr::null_mut()))));
        self.registry.lock().slots.push(slot.clone());
        slot
    }

    /// The reader of `slot` is gone.
    pub(super) fn unregister(&self, slot: &Arc<Slot<T>>) {
        let mut registry = self.registry.lock();
        registry.slots.retain(|other| !Arc::ptr_eq(other, slot));
    }

    /// Pins the current node in `slot`, which is unused.
    #[inline]
    pub(super) fn pin<'a>(&'a self, slot: &'a Slot<T>) -> &'a Node<T> {
        let mut node = self.current.load(Ordering::Relaxed);
        loop {
            // Release as well: the publisher may see this store in place of the clearing one
            // before it.
            slot.0.store(node, edge("core.unpin", Ordering::Release));
            if !seeded("core.pin_barrier") {
                store_load_barrier();
            }
            let now = self.current.load(edge("core.publish", Ordering::Acquire));
            if now == node {
                // SAFETY: I2, for as long as the slot holds it, which `Pinned` borrows.
                return unsafe { &*node };
            }
            // Lock-free: a new version was published meanwhile.
            node = now;
        }
    }

    /// Puts `value` in place of the current version and gives back what nobody looks at any more.
    /// Publisher only.
    pub(super) fn replace(&self, value: Frozen<T>) -> (Version, Vec<Frozen<T>>) {
        let version = Version(self.version.load(Ordering::Relaxed)).next();
        let node = Node::boxed(version, value);
        let old = self
            .current
            .swap(node, edge("core.publish", Ordering::Release));
        self.version
            .store(version.0, edge("core.publish_version", Ordering::Release));
        store_load_barrier();
        let free = self.registry.lock().retire(old);
        self.changed.notify_all();
        (version, free)
    }

    pub(super) fn close(&self) {
        self.closed
            .store(true, edge("core.publish_close", Ordering::Release));
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
            .load(edge("core.publish_close", Ordering::Acquire))
    }
}

impl<T> Slot<T> {
    #[inline]
    pub(super) fn clear(&self) {
        self.0
            .store(std::ptr::null_mut(), edge("core.unpin", Ordering::Release));
    }
}

impl<T> Registry<T> {
    /// Retires `old`, frees every retired node that is in no slot, and gives back their values. At
    /// most one retired node a reader stays.
    fn retire(&mut self, old: *mut Node<T>) -> Vec<Frozen<T>> {
        self.retired.push(old);
        let slots = &self.slots;
        let is_free = |node: &mut *mut Node<T>| {
            !slots
                .iter()
                .any(|slot| slot.0.load(edge("core.unpin", Ordering::Acquire)) == *node)
        };
        self.retired
            .extract_if(.., is_free)
            // SAFETY: retired and in no slot, so nobody looks at it or will (I2); it leaves the
            // list with this.
            .map(|node| unsafe { take(node) })
            .collect()
    }
}

/// # Safety
/// `node` came from [`Node::boxed`], and nobody uses it any more.
unsafe fn take<T>(node: *mut Node<T>) -> Frozen<T> {
    // SAFETY: the caller's promise.
    let node = unsafe { Box::from_raw(node) };
    node.value.with_mut(|_| ());
    node.value.into_inner()
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let current = self.current.load(Ordering::Relaxed);
        let retired = std::mem::take(&mut self.registry.lock().retired);
        for node in retired.into_iter().chain([current]) {
            // SAFETY: publisher and readers are gone, and nobody else has a pointer.
            drop(unsafe { take(node) });
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("version", &self.version())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

//! What publisher and readers share, and when an old version may go.
//!
//! # States of a node
//!
//! * **current**: `current` points to it. Any reader may pin it.
//! * **retired**: replaced, and in the publisher's list. Readers that pinned it before may still
//!   look at it; nobody can pin it any more.
//! * **spare**: retired and in no reader's slot when the publisher looked. Its value has been taken
//!   out, and the node waits to become current again.
//!
//! # Why nothing is freed under a reader
//!
//! A reader writes the pointer into its slot and *then* looks whether it is still current; the
//! publisher replaces the pointer and *then* looks into the slots; each with a store→load barrier
//! in between. So either the reader sees that it came too late and tries again, or the publisher
//! sees the slot and keeps the node. A reader that finds the same pointer again although the node
//! has been retired, emptied and filled anew in the meantime has pinned the new version.
//!
//! # Invariants
//!
//! * **I1** `current` is never null and points to a node that holds a value and is not retired.
//! * **I2** A node whose pointer was found current after it was put into a slot keeps its value
//!   while the slot holds it.
//! * **I3** Only the publisher, of which there is one, writes `current`, and only it has retired and
//!   spare nodes.
//!
//! # Edges
//!
//! * `core.publish`: the new pointer (Release) → the reader's look (Acquire): it sees the node.
//! * `core.publish_version`: its number (Release, as part of the exchange) → whoever compares
//!   numbers (Acquire): it then finds that version or a later one.
//! * `core.publish_close`: the publisher has gone (Release) → whoever waits (Acquire): it has seen
//!   the last version.
//! * `core.unpin` and the edges of the list of slots: see `slots.rs`.

use std::fmt;
use std::mem::MaybeUninit;
use std::panic::RefUnwindSafe;
use std::ptr;

use crossbeam_utils::CachePadded;

use super::reader::VersionReader;
use super::slots::{Slot, Slots};
use super::version::Version;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::sync::cell::UnsafeCell;
use crate::sync::{Arc, Mutex, edge, seeded, store_load_barrier};
use crate::wait::WaitList;

/// One published version.
pub(super) struct Node<V> {
    version: Version,
    /// Empty in a spare node only.
    value: UnsafeCell<MaybeUninit<V>>,
}

// SAFETY: a shared node gives out `&V` and nothing else. Whoever writes the value has the node for
// itself (I2, I3).
unsafe impl<V: Sync> Sync for Node<V> {}

// A reader sees values that nobody changes, whatever has panicked meanwhile.
impl<V: RefUnwindSafe> RefUnwindSafe for Node<V> {}

impl<V> Node<V> {
    fn boxed(version: Version, value: V) -> *mut Self {
        Box::into_raw(Box::new(Self {
            version,
            value: UnsafeCell::new(MaybeUninit::new(value)),
        }))
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Only of a node that is pinned or current.
    #[inline]
    pub(super) fn value(&self) -> &V {
        // SAFETY: the value is there and stays while the node is pinned or current (I1, I2).
        self.value.with(|value| unsafe { &*value.cast::<V>() })
    }
}

/// What publisher and readers have in common.
pub(super) struct Shared<V> {
    current: CachePadded<AtomicPtr<Node<V>>>,
    /// Of the current node, to be compared without pinning it.
    version: AtomicU64,
    closed: AtomicBool,
    pub(super) slots: Slots<V>,
    /// Nodes that were pinned when the publisher went away.
    left: Mutex<Vec<*mut Node<V>>>,
    pub(super) changed: WaitList,
}

// SAFETY: values are shared between threads (`Sync`) and dropped by whichever thread publishes or
// goes last (`Send`). The raw pointers are owned as I1 to I3 say.
unsafe impl<V: Send + Sync> Send for Shared<V> {}

// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Shared<V> {}

// The steps that change it run no user code between them.
impl<V: RefUnwindSafe> RefUnwindSafe for Shared<V> {}

/// The publisher's side.
pub(crate) struct Versions<V> {
    shared: Arc<Shared<V>>,
    version: Version,
    retired: Vec<*mut Node<V>>,
    /// An empty node, or null.
    spare: *mut Node<V>,
}

// SAFETY: as for `Shared`, of which it is the one publisher wherever it goes.
unsafe impl<V: Send + Sync> Send for Versions<V> {}

// SAFETY: shared, it only looks at the current version.
unsafe impl<V: Send + Sync> Sync for Versions<V> {}

impl<V> Versions<V> {
    pub(crate) fn new(first: V) -> Self {
        let version = Version::FIRST;
        Self {
            shared: Arc::new(Shared {
                current: CachePadded::new(AtomicPtr::new(Node::boxed(version, first))),
                version: AtomicU64::new(version.0),
                closed: AtomicBool::new(false),
                slots: Slots::new(),
                left: Mutex::new(Vec::new()),
                changed: WaitList::new(),
            }),
            version,
            retired: Vec::new(),
            spare: ptr::null_mut(),
        }
    }

    /// A reader. Its first look sees the current version.
    pub(crate) fn reader(&self) -> VersionReader<V> {
        VersionReader::new(self.shared.clone())
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn current(&self) -> &V {
        let current = self.shared.current.load(Ordering::Relaxed);
        // SAFETY: I1, and nobody replaces it while the publisher is borrowed (I3).
        unsafe { &*current }.value()
    }

    /// Puts `value` in place of the current version, then hands `free` every value that nobody
    /// looks at any more: at most one a reader stays behind.
    pub(crate) fn publish(&mut self, value: V, mut free: impl FnMut(V)) -> Version {
        let version = self.version.next();
        self.version = version;
        let node = self.node(version, value);
        let shared = &*self.shared;
        let old = shared.current.load(Ordering::Relaxed);
        shared
            .current
            .store(node, edge("core.publish", Ordering::Release));
        // The exchange instead of a store makes it the barrier behind both of them.
        shared
            .version
            .swap(version.0, edge("core.publish_version", Ordering::SeqCst));
        barrier_after_exchange();
        shared.changed.notify_after_rmw(usize::MAX);
        self.retired.push(old);
        let mut i = 0;
        while let Some(&node) = self.retired.get(i) {
            if self.shared.slots.is_pinned(node) {
                i += 1;
                continue;
            }
            self.retired.swap_remove(i);
            // SAFETY: retired and in no slot, so nobody looks at it or will (I2).
            let value = unsafe { take(node) };
            self.keep(node);
            free(value);
        }
        version
    }

    /// A node with a value, for this publisher alone.
    fn node(&mut self, version: Version, value: V) -> *mut Node<V> {
        if self.spare.is_null() {
            return Node::boxed(version, value);
        }
        let node = std::mem::replace(&mut self.spare, ptr::null_mut());
        // SAFETY: a spare node is the publisher's alone (I3), and empty.
        let spare = unsafe { &mut *node };
        spare.version = version;
        spare.value.with_mut(|to| {
            // SAFETY: as above.
            unsafe { (*to).write(value) };
        });
        node
    }

    /// Keeps an empty node for the next version.
    fn keep(&mut self, node: *mut Node<V>) {
        let other = std::mem::replace(&mut self.spare, node);
        if !other.is_null() {
            // SAFETY: a spare node is the publisher's alone (I3).
            drop(unsafe { Box::from_raw(other) });
        }
    }
}

impl<V> Drop for Versions<V> {
    fn drop(&mut self) {
        self.keep(ptr::null_mut());
        self.shared.left.lock().append(&mut self.retired);
        self.shared
            .closed
            .store(true, edge("core.publish_close", Ordering::Release));
        self.shared.changed.notify_all();
    }
}

impl<V> Shared<V> {
    #[inline]
    pub(super) fn version(&self) -> Version {
        Version(
            self.version
                .load(edge("core.publish_version", Ordering::Acquire)),
        )
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
            .load(edge("core.publish_close", Ordering::Acquire))
    }

    /// Pins the current node in `slot`.
    #[inline]
    pub(super) fn pin<'a>(&'a self, slot: &'a Slot<V>) -> &'a Node<V> {
        let mut node = self.current.load(Ordering::Relaxed);
        loop {
            slot.set(node);
            if !seeded("core.pin_barrier") {
                store_load_barrier();
            }
            let now = self.current.load(edge("core.publish", Ordering::Acquire));
            if now == node {
                // SAFETY: I2, for as long as the slot holds it, which the pin borrows.
                return unsafe { &*node };
            }
            // Lock-free: a new version was published meanwhile.
            node = now;
        }
    }
}

/// What an exchange leaves to be done for a store→load barrier: nothing on x86.
#[inline(always)]
fn barrier_after_exchange() {
    if cfg!(any(zc_loom, miri, not(target_arch = "x86_64"))) {
        store_load_barrier();
    }
}

/// # Safety
/// `node` holds a value, and nobody but the caller uses it any more.
unsafe fn take<V>(node: *mut Node<V>) -> V {
    // SAFETY: the caller's promise.
    let node = unsafe { &*node };
    // SAFETY: as above.
    node.value
        .with_mut(|value| unsafe { value.cast::<V>().read() })
}

impl<V> Drop for Shared<V> {
    fn drop(&mut self) {
        let current = self.current.load(Ordering::Relaxed);
        let left = std::mem::take(&mut *self.left.lock());
        for node in left.into_iter().chain([current]) {
            // SAFETY: publisher and readers are gone, and nobody else has a pointer.
            drop(unsafe { take(node) });
            // SAFETY: as above; made by `Node::boxed`.
            drop(unsafe { Box::from_raw(node) });
        }
    }
}

impl<V> fmt::Debug for Shared<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("version", &self.version())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

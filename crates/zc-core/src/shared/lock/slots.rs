//! Where readers say that they are inside a lock without touching the lock: a few words for each
//! thread, on a line of its own.
//!
//! A slot is free (0) or holds the address of the lock that a guard of this thread is inside. Only
//! the thread that owns the slot takes it; whoever drops the guard, on whatever thread, frees it.
//! A writer reads all slots of all threads.
//!
//! Slots are never given back to the allocator, so that a writer may look at them at any time. A
//! thread that ends leaves its slots to the next one that begins.
//!
//! # Invariants
//!
//! * **I1** A block that has been linked is never freed or changed but for its slots.
//! * **I2** A block belongs to one thread at a time, or to the list of those left behind.
//!
//! # Edges
//!
//! * `core.slots`: linking a block (Release) → a writer that walks the list (Acquire).
//! * `core.leave`: freeing a slot (Release) → a writer that finds it free, or taken again (the
//!   taking is a read-modify-write and carries the edge on) (Acquire).

use std::cell::Cell;
use std::ptr;

use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sync::{Mutex, edge, per_process, per_thread};

/// Guards that one thread may hold without touching their locks; further ones are counted in them.
const SLOTS: usize = if cfg!(zc_loom) { 1 } else { 8 };

/// One reader's whereabouts.
#[derive(Debug)]
pub(super) struct Slot(AtomicUsize);

#[repr(align(128))]
struct Block {
    slots: [Slot; SLOTS],
    next: *const Block,
}

/// All blocks, and those that no thread owns.
struct Registry {
    head: AtomicPtr<Block>,
    left_behind: Mutex<Vec<&'static Block>>,
}

// SAFETY: `next` leads to a block that is never freed (I1) and is as shareable.
unsafe impl Sync for Block {}
// SAFETY: as above.
unsafe impl Send for Block {}

per_process! {
    static REGISTRY: Registry = Registry {
        head: AtomicPtr::new(ptr::null_mut()),
        left_behind: Mutex::new(Vec::new()),
    };
}

per_thread! {
    static MINE: Mine = Mine(Cell::new(None));
}

/// This thread's block, once it has needed one.
struct Mine(Cell<Option<&'static Block>>);

impl Slot {
    /// Says that a guard of this thread is inside the lock at `address`, before every later load
    /// of the caller: `SeqCst` on both sides orders that, and loom is told by a fence.
    #[inline]
    pub(super) fn take(&self, address: usize) {
        self.0.swap(address, edge("core.leave", Ordering::SeqCst));
        if cfg!(zc_loom) {
            crate::sync::store_load_barrier();
        }
    }

    /// Whether the guard is inside the lock at `address`. If not, what it did inside is visible.
    #[inline]
    pub(super) fn holds(&self, address: usize) -> bool {
        self.0.load(edge("core.leave", Ordering::SeqCst)) == address
    }

    /// The guard is gone.
    #[inline]
    pub(super) fn free(&self) {
        self.0.store(0, edge("core.leave", Ordering::Release));
    }
}

/// A free slot of this thread; none where all are taken or the thread is ending.
#[inline]
pub(super) fn mine() -> Option<&'static Slot> {
    MINE.try_with(|mine| {
        let block = mine.0.get().unwrap_or_else(|| adopt(mine));
        // Only this thread takes its slots: what is free stays so.
        block
            .slots
            .iter()
            .find(|s| s.0.load(Ordering::Relaxed) == 0)
    })
    .ok()
    .flatten()
}

/// A slot that says that its guard is inside the lock at `address`. If there is none, what happened
/// inside before the guards left is visible after it.
#[inline]
pub(super) fn find(address: usize) -> Option<&'static Slot> {
    blocks()
        .flat_map(|block| &block.slots)
        .find(|slot| slot.holds(address))
}

/// How many lines a writer looks at.
pub(super) fn count() -> usize {
    blocks().count()
}

/// The lock at `address` is gone, and with it the guards of it that were leaked.
pub(super) fn forget(address: usize) {
    for slot in blocks().flat_map(|block| &block.slots) {
        let here = (address, 0, Ordering::Relaxed, Ordering::Relaxed);
        // A failure says that the slot is about another lock.
        let _ = slot.0.compare_exchange(here.0, here.1, here.2, here.3);
    }
}

fn blocks() -> impl Iterator<Item = &'static Block> {
    let mut next = REGISTRY
        .head
        .load(edge("core.slots", Ordering::SeqCst))
        .cast_const();
    std::iter::from_fn(move || {
        // SAFETY: null, or a linked block, which is never freed (I1).
        let block = unsafe { next.as_ref()? };
        next = block.next;
        Some(block)
    })
}

/// Gives this thread a block: one that was left behind, or a new one.
#[cold]
fn adopt(mine: &Mine) -> &'static Block {
    let mut left_behind = REGISTRY.left_behind.lock();
    let block = left_behind.pop().unwrap_or_else(|| {
        let block: &'static mut Block = Box::leak(Box::new(Block {
            slots: std::array::from_fn(|_| Slot(AtomicUsize::new(0))),
            // Blocks are linked under the lock only.
            next: REGISTRY.head.load(Ordering::Relaxed),
        }));
        let linked = ptr::from_mut(block);
        REGISTRY
            .head
            .store(linked, edge("core.slots", Ordering::SeqCst));
        // SAFETY: leaked above, and from here on only ever shared (I1).
        unsafe { &*linked }
    });
    mine.0.set(Some(block));
    block
}

#[cfg(not(any(zc_loom, zc_shuttle)))]
impl Drop for Mine {
    fn drop(&mut self) {
        if let Some(block) = self.0.get() {
            REGISTRY.left_behind.lock().push(block);
        }
    }
}

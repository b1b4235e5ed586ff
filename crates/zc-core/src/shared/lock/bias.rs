//! The bias towards readers: as long as nobody writes, a reader enters without touching the lock.
//!
//! # State
//!
//! | word | a newcomer | who is inside |
//! |---|---|---|
//! | `OFF` | is counted in the lock | those who are counted |
//! | `ON` | takes a slot of its thread | those who are counted, or hold a slot |
//! | `DRAINING` | is counted in the lock | as above: slots taken before are still held |
//!
//! | from | step | to |
//! |---|---|---|
//! | `OFF`, `DRAINING` | a counted reader is inside, enough reads have been counted since the last write, and no writer waits | `ON` |
//! | `ON` | a writer wants to enter | `DRAINING` |
//! | `DRAINING` | a writer holds the lock's word and finds no slot with this lock | `OFF` |
//!
//! Only counted readers, while inside, turn the bias on; a writer that holds the lock's word is
//! alone with it therefore.
//!
//! # Why a reader and a writer never both enter
//!
//! The reader takes its slot, *then* looks whether the bias is on. The writer turns it off, *then*
//! looks at the slots. All four are sequentially consistent, so at least one sees the other: the
//! reader gives its slot back and is counted, or the writer does not enter.
//!
//! # Why the last reader out wakes the writer
//!
//! A leaving reader frees its slot, *then* looks whether the bias is still on, with nothing but the
//! compiler told to keep the order: a barrier there would cost as much as the whole read. A writer
//! that is about to sleep has a heavy barrier ([`asymmetric`]) between turning the bias off and its
//! last look at the slots, so that for every reader it either sees the slot free or is seen.
//!
//! # The price
//!
//! Turning the bias off costs the writer a look at a line of every thread. So it is turned on only
//! after a number of counted reads without a write that grows with the number of threads; the
//! bias then costs a writer no more than a fraction of what readers have paid before.
//!
//! Source: Dice and Kogan, *BRAVO: Biased Locking for Reader-Writer Locks*, USENIX ATC 2019; slots
//! by thread instead of a hashed table, and a price in reads instead of time.
//!
//! # Edges
//!
//! `core.bias`: turning it on (Release) → a reader that enters by it (Acquire). The counted reader
//! that turned it on was inside, so that what the last writer did is visible.

use super::slots::{self, Slot};
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::sync::unmodelled::AtomicUsize as Tally;
use crate::sync::{asymmetric, edge, seeded, store_load_barrier};

const OFF: usize = 0;
const ON: usize = 1;
const DRAINING: usize = 2;

/// Counted reads without a write, for each thread's line that a writer had to look at.
/// In a model one counted read is enough.
const PRICE_PER_LINE: usize = if cfg!(any(zc_loom, zc_shuttle)) {
    0
} else {
    16
};

#[derive(Debug, Default)]
pub(super) struct Bias {
    word: AtomicUsize,
    price: Tally,
    /// The slot in which a writer last saw a reader: it may well be there again.
    seen: AtomicPtr<Slot>,
}

/// How an attempt to enter by a slot ended.
pub(super) enum Entry {
    Inside(&'static Slot),
    /// Nothing was done.
    Barred,
    /// For a moment the slot said that somebody is inside, and a writer may have seen it.
    Retreated,
}

impl Bias {
    /// Enters the lock at `address` by a slot.
    #[inline]
    pub(super) fn enter(&self, address: usize) -> Entry {
        if self.word.load(Ordering::Relaxed) != ON {
            return Entry::Barred;
        }
        let Some(slot) = slots::mine() else {
            return Entry::Barred;
        };
        if !seeded("core.slot_take") {
            slot.take(address);
        }
        if self.word.load(edge("core.bias", Ordering::SeqCst)) == ON {
            return Entry::Inside(slot);
        }
        slot.free();
        Entry::Retreated
    }

    /// Leaves. False where the bias is not on any more: a writer may be waiting for this.
    #[inline]
    pub(super) fn leave(&self, slot: &Slot) -> bool {
        slot.free();
        if asymmetric::is_available() {
            asymmetric::light();
        } else {
            store_load_barrier();
        }
        self.word.load(Ordering::Relaxed) == ON
    }

    /// Called by a counted reader inside, after `reads` of them without a write.
    #[inline]
    pub(super) fn consider(&self, reads: usize, writer_waits: impl FnOnce() -> bool) {
        if reads > self.price.load(Ordering::Relaxed)
            && self.word.load(Ordering::Relaxed) != ON
            && !writer_waits()
        {
            self.word.store(ON, edge("core.bias", Ordering::Release));
        }
    }

    /// Newcomers are counted from now on. With `settle`, those who leave from now on say so.
    pub(super) fn drain(&self, settle: bool) {
        if self.word.load(Ordering::Relaxed) == OFF {
            return;
        }
        // A failure says that another writer has done it.
        let _ = self
            .word
            .compare_exchange(ON, DRAINING, Ordering::SeqCst, Ordering::Relaxed);
        if settle && asymmetric::is_available() {
            asymmetric::heavy();
        }
    }

    /// Whether a reader is inside by a slot. Only loads.
    #[inline]
    pub(super) fn is_occupied(&self, address: usize) -> bool {
        self.word.load(Ordering::Relaxed) != OFF && self.find(address)
    }

    #[inline]
    fn find(&self, address: usize) -> bool {
        let seen = self.seen.load(Ordering::Relaxed);
        // SAFETY: null, or a slot, and slots are never freed.
        let seen = unsafe { seen.as_ref() };
        if seen.is_some_and(|slot| slot.holds(address)) {
            return true;
        }
        let found = slots::find(address);
        if let Some(slot) = found {
            let slot = std::ptr::from_ref(slot).cast_mut();
            self.seen.store(slot, Ordering::Relaxed);
        }
        found.is_some()
    }

    /// Called by a writer that holds the lock's word: turns the bias off, and says whether nobody
    /// is inside.
    #[inline]
    pub(super) fn revoke(&self, address: usize) -> bool {
        self.word.load(Ordering::Relaxed) == OFF || self.revoke_now(address)
    }

    #[cold]
    fn revoke_now(&self, address: usize) -> bool {
        self.word.store(DRAINING, Ordering::SeqCst);
        if cfg!(zc_loom) && !seeded("core.revoke_barrier") {
            store_load_barrier();
        }
        if self.find(address) {
            return false;
        }
        self.word.store(OFF, Ordering::Relaxed);
        let price = slots::count() * PRICE_PER_LINE;
        self.price.store(price, Ordering::Relaxed);
        true
    }

    /// The lock is gone; so are guards of it that were leaked.
    pub(super) fn forget(&self, address: usize) {
        if self.price.load(Ordering::Relaxed) != 0 || self.word.load(Ordering::Relaxed) != OFF {
            slots::forget(address);
        }
    }
}

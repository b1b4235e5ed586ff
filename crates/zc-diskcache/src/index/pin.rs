//! The pin word of a slot, one of those that [`pins`](super::pins) are made of: who may read the slot,
//! and when it may be used again.
//!
//! # States
//!
//! | state | flags | who may touch the slot's contents |
//! |---|---|---|
//! | free | none | the writer alone, exclusively: it fills the slot in here |
//! | live | `LIVE` | anybody who holds a pin reads; nobody writes |
//! | dead | `DEAD` | those who pinned it while it was live still read; new pins are refused |
//!
//! free → live by [`publish`](PinWord::publish), live → dead by [`unlink`](PinWord::unlink),
//! dead → free by [`try_reclaim`](PinWord::try_reclaim), which succeeds only at zero pins. All
//! three belong to the writer; pinning belongs to everybody.
//!
//! A reader adds its pin first and looks at the flags that the same instruction returns: one
//! locked instruction, no loop. If the slot was not live it takes the pin back. Such a *passing*
//! pin can make a reclaim fail for a moment, never succeed wrongly, because the flags and the
//! count are one word. A passing pin on a free slot is kept by the publish, which adds its flag
//! and does not store the word.
//!
//! # Edges
//!
//! - `cache.publish`: [`publish`](PinWord::publish) and [`unlink`](PinWord::unlink) → pin. Who
//!   sees the slot live sees what was filled in; who sees it dead sees the table as it was after
//!   the object had been taken out of it.
//! - `cache.unpin`: [`unpin`](PinWord::unpin) → [`try_reclaim`](PinWord::try_reclaim). The last
//!   read of a slot and its extent happens before the first write of its next use.

use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::{edge, seeded};

const LIVE: u64 = 1 << 63;
const DEAD: u64 = 1 << 62;
/// Beside either: the cache's handles are gone, and views of this slot are not (see
/// [`orphans`](super::orphans)).
const ORPHAN: u64 = 1 << 61;
/// 48 bits: a program that leaked one view every 50 ns would need 160 days to fill them.
const PINS: u64 = (1 << 48) - 1;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct PinWord(AtomicU64);

impl Default for PinWord {
    fn default() -> Self {
        Self::new()
    }
}

impl PinWord {
    /// The word of a free slot.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds a pin if the slot is live; says whether it did.
    #[inline]
    #[must_use = "a pin that is not given back keeps the extent for ever"]
    pub fn try_pin(&self) -> bool {
        let before = self
            .0
            .fetch_add(1, edge("cache.publish", Ordering::Acquire));
        if before & LIVE != 0 {
            return true;
        }
        let last = self.unpin();
        debug_assert!(!last, "pinning needs a handle, and an orphan has none");
        false
    }

    /// Adds another pin to one that is held, whatever became of the slot since.
    #[inline]
    pub fn pin_again(&self) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        debug_assert!(before & PINS != 0, "there was no pin to begin with");
    }

    /// Gives a pin back. Whether it was the last one of an orphan: then
    /// [`Orphans::leave`](super::orphans::Orphans::leave) is to be told; else the slot must not be
    /// touched again.
    #[inline]
    pub fn unpin(&self) -> bool {
        let before = self.0.fetch_sub(1, edge("cache.unpin", Ordering::Release));
        debug_assert!(before & PINS != 0, "a pin was given back twice");
        if before & (ORPHAN | PINS) != ORPHAN | 1 {
            return false;
        }
        // What the other views of this slot read comes before what the caller frees.
        self.0.load(edge("cache.unpin", Ordering::Acquire));
        true
    }

    /// Marks a slot that outlives the handles. Whether it still has a pin.
    pub(super) fn orphan(&self) -> bool {
        let before = self
            .0
            .fetch_or(ORPHAN, edge("cache.unpin", Ordering::Acquire));
        before & PINS != 0
    }

    /// Whether there is a pin. If not, what the former ones read comes before what the caller does.
    pub(super) fn is_pinned(&self) -> bool {
        self.0.load(edge("cache.unpin", Ordering::Acquire)) & PINS != 0
    }

    /// Free → live. Writer only, after the slot was filled in.
    pub fn publish(&self) {
        let before = self
            .0
            .fetch_add(LIVE, edge("cache.publish", Ordering::Release));
        debug_assert!(before & (LIVE | DEAD) == 0, "published twice");
    }

    /// Live → dead. Writer only, after the table stopped naming the slot.
    pub fn unlink(&self) {
        let before = self
            .0
            .fetch_xor(LIVE | DEAD, edge("cache.publish", Ordering::Release));
        debug_assert!(before & LIVE != 0, "unlinked twice");
    }

    /// Dead and without pins → free. Writer only; from here it owns the slot and its extent.
    #[must_use]
    pub fn try_reclaim(&self) -> bool {
        if seeded("cache.reclaim_ignores_pins") {
            self.0.fetch_and(PINS, Ordering::Acquire);
            return true;
        }
        self.0
            .compare_exchange(
                DEAD,
                0,
                edge("cache.unpin", Ordering::Acquire),
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Whether the word is neither live nor dead. Writer only, who is the one to change that.
    pub(super) fn is_free(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (LIVE | DEAD) == 0
    }

    /// Pins at this moment, passing ones included. For statistics and for choosing victims.
    #[must_use]
    pub fn pins(&self) -> u64 {
        self.0.load(Ordering::Relaxed) & PINS
    }

    /// Whether the slot was live at this moment.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.load(Ordering::Relaxed) & LIVE != 0
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_goes_round_its_states() {
        let word = PinWord::new();
        assert!(!word.try_pin(), "a free slot takes no pin");
        word.publish();
        assert!(word.try_pin());
        assert!(word.try_pin());
        word.unlink();
        assert!(!word.try_pin(), "a dead slot takes no new pin");
        assert!(!word.try_reclaim());
        assert!(!word.unpin());
        assert!(!word.try_reclaim(), "one pin left");
        assert!(!word.unpin());
        assert!(word.try_reclaim());
        assert_eq!((word.pins(), word.is_live()), (0, false));
    }
}

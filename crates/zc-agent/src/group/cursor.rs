//! The cursor: which group is open, and how much of it is given away, in one word.
//!
//! ```text
//!   63        62 ─ 52     51 ─ 30     29 ─ 0
//!   closed    slot        count       offset      count: reservations so far, offset: bytes so far
//! ```
//!
//! While the word is open, anybody moves it by compare-and-swap. While it is closed, only the
//! holder of the manager's lock writes it. A stale word does no harm: success of the swap says that
//! the word is the current one, and everything else about the group is read after it.

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::{edge, seeded};

const OFFSET_BITS: u32 = 30;
const COUNT_BITS: u32 = 22;
const SLOT_BITS: u32 = 11;
const CLOSED: u64 = 1 << 63;

/// Largest number of bytes in a slab.
pub(crate) const MAX_SLAB: usize = (1 << OFFSET_BITS) - 1;
/// Largest number of reservations in a group.
pub(crate) const MAX_COUNT: u32 = (1 << COUNT_BITS) - 1;
/// Largest number of slots.
pub(crate) const MAX_SLOTS: usize = 1 << (SLOT_BITS - 1);

/// A value of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    pub(crate) const fn new(slot: usize, count: u32, offset: u32, closed: bool) -> Self {
        debug_assert!(slot < MAX_SLOTS && count <= MAX_COUNT && offset as usize <= MAX_SLAB);
        let word = ((slot as u64) << (OFFSET_BITS + COUNT_BITS))
            | ((count as u64) << OFFSET_BITS)
            | offset as u64;
        Self(if closed { word | CLOSED } else { word })
    }

    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline]
    pub(crate) const fn slot(self) -> usize {
        (self.0 >> (OFFSET_BITS + COUNT_BITS)) as usize & ((1 << SLOT_BITS) - 1)
    }

    pub(crate) const fn count(self) -> u32 {
        (self.0 >> OFFSET_BITS) as u32 & MAX_COUNT
    }

    pub(crate) const fn offset(self) -> u32 {
        self.0 as u32 & MAX_SLAB as u32
    }

    pub(crate) const fn with_closed(self, closed: bool) -> Self {
        Self(if closed {
            self.0 | CLOSED
        } else {
            self.0 & !CLOSED
        })
    }
}

/// What a step past the cursor got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The word before; its count is the index and its offset the start of the reservation.
    pub(crate) before: Word,
    /// The word after; closed if the reservation crossed the line.
    pub(crate) after: Word,
}

/// Sizes that decide whether a reservation fits, and whether it seals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes at which a group is sealed.
    pub(crate) line: u32,
    /// Bytes in a slab.
    pub(crate) slab: u32,
    /// Bytes in the largest reservation.
    pub(crate) max: u32,
}

impl Limits {
    /// The step for `size` bytes from `before`, closed or not; `None` if they do not fit.
    #[inline]
    pub(crate) fn step(self, before: Word, size: usize) -> Option<Step> {
        let room = self.max.min(self.slab - before.offset()) as usize;
        if size > room {
            return None;
        }
        let offset = before.offset() + size as u32;
        let count = before.count() + 1;
        let crosses = offset >= self.line || count == MAX_COUNT;
        let after = Word::new(before.slot(), count, offset, crosses);
        Some(Step { before, after })
    }
}

/// Reservations up to this many bytes step aside for others.
const SMALL: usize = 256;

/// Lets the other one go first, for some microseconds. Two threads that make small reservations at
/// the same time fight for every cache line of the group, and each gets fewer than half of what one
/// alone would: taking turns in bursts serves both. A swap that failed says that it is so.
#[cold]
fn step_aside() {
    if cfg!(not(any(zc_loom, zc_shuttle))) {
        (0..128).for_each(|_| std::hint::spin_loop());
    }
}

#[derive(Debug)]
pub(crate) struct Cursor(CachePadded<AtomicU64>);

impl Cursor {
    /// Closed: no group is open.
    pub(crate) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(Word::new(0, 0, 0, true).0)))
    }

    /// The word now. Carries no edge.
    pub(crate) fn peek(&self) -> Word {
        Word(self.0.load(Ordering::Relaxed))
    }

    /// Reserves `size` bytes of the open group. `None` if none is open or they do not fit.
    #[inline(always)]
    pub(crate) fn reserve(&self, limits: Limits, size: usize) -> Option<Step> {
        let mut word = self.peek();
        let mut has_failed = false;
        loop {
            if word.is_closed() {
                return None;
            }
            let step = limits.step(word, size)?;
            if seeded("agent.reserve_swap") {
                self.0.store(step.after.0, Ordering::Relaxed);
                return Some(step);
            }
            // Lock-free: a failure means that somebody else's reservation succeeded.
            match self.0.compare_exchange_weak(
                word.0,
                step.after.0,
                edge("agent.cursor", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(step),
                Err(now) => word = Word(now),
            }
            if size <= SMALL && !std::mem::replace(&mut has_failed, true) {
                step_aside();
                word = self.peek();
            }
        }
    }

    /// Gives back the end of the reservation that ends at `end` of the group in `slot`, so that
    /// the group ends at `start`. False if others follow it or the group is closed.
    pub(crate) fn give_back(&self, slot: usize, end: u32, start: u32) -> bool {
        let mut word = self.peek();
        while !word.is_closed() && word.slot() == slot && word.offset() == end {
            let back = Word::new(slot, word.count(), start, false);
            // What the giver wrote into the tail happens before what the next one writes there.
            match self.0.compare_exchange_weak(
                word.0,
                back.0,
                edge("agent.cursor", Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = Word(now),
            }
        }
        false
    }

    /// Closes the word. `None` if it was closed already, else what it was. Under the lock.
    pub(crate) fn close(&self) -> Option<Word> {
        let mut word = self.peek();
        if seeded("agent.close_swap") && !word.is_closed() {
            self.0.store(word.with_closed(true).0, Ordering::Relaxed);
            return Some(word);
        }
        while !word.is_closed() {
            match self.0.compare_exchange_weak(
                word.0,
                word.with_closed(true).0,
                edge("agent.cursor", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(word),
                Err(now) => word = Word(now),
            }
        }
        None
    }

    /// Writes a closed word. Under the lock, while it is closed.
    pub(crate) fn set_closed(&self, word: Word) {
        debug_assert!(self.peek().is_closed() && word.is_closed());
        self.0.store(word.0, Ordering::Relaxed);
    }

    /// Opens the word to everybody. Under the lock, while it is closed.
    pub(crate) fn open(&self) {
        let word = self.peek();
        debug_assert!(word.is_closed());
        let order = edge("agent.cursor", Ordering::Release);
        self.0.store(word.with_closed(false).0, order);
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_word_keeps_its_parts_apart() {
        let word = Word::new(MAX_SLOTS - 1, MAX_COUNT, MAX_SLAB as u32, true);
        assert_eq!((word.slot(), word.count()), (MAX_SLOTS - 1, MAX_COUNT));
        assert_eq!(word.offset() as usize, MAX_SLAB);
        assert!(word.is_closed() && !word.with_closed(false).is_closed());
    }

    #[test]
    fn the_step_that_crosses_the_line_closes() {
        let limits = Limits {
            line: 10,
            slab: 20,
            max: 20,
        };
        let start = Word::new(3, 0, 0, false);
        assert!(!limits.step(start, 9).unwrap().after.is_closed());
        assert!(limits.step(start, 10).unwrap().after.is_closed());
        assert!(limits.step(start, 20).unwrap().after.is_closed());
        assert!(limits.step(start, 21).is_none());
        assert!(limits.step(start, usize::MAX).is_none());
        let many = Word::new(3, MAX_COUNT - 1, 1, false);
        assert!(limits.step(many, 1).unwrap().after.is_closed());
    }

    #[test]
    fn only_the_last_reservation_gives_back() {
        let limits = Limits {
            line: 100,
            slab: 100,
            max: 50,
        };
        assert!(limits.step(Word::new(0, 0, 0, false), 51).is_none());
        let cursor = Cursor::new();
        assert!(cursor.reserve(limits, 1).is_none());
        cursor.open();
        cursor.reserve(limits, 10).unwrap();
        cursor.reserve(limits, 10).unwrap();
        assert!(!cursor.give_back(0, 10, 5));
        assert!(cursor.give_back(0, 20, 12));
        assert_eq!(cursor.reserve(limits, 1).unwrap().before.offset(), 12);
        assert_eq!(cursor.close().unwrap().offset(), 13);
        assert!(!cursor.give_back(0, 13, 12));
        assert!(cursor.close().is_none());
    }
}

//! One word for each reservation of a group: where it lies, and what has become of it.
//!
//! A record is written by nobody but the owner of its reservation: once when it is made, once when
//! it is settled. Others read it under the lock, to tell good ranges from bad ones. A record may be
//! read as `Empty` for the few instructions between the step past the cursor and the first write.
//!
//! Records stand in blocks that double in size and are allocated when first used, and stay with
//! the slot: a steady state allocates nothing.

use std::ptr;

use zc_core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use zc_core::sync::edge;

/// Records in the first block.
const FIRST: usize = if cfg!(zc_loom) { 2 } else { 64 };
/// Enough blocks for every index a cursor can name.
const BLOCKS: usize = if cfg!(zc_loom) { 3 } else { 17 };

const LEN_BITS: u32 = 30;
const LEN_MASK: u64 = (1 << LEN_BITS) - 1;

/// What has become of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not written yet.
    Empty,
    /// An agent has it.
    Held,
    /// Its bytes are good.
    Committed,
    /// Its bytes are not.
    Failed,
}

/// A record, decoded. `len` is what was reserved, or for `Committed` what was committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) fate: Fate,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

#[derive(Debug)]
pub(crate) struct Records {
    blocks: [AtomicPtr<Vec<AtomicU64>>; BLOCKS],
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            blocks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Writes the record of reservation `index`. Whoever reads it as committed sees the bytes.
    #[inline]
    pub(crate) fn write(&self, index: u32, fate: Fate, start: u32, len: u32) {
        let word = (fate as u64) << (2 * LEN_BITS) | u64::from(len) << LEN_BITS | u64::from(start);
        let order = edge("agent.record", Ordering::Release);
        self.cell(index).store(word, order);
    }

    /// The record of reservation `index`.
    pub(crate) fn read(&self, index: u32) -> Record {
        let (block, at) = locate(index);
        let word = self.block(block).map_or(0, |block| {
            block[at].load(edge("agent.record", Ordering::Acquire))
        });
        Record {
            fate: match word >> (2 * LEN_BITS) {
                0 => Fate::Empty,
                1 => Fate::Held,
                2 => Fate::Committed,
                _ => Fate::Failed,
            },
            start: (word & LEN_MASK) as u32,
            len: (word >> LEN_BITS & LEN_MASK) as u32,
        }
    }

    /// Empties the first `count` records, for the next group. Nobody else refers to this one.
    pub(crate) fn reset(&self, count: u32) {
        let mut left = count as usize;
        for block in 0..BLOCKS {
            if left == 0 {
                return;
            }
            // Up to a whole tile of eight lines; see `locate`.
            let used = left.next_multiple_of(64);
            for record in self.block(block).into_iter().flatten().take(used) {
                record.store(0, Ordering::Relaxed);
            }
            left = left.saturating_sub(FIRST << block);
        }
    }

    #[inline]
    fn cell(&self, index: u32) -> &AtomicU64 {
        let (block, at) = locate(index);
        &self.block(block).unwrap_or_else(|| self.allocate(block))[at]
    }

    #[inline]
    fn block(&self, block: usize) -> Option<&[AtomicU64]> {
        let block = self.blocks[block].load(edge("agent.records_block", Ordering::Acquire));
        // SAFETY: null, or the box that `allocate` published for good: it is freed only with
        // `self`, which is borrowed.
        unsafe { block.as_ref() }.map(Vec::as_slice)
    }

    #[cold]
    fn allocate(&self, block: usize) -> &[AtomicU64] {
        let fresh = (0..FIRST << block).map(|_| AtomicU64::new(0)).collect();
        let fresh = Box::into_raw(Box::new(fresh));
        let published = self.blocks[block].compare_exchange(
            ptr::null_mut(),
            fresh,
            edge("agent.records_block", Ordering::Release),
            edge("agent.records_block", Ordering::Acquire),
        );
        let block = match published {
            Ok(_) => fresh,
            Err(theirs) => {
                // SAFETY: made from a box just above and published to nobody.
                drop(unsafe { Box::from_raw(fresh) });
                theirs
            }
        };
        // SAFETY: not null, and published for good; freed only with `self`, which is borrowed.
        unsafe { &*block }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        for block in &self.blocks {
            let block = block.load(Ordering::Relaxed);
            if !block.is_null() {
                // SAFETY: made from a box in `allocate`; `self` is being dropped, so nobody
                // borrows it any more.
                drop(unsafe { Box::from_raw(block) });
            }
        }
    }
}

/// Which block reservation `index` is in, and where.
///
/// Neighbours go to different cache lines: they are written at the same time, by different threads.
/// Eight lines of eight words each take 64 reservations in turn, so a thread alone still stays
/// within a few lines.
#[inline]
fn locate(index: u32) -> (usize, usize) {
    let n = index as usize / FIRST + 1;
    let block = n.ilog2() as usize;
    let at = index as usize - FIRST * ((1 << block) - 1);
    if FIRST < 64 {
        return (block, at);
    }
    (block, at & !63 | (at & 7) << 3 | at >> 3 & 7)
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;
    use crate::group::cursor::{MAX_COUNT, MAX_SLAB};

    #[test]
    fn every_index_has_one_place() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(1), (0, 8));
        assert_eq!(locate(63), (0, 63));
        assert_eq!(locate(64), (1, 0));
        assert_eq!(locate(191), (1, 127));
        assert_eq!(locate(192), (2, 0));
        let places: std::collections::BTreeSet<_> = (0..10_000).map(locate).collect();
        assert_eq!(places.len(), 10_000);
        for (block, at) in places {
            assert!(at < FIRST << block);
        }
        assert!(locate(MAX_COUNT - 1).0 < BLOCKS);
    }

    #[test]
    fn a_record_is_read_as_written_and_reset() {
        let records = Records::new();
        let max = MAX_SLAB as u32;
        for (index, fate) in [(0, Fate::Held), (70, Fate::Committed), (1000, Fate::Failed)] {
            records.write(index, fate, index, max - index);
        }
        let read = records.read(70);
        assert_eq!(
            (read.fate, read.start, read.len),
            (Fate::Committed, 70, max - 70)
        );
        assert_eq!(records.read(1000).fate, Fate::Failed);
        assert_eq!(records.read(1).fate, Fate::Empty);
        assert_eq!(records.read(100_000).fate, Fate::Empty);
        records.reset(1001);
        assert_eq!(records.read(0).fate, Fate::Empty);
        assert_eq!(records.read(1000).fate, Fate::Empty);
    }
}

//! What is known of a group under the manager's lock.

use std::collections::VecDeque;
use std::time::Instant;

use zc_core::Frozen;

use crate::types::{FailReason, GroupState, SealedBy};

/// Start and length of a range, in bytes from the start of the slab.
pub(crate) type Range = (u32, u32);

/// The locked side of a slot.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Whether a group lives in the slot.
    pub(crate) live: bool,
    /// Whether it has been handed on; it is only still here because of `late` agents.
    pub(crate) complete: bool,
    pub(crate) group_id: u64,
    pub(crate) base: u64,
    /// Its place in the order of delivery; `None` for a retried range.
    pub(crate) turn: Option<u64>,
    pub(crate) by: Option<SealedBy>,
    /// Reservations in it, once the cursor has left it.
    pub(crate) count: u32,
    pub(crate) since: Option<Instant>,
    /// How many reservations there were, and when.
    pub(crate) notes: VecDeque<(Instant, u32)>,
    /// What is not data: tails that partial commits left over.
    pub(crate) holes: Vec<Range>,
    /// Foreign bytes and where they stand in.
    pub(crate) adopted: Vec<(u32, Frozen<u8>)>,
    /// Whether its runs have been published because it is old enough.
    pub(crate) has_lingered: bool,
    pub(crate) slow: Slow,
}

/// Books of a group that settles under the lock.
#[derive(Debug, Default)]
pub(crate) struct Slow {
    pub(crate) on: bool,
    /// Whether a reservation has failed or was revoked. If none turns out to have, the group is
    /// as good as any.
    pub(crate) has_failed: bool,
    /// Bytes settled, the fast ones included.
    pub(crate) settled: u32,
    /// Reservations whose bytes are known to be good.
    pub(crate) known: Bits,
    /// Good ranges that have not been handed on.
    pub(crate) fresh: Vec<Range>,
    /// Reservations taken away from their agents.
    pub(crate) revoked: Bits,
    /// Why; set once agents of this group are to be revoked.
    pub(crate) revoking: Option<FailReason>,
    /// Revoked agents that still exist.
    pub(crate) late: u32,
}

impl Side {
    /// Whether a group lives here that has not been handed on.
    pub(crate) const fn is_incomplete(&self) -> bool {
        self.live && !self.complete
    }

    pub(crate) fn state(&self, is_sealed: bool) -> GroupState {
        match (self.complete, is_sealed) {
            (true, _) => GroupState::Complete,
            (false, true) => GroupState::Sealed {
                by: self.by.unwrap_or(SealedBy::Size),
            },
            (false, false) => GroupState::Open,
        }
    }
}

/// A set of small numbers.
#[derive(Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn contains(&self, n: u32) -> bool {
        let word = self.0.get(n as usize / 64).copied().unwrap_or(0);
        word >> (n % 64) & 1 == 1
    }

    /// True if it was not in there.
    pub(crate) fn insert(&mut self, n: u32) -> bool {
        let word = n as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (n % 64);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

/// Sorts ranges, drops empty ones, and joins those that touch.
pub(crate) fn join(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.retain(|&(_, len)| len > 0);
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let touches = last.0 + last.1 == next.0;
        if touches {
            last.1 += next.1;
        }
        touches
    });
    ranges
}

/// What is left of `0..len` without `holes`.
pub(crate) fn without(len: u32, holes: Vec<Range>) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(holes.len() + 1);
    let mut at = 0;
    for (start, hole) in join(holes) {
        ranges.push((at, start - at));
        at = start + hole;
    }
    ranges.push((at, len - at));
    ranges.retain(|&(_, len)| len > 0);
    ranges
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_where_they_touch() {
        let ranges = vec![(10, 5), (0, 4), (4, 2), (6, 0), (20, 1), (15, 5)];
        assert_eq!(join(ranges), [(0, 6), (10, 11)]);
        assert_eq!(join(vec![]), []);
    }

    #[test]
    fn holes_leave_the_rest() {
        assert_eq!(without(10, vec![]), [(0, 10)]);
        assert_eq!(without(10, vec![(8, 2), (2, 3)]), [(0, 2), (5, 3)]);
        assert_eq!(without(10, vec![(0, 10)]), []);
        assert_eq!(without(0, vec![]), []);
    }

    #[test]
    fn bits() {
        let mut bits = Bits::default();
        assert!(!bits.contains(500));
        assert!(bits.insert(500) && !bits.insert(500));
        assert!(bits.contains(500) && !bits.contains(499));
    }
}

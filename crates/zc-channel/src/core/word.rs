//! The arithmetic of the claim word.
//!
//! ```text
//!   63                          shift             3   2   1   0
//!   ┌──────────────────────────┬──────────────────┬───┬───┬───┐
//!   │ position of next send    │ permits out      │ F │ A │ C │   tail
//!   ├──────────────────────────┼──────────────────┴───┴───┴───┤
//!   │ position of next receive │ 0                            │   head
//!   └──────────────────────────┴──────────────────────────────┘
//!   C closed   A abandoned (no receiver left)   F a forced send is pushing an item out
//! ```
//! The permit field is just wide enough for `capacity + 1` permits, so the position has the rest:
//! 50 bits at capacity 1024, 32 at the largest capacity. Positions are kept *scaled* (shifted), so
//! they add, compare and wrap as plain `u64`s and never disturb the fields below them.

use crate::error::CapacityError;

/// Set once the channel takes no more sends.
pub(super) const CLOSED: u64 = 1;
/// Set once no receiver is left; permits are void from then on.
pub(super) const ABANDONED: u64 = 2;
/// Set while a forced send takes the oldest item out and has not put its own in.
pub(super) const FORCING: u64 = 4;
/// One permit.
pub(super) const PERMIT: u64 = 8;

/// The largest capacity of a channel or a ring buffer, in items: 2^28.
///
/// The claim word has to keep room for positions beside as many permits; every slot takes a stamp
/// of 8 bytes, so a channel of this size is 2 GiB and more.
pub const MAX_CAPACITY: usize = 1 << 28;

/// How the word of one queue is cut, and where a position lies in its ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    capacity: u64,
    /// Slots − 1; the number of slots is a power of two, at least the capacity.
    mask: u64,
    /// Bits below the position.
    shift: u32,
}

/// What `tail` and `head`, read in this order, say about the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many more items or permits fit.
    Free(u64),
    /// Queued items and permits fill the capacity.
    Full,
    /// `head` is ahead of `tail`: `tail` was read too long ago to mean anything.
    Stale,
}

impl Layout {
    pub(super) fn new(capacity: usize) -> Result<Self, CapacityError> {
        if capacity == 0 {
            return Err(CapacityError::Zero);
        }
        if capacity > MAX_CAPACITY {
            return Err(CapacityError::TooLarge {
                capacity,
                max: MAX_CAPACITY,
            });
        }
        let capacity = capacity as u64;
        // One more permit than the capacity: `force_send` overdraws by one for a moment.
        let permit_bits = u64::BITS - (capacity + 1).leading_zeros();
        Ok(Self {
            capacity,
            mask: capacity.next_power_of_two() - 1,
            shift: PERMIT.trailing_zeros() + permit_bits,
        })
    }

    /// Items the queue takes.
    pub(super) const fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// Slots in the ring, in `capacity .. 2 × capacity`.
    pub(super) const fn slots(&self) -> usize {
        self.mask as usize + 1
    }

    /// Whether a free slot at `tail` alone proves that fewer than `capacity` items are queued.
    pub(super) const fn slots_are_capacity(&self) -> bool {
        self.mask + 1 == self.capacity
    }

    /// `count` positions, scaled.
    pub(super) const fn scaled(&self, count: u64) -> u64 {
        count << self.shift
    }

    /// The scaled position in `word`.
    pub(super) const fn position(&self, word: u64) -> u64 {
        word & !(self.scaled(1) - 1)
    }

    /// The plain position in `word`: how many items were ever claimed there.
    pub(super) const fn count(&self, word: u64) -> u64 {
        word >> self.shift
    }

    /// Permits out in `word`.
    pub(super) const fn permits(&self, word: u64) -> u64 {
        (word & (self.scaled(1) - 1)) / PERMIT
    }

    /// The slot of `position`.
    pub(super) const fn slot(&self, position: u64) -> usize {
        ((position >> self.shift) & self.mask) as usize
    }

    /// The position one lap of the ring after `position`: when its slot is used next.
    pub(super) const fn next_lap(&self, position: u64) -> u64 {
        position.wrapping_add(self.scaled(self.mask + 1))
    }

    /// Items between `head` and `tail`, read in either order; negative if the two are from so
    /// different moments that `head` has passed.
    pub(super) const fn queued(&self, tail: u64, head: u64) -> i64 {
        (self.position(tail).wrapping_sub(head) as i64) >> self.shift
    }

    /// The room that `tail` and `head` leave.
    pub(super) const fn room(&self, tail: u64, head: u64) -> Room {
        let queued = self.queued(tail, head);
        if queued < 0 {
            return Room::Stale;
        }
        let used = queued as u64 + self.permits(tail);
        if used < self.capacity {
            Room::Free(self.capacity - used)
        } else {
            Room::Full
        }
    }

    /// Whether more is taken than the capacity, by the one that [`force`](super::permits) overdraws.
    pub(super) const fn overdrawn(&self, tail: u64, head: u64) -> bool {
        let queued = self.queued(tail, head);
        queued > 0 && queued as u64 + self.permits(tail) > self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_disturb_each_other() {
        for capacity in [1, 2, 3, 5, 64, 1000, 1024, MAX_CAPACITY] {
            let layout = Layout::new(capacity).unwrap();
            let most = capacity as u64 + 1;
            let last = u64::MAX >> layout.shift;
            let word = layout.scaled(last) + most * PERMIT + FORCING + ABANDONED + CLOSED;
            assert_eq!(layout.permits(word), most);
            assert_eq!(layout.count(word), last);
            assert_eq!(layout.position(word), layout.scaled(last));
            assert!(
                layout.count(word) >= 2 * layout.slots() as u64,
                "two laps at least"
            );
            // The position wraps without touching the rest.
            let next = word.wrapping_add(layout.scaled(1));
            assert_eq!(layout.count(next), 0);
            assert_eq!(layout.permits(next), most);
            assert_eq!(layout.queued(next, layout.position(word)), 1);
            assert_eq!(layout.queued(word, layout.position(next)), -1);
            assert_eq!(layout.room(word, layout.position(next)), Room::Stale);
        }
    }

    #[test]
    fn capacity_limits_are_told_apart() {
        assert_eq!(Layout::new(0).unwrap_err(), CapacityError::Zero);
        assert!(matches!(
            Layout::new(MAX_CAPACITY + 1).unwrap_err(),
            CapacityError::TooLarge { .. }
        ));
    }
}

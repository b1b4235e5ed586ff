//! Claims: a position that is won, and owed a step.
//!
//! Winning a position and using it are two steps here, so that a value moves once: straight from
//! where its sender keeps it into the slot, and from the slot to where its receiver wants it, with
//! no answer in between that has to carry it.
//!
//! Whoever holds a claim holds up those behind it. So no claim leaves the crate, none is kept across
//! anything but moves of memory, and one that is dropped unused is a bug (asserted in debug builds).

use std::mem;

use zc_core::sync::atomic::Ordering::SeqCst;

use super::stamped::again;
use super::word::{ABANDONED, CLOSED, FORCING, PERMIT, Room};
use super::{AtEnd, Backoff, Stamped};
use crate::error::{TryRecvError, TrySendError};

/// A free slot to be filled.
#[must_use = "a claimed slot must be filled"]
pub(crate) struct Vacancy<'a, T> {
    core: &'a Stamped<T>,
    index: usize,
    position: u64,
}

/// A queued item to be taken.
#[must_use = "a claimed item must be taken"]
pub(crate) struct Occupancy<'a, T> {
    core: &'a Stamped<T>,
    position: u64,
}

impl<T> Stamped<T> {
    /// Claims the next place for one item.
    #[inline]
    pub(crate) fn claim_vacancy(&self) -> Result<Vacancy<'_, T>, TrySendError<()>> {
        let one = self.layout.scaled(1);
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(SeqCst);
        loop {
            if tail & (CLOSED | FORCING) != 0 {
                if tail & CLOSED != 0 {
                    return Err(TrySendError::Closed(()));
                }
                backoff.peer_is_busy();
                tail = again(&self.tail);
                continue;
            }
            let position = self.layout.position(tail);
            let index = self.layout.slot(position);
            let free = self.slots.is_free(index, position);
            // With as many slots as items and no permit out, a free slot is room enough.
            if !(free && self.layout.slots_are_capacity() && self.layout.permits(tail) == 0) {
                match self.layout.room(tail, self.head.load(SeqCst)) {
                    Room::Full => return Err(TrySendError::Full(())),
                    Room::Free(_) if free => {}
                    Room::Free(_) | Room::Stale => {
                        backoff.peer_is_busy();
                        tail = again(&self.tail);
                        continue;
                    }
                }
            }
            match self
                .tail
                .compare_exchange_weak(tail, tail.wrapping_add(one), SeqCst, SeqCst)
            {
                // The exchange made `position` ours to send, and its slot was seen free.
                Ok(_) => {
                    return Ok(Vacancy {
                        core: self,
                        index,
                        position,
                    });
                }
                Err(now) => {
                    backoff.lost_race();
                    tail = now;
                }
            }
        }
    }

    /// Claims the next place in the room of one permit, which is used up, and tells whether the
    /// channel is closed. `None` if no receiver is left.
    #[inline]
    pub(crate) fn claim_permitted(&self) -> Option<(Vacancy<'_, T>, bool)> {
        self.claim_in_room_of(PERMIT, ABANDONED)
    }

    /// As [`claim_permitted`](Self::claim_permitted), taking `held` off the word; `None` if one of the
    /// flags in `void` is set.
    pub(super) fn claim_in_room_of(&self, held: u64, void: u64) -> Option<(Vacancy<'_, T>, bool)> {
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(SeqCst);
        loop {
            debug_assert!(self.layout.permits(tail) > 0, "a permit is out");
            if tail & FORCING & !held != 0 {
                backoff.peer_is_busy();
                tail = again(&self.tail);
                continue;
            }
            let refused = tail & void != 0;
            let claimed = if refused { 0 } else { self.layout.scaled(1) };
            let next = (tail - held).wrapping_add(claimed);
            match self.tail.compare_exchange_weak(tail, next, SeqCst, SeqCst) {
                Ok(_) if refused => return None,
                Ok(_) => break,
                Err(now) => {
                    backoff.lost_race();
                    tail = now;
                }
            }
        }
        // The exchange made `position` ours to send; the permit said that there is room for it, so its
        // slot is free, or is about to be.
        let position = self.layout.position(tail);
        let index = self.layout.slot(position);
        let mut backoff = Backoff::new();
        while !self.slots.is_free(index, position) {
            backoff.peer_is_busy();
        }
        let vacancy = Vacancy {
            core: self,
            index,
            position,
        };
        Some((vacancy, tail & CLOSED != 0))
    }

    /// Claims the oldest item.
    #[inline]
    pub(crate) fn claim_item(&self) -> Result<Occupancy<'_, T>, TryRecvError> {
        let one = self.layout.scaled(1);
        let mut backoff = Backoff::new();
        let mut head = self.head.load(SeqCst);
        loop {
            if self.slots.holds(self.layout.slot(head), head) {
                if self
                    .head
                    .compare_exchange_weak(head, head.wrapping_add(one), SeqCst, SeqCst)
                    .is_ok()
                {
                    // The exchange made the item of `head` ours, and its slot was seen to hold it.
                    return Ok(Occupancy {
                        core: self,
                        position: head,
                    });
                }
                backoff.lost_race();
            } else {
                self.nothing_at(head)?;
                backoff.peer_is_busy();
            }
            head = again(&self.head);
        }
    }
}

impl<T> Vacancy<'_, T> {
    /// Moves `value` in and publishes it.
    #[inline]
    pub(crate) fn fill(self, value: T) {
        // SAFETY: a vacancy is made only by the exchange that claims its position, once the slot
        // was seen free, and is used up here (I2 of the slots).
        unsafe { self.core.slots.write(self.index, value) };
        self.core.slots.publish(self.index, self.position);
        mem::forget(self);
    }
}

impl<T> Occupancy<'_, T> {
    /// Moves the item out and frees its slot.
    #[inline]
    pub(crate) fn take(self) -> T {
        // SAFETY: an occupancy is made only by the exchange that claims its position, once the
        // slot was seen to hold the item, and is used up here (I3 of the slots).
        let value = unsafe { self.core.take(self.position) };
        mem::forget(self);
        value
    }

    /// As [`take`](Self::take), and calls `freed` then; with the item in the last expression, so that
    /// a large one is read straight to where a caller that returns it wants it.
    #[inline]
    pub(crate) fn take_straight(self, freed: impl FnOnce()) -> T {
        let (core, position) = (self.core, self.position);
        mem::forget(self);
        let _freed = AtEnd::new(|| {
            core.free(position);
            freed();
        });
        // SAFETY: as in `take`.
        unsafe { core.read(position) }
    }
}

impl<T> Drop for Vacancy<'_, T> {
    fn drop(&mut self) {
        debug_assert!(false, "a claimed slot was not filled");
    }
}

impl<T> Drop for Occupancy<'_, T> {
    fn drop(&mut self) {
        debug_assert!(false, "a claimed item was not taken");
    }
}

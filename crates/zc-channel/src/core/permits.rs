//! Permits: room without a place, and the forced send that uses one.

use zc_core::sync::atomic::Ordering::SeqCst;
use zc_core::sync::seeded;

use super::stamped::again;
use super::word::{ABANDONED, CLOSED, FORCING, PERMIT, Room};
use super::{Backoff, Stamped};
use crate::error::{ForceSendError, TryReserveError, TrySendError};

impl<T> Stamped<T> {
    /// Sets room for `count` items aside, all or none.
    pub(crate) fn try_reserve(&self, count: usize) -> Result<(), TryReserveError> {
        if count > self.capacity() {
            return Err(TryReserveError::TooMany {
                requested: count,
                capacity: self.capacity(),
            });
        }
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(SeqCst);
        loop {
            if tail & CLOSED != 0 {
                return Err(TryReserveError::Closed);
            }
            match self.layout.room(tail, self.head.load(SeqCst)) {
                Room::Free(room) if room >= count as u64 && tail & FORCING == 0 => {}
                _ if count == 0 => return Ok(()),
                Room::Free(_) | Room::Full if tail & FORCING == 0 => {
                    return Err(TryReserveError::Full);
                }
                Room::Free(_) | Room::Full | Room::Stale => {
                    backoff.peer_is_busy();
                    tail = again(&self.tail);
                    continue;
                }
            }
            let next = tail + count as u64 * PERMIT;
            match self.tail.compare_exchange_weak(tail, next, SeqCst, SeqCst) {
                Ok(_) => return Ok(()),
                Err(now) => {
                    backoff.lost_race();
                    tail = now;
                }
            }
        }
    }

    /// Gives the room of `count` permits back. True if that was the end of a closed channel: the
    /// last permits, after which nothing more can come.
    pub(crate) fn release(&self, count: usize) -> bool {
        let before = self.tail.fetch_sub(count as u64 * PERMIT, SeqCst);
        debug_assert!(
            self.layout.permits(before) >= count as u64,
            "a permit given back twice"
        );
        before & CLOSED != 0 && self.layout.permits(before) == count as u64
    }

    /// Queues `value` whatever is in the way: if the channel is full, its oldest item makes room
    /// and comes back.
    ///
    /// Pushing out is done in three steps, by one thread at a time: take a permit although there
    /// is no room for it (the overdraft), take the oldest item unless room appeared meanwhile, use
    /// the permit. The word has the flag `FORCING` meanwhile: nobody else queues an item or answers
    /// `Full` or `Empty` then, they wait the few instructions until it is over, and the replacement
    /// looks like one step.
    pub(crate) fn force_push(&self, value: T) -> Result<Forced<T>, ForceSendError<T>> {
        let mut value = value;
        let turn = loop {
            value = match self.try_push(value) {
                Ok(()) => return Ok(Forced::default()),
                Err(TrySendError::Closed(value)) => return Err(ForceSendError::Closed(value)),
                Err(TrySendError::Full(value)) => value,
            };
            let turn = self.force.lock();
            match self.overdraw() {
                Overdraft::Taken => break turn,
                Overdraft::NotNeeded => {}
                Overdraft::NothingQueued => {
                    drop(turn);
                    return Err(ForceSendError::Reserved(value));
                }
            }
        };
        let oldest = self.pop_overdrawn();
        // Nothing went: then this is a plain send, which a close in between refuses.
        let void = if oldest.is_some() { ABANDONED } else { CLOSED };
        let Some((vacancy, closed)) = self.claim_in_room_of(PERMIT | FORCING, void) else {
            drop(turn);
            // Where an item was taken, no receiver is left: it would have been dropped with the others.
            drop(oldest);
            return Err(ForceSendError::Closed(value));
        };
        vacancy.fill(value);
        drop(turn);
        Ok(Forced { oldest, closed })
    }

    fn overdraw(&self) -> Overdraft {
        let mut tail = self.tail.load(SeqCst);
        loop {
            let head = self.head.load(SeqCst);
            if tail & CLOSED != 0 {
                return Overdraft::NotNeeded; // The next try says so.
            }
            match self.layout.room(tail, head) {
                Room::Free(_) => return Overdraft::NotNeeded,
                Room::Full if self.layout.position(tail) == head => {
                    return Overdraft::NothingQueued;
                }
                Room::Full => {
                    if self
                        .tail
                        .compare_exchange_weak(tail, tail + (PERMIT | FORCING), SeqCst, SeqCst)
                        .is_ok()
                    {
                        return Overdraft::Taken;
                    }
                }
                Room::Stale => {}
            }
            tail = again(&self.tail);
        }
    }

    /// Takes the oldest item while the channel is overdrawn; `None` once it is not.
    fn pop_overdrawn(&self) -> Option<T> {
        let mut backoff = Backoff::new();
        loop {
            let tail = again(&self.tail);
            let head = again(&self.head);
            if !self.layout.overdrawn(tail, head) && !seeded("channel.force_overdraft") {
                return None;
            }
            let next = head.wrapping_add(self.layout.scaled(1));
            if !self.slots.holds(self.layout.slot(head), head) {
                backoff.peer_is_busy();
            } else if self
                .head
                .compare_exchange_weak(head, next, SeqCst, SeqCst)
                .is_ok()
            {
                self.count_dropped();
                // SAFETY: the exchange made this item ours, and it was seen to be there.
                return Some(unsafe { self.take(head) });
            } else {
                backoff.lost_race();
            }
        }
    }
}

/// A forced send that succeeded.
#[derive(Debug)]
pub(crate) struct Forced<T> {
    /// What had to go.
    pub(crate) oldest: Option<T>,
    /// Whether the channel was closed meanwhile.
    pub(crate) closed: bool,
}

impl<T> Default for Forced<T> {
    fn default() -> Self {
        Self {
            oldest: None,
            closed: false,
        }
    }
}

enum Overdraft {
    Taken,
    NotNeeded,
    NothingQueued,
}

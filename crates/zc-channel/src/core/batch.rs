//! Several items with one claim.
//!
//! A batch is published from its last slot to its first. Receivers take positions in order, so the
//! store to the first slot is the moment at which all of them can be received: a batch becomes
//! visible at once.

use std::vec;

use zc_core::sync::atomic::Ordering::SeqCst;
use zc_core::sync::seeded;

use super::stamped::again;
use super::word::{CLOSED, FORCING, Room};
use super::{Backoff, Stamped};
use crate::error::{TryRecvError, TrySendError};

impl<T> Stamped<T> {
    /// Queues as many of `items` as fit now, contiguously: how many that were, at least one unless
    /// there are none. The rest stays in `items`.
    pub(crate) fn push_batch(
        &self,
        items: &mut vec::IntoIter<T>,
    ) -> Result<usize, TrySendError<()>> {
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(SeqCst);
        let count = loop {
            if tail & CLOSED != 0 {
                return Err(TrySendError::Closed(()));
            }
            let count = match self.layout.room(tail, self.head.load(SeqCst)) {
                _ if items.len() == 0 => return Ok(0),
                Room::Full if tail & FORCING == 0 => return Err(TrySendError::Full(())),
                Room::Free(room) if tail & FORCING == 0 => room.min(items.len() as u64),
                Room::Full | Room::Free(_) | Room::Stale => {
                    backoff.peer_is_busy();
                    tail = again(&self.tail);
                    continue;
                }
            };
            let next = tail.wrapping_add(self.layout.scaled(count));
            match self.tail.compare_exchange_weak(tail, next, SeqCst, SeqCst) {
                Ok(_) => break count,
                Err(now) => {
                    backoff.lost_race();
                    tail = now;
                }
            }
        };
        // SAFETY: the exchange made these positions ours to send.
        unsafe { self.fill(self.layout.position(tail), count, items) };
        Ok(count as usize)
    }

    /// Moves `count` values into the slots from `first` on, and publishes them.
    ///
    /// # Safety
    /// The caller has claimed `count` positions from `first` on for sending.
    pub(super) unsafe fn fill(&self, first: u64, count: u64, values: &mut impl Iterator<Item = T>) {
        let position = |i| first.wrapping_add(self.layout.scaled(i));
        for i in 0..count {
            let index = self.layout.slot(position(i));
            let mut backoff = Backoff::new();
            while !self.slots.is_free(index, position(i)) {
                backoff.peer_is_busy();
            }
            let value = values.next().expect("as many values as positions");
            // SAFETY: claimed, as the caller promises, and just seen free.
            unsafe { self.slots.write(index, value) };
            if seeded("channel.batch_order") {
                self.slots.publish(index, position(i));
            }
        }
        if seeded("channel.batch_order") {
            return;
        }
        for i in (0..count).rev() {
            self.slots
                .publish(self.layout.slot(position(i)), position(i));
        }
    }

    /// Appends up to `max` queued items to `into`: how many that were, at least one unless `max`
    /// is 0.
    pub(crate) fn pop_batch(&self, into: &mut Vec<T>, max: usize) -> Result<usize, TryRecvError> {
        if max == 0 {
            return Ok(0);
        }
        let mut backoff = Backoff::new();
        let mut head = self.head.load(SeqCst);
        loop {
            let position = |i| head.wrapping_add(self.layout.scaled(i));
            let holds = |i| self.slots.holds(self.layout.slot(position(i)), position(i));
            if !holds(0) {
                self.nothing_at(head)?;
                backoff.peer_is_busy();
                head = again(&self.head);
                continue;
            }
            // Counted after the first was seen, so that the rest of its batch is counted too.
            let most = max.min(self.len().max(1));
            // Growing may fail: before anything is claimed.
            into.reserve(most);
            let count = 1 + (1..most as u64).take_while(|&i| holds(i)).count() as u64;
            if self
                .head
                .compare_exchange_weak(head, position(count), SeqCst, SeqCst)
                .is_err()
            {
                backoff.lost_race();
                head = again(&self.head);
                continue;
            }
            for i in 0..count {
                // SAFETY: the exchange made these items ours, and each was seen to be there.
                into.push(unsafe { self.take(position(i)) });
            }
            return Ok(count as usize);
        }
    }
}

//! The queue: its words, what they say, and how it ends.

use std::fmt;
use std::mem::needs_drop;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use zc_core::sync::{Mutex, seeded, unmodelled};

use super::Backoff;
use super::slots::Slots;
use super::word::{ABANDONED, CLOSED, FORCING, Layout, Room};
use crate::error::{CapacityError, TryRecvError, TrySendError};
use crate::state::{State, Summary};

/// A bounded multi-producer multi-consumer queue with permits; see the [module](super).
///
/// * **I1** `0 <= tail.position − head <= capacity`, and with the permits it is at most
///   `capacity + 1`, the one being the overdraft of whoever holds `force`.
/// * **I2** A position between `head` and `tail.position` belongs to the sender that claimed it
///   until its slot is stamped as holding; then to the one receiver whose compare-exchange moves
///   `head` over it.
/// * **I3** The slot of a claimed position is free, or its last receiver is about to free it.
///
/// `tail` and `head` are `SeqCst` because sleepers rely on them: whoever changes one looks for
/// sleepers afterwards, whoever goes to sleep announces that first and reads them afterwards. They
/// carry no data; the stamps do.
pub(crate) struct Stamped<T> {
    pub(super) tail: CachePadded<AtomicU64>,
    pub(super) head: CachePadded<AtomicU64>,
    pub(super) layout: Layout,
    pub(super) slots: Slots<T>,
    /// Held by the one `force_send` that pushes an item out.
    pub(super) force: Mutex<()>,
    /// Items that left the queue without being received. Statistics: it orders nothing.
    dropped: unmodelled::AtomicU64,
}

impl<T> Stamped<T> {
    pub(crate) fn new(capacity: usize) -> Result<Self, CapacityError> {
        Self::starting_at(capacity, 0)
    }

    /// A queue whose first position is `start`, so that a test can see positions wrap.
    fn starting_at(capacity: usize, start: u64) -> Result<Self, CapacityError> {
        let layout = Layout::new(capacity)?;
        let start = layout.scaled(start);
        Ok(Self {
            slots: Slots::new(&layout, start)?,
            tail: CachePadded::new(AtomicU64::new(start)),
            head: CachePadded::new(AtomicU64::new(start)),
            layout,
            force: Mutex::new(()),
            dropped: unmodelled::AtomicU64::new(0),
        })
    }

    #[inline]
    pub(crate) fn try_push(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.claim_vacancy() {
            Ok(vacancy) => {
                vacancy.fill(value);
                Ok(())
            }
            Err(refused) => Err(refused.with(value)),
        }
    }

    #[inline]
    pub(crate) fn try_pop(&self) -> Result<T, TryRecvError> {
        Ok(self.claim_item()?.take())
    }

    /// Decides what it means that the slot at `head` does not hold an item: `Err` if nothing is
    /// queued; `Ok` if a peer is about to publish it or has taken it.
    pub(super) fn nothing_at(&self, head: u64) -> Result<(), TryRecvError> {
        let tail = self.tail.load(SeqCst);
        // A forced send replaces an item: the queue is not empty in the middle of that.
        if self.layout.position(tail) != head
            || (tail & FORCING != 0 && !seeded("channel.force_flag"))
        {
            Ok(())
        } else if self.is_final(tail) {
            Err(TryRecvError::Closed)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    /// Moves the item of `position` out and frees its slot.
    ///
    /// # Safety
    /// As for [`read`](Self::read).
    pub(super) unsafe fn take(&self, position: u64) -> T {
        // SAFETY: as promised by the caller.
        let value = unsafe { self.read(position) };
        self.free(position);
        value
    }

    /// Moves the item of `position` out; [`free`](Self::free) gives its slot back.
    ///
    /// # Safety
    /// The caller's exchange moved `head` over `position`, after the slot was seen to hold it, and
    /// nobody has read it since.
    #[inline]
    pub(super) unsafe fn read(&self, position: u64) -> T {
        // SAFETY: as promised by the caller; nothing else reads this position (I2).
        unsafe { self.slots.read(self.layout.slot(position)) }
    }

    /// Gives the slot of `position`, which was read, to the sender of the next lap.
    #[inline]
    pub(super) fn free(&self, position: u64) {
        let next_lap = self.layout.next_lap(position);
        self.slots.free(self.layout.slot(position), next_lap);
    }

    /// Whether the position in `tail` will never move again.
    pub(super) fn is_final(&self, tail: u64) -> bool {
        tail & ABANDONED != 0 || (tail & CLOSED != 0 && self.layout.permits(tail) == 0)
    }

    /// Takes no more sends from now on. True for the call that did it.
    pub(crate) fn close(&self) -> bool {
        self.tail.fetch_or(CLOSED, SeqCst) & CLOSED == 0
    }

    /// Takes no more sends from now on, not even by permits: what is queued now is all there will
    /// ever be.
    pub(crate) fn abandon(&self) {
        self.tail.fetch_or(CLOSED | ABANDONED, SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.tail.load(SeqCst) & CLOSED != 0
    }

    pub(crate) fn state(&self) -> State {
        let mut tail = self.tail.load(SeqCst);
        let mut backoff = Backoff::new();
        while tail & FORCING != 0 && tail & CLOSED != 0 {
            backoff.peer_is_busy();
            tail = again(&self.tail);
        }
        if tail & CLOSED == 0 {
            State::Open
        } else if tail & ABANDONED != 0
            || (self.is_final(tail) && self.layout.queued(tail, self.head.load(SeqCst)) <= 0)
        {
            State::Closed
        } else {
            State::Closing
        }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.layout.capacity()
    }

    /// Items queued: exact when nobody is in the middle of an operation, otherwise true of some
    /// moment nearby and never more than the capacity.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(SeqCst);
        let queued = self.layout.queued(self.tail.load(SeqCst), head).max(0) as usize;
        queued.min(self.capacity())
    }

    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(SeqCst);
        self.layout.position(self.tail.load(SeqCst)) == head
    }

    /// Whether nothing is queued and nothing will come.
    pub(crate) fn is_at_end(&self) -> bool {
        let head = self.head.load(SeqCst);
        let tail = self.tail.load(SeqCst);
        self.layout.position(tail) == head && self.is_final(tail)
    }

    /// Whether a receive would not have to wait: something is queued, or nothing will come.
    pub(crate) fn is_ready(&self) -> bool {
        let head = self.head.load(SeqCst);
        let tail = self.tail.load(SeqCst);
        self.layout.position(tail) != head || self.is_final(tail)
    }

    /// Whether it is worth looking for an item again: reads only the line that a publish changes, and
    /// not the one that senders fight for. A hint, for who looks again and again for a moment: says
    /// nothing about the end.
    #[inline]
    pub(crate) fn promises_item(&self) -> bool {
        let head = self.head.load(Relaxed);
        self.slots.holds(self.layout.slot(head), head)
    }

    /// Items received so far, modulo 2^32. A hint: orders nothing.
    pub(crate) fn received(&self) -> u32 {
        self.layout.count(self.head.load(Relaxed)) as u32
    }

    /// Whether it is worth looking for room again; as [`promises_item`](Self::promises_item).
    #[inline]
    pub(crate) fn promises_room(&self) -> bool {
        let position = self.layout.position(self.tail.load(Relaxed));
        self.slots.is_free(self.layout.slot(position), position)
    }

    /// Whether queued items and permits fill the capacity.
    pub(crate) fn is_full(&self) -> bool {
        let mut tail = self.tail.load(SeqCst);
        loop {
            match self.layout.room(tail, self.head.load(SeqCst)) {
                Room::Full => return true,
                Room::Free(_) => return false,
                // `head` passed the `tail` we read: others got on meanwhile.
                Room::Stale => tail = again(&self.tail),
            }
        }
    }

    /// Takes the oldest item, if any, and counts it as not received.
    pub(crate) fn pop_discarded(&self) -> Option<T> {
        let item = self.try_pop().ok()?;
        self.count_dropped();
        Some(item)
    }

    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// What went through so far. The counts wrap where positions do: beyond 2^32 items at the
    /// largest capacity, beyond 2^50 at capacity 1024.
    pub(crate) fn summary(&self) -> Summary {
        let taken = self.layout.count(self.head.load(SeqCst));
        let dropped = self.dropped.load(Relaxed);
        Summary {
            sent: self.layout.count(self.tail.load(SeqCst)),
            received: taken.saturating_sub(dropped),
            dropped,
        }
    }
}

/// Reads `word` again, after a first look was of no use.
///
/// loom takes `SeqCst` loads for `Acquire` ones and would let a thread read the same stale value
/// for ever; its read-modify-writes always see the latest.
pub(super) fn again(word: &AtomicU64) -> u64 {
    if cfg!(zc_loom) {
        word.fetch_or(0, SeqCst)
    } else {
        word.load(SeqCst)
    }
}

impl<T> Drop for Stamped<T> {
    fn drop(&mut self) {
        // Only what is queued is dropped: a slot that holds nothing is never looked into.
        if needs_drop::<T>() {
            crate::drops::drop_each(|| self.try_pop().ok());
        }
    }
}

impl<T> fmt::Debug for Stamped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamped")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests;

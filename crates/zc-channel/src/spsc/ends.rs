//! [`Producer`] and [`Consumer`].

use std::fmt;
use std::mem::needs_drop;

use zc_core::sync::Arc;

use super::ring::Ring;
use crate::drops::drop_each;
use crate::error::CapacityError;

/// The only sender of its channel; made by [`channel`].
pub struct Producer<T> {
    pub(super) ring: Arc<Ring<T>>,
    /// The index of the next item. Nobody else writes it, so this is `ring.tail`.
    pub(super) tail: usize,
    /// `ring.head` as it was last read: in `tail − capacity ..= tail`.
    pub(super) head: usize,
}

/// The only receiver of its channel; made by [`channel`].
pub struct Consumer<T> {
    pub(super) ring: Arc<Ring<T>>,
    /// The index of the next item. Nobody else writes it, so this is `ring.head`, or ahead of it
    /// by the items that were moved out and not freed yet.
    pub(super) head: usize,
    /// `ring.tail` as it was last read: in `head ..= head + capacity`.
    pub(super) tail: usize,
}

/// A channel for `capacity` items between one producer and one consumer. `capacity` is exact.
///
/// # Panics
/// If `capacity` is 0, above [`MAX_CAPACITY`](crate::MAX_CAPACITY), or needs more memory than
/// there is; see [`try_channel`].
#[must_use]
pub fn channel<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    match try_channel(capacity) {
        Ok(ends) => ends,
        Err(error) => panic!("{error}"),
    }
}

/// A channel for `capacity` items, or the reason why there cannot be one.
///
/// # Errors
/// [`CapacityError`], as [`try_bounded`](crate::try_bounded).
pub fn try_channel<T>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), CapacityError> {
    let ring = Arc::new(Ring::new(capacity)?);
    let producer = Producer {
        ring: Arc::clone(&ring),
        tail: 0,
        head: 0,
    };
    let consumer = Consumer {
        ring,
        head: 0,
        tail: 0,
    };
    Ok((producer, consumer))
}

impl<T> Producer<T> {
    /// Appends `value`. Wait-free.
    ///
    /// # Errors
    /// The value itself, if the channel is full or the consumer is gone
    /// ([`is_abandoned`](Self::is_abandoned)).
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.ring.is_consumer_gone() || self.room(1) == 0 {
            return Err(value);
        }
        // SAFETY: we are the producer, and `tail` is not the consumer's: there is room.
        unsafe { self.ring.write(self.tail, value) };
        self.advance(1);
        Ok(())
    }

    /// How many items fit now. More may fit a moment later, never fewer.
    #[must_use]
    pub fn free_len(&mut self) -> usize {
        self.room(self.ring.capacity())
    }

    /// Whether nothing fits now.
    #[must_use]
    pub fn is_full(&mut self) -> bool {
        self.room(1) == 0
    }

    /// Items queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tail.wrapping_sub(self.ring.head())
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items fit: what was asked for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Whether the consumer is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_consumer_gone()
    }

    /// The room there is, exact unless it is `enough`.
    #[inline]
    pub(super) fn room(&mut self, enough: usize) -> usize {
        let capacity = self.ring.capacity();
        let room = capacity - self.tail.wrapping_sub(self.head);
        if room >= enough {
            return room;
        }
        self.head = self.ring.head();
        capacity - self.tail.wrapping_sub(self.head)
    }

    /// Publishes the next `count` slots, which have been filled.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.tail = self.tail.wrapping_add(count);
        self.ring.publish(self.tail);
    }
}

impl<T> Consumer<T> {
    /// Takes the oldest item, `None` if there is none. Wait-free.
    ///
    /// Without a producer ([`is_abandoned`](Self::is_abandoned), looked at before), `None` is the
    /// end.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.queued(1) == 0 {
            return None;
        }
        // SAFETY: an item is queued.
        let value = unsafe { self.take_unfreed() };
        self.free_taken();
        Some(value)
    }

    /// Items queued. More may be a moment later, never fewer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.tail().wrapping_sub(self.head)
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items fit: what was asked for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Whether the producer is gone. What it left can still be popped.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_producer_gone()
    }

    /// The items there are, exact unless it is `enough`.
    #[inline]
    pub(super) fn queued(&mut self, enough: usize) -> usize {
        let queued = self.tail.wrapping_sub(self.head);
        if queued >= enough {
            return queued;
        }
        self.tail = self.ring.tail();
        self.tail.wrapping_sub(self.head)
    }

    /// Moves the next item out. Its slot stays the consumer's until
    /// [`free_taken`](Self::free_taken).
    ///
    /// # Safety
    /// An item is queued.
    #[inline]
    pub(super) unsafe fn take_unfreed(&mut self) -> T {
        debug_assert_ne!(self.head, self.tail, "an item is queued");
        // SAFETY: we are the consumer and `head` is before `tail`; it is passed right after, so
        // the item is read once.
        let value = unsafe { self.ring.read(self.head) };
        self.head = self.head.wrapping_add(1);
        value
    }

    /// Gives up the next `count` items, which are queued and need no drop.
    #[inline]
    pub(super) fn discard(&mut self, count: usize) {
        debug_assert!(!needs_drop::<T>() && count <= self.tail.wrapping_sub(self.head));
        self.head = self.head.wrapping_add(count);
        self.free_taken();
    }

    /// Gives the slots of all items that were moved out to the producer.
    #[inline]
    pub(super) fn free_taken(&mut self) {
        self.ring.free(self.head);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.ring.producer_goes();
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.ring.consumer_goes();
        // What was moved out of a leaked chunk is not the ring's to drop any more.
        self.free_taken();
        // A push that did not see that yet leaves its item to the ring, which drops it with the
        // producer.
        if needs_drop::<T>() {
            drop_each(|| self.pop());
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

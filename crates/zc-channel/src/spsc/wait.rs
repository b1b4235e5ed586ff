//! Waiting ends: until there is room, until there are items, until the other end is gone.
//!
//! Waits are the same in both colours: a look that gives a result or nothing, and a line to wait
//! in between. All of them are cancel-safe: nothing is moved before the wait is over, and the value
//! of a push comes back with the error.

use zc_core::sync::Arc;

use super::{Consumer, Producer};
use crate::error::{ReserveError, SendError};
use crate::wait::block;

impl<T> Producer<T> {
    /// Blocks until there is room, then appends `value`.
    ///
    /// # Errors
    /// `SendError(value)`, if the consumer is or goes away.
    pub fn push_blocking(&mut self, value: T) -> Result<(), SendError<T>> {
        let Err(value) = self.push(value) else {
            return Ok(());
        };
        match self.wait_room_blocking(1) {
            Ok(()) => self.push(value).map_err(SendError),
            Err(_) => Err(SendError(value)),
        }
    }

    /// Waits asynchronously until there is room, then appends `value`.
    ///
    /// *Cancel safety*: dropping the future drops the value if it was not sent; wait with
    /// [`wait_room`](Self::wait_room) first where it must not be lost.
    ///
    /// # Errors
    /// `SendError(value)`, if the consumer is or goes away.
    pub async fn push_async(&mut self, value: T) -> Result<(), SendError<T>> {
        let Err(value) = self.push(value) else {
            return Ok(());
        };
        match self.wait_room(1).await {
            Ok(()) => self.push(value).map_err(SendError),
            Err(_) => Err(SendError(value)),
        }
    }

    /// Blocks until `count` items fit: after that, as many pushes or a
    /// [`write_chunk`](Self::write_chunk) of that size succeed (while there is a consumer).
    ///
    /// # Errors
    /// [`ReserveError`], if the consumer is or goes away, or `count` is above the capacity.
    pub fn wait_room_blocking(&mut self, count: usize) -> Result<(), ReserveError> {
        let ring = Arc::clone(&self.ring);
        let mut look = || self.look_for_room(count);
        let (at, received) = (ring.at_producer(), || ring.received());
        let waited = look().or_else(|| block(at, None, || true, received, look, || {}));
        waited.expect("a wait without deadline ends with a result")
    }

    /// As [`wait_room_blocking`](Self::wait_room_blocking), asynchronously. Cancel-safe and
    /// forget-safe.
    ///
    /// # Errors
    /// [`ReserveError`], if the consumer is or goes away, or `count` is above the capacity.
    pub async fn wait_room(&mut self, count: usize) -> Result<(), ReserveError> {
        let ring = Arc::clone(&self.ring);
        crate::wait::until(&ring.room, || self.look_for_room(count), || {}).await
    }

    fn look_for_room(&mut self, count: usize) -> Option<Result<(), ReserveError>> {
        if count > self.capacity() {
            return Some(Err(ReserveError::TooMany {
                requested: count,
                capacity: self.capacity(),
            }));
        }
        if self.is_abandoned() {
            return Some(Err(ReserveError::Closed));
        }
        (self.room(count) >= count).then_some(Ok(()))
    }
}

impl<T> Consumer<T> {
    /// Blocks until there is an item and takes it. `None` at the end: nothing is queued and the
    /// producer is gone.
    pub fn pop_blocking(&mut self) -> Option<T> {
        if let Some(value) = self.pop() {
            return Some(value);
        }
        self.wait_items_blocking(1);
        self.pop()
    }

    /// Waits asynchronously until there is an item and takes it. `None` at the end.
    ///
    /// *Cancel safety*: the item is taken only in the poll that returns it.
    pub async fn pop_async(&mut self) -> Option<T> {
        if let Some(value) = self.pop() {
            return Some(value);
        }
        self.wait_items(1).await;
        self.pop()
    }

    /// Blocks until `count` items are queued, or all that ever will be; gives how many are: at
    /// least `count`, or fewer only if the producer is gone. A `count` above the capacity is taken
    /// for the capacity.
    pub fn wait_items_blocking(&mut self, count: usize) -> usize {
        let ring = Arc::clone(&self.ring);
        let mut look = || self.look_for_items(count);
        let (at, received) = (ring.at_consumer(), || ring.received());
        let waited = look().or_else(|| block(at, None, || true, received, look, || {}));
        waited.expect("a wait without deadline ends with a result")
    }

    /// As [`wait_items_blocking`](Self::wait_items_blocking), asynchronously. Cancel-safe and
    /// forget-safe.
    pub async fn wait_items(&mut self, count: usize) -> usize {
        let ring = Arc::clone(&self.ring);
        crate::wait::until(&ring.items, || self.look_for_items(count), || {}).await
    }

    fn look_for_items(&mut self, count: usize) -> Option<usize> {
        let count = count.min(self.capacity());
        // Whether the producer is gone is asked first: what it pushed before is counted then.
        let gone = self.is_abandoned();
        let queued = self.queued(count);
        (gone || queued >= count).then_some(queued)
    }
}

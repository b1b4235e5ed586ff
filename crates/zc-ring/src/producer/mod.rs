//! The producing side: the one [`Producer`], or several [`MultiProducer`]s, and the
//! [slots](SlotsMut) they fill.

mod multi;
mod scratch;
mod slots_mut;

use std::fmt;
use std::time::Duration;

use zc_core::ledger;
use zc_core::sync::Arc;

pub use multi::MultiProducer;
pub use slots_mut::SlotsMut;

use crate::consumer::deadline;
use crate::error::{Full, ProducerError, PublishError};
use crate::sequencer::{Sequencer, Writer};
use crate::slots::Slots;
use scratch::Scratch;

/// The one producer of a [`Ring`](crate::Ring): rows are published with plain stores.
///
/// Every publish call fills slots in place through a closure, which gets what was published there a
/// lap ago (or `T::default()`), and returns the sequence of the first row. If the closure panics
/// nothing is published and the slots are filled again by the next call. While a consumer that
/// copies is on the ring ([`OnLag::Lossy`](crate::OnLag::Lossy) or
/// [`OnLag::Evict`](crate::OnLag::Evict)), rows are filled beside the ring and stored from there.
///
/// Dropping it frees the producing side, so that another producer can be made.
pub struct Producer<T> {
    writer: Writer,
    slots: Arc<Slots<T>>,
    scratch: Scratch<T>,
}

impl<T> Producer<T> {
    pub(crate) fn new(
        sequencer: &Arc<Sequencer>,
        slots: &Arc<Slots<T>>,
    ) -> Result<Self, ProducerError> {
        Ok(Self {
            writer: Writer::new(sequencer)?,
            slots: Arc::clone(slots),
            scratch: Scratch::new(),
        })
    }

    /// Publishes one row, waiting for a free slot as long as it takes.
    ///
    /// Do not call it on the thread that is to free the slot.
    #[inline(always)]
    pub fn publish(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        // Without a deadline this gives up never.
        self.writer.reserve(1, None);
        self.fill_one(fill)
    }

    /// Publishes one row if a slot is free now.
    ///
    /// # Errors
    /// [`Full`] if not; `fill` has not been called then.
    #[inline(always)]
    pub fn try_publish(&mut self, fill: impl FnOnce(&mut T)) -> Result<u64, Full> {
        if !self.writer.try_reserve(1) {
            return Err(Full);
        }
        Ok(self.fill_one(fill))
    }

    /// Publishes one row, waiting for a free slot for at most `timeout`.
    ///
    /// # Errors
    /// [`PublishError::TimedOut`] if there was none; `fill` has not been called then.
    pub fn publish_timeout(
        &mut self,
        timeout: Duration,
        fill: impl FnOnce(&mut T),
    ) -> Result<u64, PublishError> {
        if !self.writer.try_reserve(1) && !self.writer.reserve(1, deadline(timeout)) {
            return Err(PublishError::TimedOut);
        }
        Ok(self.fill_one(fill))
    }

    /// Publishes one row as a task, waiting for a free slot.
    ///
    /// Cancel-safe: a future dropped before it is ready has published nothing. Forget-safe.
    pub async fn publish_async(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        self.writer.reserve_async(1).await;
        self.fill_one(fill)
    }

    /// Publishes `rows` rows at once, waiting until so many slots are free. Consumers see all of
    /// them or none. With `rows == 0` nothing is published and `fill` is not called.
    ///
    /// # Errors
    /// [`PublishError::BatchTooLarge`] if the ring has fewer slots.
    pub fn publish_batch(
        &mut self,
        rows: usize,
        fill: impl FnOnce(SlotsMut<'_, T>),
    ) -> Result<u64, PublishError> {
        self.check(rows)?;
        self.writer.reserve(rows, None);
        Ok(self.fill(rows, fill))
    }

    /// As [`publish_batch`](Self::publish_batch), if the slots are free now.
    ///
    /// # Errors
    /// [`PublishError::Full`] if not, [`PublishError::BatchTooLarge`].
    pub fn try_publish_batch(
        &mut self,
        rows: usize,
        fill: impl FnOnce(SlotsMut<'_, T>),
    ) -> Result<u64, PublishError> {
        self.check(rows)?;
        if !self.writer.try_reserve(rows) {
            return Err(PublishError::Full);
        }
        Ok(self.fill(rows, fill))
    }

    /// As [`publish_batch`](Self::publish_batch), with clones of `rows`.
    ///
    /// # Errors
    /// [`PublishError::BatchTooLarge`] if the ring has fewer slots.
    pub fn publish_slice(&mut self, rows: &[T]) -> Result<u64, PublishError>
    where
        T: Clone,
    {
        let sequence = self.publish_batch(rows.len(), |mut slots| slots.clone_from_slice(rows))?;
        ledger::copied("ring.publish_slice", size_of_val(rows));
        Ok(sequence)
    }

    /// The sequence the next row will get.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.writer.next()
    }

    fn check(&self, rows: usize) -> Result<(), PublishError> {
        let capacity = self.writer.sequencer.capacity;
        if rows > capacity {
            return Err(PublishError::BatchTooLarge { rows, capacity });
        }
        Ok(())
    }

    /// Fills and publishes one reserved row.
    #[inline(always)]
    fn fill_one(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        if self.writer.shared() {
            return self.fill_beside(fill);
        }
        let sequence = self.writer.next();
        let begun = self.writer.begin_one();
        // SAFETY: this is the writer, and the row is reserved; the licence is not shared.
        fill(unsafe { self.slots.write_one(sequence) });
        begun.complete();
        self.slots.mirror(sequence, 1);
        self.writer.publish(1);
        sequence
    }

    /// As [`fill_one`](Self::fill_one), while somebody copies.
    #[cold]
    #[inline(never)]
    fn fill_beside(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        self.fill(1, |mut slots| fill(&mut slots[0]))
    }

    /// Fills and publishes `rows` reserved rows.
    #[inline]
    fn fill(&mut self, rows: usize, fill: impl FnOnce(SlotsMut<'_, T>)) -> u64 {
        let Self {
            writer,
            slots,
            scratch,
        } = self;
        let sequence = writer.next();
        if rows == 0 {
            return sequence;
        }
        writer.begin(rows);
        if writer.shared() {
            // SAFETY: this is the writer, the rows are reserved and begun, and the licence is
            // shared.
            unsafe {
                scratch.fill(slots, sequence, rows, |rows| {
                    fill(SlotsMut::new([rows, &mut []]));
                });
            }
        } else {
            // SAFETY: this is the writer, and the rows are reserved; the licence is not shared.
            fill(SlotsMut::new(unsafe { slots.write(sequence, rows) }));
            slots.mirror(sequence, rows);
        }
        writer.publish(rows);
        sequence
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

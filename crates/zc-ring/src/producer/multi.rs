//! [`MultiProducer`]: any number of producers of one ring.

use std::fmt;
use std::time::Duration;

use zc_core::ledger;
use zc_core::sync::Arc;

use super::SlotsMut;
use super::scratch::Scratch;
use crate::consumer::deadline;
use crate::error::{Full, ProducerError, PublishError};
use crate::sequencer::{Claim, MultiWriter, Sequencer};
use crate::slots::Slots;

/// One of several producers of a [`Ring`](crate::Ring); clone it for more.
///
/// Rows are claimed by a compare-and-swap, never past the slowest consumer, filled by all producers
/// at the same time, and published in the order in which they were claimed. No producer waits for
/// another; one that is suspended in its closure holds back the rows behind its own from being
/// seen.
///
/// One that has been the only one to publish for 4096 calls (in rings of 512 rows or more, where the system has
/// `membarrier`) claims in blocks from then on, and costs about what a [`Producer`](crate::Producer) does. The
/// next other one to publish takes what is left of the block, which costs that one call tens of microseconds.
///
/// The calls are those of [`Producer`](crate::Producer). If a closure panics its rows are never
/// seen by anybody, the others' are; their sequences are left out. (A lossy consumer that misses
/// such sequences counts them as missed.)
pub struct MultiProducer<T> {
    writer: MultiWriter,
    slots: Arc<Slots<T>>,
    scratch: Scratch<T>,
}

impl<T> MultiProducer<T> {
    pub(crate) fn new(
        sequencer: &Arc<Sequencer>,
        slots: &Arc<Slots<T>>,
    ) -> Result<Self, ProducerError> {
        Ok(Self {
            writer: MultiWriter::new(sequencer)?,
            slots: Arc::clone(slots),
            scratch: Scratch::new(),
        })
    }

    /// Publishes one row, waiting for a free slot as long as it takes; returns its sequence.
    pub fn publish(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        loop {
            // Without a deadline there is a claim in the end.
            if let Some(claim) = self.writer.claim(1, None) {
                return fill_one(claim, &self.slots, &mut self.scratch, fill);
            }
        }
    }

    /// Publishes one row if a slot is free now.
    ///
    /// # Errors
    /// [`Full`] if not; `fill` has not been called then.
    pub fn try_publish(&mut self, fill: impl FnOnce(&mut T)) -> Result<u64, Full> {
        let claim = self.writer.try_claim(1).ok_or(Full)?;
        Ok(fill_one(claim, &self.slots, &mut self.scratch, fill))
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
        let claim = self.writer.claim(1, deadline(timeout));
        let claim = claim.ok_or(PublishError::TimedOut)?;
        Ok(fill_one(claim, &self.slots, &mut self.scratch, fill))
    }

    /// Publishes one row as a task, waiting for a free slot.
    ///
    /// Cancel-safe: a future dropped before it is ready has claimed and published nothing.
    /// Forget-safe.
    pub async fn publish_async(&mut self, fill: impl FnOnce(&mut T)) -> u64 {
        let claim = self.writer.claim_async(1).await;
        fill_one(claim, &self.slots, &mut self.scratch, fill)
    }

    /// Publishes `rows` rows at once, one behind the other, waiting until so many slots are free.
    /// With `rows == 0` nothing is published and `fill` is not called.
    ///
    /// # Errors
    /// [`PublishError::BatchTooLarge`] if the ring has fewer slots.
    pub fn publish_batch(
        &mut self,
        rows: usize,
        fill: impl FnOnce(SlotsMut<'_, T>),
    ) -> Result<u64, PublishError> {
        self.check(rows)?;
        if rows == 0 {
            return Ok(self.writer.sequencer.head());
        }
        // As in `publish`.
        loop {
            if let Some(claim) = self.writer.claim(rows, None) {
                return Ok(fill_all(claim, &self.slots, &mut self.scratch, fill));
            }
        }
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
        if rows == 0 {
            return Ok(self.writer.sequencer.head());
        }
        let claim = self.writer.try_claim(rows).ok_or(PublishError::Full)?;
        Ok(fill_all(claim, &self.slots, &mut self.scratch, fill))
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

    fn check(&self, rows: usize) -> Result<(), PublishError> {
        let capacity = self.writer.sequencer.capacity;
        if rows > capacity {
            return Err(PublishError::BatchTooLarge { rows, capacity });
        }
        Ok(())
    }
}

impl<T> Clone for MultiProducer<T> {
    fn clone(&self) -> Self {
        Self {
            writer: self.writer.another(),
            slots: Arc::clone(&self.slots),
            scratch: Scratch::new(),
        }
    }
}

impl<T> fmt::Debug for MultiProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiProducer").finish_non_exhaustive()
    }
}

/// Fills and publishes a claimed row.
fn fill_one<T>(
    claim: Claim<'_>,
    slots: &Slots<T>,
    scratch: &mut Scratch<T>,
    fill: impl FnOnce(&mut T),
) -> u64 {
    let first = claim.first;
    if claim.shared {
        return fill_all(claim, slots, scratch, |mut slots| fill(&mut slots[0]));
    }
    // SAFETY: the row is this producer's alone until it publishes it; the licence it was claimed
    // under is not shared.
    fill(unsafe { slots.write_one(first) });
    slots.mirror(first, 1);
    claim.publish();
    first
}

/// Fills and publishes claimed rows. If `fill` panics, dropping the claim makes them void.
fn fill_all<T>(
    claim: Claim<'_>,
    slots: &Slots<T>,
    scratch: &mut Scratch<T>,
    fill: impl FnOnce(SlotsMut<'_, T>),
) -> u64 {
    let Claim {
        first,
        rows,
        shared,
        ..
    } = claim;
    if shared {
        // SAFETY: the rows are claimed, which has announced them, under a licence that is shared.
        unsafe {
            scratch.fill(slots, first, rows, |rows| {
                fill(SlotsMut::new([rows, &mut []]))
            })
        };
    } else {
        // SAFETY: the rows are this producer's alone until it publishes them; the licence they
        // were claimed under is not shared.
        fill(SlotsMut::new(unsafe { slots.write(first, rows) }));
        slots.mirror(first, rows);
    }
    claim.publish();
    first
}

//! [`SharedProducer`]: sets rows of a shared ring in their place and publishes them.

use std::fmt;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

use super::attachment::Attachment;
use super::control::Corrupt;
use super::writer::Writer;
use crate::consumer::deadline;
use crate::error::ProducerError;
use crate::rows::{Filler, PushError, RowMut, Schema, once};

/// The one producer of a [`SharedRing`](super::SharedRing), in whatever process.
///
/// As a [`RowProducer`](crate::RowProducer). When its process ends, in whatever way, another one may
/// be made; one that is leaked keeps the producing side until then.
pub struct SharedProducer {
    writer: Writer,
}

impl SharedProducer {
    pub(super) fn new(attachment: &Arc<Attachment>) -> Result<Self, ProducerError> {
        let writer = Writer::new(attachment)?;
        Ok(Self { writer })
    }

    /// Publishes a row, waiting for room as long as it takes; returns its sequence.
    ///
    /// # Errors
    /// [`PushError::Rejected`] with the closure's own error, [`PushError::Incomplete`],
    /// [`PushError::Corrupt`].
    #[inline]
    pub fn push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.reserve(1, None, true)?;
        self.publish_one(set)
    }

    /// As [`push`](Self::push), if there is room now.
    ///
    /// # Errors
    /// Also [`PushError::Full`]; `set` has not been called then.
    #[inline]
    pub fn try_push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.reserve(1, None, false)?;
        self.publish_one(set)
    }

    /// As [`push`](Self::push), waiting for at most `timeout`.
    ///
    /// # Errors
    /// Also [`PushError::TimedOut`]; `set` has not been called then.
    pub fn push_timeout<E>(
        &mut self,
        timeout: Duration,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        match self.reserve(1, None, false) {
            Err(PushError::<E>::Full) => self.reserve(1, deadline(timeout), true)?,
            other => other?,
        }
        self.publish_one(set)
    }

    /// Publishes `rows` rows at once, waiting for room for all of them; returns the sequence of the
    /// first. `set` is called for each row in order, with its number from 0. Consumers see all of
    /// them or none, also where this process is killed in between. With `rows == 0` nothing is
    /// published.
    ///
    /// # Errors
    /// As for [`push`](Self::push), of the first row that fails; [`PushError::BatchTooLarge`] if
    /// there are more rows than the ring holds.
    #[inline]
    pub fn push_batch<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.reserve(rows, None, true)?;
        self.publish_all(rows, set)
    }

    /// As [`push_batch`](Self::push_batch), if there is room now.
    ///
    /// # Errors
    /// Also [`PushError::Full`]; `set` has not been called then.
    #[inline]
    pub fn try_push_batch<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.reserve(rows, None, false)?;
        self.publish_all(rows, set)
    }

    /// The sequence the next row will get.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.writer.next()
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.writer.attachment.store.schema
    }

    #[inline]
    fn reserve<E>(
        &mut self,
        rows: usize,
        deadline: Option<Instant>,
        waits: bool,
    ) -> Result<(), PushError<E>> {
        let corrupt = |Corrupt(what)| PushError::Corrupt { what };
        let capacity = self.writer.attachment.control.capacity as usize;
        if rows > capacity {
            return Err(PushError::BatchTooLarge { rows, capacity });
        }
        let n = rows as u64;
        if self.writer.try_reserve(n).map_err(corrupt)? {
            return Ok(());
        }
        match waits {
            true if self.writer.wait(n, deadline).map_err(corrupt)? => Ok(()),
            true => Err(PushError::TimedOut),
            false => Err(PushError::Full),
        }
    }

    /// Sets and publishes one reserved row.
    #[inline]
    fn publish_one<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let sequence = self.writer.next();
        self.writer.begin(1);
        let mut set = once(set);
        let store = &self.writer.attachment.store;
        Filler::fill(store, sequence, sequence, 1, |_, row| set(row))?;
        self.writer.publish(1);
        Ok(sequence)
    }

    /// Sets and publishes reserved rows.
    #[inline]
    fn publish_all<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let first = self.writer.next();
        if rows == 0 {
            return Ok(first);
        }
        self.writer.begin(rows as u64);
        Filler::fill(&self.writer.attachment.store, first, first, rows, set)?;
        self.writer.publish(rows as u64);
        Ok(first)
    }
}

impl fmt::Debug for SharedProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedProducer")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

//! [`SharedProducer`]: sets rows of a shared ring in their place and publishes them.

use std::fmt;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

use super::attachment::Attachment;
use super::control::Corrupt;
use super::writer::Writer;
use crate::consumer::deadline;
use crate::error::ProducerError;
use crate::rows::{PushError, RowMut, Schema};

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
        self.reserve(None, true)?;
        self.set(set)
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
        self.reserve(None, false)?;
        self.set(set)
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
        match self.reserve(None, false) {
            Err(PushError::<E>::Full) => self.reserve(deadline(timeout), true)?,
            other => other?,
        }
        self.set(set)
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
    fn reserve<E>(&mut self, deadline: Option<Instant>, waits: bool) -> Result<(), PushError<E>> {
        let corrupt = |Corrupt(what)| PushError::Corrupt { what };
        if self.writer.try_reserve(1).map_err(corrupt)? {
            return Ok(());
        }
        match waits {
            true if self.writer.wait(1, deadline).map_err(corrupt)? => Ok(()),
            true => Err(PushError::TimedOut),
            false => Err(PushError::Full),
        }
    }

    /// Sets and publishes one reserved row.
    #[inline]
    fn set<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let sequence = self.writer.next();
        self.writer.begin(1);
        let mut row = RowMut::new(&self.writer.attachment.store, sequence, sequence);
        set(&mut row).map_err(PushError::Rejected)?;
        row.complete()
            .map_err(|column| PushError::Incomplete { column })?;
        self.writer.publish(1);
        Ok(sequence)
    }
}

impl fmt::Debug for SharedProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedProducer")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

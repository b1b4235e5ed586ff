//! [`RowProducer`]: sets rows in their place and publishes them.

use std::fmt;
use std::time::Duration;

use zc_core::sync::Arc;

use super::error::PushError;
use super::row::RowMut;
use super::schema::Schema;
use super::store::RowStore;
use crate::consumer::deadline;
use crate::error::ProducerError;
use crate::sequencer::{Sequencer, Writer};

/// The one producer of a [`RowRing`](super::RowRing).
///
/// A row is set in place, without a copy, and published when the closure returns `Ok` with every
/// column set. If the closure refuses, leaves a column out, or panics, nothing is published and
/// the next call sets the same row.
pub struct RowProducer {
    writer: Writer,
    store: Arc<RowStore>,
}

impl RowProducer {
    pub(crate) fn new(
        sequencer: &Arc<Sequencer>,
        store: &Arc<RowStore>,
    ) -> Result<Self, ProducerError> {
        Ok(Self {
            writer: Writer::new(sequencer)?,
            store: Arc::clone(store),
        })
    }

    /// Publishes a row, waiting for room as long as it takes; returns its sequence.
    ///
    /// # Errors
    /// [`PushError::Rejected`] with the closure's own error, [`PushError::Incomplete`].
    #[inline]
    pub fn push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        // Without a deadline this gives up never.
        self.writer.reserve(1, None);
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
        if !self.writer.try_reserve(1) {
            return Err(PushError::Full);
        }
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
        if !self.writer.try_reserve(1) && !self.writer.reserve(1, deadline(timeout)) {
            return Err(PushError::TimedOut);
        }
        self.set(set)
    }

    /// As [`push`](Self::push), as a task of any executor.
    ///
    /// Cancel-safe: a future dropped before it is ready has published nothing. Forget-safe.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub async fn push_async<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.writer.reserve_async(1).await;
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
        &self.store.schema
    }

    /// Sets and publishes one reserved row.
    #[inline]
    fn set<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let sequence = self.writer.next();
        self.writer.begin(1);
        let mut row = RowMut::new(&self.store, sequence);
        set(&mut row).map_err(PushError::Rejected)?;
        row.complete()
            .map_err(|column| PushError::Incomplete { column })?;
        self.writer.publish(1);
        Ok(sequence)
    }
}

impl fmt::Debug for RowProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowProducer")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

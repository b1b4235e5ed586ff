//! [`RowProducer`]: sets rows in their place and publishes them.

use std::fmt;
use std::time::Duration;

use zc_core::sync::Arc;

use super::error::PushError;
use super::pusher::{Pusher, Wait};
use super::row::RowMut;
use super::schema::Schema;
use super::switch::Switch;
use crate::consumer::deadline;
use crate::error::ProducerError;

/// The one producer of a [`RowRing`](super::RowRing).
///
/// A row is set in place, without a copy, and published when the closure returns `Ok` with every
/// column set that is not nullable. If the closure refuses, leaves such a column out, or panics,
/// nothing is published and the next call sets the same row.
///
/// When the ring's schema has been changed, handles of the earlier one give
/// [`PushError::StaleSchema`]; make new ones from [`schema`](Self::schema).
pub struct RowProducer {
    pusher: Pusher,
}

impl RowProducer {
    pub(crate) fn new(switch: &Arc<Switch>) -> Result<Self, ProducerError> {
        Ok(Self {
            pusher: Pusher::new(switch)?,
        })
    }

    /// Publishes a row, waiting for room as long as it takes; returns its sequence.
    ///
    /// Do not call it on the thread that is to make room.
    ///
    /// # Errors
    /// [`PushError::Rejected`] with the closure's own error, [`PushError::StaleSchema`] instead where
    /// it failed with a handle of an earlier schema, [`PushError::Incomplete`].
    #[inline]
    pub fn push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.push_one(Wait::Until(None), set)
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
        self.push_one(Wait::No, set)
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
        self.push_one(Wait::Until(deadline(timeout)), set)
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
        let mut set = once(set);
        self.pusher.push_async(1, |_, row| set(row)).await
    }

    /// Publishes `rows` rows at once, waiting for room for all of them; returns the sequence of the
    /// first. `set` is called for each row in order, with its number from 0. Consumers see all of
    /// them or none. With `rows == 0` nothing is published.
    ///
    /// # Errors
    /// As for [`push`](Self::push), of the first row that fails; [`PushError::BatchTooLarge`] if the
    /// ring has no room for so many, ever.
    pub fn push_batch<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.pusher.push(rows, Wait::Until(None), set)
    }

    /// As [`push_batch`](Self::push_batch), if there is room now.
    ///
    /// # Errors
    /// Also [`PushError::Full`]; `set` has not been called then.
    pub fn try_push_batch<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.pusher.push(rows, Wait::No, set)
    }

    /// The sequence the next row will get.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.pusher.sequence()
    }

    /// The columns of the next row. Takes a lock, for a moment.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.pusher.switch().schema()
    }

    #[inline]
    fn push_one<E>(
        &mut self,
        wait: Wait,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let mut set = once(set);
        self.pusher.push(1, wait, |_, row| set(row))
    }
}

/// A closure that is called at most once, for a push of one row, in the guise of one that may be
/// called again.
#[inline(always)]
pub(crate) fn once<E>(
    set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
) -> impl FnMut(&mut RowMut<'_>) -> Result<(), E> {
    let mut set = Some(set);
    move |row| match set.take() {
        Some(set) => set(row),
        None => Ok(()),
    }
}

impl fmt::Debug for RowProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowProducer")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

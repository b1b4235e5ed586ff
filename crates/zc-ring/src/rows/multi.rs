//! [`RowMultiProducer`]: any number of producers of one ring of rows.
//!
//! A row is set beside the ring, in the producer's own memory, and copied into it when it is complete,
//! under a lock that is held for the copy and nothing else. So no closure ever holds up another
//! producer, or a row that is complete; and delta columns have one writer at a time, as they need
//! (D1 of the store).

use std::fmt;
use std::sync::Weak;
use std::time::{Duration, Instant};

use zc_core::ledger;
use zc_core::sync::{Arc, Mutex};

use super::error::PushError;
use super::filler::Filler;
use super::generation::Generation;
use super::producer::once;
use super::pusher::{Pusher, Wait};
use super::row::RowMut;
use super::schema::Schema;
use super::store::RowStore;
use super::switch::Switch;
use crate::consumer::deadline;
use crate::error::{BuildError, ProducerError};

/// One of several producers of a [`RowRing`](super::RowRing); clone it for more.
///
/// The calls are those of [`RowProducer`](super::RowProducer). Rows are set beside the ring and
/// copied into it, in the order in which they are complete, so that no closure holds up another
/// producer; a closure that fails or panics publishes nothing. If the schema is changed between the
/// closure and the copy, the row is refused with [`PushError::StaleSchema`].
pub struct RowMultiProducer {
    shared: std::sync::Arc<Mutex<Pusher>>,
    switch: Arc<Switch>,
    /// The generation that `scratch` is made for, and the changes it takes into account.
    generation: Arc<Generation>,
    asked: u64,
    scratch: RowStore,
}

/// How long a producer waits at most before it looks for evictions.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What the ring knows of its producers.
pub(super) type Known = Mutex<Weak<Mutex<Pusher>>>;

impl RowMultiProducer {
    pub(super) fn new(known: &Known, switch: &Arc<Switch>) -> Result<Self, ProducerError> {
        let mut known = known.lock();
        let shared = match known.upgrade() {
            Some(shared) => shared,
            None => {
                let shared = std::sync::Arc::new(Mutex::new(Pusher::new(switch)?));
                *known = std::sync::Arc::downgrade(&shared);
                shared
            }
        };
        drop(known);
        Self::with(shared, switch)
    }

    fn with(
        shared: std::sync::Arc<Mutex<Pusher>>,
        switch: &Arc<Switch>,
    ) -> Result<Self, ProducerError> {
        let (generation, asked) = switch.current();
        let scratch = scratch(&generation, 1).map_err(|_| ProducerError::NoMemory)?;
        Ok(Self {
            shared,
            switch: Arc::clone(switch),
            generation,
            asked,
            scratch,
        })
    }

    /// Publishes a row, waiting for room as long as it takes; returns its sequence.
    ///
    /// # Errors
    /// [`PushError::Rejected`] with the closure's own error, [`PushError::StaleSchema`],
    /// [`PushError::Incomplete`].
    pub fn push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let mut set = once(set);
        self.push_rows(1, Wait::Until(None), |_, row| set(row))
    }

    /// As [`push`](Self::push), if there is room now.
    ///
    /// # Errors
    /// Also [`PushError::Full`]; `set` has been called in vain then.
    pub fn try_push<E>(
        &mut self,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let mut set = once(set);
        self.push_rows(1, Wait::No, |_, row| set(row))
    }

    /// As [`push`](Self::push), waiting for at most `timeout`.
    ///
    /// # Errors
    /// Also [`PushError::TimedOut`]; `set` has been called in vain then.
    pub fn push_timeout<E>(
        &mut self,
        timeout: Duration,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        let mut set = once(set);
        let wait = Wait::Until(deadline(timeout));
        self.push_rows(1, wait, |_, row| set(row))
    }

    /// Publishes `rows` rows at once, one behind the other, waiting for room for all of them; returns
    /// the sequence of the first. Consumers see all of them or none.
    ///
    /// # Errors
    /// As for [`push`](Self::push), of the first row that fails; [`PushError::BatchTooLarge`].
    pub fn push_batch<E>(
        &mut self,
        rows: usize,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.push_rows(rows, Wait::Until(None), set)
    }

    /// The columns of the next row. Takes a lock, for a moment.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.switch.schema()
    }

    /// Sets rows in the scratch, then copies them into the ring as soon as there is room.
    fn push_rows<E>(
        &mut self,
        rows: usize,
        wait: Wait,
        set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<u64, PushError<E>> {
        self.make_ready(rows)?;
        let store = &self.scratch;
        let head = self.switch.sequencer.head();
        Filler::fill(store, 0, head, rows, set)?;
        let sequence = self.publish(rows, wait)?;
        ledger::copied("ring.multi_push", rows * store.schema.row_bytes());
        Ok(sequence)
    }

    fn publish<E>(&self, rows: usize, wait: Wait) -> Result<u64, PushError<E>> {
        let attempt = || {
            let mut pusher = self.shared.lock();
            let copied = pusher.push(rows, Wait::No, |index, row| row.copy(&self.scratch, index));
            match copied {
                Ok(sequence) => Some(Ok(sequence)),
                Err(PushError::Full) => None,
                Err(PushError::BatchTooLarge { rows, capacity }) => {
                    Some(Err(PushError::BatchTooLarge { rows, capacity }))
                }
                // The copy refuses where the schema is another one, and for no other reason.
                Err(_) => Some(Err(PushError::StaleSchema)),
            }
        };
        if let Some(done) = attempt() {
            return done;
        }
        let Wait::Until(deadline) = wait else {
            return Err(PushError::Full);
        };
        let sequencer = &*self.switch.sequencer;
        loop {
            // Nobody wakes us for an eviction, neither when it is due nor when it comes into sight.
            let due = self.shared.lock().evict_at();
            let due = due.or_else(|| Instant::now().checked_add(LOOK_AGAIN));
            let until = [deadline, due].into_iter().flatten().min();
            let done = sequencer
                .space
                .block_until(sequencer.strategy, until, attempt);
            if let Some(done) = done {
                return done;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(PushError::TimedOut);
            }
        }
    }

    /// Has the scratch hold `rows` rows of the newest schema.
    fn make_ready<E>(&mut self, rows: usize) -> Result<(), PushError<E>> {
        if self.switch.is_asked(self.asked) {
            self.switch.settle();
            (self.generation, self.asked) = self.switch.current();
        }
        let capacity = self.generation.store.capacity();
        if rows > capacity {
            return Err(PushError::BatchTooLarge { rows, capacity });
        }
        let is_same = self.scratch.schema == self.generation.store.schema
            && self.scratch.former == self.generation.store.former;
        if !is_same || self.scratch.capacity() < rows {
            self.scratch = scratch(&self.generation, rows).map_err(|_| PushError::NoMemory)?;
        }
        Ok(())
    }
}

/// Room for `rows` rows beside the ring.
fn scratch(generation: &Generation, rows: usize) -> Result<RowStore, BuildError> {
    let store = &generation.store;
    let rows = rows.next_power_of_two();
    RowStore::new(store.schema.clone(), rows, store.former.clone())
}

impl Clone for RowMultiProducer {
    /// # Panics
    /// If there is no memory for a row.
    fn clone(&self) -> Self {
        match Self::with(std::sync::Arc::clone(&self.shared), &self.switch) {
            Ok(producer) => producer,
            Err(error) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for RowMultiProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMultiProducer").finish_non_exhaustive()
    }
}

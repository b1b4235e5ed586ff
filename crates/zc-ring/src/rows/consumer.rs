//! [`RowConsumer`]: reads rows in place, or as validated copies.

use std::fmt;
use std::time::Duration;

use zc_core::sync::Arc;

use super::batch::{RowBatch, Rows};
use super::copies::RowCopies;
use super::schema::Schema;
use super::store::RowStore;
use crate::consumer::{ConsumerId, Poll, Reader, deadline, overwritten};
use crate::sequencer::place::bump;

/// Reads every row of a [`RowRing`](super::RowRing) from where it joined, at its own pace.
///
/// Dropping it leaves the ring at once, also while the producer is blocked on it, and also when a
/// panic drops it. If it is leaked, the same holds as for a [`Consumer`](crate::Consumer).
pub struct RowConsumer {
    reader: Reader,
    store: Arc<RowStore>,
    /// Where rows are copied to under policies that do not hold the producer back.
    copies: Option<RowCopies>,
}

impl RowConsumer {
    pub(crate) fn new(reader: Reader, store: Arc<RowStore>) -> Self {
        let copies = reader.state.place.copies().then(RowCopies::default);
        Self {
            reader,
            store,
            copies,
        }
    }

    /// Takes the rows that are there now, up to `limit` of them. A limit of 0 finds
    /// [`Poll::Empty`]. Never waits. Under [`OnLag::Lossy`](crate::OnLag::Lossy) and
    /// [`OnLag::Evict`](crate::OnLag::Evict) the rows are copied, 1024 at most.
    pub fn poll(&mut self, limit: usize) -> Poll<RowBatch<'_>> {
        self.reader.on_thread();
        self.look(limit)
    }

    /// [`poll`](Self::poll) on behalf of whoever has been settled.
    fn look(&mut self, limit: usize) -> Poll<RowBatch<'_>> {
        let Self {
            reader: Reader {
                sequencer, state, ..
            },
            store,
            copies,
        } = self;
        let mut len = match state.look(sequencer, limit) {
            Poll::Rows(len) => len,
            Poll::Empty => return Poll::Empty,
            Poll::Lagged { missed } => return Poll::Lagged { missed },
            Poll::Evicted => return Poll::Evicted,
            Poll::Closed => return Poll::Closed,
        };
        let first = state.next();
        if let Some(copies) = copies {
            if copies.held(first) == 0
                && let Err(missed) = copies.fill(
                    |row| overwritten(sequencer, row),
                    store,
                    first,
                    state.readable(),
                )
            {
                if state.is_evicted() {
                    return Poll::Evicted;
                }
                bump(&state.place.stats.missed, missed);
                state.skip(sequencer, missed);
                return Poll::Lagged { missed };
            }
            len = copies.held(first).min(len);
        }
        state.take(len);
        let rows = Rows {
            store,
            copies: copies.as_ref(),
            first,
            len,
        };
        Poll::Rows(RowBatch::new(rows, state, sequencer))
    }

    /// As [`poll`](Self::poll) of everything, waiting until there is something to find.
    pub fn recv_blocking(&mut self) -> Poll<RowBatch<'_>> {
        self.reader.wait(None);
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`; then [`Poll::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Poll<RowBatch<'_>> {
        self.reader.wait(deadline(timeout));
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), as a task of any executor.
    ///
    /// Cancel-safe: a future dropped before it is ready has taken nothing. Forget-safe.
    pub async fn recv_async(&mut self) -> Poll<RowBatch<'_>> {
        self.reader.wait_async().await;
        self.look(usize::MAX)
    }

    /// Waits for at most `timeout` until a poll would find something other than [`Poll::Empty`],
    /// and says whether it would. Takes nothing: for those who then poll with a limit.
    pub fn ready_timeout(&mut self, timeout: Duration) -> bool {
        self.reader.wait(deadline(timeout));
        self.reader.state.is_ready(&self.reader.sequencer).is_some()
    }

    /// Rows published that this consumer has not read.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.reader.lag()
    }

    /// The sequence of the next row to read.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.reader.state.sequence()
    }

    /// What other consumers call this one in
    /// [`ConsumerOptions::depends_on`](crate::ConsumerOptions::depends_on).
    #[must_use]
    pub fn id(&self) -> ConsumerId {
        self.reader.state.place.id
    }

    /// The name it joined with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.reader.state.place.name
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.store.schema
    }
}

impl fmt::Debug for RowConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowConsumer")
            .field("name", &self.name())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

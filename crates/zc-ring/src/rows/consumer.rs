//! [`RowConsumer`]: reads rows in place, or as validated copies.

use std::fmt;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

use super::batch::{RowBatch, Rows};
use super::copies::RowCopies;
use super::generation::Generation;
use super::schema::Schema;
use crate::consumer::{ConsumerId, Poll, ReadState, Reader, deadline};
use crate::sequencer::Sequencer;
use crate::sequencer::place::bump;

/// Reads every row of a [`RowRing`](super::RowRing) from where it joined, at its own pace.
///
/// It reads to the end of a generation before it finds [`Poll::Event`], once for each
/// [`change_schema`](super::RowRing::change_schema) and [`resize`](super::RowRing::resize); its
/// [`schema`](Self::schema) is that of the rows before the event until it has found it.
///
/// Dropping it leaves the ring at once, also while the producer is blocked on it, and also when a
/// panic drops it. If it is leaked, the same holds as for a [`Consumer`](crate::Consumer).
pub struct RowConsumer {
    reader: Reader,
    /// The generation it reads.
    generation: Arc<Generation>,
    /// Where rows are copied to under policies that do not hold the producer back.
    copies: Option<RowCopies>,
}

impl RowConsumer {
    pub(crate) fn new(reader: Reader, generation: Arc<Generation>) -> Self {
        let copies = reader.state.place.copies().then(RowCopies::default);
        Self {
            reader,
            generation,
            copies,
        }
    }

    /// Takes the rows that are there now, up to `limit` of them. A limit of 0 finds
    /// [`Poll::Empty`]. Never waits. Under [`OnLag::Lossy`](crate::OnLag::Lossy) and
    /// [`OnLag::Evict`](crate::OnLag::Evict) the rows are copied, 1024 at most.
    #[inline]
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
            generation,
            copies,
        } = self;
        let mut len = match find(state, sequencer, generation, limit) {
            Poll::Rows(len) => len,
            Poll::Event(event) => {
                if let Some(end) = generation.end() {
                    *generation = Arc::clone(&end.next);
                }
                if let Some(copies) = copies {
                    copies.clear();
                }
                return Poll::Event(event);
            }
            Poll::Empty => return Poll::Empty,
            Poll::Lagged { missed } => return Poll::Lagged { missed },
            Poll::Evicted => return Poll::Evicted,
            Poll::Closed => return Poll::Closed,
        };
        let store = &generation.store;
        let first = state.next();
        if let Some(copies) = copies {
            if copies.held(first) == 0
                && let Err(missed) = copies.fill(
                    |row| store.overwritten(row),
                    store,
                    first,
                    up_to_end(generation, first, state.readable()),
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
        state.take(sequencer, len);
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
        self.wait(None);
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`; then [`Poll::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Poll<RowBatch<'_>> {
        self.wait(deadline(timeout));
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), as a task of any executor.
    ///
    /// Cancel-safe: a future dropped before it is ready has taken nothing. Forget-safe.
    pub async fn recv_async(&mut self) -> Poll<RowBatch<'_>> {
        let Self {
            reader, generation, ..
        } = self;
        reader
            .wait_async(|state, sequencer| is_ready(state, sequencer, generation))
            .await;
        self.look(usize::MAX)
    }

    /// Waits for at most `timeout` until a poll would find something other than [`Poll::Empty`],
    /// and says whether it would. Takes nothing: for those who then poll with a limit.
    pub fn ready_timeout(&mut self, timeout: Duration) -> bool {
        self.wait(deadline(timeout));
        let Reader {
            sequencer, state, ..
        } = &mut self.reader;
        is_ready(state, sequencer, &self.generation).is_some()
    }

    fn wait(&mut self, deadline: Option<Instant>) {
        let Self {
            reader, generation, ..
        } = self;
        reader.wait(deadline, |state, sequencer| {
            is_ready(state, sequencer, generation)
        });
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
        &self.generation.store.schema
    }

    /// How many changes there were before the rows that come next.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.number
    }
}

/// What there is to read of `generation` and to find at its end. A limit of 0 finds nothing.
#[inline(always)]
fn find(
    state: &mut ReadState,
    sequencer: &Sequencer,
    generation: &Generation,
    limit: usize,
) -> Poll<usize> {
    match state.look(sequencer, limit) {
        Poll::Rows(len) => match up_to_end(generation, state.next(), len) {
            0 => at_end(generation, state.next(), Poll::Empty),
            len => Poll::Rows(len),
        },
        found @ (Poll::Empty | Poll::Closed) if limit > 0 => {
            at_end(generation, state.next(), found)
        }
        found => found,
    }
}

/// `Some` where a look would find something other than `Empty`.
fn is_ready(state: &mut ReadState, sequencer: &Sequencer, generation: &Generation) -> Option<()> {
    match find(state, sequencer, generation, 1) {
        Poll::Empty => None,
        _ => Some(()),
    }
}

/// How many of `len` published rows from `next` on are of `generation`. (Whoever sees a row of the next one
/// sees the end of this one.)
#[inline]
fn up_to_end(generation: &Generation, next: u64, len: usize) -> usize {
    generation.end().map_or(len, |end| {
        let left = end.to.wrapping_sub(next);
        len.min(usize::try_from(left).unwrap_or(usize::MAX))
    })
}

/// The event at the end of `generation`, if that is at `next`.
fn at_end(generation: &Generation, next: u64, otherwise: Poll<usize>) -> Poll<usize> {
    match generation.end() {
        Some(end) if end.to == next => Poll::Event(end.event),
        _ => otherwise,
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

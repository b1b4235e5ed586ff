//! [`SharedConsumer`]: one consumer of a shared ring.

use std::fmt;
use std::time::Duration;

use super::batch::SharedBatch;
use super::error::SharedError;
use super::reader::Reader;
use crate::consumer::{ConsumerId, Poll, deadline};
use crate::rows::{RowCopies, Rows, Schema};

/// Reads every row of a [`SharedRing`](super::SharedRing) from where it joined, at its own pace.
///
/// As a [`RowConsumer`](crate::RowConsumer). Dropping it leaves the ring. When its process ends, in
/// whatever way, the producer frees the place within a second of being held up by it; a process that
/// sleeps, or is stopped, keeps it. One that is leaked holds the producer back until its process
/// ends.
pub struct SharedConsumer {
    reader: Reader,
    name: Box<str>,
    /// Under policies that do not hold the producer back.
    copies: Option<RowCopies>,
}

impl SharedConsumer {
    pub(super) fn new(reader: Reader, name: &str) -> Self {
        let copies = reader.copies().then(RowCopies::default);
        Self {
            reader,
            name: name.into(),
            copies,
        }
    }

    /// Takes the rows that are there now, up to `limit` of them. A limit of 0 finds
    /// [`Poll::Empty`]. Never waits. Under [`OnLag::Lossy`](crate::OnLag::Lossy) and
    /// [`OnLag::Evict`](crate::OnLag::Evict) the rows are copied, 1024 at most.
    ///
    /// [`Poll::Closed`] means that there is no producer now, and no handle to make one: of
    /// processes that are dead it is found out within some tenths of a second of polling. Somebody
    /// may yet open the ring again; then this goes on. [`Poll::Evicted`] may also mean a
    /// [`fault`](Self::fault).
    #[inline]
    pub fn poll(&mut self, limit: usize) -> Poll<SharedBatch<'_>> {
        let Self { reader, copies, .. } = self;
        let mut len = match reader.look(limit) {
            Poll::Rows(len) => len,
            Poll::Empty => return Poll::Empty,
            Poll::Event(event) => return Poll::Event(event),
            Poll::Lagged { missed } => return Poll::Lagged { missed },
            Poll::Evicted => return Poll::Evicted,
            Poll::Closed => return Poll::Closed,
        };
        let first = reader.next();
        if let Some(copies) = copies {
            let attachment = &reader.place.attachment;
            if copies.held(first) == 0
                && let Err(missed) = copies.fill(
                    |row| attachment.overwritten(row),
                    &attachment.store,
                    first,
                    reader.readable(),
                )
            {
                if reader.was_evicted() {
                    return Poll::Evicted;
                }
                reader.miss(missed);
                return Poll::Lagged { missed };
            }
            len = copies.held(first).min(len);
        }
        reader.take(len);
        Poll::Rows(SharedBatch::new(reader, copies.as_ref(), first, len))
    }

    /// As [`poll`](Self::poll) of everything, waiting until there is something to find.
    pub fn recv_blocking(&mut self) -> Poll<SharedBatch<'_>> {
        self.reader.wait(None);
        self.poll(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`; then [`Poll::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Poll<SharedBatch<'_>> {
        self.reader.wait(deadline(timeout));
        self.poll(usize::MAX)
    }

    /// Waits for at most `timeout` until a poll would find something other than [`Poll::Empty`],
    /// and says whether it would. Takes nothing: for those who then poll with a limit.
    pub fn ready_timeout(&mut self, timeout: Duration) -> bool {
        self.reader.wait(deadline(timeout))
    }

    /// What is wrong with the ring, where this consumer is off it because of that.
    #[must_use]
    pub fn fault(&self) -> Option<SharedError> {
        self.reader.fault()
    }

    /// Rows published that this consumer has not read.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.reader.lag()
    }

    /// The sequence of the next row to read.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.reader.sequence()
    }

    /// What other consumers call this one in
    /// [`ConsumerOptions::depends_on`](crate::ConsumerOptions::depends_on).
    #[must_use]
    pub fn id(&self) -> ConsumerId {
        self.reader.place.id
    }

    /// The name it joined with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.reader.place.attachment.store.schema
    }
}

impl fmt::Debug for SharedConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConsumer")
            .field("name", &self.name)
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

/// The rows in hand of a reader.
pub(super) fn rows<'a>(
    reader: &'a Reader,
    copies: Option<&'a RowCopies>,
    first: u64,
    len: usize,
) -> Rows<'a> {
    Rows {
        store: &reader.place.attachment.store,
        copies,
        first,
        len,
    }
}

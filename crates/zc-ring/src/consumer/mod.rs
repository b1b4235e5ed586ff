//! The consuming side: [`Consumer`], its [options](ConsumerOptions), [batches](Batch) and what a
//! [poll](Poll) finds.

mod batch;
mod copies;
mod options;
mod poll;
mod reader;
mod stream;

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use zc_core::sync::Arc;

pub use batch::Batch;
pub(crate) use copies::{Copies, overwritten};
pub use options::{ConsumerId, ConsumerOptions, OnLag, Start};
pub use poll::Poll;
pub(crate) use reader::{ReadState, Reader, deadline};

use crate::sequencer::place::bump;
use crate::slots::Slots;
use stream::StreamWaiter;

/// Reads every row of a [`Ring`](crate::Ring) from where it joined, at its own pace.
///
/// Dropping it leaves the ring at once, also while the producer is blocked on it, and also when a
/// panic drops it. Leaking it (`mem::forget`) leaves a place that nobody reads any more: under
/// [`OnLag::Block`] the producer then waits for it for ever, and the metrics name it.
///
/// # Stream
///
/// A consumer of `T: Clone` is a [`Stream`](futures_core::Stream) of `Result<T, RecvError>`, row by
/// row. It ends when the ring is closed, or after the error that says the consumer was evicted.
pub struct Consumer<T> {
    // Before the reader, whose sequencer it waits on.
    waiter: Option<StreamWaiter>,
    reader: Reader,
    slots: Arc<Slots<T>>,
    /// Where rows are copied to under policies that do not hold the producer back.
    copies: Option<Copies<T>>,
    /// Several threads may look at one row at once.
    _shared: PhantomData<std::sync::Arc<T>>,
}

impl<T> Consumer<T> {
    pub(crate) fn new(reader: Reader, slots: Arc<Slots<T>>, copies: Option<Copies<T>>) -> Self {
        debug_assert_eq!(copies.is_some(), reader.state.place.copies());
        Self {
            waiter: None,
            reader,
            slots,
            copies,
            _shared: PhantomData,
        }
    }

    /// Takes the rows that are there now, up to `limit` of them. A limit of 0 finds
    /// [`Poll::Empty`].
    ///
    /// Never waits. Costs one load of a line of the producer's where this consumer has caught up
    /// with what it saw before, and a store when the batch is dropped. Under [`OnLag::Lossy`] and
    /// [`OnLag::Evict`] the rows are copied, 1024 at most.
    #[inline]
    pub fn poll(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        if self.copies.is_some() {
            return self.poll_copies(limit);
        }
        let Reader { sequencer, state } = &mut self.reader;
        state.look(sequencer, limit).map(|rows| {
            state.take(rows);
            // SAFETY: the rows are published, and the cursor stays before them while they are in
            // hand (R1).
            let parts = unsafe { self.slots.read(state.next(), rows) };
            // SAFETY: as above; the batch borrows the consumer.
            unsafe { Batch::new(parts.map(NonNull::from), state, sequencer) }
        })
    }

    /// As [`poll`](Self::poll), waiting until there is something to find.
    ///
    /// Waits as the ring's [`WaitStrategy`](zc_core::wait::WaitStrategy) says; a ring handle or
    /// producer that lives on and publishes nothing keeps it waiting.
    pub fn recv_blocking(&mut self) -> Poll<Batch<'_, T>> {
        self.reader.wait(None);
        self.poll(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`; then [`Poll::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Poll<Batch<'_, T>> {
        self.reader.wait(deadline(timeout));
        self.poll(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), as a task of any executor.
    ///
    /// Cancel-safe: a future dropped before it is ready has taken nothing. Forget-safe.
    pub async fn recv_async(&mut self) -> Poll<Batch<'_, T>> {
        self.reader.wait_async().await;
        self.poll(usize::MAX)
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

    /// What other consumers call this one in [`ConsumerOptions::depends_on`].
    #[must_use]
    pub fn id(&self) -> ConsumerId {
        self.reader.state.place.id
    }

    /// The name it joined with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.reader.state.place.name
    }

    fn poll_copies(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        let Self {
            reader: Reader { sequencer, state },
            slots,
            copies: Some(copies),
            ..
        } = self
        else {
            return Poll::Empty;
        };
        let ready = match state.look(sequencer, limit) {
            Poll::Rows(ready) => ready,
            Poll::Empty => return Poll::Empty,
            Poll::Lagged { missed } => return Poll::Lagged { missed },
            Poll::Evicted => return Poll::Evicted,
            Poll::Closed => return Poll::Closed,
        };
        let next = state.next();
        if copies.held(next) == 0
            && let Err(missed) = copies.fill(sequencer, slots, next, state.readable())
        {
            if state.place.is_evicted() {
                return Poll::Evicted;
            }
            bump(&state.place.stats.missed, missed);
            state.skip(sequencer, missed);
            return Poll::Lagged { missed };
        }
        let rows = copies.held(next).min(ready);
        state.take(rows);
        let part = NonNull::from(copies.rows(next, rows));
        // SAFETY: the copies are this consumer's own, and the batch borrows the consumer.
        Poll::Rows(unsafe { Batch::new([part, NonNull::from(&[])], state, sequencer) })
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

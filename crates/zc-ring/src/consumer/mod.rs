//! The consuming side: [`Consumer`], its [options](ConsumerOptions), [batches](Batch) and what a
//! [poll](Poll) finds.

mod batch;
mod copies;
mod group;
mod options;
mod poll;
mod prefetch;
mod reader;
mod stream;

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

pub use batch::Batch;
pub(crate) use copies::Copies;
pub use group::{ConsumerGroup, Partition};
pub use options::{ConsumerId, ConsumerOptions, OnLag, Start};
pub use poll::{Event, Poll};
pub use prefetch::Prefetch;
pub(crate) use reader::{ReadState, Reader, deadline};

use crate::sequencer::place::{Place, bump};
use crate::sequencer::{Sequencer, lease};
use crate::slots::Slots;
use group::{Found, Membership};
use stream::StreamWaiter;

/// Reads every row of a [`Ring`](crate::Ring) from where it joined, at its own pace.
///
/// Dropping it leaves the ring at once, also while the producer is blocked on it, and also when a
/// panic drops it.
///
/// # Leaking it
///
/// A consumer that is leaked (`mem::forget`) is never dropped. Under [`OnLag::Block`] it goes with
/// the thread that polled it last: once that thread has ended and the ring has been full for 100 ms,
/// the producer goes on without it. A consumer that is handed from a thread that ends to another one
/// is polled there before that, or it is taken for a leaked one; it notices at its next poll, and
/// either goes on as if nothing had been, because nothing it had not read was overwritten, or finds
/// [`Poll::Evicted`].
///
/// Three kinds of leaked consumers are waited for, and named by the metrics: one whose thread lives
/// on; one that a task polled last ([`recv_async`](Self::recv_async) and the stream), for tasks go
/// from thread to thread; and one whose [batch](Batch) was leaked with it, because its rows may be
/// referred to for as long as the program runs.
///
/// # Stream
///
/// A consumer of `T: Clone` is a [`Stream`](futures_core::Stream) of `Result<T, RecvError>`, row by
/// row. It ends when the ring is closed, or after the error that says the consumer was evicted.
pub struct Consumer<T> {
    // Before the reader, whose sequencer it waits on.
    waiter: Option<StreamWaiter>,
    // Before the reader, which leaves the group.
    kind: Kind<T>,
    reader: Reader,
    slots: Arc<Slots<T>>,
    /// Several threads may look at one row at once.
    _shared: PhantomData<std::sync::Arc<T>>,
}

/// How a consumer gets at its rows.
enum Kind<T> {
    /// In place.
    Plain,
    /// In place, with rows asked for ahead of time. Apart from the plain kind, which pays nothing for it.
    Ahead(Prefetch),
    /// Under policies that do not hold the producer back.
    Copies(Copies<T>),
    /// In place, and others read the rest.
    Member(Box<Membership<T>>),
}

impl<T> Consumer<T> {
    pub(crate) fn new(reader: Reader, slots: Arc<Slots<T>>, copies: Option<Copies<T>>) -> Self {
        debug_assert_eq!(copies.is_some(), reader.state.place.copies());
        Self {
            waiter: None,
            kind: copies.map_or(Kind::Plain, Kind::Copies),
            reader,
            slots,
            _shared: PhantomData,
        }
    }

    fn member(place: Arc<Place>, membership: Membership<T>, slots: Arc<Slots<T>>) -> Self {
        let mut reader = Reader::new(&membership.group.sequencer, place);
        reader.group = Some(Arc::clone(&membership.group));
        Self {
            waiter: None,
            kind: Kind::Member(Box::new(membership)),
            reader,
            slots,
            _shared: PhantomData,
        }
    }

    /// Takes the rows that are there now, up to `limit` of them. A limit of 0 finds
    /// [`Poll::Empty`].
    ///
    /// Never waits. Costs one load of a line of the producer's where this consumer has caught up
    /// with what it saw before, and a store when the batch is dropped. Under [`OnLag::Lossy`] and
    /// [`OnLag::Evict`] the rows are copied, 1024 at most.
    #[inline(always)]
    pub fn poll(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        self.settle_in(lease::tenant());
        self.look(limit)
    }

    /// [`poll`](Self::poll) on behalf of whoever has been settled.
    #[inline(always)]
    fn look(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        if let Kind::Plain = self.kind
            && let Some(rows) = (self.reader.state).take_simply(&self.reader.sequencer, limit)
        {
            let Reader {
                sequencer, state, ..
            } = &mut self.reader;
            // SAFETY: the rows are published, and the cursor stays before them while they are in
            // hand (R1).
            let parts = unsafe { self.slots.read(state.next(), rows) };
            // SAFETY: as above; the batch borrows the consumer.
            return Poll::Rows(unsafe { Batch::new(parts.map(NonNull::from), state, sequencer) });
        }
        self.look_closely(limit)
    }

    #[inline(never)]
    fn look_closely(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        match self.kind {
            Kind::Plain => self.poll_ahead(limit, Prefetch::Off),
            Kind::Ahead(prefetch) => self.poll_ahead(limit, prefetch),
            Kind::Copies(_) => self.poll_copies(limit),
            Kind::Member(_) => self.poll_member(limit),
        }
    }

    /// As [`poll`](Self::poll), waiting until there is something to find.
    ///
    /// Waits as the ring's [`WaitStrategy`](zc_core::wait::WaitStrategy) says; a ring handle or
    /// producer that lives on and publishes nothing keeps it waiting.
    #[inline]
    pub fn recv_blocking(&mut self) -> Poll<Batch<'_, T>> {
        self.wait(None);
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`; then [`Poll::Empty`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Poll<Batch<'_, T>> {
        self.wait(deadline(timeout));
        self.look(usize::MAX)
    }

    /// As [`recv_blocking`](Self::recv_blocking), as a task of any executor.
    ///
    /// Cancel-safe: a future dropped before it is ready has taken nothing. Forget-safe.
    pub async fn recv_async(&mut self) -> Poll<Batch<'_, T>> {
        self.wait_async().await;
        self.look(usize::MAX)
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

    /// Which rows it asks the processor for at each poll, from now on; gives back what is in force. That is
    /// [`Prefetch::Off`] for members of a group, and for consumers that read copies: these are made
    /// in order, which the processor foresees.
    ///
    /// ```
    /// use zc_ring::{ConsumerOptions, Prefetch, Ring};
    ///
    /// let ring = Ring::<[u64; 32]>::builder(1024).build()?;
    /// let mut consumer = ring.consumer(ConsumerOptions::default())?;
    /// assert_eq!(consumer.prefetch(), Prefetch::Off);
    /// // It looks at every 8th row only.
    /// assert_eq!(consumer.set_prefetch(Prefetch::Stride(8)), Prefetch::Stride(8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_prefetch(&mut self, prefetch: Prefetch) -> Prefetch {
        if let Kind::Plain | Kind::Ahead(_) = self.kind {
            self.kind = match prefetch {
                Prefetch::Off => Kind::Plain,
                _ => Kind::Ahead(prefetch),
            };
        }
        self.prefetch()
    }

    /// What [`set_prefetch`](Self::set_prefetch) has put in force.
    #[must_use]
    pub fn prefetch(&self) -> Prefetch {
        match self.kind {
            Kind::Ahead(prefetch) => prefetch,
            _ => Prefetch::Off,
        }
    }

    /// The thread with this number polls from now on, or a task ([`lease::NOBODY`]).
    #[inline]
    fn settle_in(&mut self, tenant: u64) {
        if self.reader.state.tenant != tenant {
            self.let_to(tenant);
        }
    }

    #[cold]
    fn let_to(&mut self, tenant: u64) {
        let Self { kind, reader, .. } = self;
        match kind {
            Kind::Member(member) => {
                let is_member = member.settle_in(&mut reader.state, tenant);
                reader.state.tenant = tenant;
                if !is_member {
                    reader.state.revoke();
                }
            }
            _ if tenant == lease::NOBODY => reader.as_task(),
            _ => reader.on_thread(),
        }
    }

    /// `Some` where a look would find something other than `Empty`.
    #[inline]
    fn is_ready(&mut self) -> Option<()> {
        let Self {
            kind,
            reader: Reader {
                sequencer, state, ..
            },
            slots,
            ..
        } = self;
        is_ready(kind, state, sequencer, slots)
    }

    #[inline]
    fn wait(&mut self, deadline: Option<Instant>) {
        self.settle_in(lease::tenant());
        if self.is_ready().is_none() {
            self.wait_long(deadline);
        }
    }

    #[cold]
    fn wait_long(&mut self, deadline: Option<Instant>) {
        let Self {
            kind,
            reader:
                Reader {
                    sequencer,
                    state,
                    pace,
                    ..
                },
            slots,
            ..
        } = self;
        bump(&state.place.stats.waits, 1);
        let gathers = pace.gather(sequencer.capacity);
        if !gathers || is_ready(kind, state, sequencer, slots).is_none() {
            let ready = || {
                is_ready(kind, state, sequencer, slots)?;
                // The row's line comes while this thread is on its way back to whoever reads it.
                slots.prefetch(state.next());
                Some(())
            };
            // None: the deadline has passed, which the caller finds by looking.
            let _: Option<()> = pace.wait(&sequencer.data, sequencer.strategy, deadline, ready);
        }
        if gathers {
            pace.gathered(state.readable());
        }
    }

    async fn wait_async(&mut self) {
        self.settle_in(lease::NOBODY);
        if self.is_ready().is_some() {
            return;
        }
        let Self {
            kind,
            reader: Reader {
                sequencer, state, ..
            },
            slots,
            ..
        } = self;
        bump(&state.place.stats.waits, 1);
        let mut waiter = pin!(sequencer.data.waiter());
        poll_fn(|cx| {
            let ready = || is_ready(kind, state, sequencer, slots);
            waiter.as_mut().poll_until(cx, ready)
        })
        .await;
    }

    fn poll_ahead(&mut self, limit: usize, prefetch: Prefetch) -> Poll<Batch<'_, T>> {
        let Reader {
            sequencer, state, ..
        } = &mut self.reader;
        state.look(sequencer, limit).map(|rows| {
            let more = state.readable() - rows;
            prefetch.apply(&self.slots, state.next(), rows, more);
            state.take(sequencer, rows);
            // SAFETY: the rows are published, and the cursor stays before them while they are in
            // hand (R1).
            let parts = unsafe { self.slots.read(state.next(), rows) };
            // SAFETY: as above; the batch borrows the consumer.
            unsafe { Batch::new(parts.map(NonNull::from), state, sequencer) }
        })
    }

    fn poll_member(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        let Self {
            kind: Kind::Member(member),
            reader: Reader {
                sequencer, state, ..
            },
            slots,
            ..
        } = self
        else {
            return Poll::Empty;
        };
        if state.is_revoked() {
            return Poll::Evicted;
        }
        member
            .look(state, slots, limit)
            .map(|Found { state, rows }| {
                state.take(sequencer, rows);
                // SAFETY: the rows are published, and the cursor stays before them while they are in
                // hand (R1).
                let parts = unsafe { slots.read(state.next(), rows) };
                // SAFETY: as above; the batch borrows the consumer.
                unsafe { Batch::new(parts.map(NonNull::from), state, sequencer) }
            })
    }

    fn poll_copies(&mut self, limit: usize) -> Poll<Batch<'_, T>> {
        let Self {
            reader: Reader {
                sequencer, state, ..
            },
            slots,
            kind: Kind::Copies(copies),
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
            Poll::Event(event) => return Poll::Event(event),
            Poll::Closed => return Poll::Closed,
        };
        let next = state.next();
        if copies.held(next) == 0
            && let Err(missed) = copies.fill(sequencer, slots, next, state.readable())
        {
            if state.is_evicted() {
                return Poll::Evicted;
            }
            bump(&state.place.stats.missed, missed);
            state.skip(sequencer, missed);
            return Poll::Lagged { missed };
        }
        let rows = copies.held(next).min(ready);
        state.take(sequencer, rows);
        let part = NonNull::from(copies.rows(next, rows));
        // SAFETY: the copies are this consumer's own, and the batch borrows the consumer.
        Poll::Rows(unsafe { Batch::new([part, NonNull::from(&[])], state, sequencer) })
    }
}

/// `Some` where a look would find something other than `Empty`.
#[inline]
fn is_ready<T>(
    kind: &mut Kind<T>,
    state: &mut ReadState,
    sequencer: &Sequencer,
    slots: &Slots<T>,
) -> Option<()> {
    match kind {
        Kind::Member(member) => member.is_ready(state, slots),
        _ => state.is_ready(sequencer),
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

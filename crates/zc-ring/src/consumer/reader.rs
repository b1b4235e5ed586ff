//! [`Reader`]: the consuming side of a ring, without its rows.
//!
//! # States
//!
//! `next` is the next row to read; its cursor in the [`Place`] says the same to the producer. A
//! batch *in hand* covers `next .. next + in_hand`:
//!
//! * **Idle** (`in_hand == 0`) → `take` → **In hand** → `commit(n)` → Idle, `n` rows further.
//! * In hand → `abandon` (the batch is dropped by a panic) → Idle, no row further.
//! * In hand → `settle` at the next look (the batch was forgotten) → Idle, all of it further.
//!
//! # Invariants
//!
//! * **R1** While rows are in hand in place, the cursor stays before them, so the producer does not
//!   overwrite them (S1). Only `commit` and `settle` move it, and both need the reader exclusively,
//!   which the batch borrows.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;
use zc_core::sync::atomic::Ordering;

use super::options::ConsumerOptions;
use super::poll::Poll;
use crate::error::JoinError;
use crate::sequencer::group::Group;
use crate::sequencer::place::{Place, bump};
use crate::sequencer::{Sequencer, lease};

/// One consumer's handle on the sequencer. Dropping it leaves the ring.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) state: ReadState,
    /// The group it is a member of, which then decides what becomes of its place.
    pub(crate) group: Option<Arc<Group>>,
}

#[derive(Debug)]
pub(crate) struct ReadState {
    pub(crate) place: Arc<Place>,
    next: u64,
    /// Rows before this were seen to be readable.
    seen: u64,
    in_hand: u64,
    /// The thread this is let to.
    pub(super) tenant: u64,
    /// Whether rows were lost between one thread that polled this and the next.
    pub(super) is_revoked: bool,
}

impl Reader {
    pub(crate) fn join(
        sequencer: &Arc<Sequencer>,
        options: ConsumerOptions<'_>,
    ) -> Result<Self, JoinError> {
        let place = sequencer.gate.join(options, || sequencer.head())?;
        Ok(Self::new(sequencer, place))
    }

    pub(crate) fn new(sequencer: &Arc<Sequencer>, place: Arc<Place>) -> Self {
        Self {
            sequencer: Arc::clone(sequencer),
            state: ReadState::new(place),
            group: None,
        }
    }

    /// To be called first by whatever polls on behalf of the calling thread.
    #[inline]
    pub(crate) fn on_thread(&mut self) {
        if self.state.tenant != lease::tenant() {
            self.let_to_thread();
        }
    }

    #[cold]
    fn let_to_thread(&mut self) {
        let Self {
            sequencer, state, ..
        } = self;
        state.tenant = lease::tenant();
        // Those who do not hold the producer back, or whose policy limits it, need no lease.
        if !state.place.copies() {
            state.is_revoked |= !lease::take(sequencer, &state.place);
        }
    }

    /// To be called first by whatever polls on behalf of a task: it may go from thread to thread.
    pub(crate) fn as_task(&mut self) {
        let Self {
            sequencer, state, ..
        } = self;
        if state.tenant != lease::NOBODY {
            state.tenant = lease::NOBODY;
            state.is_revoked |= !lease::give_up(sequencer, &state.place);
        }
    }

    /// Waits until `ready` says that there is something to find, or until `deadline`.
    #[inline]
    pub(crate) fn wait(
        &mut self,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut ReadState, &Sequencer) -> Option<()>,
    ) {
        self.on_thread();
        if ready(&mut self.state, &self.sequencer).is_none() {
            self.wait_long(deadline, ready);
        }
    }

    #[cold]
    fn wait_long(
        &mut self,
        deadline: Option<Instant>,
        mut ready: impl FnMut(&mut ReadState, &Sequencer) -> Option<()>,
    ) {
        let Self {
            sequencer, state, ..
        } = self;
        bump(&state.place.stats.waits, 1);
        // None: the deadline has passed, which the caller finds by looking.
        let _: Option<()> = sequencer
            .data
            .block_until(sequencer.strategy, deadline, || ready(state, sequencer));
    }

    /// As [`wait`](Self::wait), as a task. Cancel-safe: nothing is taken.
    pub(crate) async fn wait_async(
        &mut self,
        mut ready: impl FnMut(&mut ReadState, &Sequencer) -> Option<()>,
    ) {
        self.as_task();
        let Self {
            sequencer, state, ..
        } = self;
        if ready(state, sequencer).is_some() {
            return;
        }
        bump(&state.place.stats.waits, 1);
        let mut waiter = pin!(sequencer.data.waiter());
        poll_fn(|cx| waiter.as_mut().poll_until(cx, || ready(state, sequencer))).await;
    }

    /// Rows published and not read.
    pub(crate) fn lag(&self) -> u64 {
        self.sequencer.head().wrapping_sub(self.state.sequence())
    }
}

impl ReadState {
    /// At the cursor of `place`.
    pub(crate) fn new(place: Arc<Place>) -> Self {
        let next = place.cursor();
        Self {
            place,
            next,
            seen: next,
            in_hand: 0,
            tenant: lease::NOBODY,
            is_revoked: false,
        }
    }

    /// Passes over `rows` rows that are not this consumer's. The producer is told with the next
    /// rows that are read, or by [`publish_passed`](Self::publish_passed).
    #[inline]
    pub(crate) fn pass(&mut self, rows: u64) {
        self.next = self.next.wrapping_add(rows);
    }

    /// Tells the producer, and whoever waits for this consumer, what was passed over.
    pub(crate) fn publish_passed(&mut self, sequencer: &Sequencer) {
        if self.place.cursor() != self.next {
            self.skip(sequencer, 0);
        }
    }

    /// The next row to read, a batch that was forgotten counted as read.
    pub(crate) fn sequence(&self) -> u64 {
        self.next.wrapping_add(self.in_hand)
    }

    /// The first row of the batch in hand, or to be taken.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// `Some` where a look would find something other than `Empty`.
    #[inline]
    pub(crate) fn is_ready(&mut self, sequencer: &Sequencer) -> Option<()> {
        match self.look(sequencer, 1) {
            Poll::Empty => None,
            _ => Some(()),
        }
    }

    /// Rows that can be read now, up to `limit`.
    #[inline(always)]
    pub(crate) fn look(&mut self, sequencer: &Sequencer, limit: usize) -> Poll<usize> {
        if self.in_hand == 0 && !self.is_evicted() {
            let mut ready = self.ready();
            if ready == 0 {
                self.seen = self.bound(sequencer.head());
                ready = self.ready();
            }
            if ready > 0 && limit > 0 && sequencer.voids.first_within(self.next, ready).is_none() {
                return Poll::Rows(usize::try_from(ready).unwrap_or(usize::MAX).min(limit));
            }
        }
        self.look_closely(sequencer, limit)
    }

    /// As [`look`](Self::look), where it is not as simple as that.
    #[cold]
    #[inline(never)]
    fn look_closely(&mut self, sequencer: &Sequencer, limit: usize) -> Poll<usize> {
        self.settle(sequencer);
        if self.is_evicted() {
            return Poll::Evicted;
        }
        let mut ready = self.ready();
        loop {
            if ready == 0 {
                let is_closed = sequencer.is_closed();
                let head = sequencer.head();
                self.seen = self.bound(head);
                ready = self.ready();
                if ready == 0 && is_closed && head == self.next {
                    return Poll::Closed;
                }
            }
            match sequencer.voids.first_within(self.next, ready) {
                None => break,
                Some((0, void)) => {
                    self.skip(sequencer, void);
                    ready = self.ready();
                }
                Some((rows, _)) => {
                    ready = rows;
                    break;
                }
            }
        }
        match usize::try_from(ready).unwrap_or(usize::MAX).min(limit) {
            0 => Poll::Empty,
            rows => Poll::Rows(rows),
        }
    }

    /// Whether it is off the ring.
    #[inline]
    pub(crate) fn is_evicted(&self) -> bool {
        self.is_revoked || self.place.is_evicted()
    }

    /// How many rows from `next` were seen to be readable. `seen` may be behind `next` where this
    /// consumer started ahead of one it reads after.
    #[inline]
    fn ready(&self) -> u64 {
        let ready = self.seen.wrapping_sub(self.next);
        if ready > i64::MAX as u64 { 0 } else { ready }
    }

    /// How many rows the last look found, limit or not.
    pub(crate) fn readable(&self) -> usize {
        usize::try_from(self.ready()).unwrap_or(usize::MAX)
    }

    /// How far this consumer may read: the head, or the slowest of those it reads after.
    #[inline]
    fn bound(&self, head: u64) -> u64 {
        if self.place.after.is_empty() {
            return head;
        }
        let active = self.place.after.iter().filter(|place| place.is_active());
        let slowest = active.map(|place| head.wrapping_sub(place.cursor())).max();
        head.wrapping_sub(slowest.unwrap_or(0))
    }

    /// Takes `rows` rows in hand.
    #[inline]
    pub(crate) fn take(&mut self, sequencer: &Sequencer, rows: usize) {
        debug_assert_eq!(self.in_hand, 0);
        self.in_hand = rows as u64;
        let stats = &self.place.stats;
        stats.in_hand.store(rows as u64, Ordering::Relaxed);
        bump(&stats.batches, 1);
        if let Some(nanos) = sequencer.stamps.age(self.sequence(), rows as u64) {
            stats.latency.count(nanos);
        }
    }

    /// The batch in hand has been read up to `rows`; the rest is there again at the next look.
    #[inline]
    pub(crate) fn commit(&mut self, sequencer: &Sequencer, rows: usize) {
        debug_assert!(rows as u64 <= self.in_hand);
        self.abandon();
        if rows > 0 {
            self.skip(sequencer, rows as u64);
        }
    }

    /// The batch in hand counts for nothing.
    #[inline]
    pub(crate) fn abandon(&mut self) {
        self.in_hand = 0;
        self.place.stats.in_hand.store(0, Ordering::Relaxed);
    }

    /// Moves on by `rows`, read or not.
    #[inline]
    pub(crate) fn skip(&mut self, sequencer: &Sequencer, rows: u64) {
        self.next = self.next.wrapping_add(rows);
        self.place.advance(self.next);
        sequencer.consumed(&self.place);
    }

    /// A batch still in hand at this point was forgotten: it counts as read.
    #[inline]
    pub(crate) fn settle(&mut self, sequencer: &Sequencer) {
        if self.in_hand > 0 {
            let rows = self.in_hand;
            self.abandon();
            self.skip(sequencer, rows);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            if lease::take_member(group, &self.state.place, lease::NOBODY) {
                self.state.settle(&self.sequencer);
            }
            return group.leave(&self.state.place);
        }
        self.as_task();
        self.sequencer.leave(&self.state.place);
    }
}

/// The moment `timeout` from now; `None`, which waits for ever, where no clock reaches that far.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

//! [`Reader`]: the consuming side of a ring, without its rows.
//!
//! # States
//!
//! `next` is the next row to read; its cursor in the [`Place`] says the same to the producer. A
//! batch *in hand* covers `next .. end`:
//!
//! * **Idle** (`end == next`) → `take` → **In hand** → `commit(n)` → Idle, `n` rows further.
//! * In hand → `abandon` (the batch is dropped by a panic) → Idle, no row further.
//! * In hand → `settle` at the next look (the batch was forgotten) → Idle, all of it further.
//!
//! # Invariants
//!
//! * **R1** While rows are in hand in place, the cursor stays before them, so the producer does not
//!   overwrite them (S1). Only `commit` and `settle` move it, and both need the reader exclusively,
//!   which the batch borrows.
//!
//! # What a row costs
//!
//! Reading row by row is as fast as one read lets the next begin. So the end of a batch is what was seen
//! of the head, not `next` plus a length, and `next` becomes that end: no read waits for the figures of the one
//! before it. What only some consumers need (those that may be evicted, or read after others) lies behind the
//! one flag `is_simple`.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;
use zc_core::sync::atomic::Ordering;

use super::options::ConsumerOptions;
use super::poll::Poll;
use crate::error::JoinError;
use crate::sequencer::group::Group;
use crate::sequencer::pace::Pace;
use crate::sequencer::place::{Place, bump};
use crate::sequencer::{Sequencer, lease};

/// One consumer's handle on the sequencer. Dropping it leaves the ring.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) state: ReadState,
    /// The group it is a member of, which then decides what becomes of its place.
    pub(crate) group: Option<Arc<Group>>,
    pub(crate) pace: Pace,
}

#[derive(Debug)]
pub(crate) struct ReadState {
    pub(crate) place: Arc<Place>,
    next: u64,
    /// Rows before this were seen to be readable.
    seen: u64,
    /// Behind the batch in hand; `next` where there is none.
    end: u64,
    /// The thread this is let to.
    pub(super) tenant: u64,
    /// Reads whatever is published, and cannot be evicted.
    is_simple: bool,
    /// Whether rows were lost between one thread that polled this and the next.
    is_revoked: bool,
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
            pace: Pace::default(),
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
        if !state.place.copies() && !lease::take(sequencer, &state.place) {
            state.revoke();
        }
    }

    /// To be called first by whatever polls on behalf of a task: it may go from thread to thread.
    pub(crate) fn as_task(&mut self) {
        let Self {
            sequencer, state, ..
        } = self;
        if state.tenant != lease::NOBODY {
            state.tenant = lease::NOBODY;
            if !lease::give_up(sequencer, &state.place) {
                state.revoke();
            }
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
            sequencer,
            state,
            pace,
            ..
        } = self;
        bump(&state.place.stats.waits, 1);
        // None: the deadline has passed, which the caller finds by looking.
        let ready = || ready(state, sequencer);
        let _: Option<()> = pace.wait(&sequencer.data, sequencer.strategy, deadline, ready);
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
        let is_simple = place.after.is_empty() && !place.copies();
        Self {
            place,
            next,
            seen: next,
            end: next,
            tenant: lease::NOBODY,
            is_simple,
            is_revoked: false,
        }
    }

    /// Rows were lost between one thread that polled this and the next.
    pub(super) fn revoke(&mut self) {
        self.is_revoked = true;
        self.is_simple = false;
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked
    }

    /// Passes over `rows` rows that are not this consumer's. The producer is told with the next
    /// rows that are read, or by [`publish_passed`](Self::publish_passed).
    #[inline]
    pub(crate) fn pass(&mut self, rows: u64) {
        self.next = self.next.wrapping_add(rows);
        self.end = self.next;
    }

    /// Tells the producer, and whoever waits for this consumer, what was passed over.
    pub(crate) fn publish_passed(&mut self, sequencer: &Sequencer) {
        if self.place.cursor() != self.next {
            self.skip(sequencer, 0);
        }
    }

    /// The next row to read, a batch that was forgotten counted as read.
    pub(crate) fn sequence(&self) -> u64 {
        self.end
    }

    /// The first row of the batch in hand, or to be taken.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// `Some` where a look would find something other than `Empty`.
    #[inline]
    pub(crate) fn is_ready(&mut self, sequencer: &Sequencer) -> Option<()> {
        if self.is_simple && self.end == self.next && self.ready() == 0 {
            // The shortest way to look in vain, and so the soonest to find something.
            let is_closed = sequencer.is_closed();
            self.seen = sequencer.head();
            let has_void = || {
                sequencer
                    .voids
                    .first_within(self.next, self.ready())
                    .is_some()
            };
            if self.seen == self.next && !is_closed {
                return None;
            }
            if self.seen != self.next && !has_void() {
                return Some(());
            }
        }
        match self.look(sequencer, 1) {
            Poll::Empty => None,
            _ => Some(()),
        }
    }

    /// Takes what there is in hand, up to `limit` rows, and says how many; `None` where it is not as simple
    /// as that.
    #[inline(always)]
    pub(crate) fn take_simply(&mut self, sequencer: &Sequencer, limit: usize) -> Option<usize> {
        if self.end != self.next || !self.is_simple {
            return None;
        }
        let mut seen = self.seen;
        if self.ready() < limit as u64 {
            seen = sequencer.head();
        }
        let ready = seen.wrapping_sub(self.next);
        let has_void = || sequencer.voids.first_within(self.next, ready).is_some();
        if ready == 0 || limit == 0 || has_void() {
            return None;
        }
        if ready > limit as u64 {
            self.seen = seen;
            self.take(sequencer, limit);
            return Some(limit);
        }
        // Nothing is left of what was seen: not worth a store.
        self.take_to(sequencer, seen, ready);
        // No more than the capacity, which is a usize.
        Some(ready as usize)
    }

    /// Rows that can be read now, up to `limit`.
    #[inline]
    pub(crate) fn look(&mut self, sequencer: &Sequencer, limit: usize) -> Poll<usize> {
        if self.end == self.next && !self.is_evicted() {
            let mut ready = self.ready();
            if ready < limit as u64 {
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

    /// How many rows from `next` were seen to be readable. `seen` may be behind `next` where all of it was
    /// taken, or this consumer started ahead of one it reads after.
    #[inline(always)]
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
        let rows = rows as u64;
        self.take_to(sequencer, self.next.wrapping_add(rows), rows);
    }

    /// Takes the `rows` rows before `end` in hand.
    #[inline(always)]
    fn take_to(&mut self, sequencer: &Sequencer, end: u64, rows: u64) {
        debug_assert_eq!(self.end, self.next);
        self.end = end;
        let stats = &self.place.stats;
        stats.in_hand.store(rows, Ordering::Relaxed);
        bump(&stats.batches, 1);
        if let Some(nanos) = sequencer.stamps.age(end, rows) {
            stats.latency.count(nanos);
        }
    }

    /// The batch in hand has been read.
    #[inline(always)]
    pub(crate) fn commit_all(&mut self, sequencer: &Sequencer) {
        self.next = self.end;
        self.place.stats.in_hand.store(0, Ordering::Relaxed);
        self.place.advance(self.end);
        sequencer.consumed(&self.place);
    }

    /// The batch in hand has been read up to `rows`; the rest is there again at the next look.
    #[inline]
    pub(crate) fn commit(&mut self, sequencer: &Sequencer, rows: usize) {
        debug_assert!(rows as u64 <= self.end.wrapping_sub(self.next));
        self.abandon();
        if rows > 0 {
            self.skip(sequencer, rows as u64);
        }
    }

    /// The batch in hand counts for nothing.
    #[inline]
    pub(crate) fn abandon(&mut self) {
        self.end = self.next;
        self.place.stats.in_hand.store(0, Ordering::Relaxed);
    }

    /// Moves on by `rows`, read or not, with no batch in hand.
    #[inline]
    pub(crate) fn skip(&mut self, sequencer: &Sequencer, rows: u64) {
        self.pass(rows);
        self.place.advance(self.next);
        sequencer.consumed(&self.place);
    }

    /// A batch still in hand at this point was forgotten: it counts as read.
    #[inline]
    pub(crate) fn settle(&mut self, sequencer: &Sequencer) {
        if self.end != self.next {
            self.commit_all(sequencer);
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

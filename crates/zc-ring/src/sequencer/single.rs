//! [`Writer`]: the producing side while there is one producer. Plain stores, no read-modify-write.
//!
//! # States
//!
//! `next` is the next sequence to publish, `licence` what the gate allows (`next ≤ licence ≤ next +
//! capacity`). A row goes *reserved* (the licence covers it) → *begun* (its slot is written to) →
//! *published* (`head` moves past it). A panic while it is begun leaves it unpublished: the next
//! publish begins the same slot again.
//!
//! # Invariants
//!
//! * **W1** Slots of sequences in `next .. licence` are read by nobody but validated copiers.
//! * **W2** If such a copier may exist, `shared` is true and `begin` has announced the range before
//!   any of its words change.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

use super::gate::Licence;
use super::pace::Pace;
use super::place::bump;
use super::{Sequencer, Source};
use crate::error::ProducerError;

/// The one producing handle of a ring, without its rows.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) sequencer: Arc<Sequencer>,
    /// There until the drop.
    source: Option<Source>,
    state: State,
    pace: Pace,
}

#[derive(Debug)]
struct State {
    next: u64,
    licence: u64,
    /// End of the furthest range that was begun and not published, if that is beyond `next`.
    begun: u64,
    shared: bool,
    /// Since when the producer has been refused.
    blocked_since: Option<Instant>,
    /// When one of those in the way is due for eviction.
    evict_at: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(sequencer: &Arc<Sequencer>) -> Result<Self, ProducerError> {
        sequencer.gate.take_producer()?;
        let next = sequencer.head();
        Ok(Self {
            sequencer: Arc::clone(sequencer),
            source: Some(Source::new(sequencer)),
            state: State {
                next,
                licence: next,
                begun: next,
                shared: false,
                blocked_since: None,
                evict_at: None,
            },
            pace: Pace::default(),
        })
    }

    /// The sequence the next row will get.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.state.next
    }

    /// When one of those in the way is due for eviction, as of the last look.
    pub(crate) fn evict_at(&self) -> Option<Instant> {
        self.state.evict_at
    }

    /// Frees the producing side at once, and closes the ring, if this was the last source of rows, when
    /// what is returned is dropped.
    pub(crate) fn into_source(mut self) -> Option<Source> {
        self.source.take()
    }

    /// Whether rows must be written atomically: a validated copier may be looking (W2).
    #[inline]
    pub(crate) fn shared(&self) -> bool {
        self.state.shared
    }

    /// Reserves `n` rows, `n` at most the capacity, if they are free now.
    #[inline]
    pub(crate) fn try_reserve(&mut self, n: usize) -> bool {
        self.state.try_reserve(&self.sequencer, n as u64)
    }

    /// Reserves `n` rows, waiting for them until `deadline`.
    #[inline]
    pub(crate) fn reserve(&mut self, n: usize, deadline: Option<Instant>) -> bool {
        self.reserve_unless(n, deadline, || false)
    }

    /// As [`reserve`](Self::reserve), giving up as well when `stop` says so; whoever makes it say so
    /// wakes `space` afterwards.
    #[inline]
    pub(crate) fn reserve_unless(
        &mut self,
        n: usize,
        deadline: Option<Instant>,
        stop: impl Fn() -> bool,
    ) -> bool {
        self.try_reserve(n) || self.wait(n as u64, deadline, stop)
    }

    #[cold]
    fn wait(&mut self, n: u64, deadline: Option<Instant>, stop: impl Fn() -> bool) -> bool {
        let Self {
            sequencer,
            state,
            pace,
            ..
        } = self;
        bump(&sequencer.stats.full_stalls, 1);
        let started = Instant::now();
        let reserved = loop {
            let until = [deadline, state.evict_at].into_iter().flatten().min();
            let ready = || {
                if state.try_reserve(sequencer, n) {
                    return Some(true);
                }
                if stop() {
                    return Some(false);
                }
                // An eviction has come into sight: wait for that instead.
                let is_sooner = |at| until.is_none_or(|until| at < until);
                state.evict_at.is_some_and(is_sooner).then_some(false)
            };
            let found = pace.wait(&sequencer.space, sequencer.strategy, until, ready);
            if found == Some(true) {
                break true;
            }
            if stop() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break false;
            }
        };
        bump(&sequencer.stats.blocked_nanos, nanos(started.elapsed()));
        reserved
    }

    /// Reserves `n` rows as a task. Cancel-safe: nothing is reserved until it is ready.
    pub(crate) async fn reserve_async(&mut self, n: usize) {
        self.reserve_async_unless(n, || false).await;
    }

    /// As [`reserve_async`](Self::reserve_async), giving up when `stop` says so; whoever makes it say so
    /// wakes `space` afterwards.
    pub(crate) async fn reserve_async_unless(&mut self, n: usize, stop: impl Fn() -> bool) {
        let Self {
            sequencer, state, ..
        } = self;
        let n = n as u64;
        if state.try_reserve(sequencer, n) {
            return;
        }
        bump(&sequencer.stats.full_stalls, 1);
        let started = Instant::now();
        let mut waiter = pin!(sequencer.space.waiter());
        poll_fn(|cx| {
            let poll = waiter.as_mut().poll_until(cx, || {
                (state.try_reserve(sequencer, n) || stop()).then_some(())
            });
            if poll.is_pending() && state.evict_at.is_some() {
                // No timer is ours to set. An eviction is due soon: look again until it is.
                cx.waker().wake_by_ref();
            }
            poll
        })
        .await;
        bump(&sequencer.stats.blocked_nanos, nanos(started.elapsed()));
    }

    /// Rows go to new memory from here on: what was reserved or begun in the old counts for nothing.
    pub(crate) fn begin_generation(&mut self) {
        let next = self.state.next;
        self.state.licence = next;
        self.state.begun = next;
    }

    /// Announces that the slots of the next `n` rows, which are reserved, will be written to.
    #[inline]
    pub(crate) fn begin(&mut self, n: usize) {
        let end = self.state.next.wrapping_add(n as u64);
        self.state.begun = end;
        if self.state.shared {
            self.sequencer.store_claim(end);
        }
    }

    /// As [`begin`](Self::begin) for one row, where nobody copies: a store only if the closure that fills it
    /// panics.
    #[inline(always)]
    pub(crate) fn begin_one(&mut self) -> Begun<'_> {
        debug_assert!(!self.state.shared);
        Begun(&mut self.state)
    }

    /// Publishes the next `n` rows, which are complete.
    #[inline]
    pub(crate) fn publish(&mut self, n: usize) {
        let next = self.state.next.wrapping_add(n as u64);
        debug_assert!(self.state.licence.wrapping_sub(next) as i64 >= 0);
        self.state.next = next;
        self.sequencer.stats.published(n as u64);
        self.sequencer.stamps.publish(next, n as u64);
        self.sequencer.store_head(next);
    }
}

/// A row is being filled; dropped where that has panicked.
#[derive(Debug)]
pub(crate) struct Begun<'a>(&'a mut State);

impl Begun<'_> {
    /// The row is complete.
    #[inline(always)]
    pub(crate) fn complete(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.begun = self.0.next.wrapping_add(1);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let State { next, begun, .. } = self.state;
        let is_torn = begun.wrapping_sub(next) as i64 > 0;
        self.sequencer
            .gate
            .release_producer(if is_torn { begun } else { next });
    }
}

impl State {
    #[inline]
    fn try_reserve(&mut self, sequencer: &Sequencer, n: u64) -> bool {
        self.licence.wrapping_sub(self.next) >= n || self.renew(sequencer, n)
    }

    #[cold]
    fn renew(&mut self, sequencer: &Sequencer, n: u64) -> bool {
        let blocked = self
            .blocked_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        match sequencer.gate.ask(self.next, n, blocked) {
            Licence::Granted { until, shared } => {
                self.licence = until;
                self.shared = shared;
                self.blocked_since = None;
                self.evict_at = None;
                true
            }
            Licence::Full { evict_in } => {
                let now = Instant::now();
                self.blocked_since.get_or_insert(now);
                self.evict_at = evict_in.and_then(|left| now.checked_add(left));
                false
            }
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

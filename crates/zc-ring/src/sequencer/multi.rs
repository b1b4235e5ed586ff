//! [`MultiWriter`]: the producing side while there are several producers.
//!
//! # A row's way
//!
//! *Free* → *claimed* (a compare-and-swap has moved `claim` over it, within the licence: never past
//! the slowest consumer, never a lap past the head) → *filled*, by its producer, while others fill
//! theirs → *stamped* (done, or void if its closure panicked) → *published* (`head` moves over it
//! once everything before it is stamped).
//!
//! Whoever stamps a range moves the head over every stamped range it finds, its own or not, so no
//! producer waits for another to publish. A producer that is suspended in its closure holds back
//! the rows behind its own, not the producers.
//!
//! # Invariants
//!
//! * **M1** The licence never goes back, and `claim` never passes it.
//! * **M2** The licence is at most the capacity ahead of the head: no slot is claimed again before it
//!   is published.
//! * **M3** A stamp holds the end of the range that begins in its slot. Stamps of earlier laps lie
//!   behind the range's start, so they are never taken for one of this lap.
//! * **M4** Stamping and moving the head have a store→load barrier between them: of two producers
//!   who stamp neighbouring ranges at once, at least one sees both stamps.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zc_core::sync::{Arc, edge, seeded, store_load_barrier};

use super::gate::Licence;
use super::{Sequencer, Source};
use crate::error::ProducerError;

/// What all producers of a ring share.
#[derive(Debug)]
pub(crate) struct Multi {
    /// See M1.
    licence: CachePadded<AtomicU64>,
    /// Whether a validated copier may be looking; stored before the licence it goes with.
    shared: AtomicBool,
    /// See M3.
    stamps: Box<[AtomicU64]>,
}

/// One of several producing handles of a ring, without its rows.
#[derive(Debug)]
pub(crate) struct MultiWriter {
    pub(crate) sequencer: Arc<Sequencer>,
    _source: Source,
    multi: Arc<Multi>,
    /// Since when this producer has been refused.
    blocked_since: Option<Instant>,
    /// When one of those in the way is due for eviction.
    evict_at: Option<Instant>,
}

/// Rows that one producer has claimed and must fill. Dropping it before it is
/// [published](Self::publish) makes them void.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    writer: &'a MultiWriter,
    pub(crate) first: u64,
    pub(crate) rows: usize,
    /// Whether the rows must be written atomically.
    pub(crate) shared: bool,
}

impl Multi {
    pub(super) fn new(capacity: usize, next: u64) -> Self {
        Self {
            licence: CachePadded::new(AtomicU64::new(next)),
            shared: AtomicBool::new(false),
            stamps: (0..capacity).map(|_| AtomicU64::new(next)).collect(),
        }
    }

    /// Called under the gate's lock.
    pub(super) fn grant(&self, until: u64, shared: bool) {
        self.shared.store(shared, Ordering::Relaxed);
        self.licence
            .store(until, edge("ring.licence", Ordering::Release));
    }

    fn stamp(&self, sequence: u64) -> &AtomicU64 {
        &self.stamps[sequence as usize & (self.stamps.len() - 1)]
    }
}

impl MultiWriter {
    pub(crate) fn new(sequencer: &Arc<Sequencer>) -> Result<Self, ProducerError> {
        let multi = sequencer.gate.take_multi(sequencer)?;
        Ok(Self {
            sequencer: Arc::clone(sequencer),
            _source: Source::new(sequencer),
            multi,
            blocked_since: None,
            evict_at: None,
        })
    }

    /// Another handle of the same kind.
    pub(crate) fn another(&self) -> Self {
        self.sequencer.gate.add_multi();
        Self {
            sequencer: Arc::clone(&self.sequencer),
            _source: Source::new(&self.sequencer),
            multi: Arc::clone(&self.multi),
            blocked_since: None,
            evict_at: None,
        }
    }

    /// Claims `rows` rows, at most the capacity, if they are free now.
    #[inline]
    pub(crate) fn try_claim(&mut self, rows: usize) -> Option<Claim<'_>> {
        let (first, shared) = self.claim_now(rows as u64)?;
        Some(self.claimed(first, rows, shared))
    }

    /// Claims `rows` rows, waiting for them until `deadline`.
    #[inline]
    pub(crate) fn claim(&mut self, rows: usize, deadline: Option<Instant>) -> Option<Claim<'_>> {
        let (first, shared) = match self.claim_now(rows as u64) {
            Some(claim) => claim,
            None => self.wait(rows as u64, deadline)?,
        };
        Some(self.claimed(first, rows, shared))
    }

    /// Claims `rows` rows as a task. Cancel-safe: nothing is claimed until it is ready.
    pub(crate) async fn claim_async(&mut self, rows: usize) -> Claim<'_> {
        let n = rows as u64;
        let claim = match self.claim_now(n) {
            Some(claim) => claim,
            None => {
                let sequencer = Arc::clone(&self.sequencer);
                sequencer.stats.full_stalls.fetch_add(1, Ordering::Relaxed);
                let mut waiter = pin!(sequencer.space.waiter());
                poll_fn(|cx| {
                    let poll = waiter.as_mut().poll_until(cx, || self.claim_now(n));
                    if poll.is_pending() && self.evict_at.is_some() {
                        // No timer is ours to set: look again until the eviction is due.
                        cx.waker().wake_by_ref();
                    }
                    poll
                })
                .await
            }
        };
        self.claimed(claim.0, rows, claim.1)
    }

    fn claimed(&self, first: u64, rows: usize, shared: bool) -> Claim<'_> {
        Claim {
            writer: self,
            first,
            rows,
            shared,
        }
    }

    /// The first row claimed, and whether it must be written atomically.
    #[inline]
    fn claim_now(&mut self, n: u64) -> Option<(u64, bool)> {
        let claim = &self.sequencer.claim;
        let mut next = claim.load(Ordering::Relaxed);
        loop {
            let licence = self
                .multi
                .licence
                .load(edge("ring.licence", Ordering::Acquire));
            // Signed: this may be an older licence than `next` was claimed under.
            if (licence.wrapping_sub(next) as i64) < n as i64 {
                if !self.renew(n) {
                    return None;
                }
                next = self.sequencer.claim.load(Ordering::Relaxed);
                continue;
            }
            let end = next.wrapping_add(n);
            // Relaxed: the licence carries what the claimer must have seen, and the stores of the
            // words carry the claim to those who copy.
            match self.sequencer.claim.compare_exchange_weak(
                next,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((next, self.multi.shared.load(Ordering::Relaxed))),
                Err(now) => next = now,
            }
        }
    }

    #[cold]
    fn renew(&mut self, n: u64) -> bool {
        let since = self.blocked_since;
        let blocked = since.map_or(Duration::ZERO, |since| since.elapsed());
        match self
            .sequencer
            .gate
            .ask_multi(&self.sequencer, &self.multi, n, blocked)
        {
            Licence::Granted { .. } => {
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

    #[cold]
    fn wait(&mut self, n: u64, deadline: Option<Instant>) -> Option<(u64, bool)> {
        let sequencer = Arc::clone(&self.sequencer);
        sequencer.stats.full_stalls.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let claim = loop {
            let until = [deadline, self.evict_at].into_iter().flatten().min();
            let ready = || self.claim_now(n);
            let claim = sequencer
                .space
                .block_until(sequencer.strategy, until, ready);
            if claim.is_some() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break claim;
            }
        };
        let blocked = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        sequencer
            .stats
            .blocked_nanos
            .fetch_add(blocked, Ordering::Relaxed);
        claim
    }

    /// Marks a claimed range as done and publishes whatever is done without a gap.
    fn finish(&self, first: u64, rows: u64) {
        let end = first.wrapping_add(rows);
        self.multi
            .stamp(first)
            .store(end, edge("ring.stamp", Ordering::Release));
        if !seeded("ring.stamp_barrier") {
            store_load_barrier();
        }
        let mut head = self.sequencer.head();
        let mut moved = false;
        loop {
            let end = self
                .multi
                .stamp(head)
                .load(edge("ring.stamp", Ordering::Acquire));
            if end.wrapping_sub(head).wrapping_sub(1) >= self.sequencer.capacity as u64 {
                break;
            }
            match self.sequencer.move_head(head, end) {
                Ok(()) => {
                    moved = true;
                    head = end;
                }
                Err(now) => head = now,
            }
        }
        if moved {
            self.sequencer.head_moved();
            // The head holds claims back as well (M2).
            if !seeded("ring.wake_claimers") {
                self.sequencer.space.notify_all();
            }
        }
    }
}

impl Drop for MultiWriter {
    fn drop(&mut self) {
        self.sequencer.gate.release_multi(&self.sequencer);
    }
}

impl Claim<'_> {
    /// The rows are filled.
    #[inline]
    pub(crate) fn publish(self) {
        let rows = self.rows as u64;
        self.writer.sequencer.stats.published_by_one_of_many(rows);
        self.writer.finish(self.first, rows);
        std::mem::forget(self);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let rows = self.rows as u64;
        self.writer.sequencer.voids.record(self.first, rows);
        self.writer.finish(self.first, rows);
    }
}

//! [`MultiWriter`]: the producing side while there are several producers.
//!
//! # A row's way
//!
//! *Free* → *claimed* (a compare-and-swap has moved `claim` over it, within the licence: never past
//! the slowest consumer, never a lap past the head) → *filled*, by its producer, while others fill
//! theirs → *stamped* (done, or void if its closure panicked) → *published* (`head` moves over it
//! once everything before it is stamped).
//!
//! A range whose rows are next to be published needs no stamp: its producer moves the head over it,
//! and then over every stamped range it finds behind. So no producer waits for another to publish,
//! and one that is alone pays two locked instructions a call: the claim and the head. A producer
//! that is suspended in its closure holds back the rows behind its own, not the producers.
//!
//! One that has been alone for long enough pays neither: it claims in blocks and moves the head by plain
//! stores, until another one comes ([`sole`]).
//!
//! # Invariants
//!
//! * **M1** The licence never goes back, and `claim` never passes it.
//! * **M2** The licence is at most the capacity ahead of the head: no slot is claimed again before it
//!   is published.
//! * **M3** A stamp holds the end of the range that begins in its slot. Stamps of earlier laps lie
//!   behind the range's start, so they are never taken for one of this lap.
//! * **M4** Between storing a stamp and looking at the head, and between moving the head and looking
//!   for a stamp there, stands a store→load barrier: of two producers who finish neighbouring ranges
//!   at once, at least one sees what the other did.
//! * **M5** The head moves over a range without a stamp only by the hand of the range's producer, and
//!   over one with a stamp by compare-and-swap, so exactly once.

mod publish;
mod sole;

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zc_core::sync::{Arc, edge};

use super::gate::Licence;
use super::pace::Pace;
use super::place::bump;
use super::{Sequencer, Source};
use crate::error::ProducerError;
use crate::metrics::ProducerStats;
pub(crate) use publish::Claim;
use sole::{Block, Seat, Sole, Taken};

/// What all producers of a ring share.
#[derive(Debug)]
pub(crate) struct Multi {
    /// See M1.
    licence: CachePadded<AtomicU64>,
    /// Whether a validated copier may be looking; stored before the licence it goes with.
    shared: AtomicBool,
    /// See M3.
    stamps: Box<[AtomicU64]>,
    sole: Sole,
}

/// One of several producing handles of a ring, without its rows.
#[derive(Debug)]
pub(crate) struct MultiWriter {
    pub(crate) sequencer: Arc<Sequencer>,
    _source: Source,
    multi: Arc<Multi>,
    stats: Arc<CachePadded<ProducerStats>>,
    /// Since when this producer has been refused.
    blocked_since: Option<Instant>,
    /// When one of those in the way is due for eviction.
    evict_at: Option<Instant>,
    pace: Pace,
    seat: Arc<CachePadded<Seat>>,
    /// Empty unless this is the sole producer.
    block: Block,
    /// Claims in a row with none of another's in between, and the end of the last.
    streak: u32,
    last_end: u64,
}

impl Multi {
    pub(super) fn new(capacity: usize, next: u64) -> Self {
        Self {
            licence: CachePadded::new(AtomicU64::new(next)),
            shared: AtomicBool::new(false),
            stamps: (0..capacity).map(|_| AtomicU64::new(next)).collect(),
            sole: Sole::new(capacity),
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
        Ok(Self::over(sequencer, multi))
    }

    /// Another handle of the same kind.
    pub(crate) fn another(&self) -> Self {
        self.sequencer.gate.add_multi();
        Self::over(&self.sequencer, Arc::clone(&self.multi))
    }

    fn over(sequencer: &Arc<Sequencer>, multi: Arc<Multi>) -> Self {
        Self {
            sequencer: Arc::clone(sequencer),
            _source: Source::new(sequencer),
            stats: sequencer.add_stats(),
            blocked_since: None,
            evict_at: None,
            pace: Pace::default(),
            seat: multi.sole.seat(),
            block: Block::default(),
            streak: 0,
            last_end: 0,
            multi,
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
                bump(&self.stats.full_stalls, 1);
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
        let Block { next, end, shared } = self.block;
        if end.wrapping_sub(next) >= n {
            match self.multi.sole.take(&self.seat, next, n) {
                Taken::AndHeld => {
                    self.block.next = next.wrapping_add(n);
                    return Some((next, shared));
                }
                Taken::AndLost => {
                    self.block = Block::default();
                    return Some((next, shared));
                }
                Taken::No => self.block = Block::default(),
            }
        }
        self.claim_by_swap(n)
    }

    #[inline(never)]
    fn claim_by_swap(&mut self, n: u64) -> Option<(u64, bool)> {
        if self.streak >= self.multi.sole.patience {
            self.streak = 0;
            // Here, where it has claimed nothing that is yet to be published (O4).
            self.multi.sole.sit(&self.seat);
        }
        loop {
            let next = self.sequencer.claim.load(Ordering::Relaxed);
            let is_sole = self.multi.sole.is_held_by(&self.seat);
            if is_sole && self.block.end != self.block.next {
                // Too few for these: not to be in the way of itself.
                self.void(self.multi.sole.give_back(&self.sequencer, &self.seat));
                self.block = Block::default();
                continue;
            }
            if self.multi.sole.is_held_by_another(&self.seat) {
                self.void(self.multi.sole.unseat(&self.sequencer));
                continue;
            }
            let licence = self
                .multi
                .licence
                .load(edge("ring.licence", Ordering::Acquire));
            // Signed: this may be an older licence than `next` was claimed under.
            if (licence.wrapping_sub(next) as i64) < n as i64 {
                let block = if is_sole { self.multi.sole.block } else { n };
                if !(block > n && self.renew(block) || self.renew(n)) {
                    return None;
                }
                continue;
            }
            let shared = || self.multi.shared.load(Ordering::Relaxed);
            if is_sole {
                let sole = &self.multi.sole;
                if let Some((first, end)) = sole.next_block(&self.sequencer, &self.seat, licence, n)
                {
                    let (next, shared) = (first.wrapping_add(n), shared());
                    self.block = Block { next, end, shared };
                    return Some((first, shared));
                }
                continue;
            }
            let end = next.wrapping_add(n);
            if self.sequencer.try_claim(next, end).is_ok() {
                let shared = shared();
                self.count(next, end);
                return Some((next, shared));
            }
        }
    }

    /// Counts how long nobody else has claimed.
    fn count(&mut self, first: u64, end: u64) {
        let goes_on = first == self.last_end;
        self.streak = if goes_on {
            self.streak.saturating_add(1)
        } else {
            0
        };
        self.last_end = end;
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
        bump(&self.stats.full_stalls, 1);
        let started = Instant::now();
        let mut pace = self.pace;
        let claim = loop {
            let until = [deadline, self.evict_at].into_iter().flatten().min();
            let ready = || {
                if let Some(claim) = self.claim_now(n) {
                    return Some(Some(claim));
                }
                // An eviction has come into sight: wait for that instead.
                let is_sooner = |at| until.is_none_or(|until| at < until);
                self.evict_at.is_some_and(is_sooner).then_some(None)
            };
            let found = pace.wait(&sequencer.space, sequencer.strategy, until, ready);
            let claim = found.flatten();
            if claim.is_some() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break claim;
            }
        };
        self.pace = pace;
        let blocked = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        bump(&self.stats.blocked_nanos, blocked);
        claim
    }
}

impl Drop for MultiWriter {
    fn drop(&mut self) {
        self.void(self.multi.sole.stand_up(&self.sequencer, &self.seat));
        // First: while this handle counts, there is no single producer to count as well.
        self.sequencer.retire_stats(&self.stats);
        self.sequencer.gate.release_multi(&self.sequencer);
    }
}

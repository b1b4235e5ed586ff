//! [`Control`]: the control area of a ring, as one process sees it. The sequencer of shared rings.
//!
//! It is the protocol of [`gate`](crate::sequencer::gate) without its lock, which a process that is
//! killed would take with it. Each word has one writer at a time: the holder of a lease.
//!
//! # Licence and join
//!
//! The producer *announces* the licence it wants, passes a store→load barrier, looks at the places,
//! and takes what they leave. A consumer that joins makes its place gate, counts itself in `joins`,
//! passes the barrier, looks at the licence, and starts again further on if that reaches past what
//! it wanted to read.
//!
//! # Invariants
//!
//! * **G1** The producer writes no sequence at or after `licence`. Rows before `claim` may be half
//!   overwritten; `licence` is never behind it, nor behind `head`.
//! * **G2** The licence that is taken (not the one that is announced) does not reach
//!   `cursor + capacity` of a place that gates and was seen.
//! * **G3** Of a producer and a consumer who joins, at least one sees the other: the consumer the
//!   announcement, or the producer the place. So no row that a gating consumer has yet to read is
//!   overwritten.
//! * **G4** A producer that takes over from a dead one writes nothing before it has a licence of its
//!   own; rows that the dead one left half written lie at or after `head` and are written again.

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{Arc, edge, seeded};

use super::layout::{
    CLAIM, CONTROL, CURSOR, DATA, EVICT_AFTER, EVICT_ROWS, EVICTIONS, FOLLOWED, HANDLES, HEAD,
    JOINS, LEASE, LICENCE, MAX_CONSUMERS, MAX_HANDLES, OPENS, POLICY, PRODUCER, SOURCES, SPACE,
    USED, place,
};
use super::lease::{Lease, State};
use super::map::{Cells, Mapping};
use super::process::Process;
use super::wait;

/// Codes of policies, in [`POLICY`].
pub(crate) const BLOCK: u64 = 0;
pub(crate) const LOSSY: u64 = 1;
pub(crate) const EVICT: u64 = 2;

/// The control area.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) cells: Cells,
    pub(crate) capacity: u64,
    pub(crate) initial: u64,
    /// Processes that a model has ended.
    #[cfg(any(zc_loom, zc_shuttle))]
    pub(crate) ended: zc_core::sync::atomic::AtomicU64,
}

/// A word that no process of this library writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt(pub(crate) &'static str);

impl Control {
    /// The area at byte `at` of a mapping.
    pub(crate) fn new(mapping: &Arc<Mapping>, at: usize, capacity: usize, initial: u64) -> Self {
        Self {
            cells: Cells::new(mapping, at, CONTROL),
            capacity: capacity as u64,
            initial,
            #[cfg(any(zc_loom, zc_shuttle))]
            ended: zc_core::sync::atomic::AtomicU64::new(0),
        }
    }

    /// The next sequence to be published, and all rows before it.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        let head = self.cells.word(HEAD);
        head.load(edge("ring.publish", Ordering::Acquire))
    }

    /// Makes every row before `head` readable, and wakes consumers.
    #[inline]
    pub(crate) fn publish(&self, head: u64) {
        let word = self.cells.word(HEAD);
        word.store(head, edge("ring.publish", Ordering::Release));
        wait::wake(&self.cells, DATA);
    }

    /// The end of the range that may be half overwritten.
    #[inline]
    pub(crate) fn claim(&self) -> u64 {
        // Relaxed: whoever has read a changed word through Acquire sees the claim it came under.
        self.cells.word(CLAIM).load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn store_claim(&self, end: u64) {
        self.cells.word(CLAIM).store(end, Ordering::Relaxed);
    }

    pub(crate) fn licence(&self) -> u64 {
        self.cells.word(LICENCE).load(Ordering::Relaxed)
    }

    pub(crate) fn store_licence(&self, licence: u64) {
        self.cells.word(LICENCE).store(licence, Ordering::Relaxed);
    }

    pub(crate) fn joins(&self) -> u64 {
        let joins = self.cells.word(JOINS);
        joins.load(edge("ring.join", Ordering::Acquire))
    }

    /// A place gates from now on.
    pub(crate) fn count_join(&self) {
        let joins = self.cells.word(JOINS);
        joins.fetch_add(1, edge("ring.join", Ordering::AcqRel));
    }

    #[inline]
    pub(crate) fn lease(&self, index: usize) -> Lease {
        Lease::load(self.cells.word(place(index, LEASE)))
    }

    /// Where a consumer is. Whoever sees a row consumed also sees the reads of it finished.
    #[inline]
    pub(crate) fn cursor(&self, index: usize) -> u64 {
        let cursor = self.cells.word(place(index, CURSOR));
        cursor.load(edge("ring.consume", Ordering::Acquire))
    }

    /// Every row before `next` has been read, or is not this consumer's to read.
    #[inline]
    pub(crate) fn store_cursor(&self, index: usize, next: u64) {
        let cursor = self.cells.word(place(index, CURSOR));
        cursor.store(next, edge("ring.consume", Ordering::Release));
    }

    /// Wakes who waits for this place's cursor, which has just been stored.
    #[inline]
    pub(crate) fn consumed(&self, index: usize) {
        wait::wake(&self.cells, SPACE);
        if self
            .cells
            .word(place(index, FOLLOWED))
            .load(Ordering::Relaxed)
            != 0
        {
            wait::wake(&self.cells, DATA);
        }
    }

    /// Wakes everybody: a lease was freed, or somebody was evicted.
    pub(crate) fn wake_all(&self) {
        wait::wake(&self.cells, SPACE);
        wait::wake(&self.cells, DATA);
    }

    pub(crate) fn policy(&self, index: usize) -> u64 {
        self.cells
            .counter(place(index, POLICY))
            .load(Ordering::Relaxed)
    }

    /// How many places there have been in use.
    pub(crate) fn used(&self) -> usize {
        let used = self.cells.word(USED).load(Ordering::Relaxed);
        used.min(MAX_CONSUMERS as u64) as usize
    }

    /// How far the slowest place that gates is behind `next` (G2).
    pub(crate) fn slowest(&self, next: u64) -> Result<u64, Corrupt> {
        let mut lags = (0..self.used()).map(|index| self.gating_lag(index, next));
        lags.try_fold(0, |slowest, lag| Ok(slowest.max(lag?)))
    }

    /// How far a place is behind `next` if it gates, otherwise 0. Never more than the capacity.
    fn gating_lag(&self, index: usize, next: u64) -> Result<u64, Corrupt> {
        let mut last = None;
        // Places change hands while they are looked at. What stays is there.
        for _ in 0..3 {
            let lease = self.lease(index);
            if !lease.gates() || self.policy(index) == LOSSY {
                return Ok(0);
            }
            let cursor = self.cursor(index);
            let lag = next.wrapping_sub(cursor);
            if lag <= self.capacity {
                return Ok(lag);
            }
            let is_behind = (lag as i64) > 0;
            if is_behind && lease.state() == State::Joining {
                // It looks at the licence and goes on to where it can.
                return Ok(self.capacity);
            }
            if last == Some((lease, cursor)) {
                return Err(Corrupt("a consumer's cursor is out of range"));
            }
            last = Some((lease, cursor));
        }
        // It changes at each look: somebody is at work there.
        Ok(self.capacity)
    }

    /// Evicts those whose policy says so, who are in the way of `n` rows of a producer that has
    /// been blocked for so many nanoseconds. Whether there were any.
    pub(crate) fn evict(&self, next: u64, n: u64, blocked: u64) -> bool {
        let mut any = false;
        for index in 0..self.used() {
            let lease = self.lease(index);
            let counter = |word| self.cells.counter(place(index, word));
            if lease.is_free() || lease.state() != State::Active || self.policy(index) != EVICT {
                continue;
            }
            let lag = next.wrapping_sub(self.cursor(index));
            let is_due = lag >= counter(EVICT_ROWS).load(Ordering::Relaxed)
                && blocked >= counter(EVICT_AFTER).load(Ordering::Relaxed);
            if lag > self.capacity - n && is_due {
                let evicted = lease.swap(
                    self.cells.word(place(index, LEASE)),
                    lease.at(State::Evicted),
                );
                if evicted {
                    counter(EVICTIONS).store(1, Ordering::Relaxed);
                    any = true;
                }
            }
        }
        any
    }

    /// Frees the places of the dead. Whether there were any.
    pub(crate) fn reap_places(&self) -> bool {
        let mut any = false;
        for index in 0..self.used() {
            any |= Lease::reap(self.cells.word(place(index, LEASE)), |holder| {
                self.is_dead(holder)
            });
        }
        if any {
            self.wake_all();
        }
        any
    }

    /// Frees the producing side and the handles of the dead.
    pub(crate) fn reap_sources(&self) {
        for index in 0..MAX_HANDLES {
            self.reap_source(HANDLES + index);
        }
        self.reap_source(PRODUCER);
    }

    fn reap_source(&self, word: usize) {
        if Lease::reap(self.cells.word(word), |holder| self.is_dead(holder)) {
            self.drop_source();
        }
    }

    /// Takes the producing side.
    pub(crate) fn take_producer(&self, process: Process) -> bool {
        let word = self.cells.word(PRODUCER);
        self.reap_source(PRODUCER);
        let is_taken = Lease::FREE.swap(word, Lease::new(process, State::Active));
        if is_taken {
            self.add_source();
        }
        is_taken
    }

    /// Gives the producing side back.
    pub(crate) fn release_producer(&self, process: Process) {
        self.release_source(PRODUCER, process);
    }

    /// Takes a handle: while there is one, the ring is not closed.
    pub(crate) fn take_handle(&self, process: Process) -> Option<usize> {
        let take = || {
            (HANDLES..HANDLES + MAX_HANDLES).find(|&word| {
                Lease::FREE.swap(self.cells.word(word), Lease::new(process, State::Active))
            })
        };
        let word = take().or_else(|| {
            self.reap_sources();
            take()
        })?;
        self.add_source();
        self.cells.word(OPENS).fetch_add(1, Ordering::AcqRel);
        Some(word)
    }

    pub(crate) fn release_source(&self, word: usize, process: Process) {
        let lease = Lease::new(process, State::Active);
        if lease.swap(self.cells.word(word), Lease::FREE) {
            self.drop_source();
            wait::wake(&self.cells, DATA);
        }
    }

    fn add_source(&self) {
        self.cells.word(SOURCES).fetch_add(1, Ordering::AcqRel);
    }

    fn drop_source(&self) {
        // AcqRel: who finds none left has seen all that each of them published.
        let sources = self.cells.word(SOURCES);
        sources.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether a look at each source is worth it.
    #[inline]
    pub(crate) fn may_be_closed(&self) -> bool {
        self.cells.word(SOURCES).load(Ordering::Acquire) == 0
    }

    /// Whether there is no producer, and no handle that could make one. Look at the head *after*.
    pub(crate) fn is_closed(&self) -> bool {
        let opens = || self.cells.word(OPENS).load(Ordering::Acquire);
        let before = opens();
        // Handles first: a producer is made while there is a handle.
        let mut words = (HANDLES..HANDLES + MAX_HANDLES).chain([PRODUCER]);
        words.all(|word| Lease::load(self.cells.word(word)).is_free()) && opens() == before
    }

    pub(crate) fn is_dead(&self, process: Process) -> bool {
        // A model's processes have small numbers, and end when it says so.
        #[cfg(any(zc_loom, zc_shuttle))]
        if process.pid() < 100 {
            return self.ended.load(Ordering::Acquire) == process.bits();
        }
        !process.is_alive()
    }

    /// Refuses what no process of this library leaves. Others may be at work meanwhile.
    pub(crate) fn check(&self) -> Result<(), Corrupt> {
        let head = self.head();
        let mut cursors = Vec::new();
        for index in 0..MAX_CONSUMERS {
            let lease = self.lease(index);
            if lease.is_free() {
                continue;
            }
            if lease.holder().is_none() {
                return Err(Corrupt("a place is taken by nobody"));
            }
            if self.policy(index) > EVICT {
                return Err(Corrupt("a consumer's policy is unknown"));
            }
            let cursor = self.cursor(index);
            if lease.state() == State::Active && self.lease(index) == lease {
                cursors.push((cursor, self.policy(index)));
            }
        }
        let (licence, claim) = (self.licence(), self.claim());
        let later = self.head();
        // Whatever it was when it was read, the head was between these two.
        let moved = later.wrapping_sub(head);
        let reach = moved.saturating_add(self.capacity);
        if (moved as i64) < 0 || (head.wrapping_sub(self.initial) as i64) < 0 {
            return Err(Corrupt("the head goes backwards"));
        }
        if licence.wrapping_sub(head) > reach {
            return Err(Corrupt("the licence is out of range"));
        }
        if claim.wrapping_sub(head) > reach {
            return Err(Corrupt("the claim is out of range"));
        }
        for (cursor, policy) in cursors {
            let lag = later.wrapping_sub(cursor);
            let published = later.wrapping_sub(self.initial);
            if lag > published || lag > reach && policy != LOSSY {
                return Err(Corrupt("a consumer's cursor is out of range"));
            }
        }
        if self.cells.word(USED).load(Ordering::Relaxed) > MAX_CONSUMERS as u64 {
            return Err(Corrupt("more places are in use than there are"));
        }
        Ok(())
    }

    /// The barrier of G3.
    pub(crate) fn barrier(&self) {
        if !seeded("ring.shared_join_barrier") {
            zc_core::sync::store_load_barrier();
        }
    }
}

//! The sequencer: who may write and read which row when, apart from where the rows are stored.
//!
//! # Sequences
//!
//! Rows are numbered by a `u64` that starts at `initial` and wraps; row `s` lives in slot
//! `s mod capacity`. All comparisons are distances (`a.wrapping_sub(b)`), which is sound because
//! every distance that occurs is at most the capacity.
//!
//! # State
//!
//! * `head`: the next sequence to be published. Every row before it may be read. Written by the
//!   producer with Release after the row is complete; consumers load it with Acquire
//!   (edge `ring.publish`).
//! * each consumer's cursor, in its [`Place`](place::Place): the next sequence it will read.
//!   Written with Release after the reads; the producer loads it with Acquire before it overwrites
//!   (edge `ring.consume`).
//! * `claim`: the end of the range being overwritten right now, for readers of validated copies;
//!   with several producers also what they claim rows from.
//!   Stored before the first word of a row changes. A reader that copied a changed word has
//!   synchronised with its writer through that word (edge `ring.word`) and therefore sees `claim`.
//! * `closed`: every producer and every ring handle are gone (edge `ring.close`).
//!
//! # Waiting
//!
//! Consumers wait in `data`, producers in `space`. Each wake is a hint: both sides look again.
//!
//! # Invariants
//!
//! * **S1** `head` only grows, and a row before it is complete and does not change until every
//!   gating consumer has passed it (G1–G3 in [`gate`]).
//! * **S2** Either one [`Writer`] exists, which alone stores `head` and `claim`, or any number of
//!   [`MultiWriter`]s, which move both by compare-and-swap.

pub(crate) mod gate;
pub(crate) mod group;
pub(crate) mod lease;
mod multi;
pub(crate) mod pace;
pub(crate) mod place;
mod single;
pub(crate) mod stamps;
pub(crate) mod voids;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use zc_core::sync::{Arc, Mutex, edge, seeded};
use zc_core::wait::{WaitList, WaitStrategy};

use crate::error::BuildError;
use crate::metrics::ProducerStats;
use gate::Gate;
pub(crate) use multi::{Claim, MultiWriter};
use place::Place;
pub(crate) use single::Writer;
use stamps::Stamps;
use voids::Voids;

/// The shared state of one ring, without its rows.
#[derive(Debug)]
pub(crate) struct Sequencer {
    pub(crate) capacity: usize,
    pub(crate) initial: u64,
    pub(crate) strategy: WaitStrategy,
    head: CachePadded<AtomicU64>,
    claim: CachePadded<AtomicU64>,
    closed: AtomicBool,
    sources: AtomicUsize,
    /// Written with every licence, and so apart from what consumers look at.
    pub(crate) gate: CachePadded<Gate>,
    pub(crate) data: WaitList,
    pub(crate) space: WaitList,
    /// What the single producer counts, and what several have counted that are gone.
    pub(crate) stats: CachePadded<ProducerStats>,
    /// What several producers count, each for itself.
    others: Mutex<Vec<Arc<CachePadded<ProducerStats>>>>,
    /// Looked at with every batch.
    pub(crate) voids: CachePadded<Voids>,
    pub(crate) stamps: Stamps,
}

impl Sequencer {
    pub(crate) fn new(
        capacity: usize,
        initial: u64,
        strategy: WaitStrategy,
    ) -> Result<Arc<Self>, BuildError> {
        Self::check_capacity(capacity)?;
        Ok(Arc::new(Self {
            capacity,
            initial,
            strategy,
            head: CachePadded::new(AtomicU64::new(initial)),
            claim: CachePadded::new(AtomicU64::new(initial)),
            closed: AtomicBool::new(false),
            sources: AtomicUsize::new(0),
            gate: CachePadded::new(Gate::new(capacity as u64, initial)),
            data: WaitList::new(),
            space: WaitList::new(),
            stats: CachePadded::default(),
            others: Mutex::new(Vec::new()),
            voids: CachePadded::new(Voids::new(capacity as u64, initial)),
            stamps: Stamps::new(),
        }))
    }

    /// Whether there can be a ring of so many rows.
    pub(crate) fn check_capacity(capacity: usize) -> Result<(), BuildError> {
        if !capacity.is_power_of_two() || capacity > 1 << (usize::BITS - 2) {
            return Err(BuildError::Capacity { capacity });
        }
        Ok(())
    }

    /// The next sequence to be published.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head.load(edge("ring.publish", Ordering::Acquire))
    }

    /// The end of the range that may be in the course of being overwritten by a writer who knows
    /// of readers that copy.
    #[inline]
    pub(crate) fn claim(&self) -> u64 {
        // Relaxed: an Acquire load of a changed word came before (module documentation).
        self.claim.load(Ordering::Relaxed)
    }

    /// Whether nothing will be published any more. Load it *before* `head`.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(edge("ring.close", Ordering::Acquire))
    }

    /// Announces that rows before `end` are about to be overwritten.
    #[inline]
    fn store_claim(&self, end: u64) {
        self.claim.store(end, Ordering::Relaxed);
    }

    /// Makes every row before `head` readable and wakes the consumers.
    #[inline]
    fn store_head(&self, head: u64) {
        self.set_head(head);
        self.head_moved();
    }

    #[inline]
    fn set_head(&self, head: u64) {
        self.head
            .store(head, edge("ring.publish", Ordering::Release));
    }

    /// Moves the claim from `from` to `to` unless somebody else has moved it: then where it is now.
    #[inline]
    fn try_claim(&self, from: u64, to: u64) -> Result<(), u64> {
        // Relaxed: the licence carries what a claimer must have seen, and the stores of the words carry
        // the claim to those who copy.
        let relaxed = Ordering::Relaxed;
        match self.claim.compare_exchange(from, to, relaxed, relaxed) {
            Ok(_) => Ok(()),
            Err(now) => Err(now),
        }
    }

    /// Moves the head from `from` to `to` unless somebody else has moved it: then where it is now.
    #[inline]
    fn move_head(&self, from: u64, to: u64) -> Result<(), u64> {
        // Acquire as well: it hands on what the producers of all rows so far have published.
        let order = edge("ring.publish", Ordering::AcqRel);
        match self
            .head
            .compare_exchange(from, to, order, Ordering::Acquire)
        {
            Ok(_) => Ok(()),
            Err(now) => Err(now),
        }
    }

    /// Moves the head to `head`, which nobody else can at this point, by a read-modify-write: for the
    /// barrier that it is, and to hand on what the producers of all rows so far have published.
    #[inline]
    fn swap_head(&self, head: u64) {
        self.head.swap(head, edge("ring.publish", Ordering::AcqRel));
    }

    /// Wakes the consumers after a plain store to the head.
    #[inline]
    fn head_moved(&self) {
        if !seeded("ring.wake_consumers") {
            self.data.notify_all();
        }
    }

    /// Wakes the consumers after a read-modify-write of the head.
    #[inline]
    fn head_moved_by_rmw(&self) {
        if !seeded("ring.wake_consumers") {
            self.data.notify_after_rmw(usize::MAX);
        }
    }

    /// Counters of one more of several producers.
    fn add_stats(&self) -> Arc<CachePadded<ProducerStats>> {
        let stats = Arc::new(CachePadded::default());
        self.others.lock().push(Arc::clone(&stats));
        stats
    }

    /// One of several producers is gone: what it counted stays.
    fn retire_stats(&self, stats: &Arc<CachePadded<ProducerStats>>) {
        let mut others = self.others.lock();
        others.retain(|other| !std::ptr::eq(&**other, &**stats));
        self.stats.add(stats);
    }

    /// The counters of all producers there were.
    pub(crate) fn all_stats(&self) -> ProducerStats {
        let sum = ProducerStats::default();
        let others = self.others.lock();
        sum.add(&self.stats);
        others.iter().for_each(|other| sum.add(other));
        sum
    }

    /// A cursor has moved: there may be room, and rows for those who read after it.
    #[inline]
    pub(crate) fn consumed(&self, place: &Place) {
        if !seeded("ring.wake_producer") {
            self.space.notify_all();
        }
        // Followers pay for the barrier between the cursor's store and this.
        if place.is_followed() {
            self.data.notify_all();
        }
    }

    /// Takes `place` off the ring; whoever waited for it goes on.
    pub(crate) fn leave(&self, place: &Arc<Place>) {
        self.gate.leave(place);
        if !seeded("ring.wake_on_leave") {
            self.space.notify_all();
        }
        self.data.notify_all();
    }
}

/// A handle through which rows may yet come. When the last one goes, the ring is closed.
#[derive(Debug)]
pub(crate) struct Source(Arc<Sequencer>);

impl Source {
    pub(crate) fn new(sequencer: &Arc<Sequencer>) -> Self {
        // Relaxed: a new source is made from a live one, or before the ring is shared.
        sequencer.sources.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(sequencer))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // AcqRel: the last one to go publishes `closed` after everything the others published.
        if self
            .0
            .sources
            .fetch_sub(1, edge("ring.sources", Ordering::AcqRel))
            == 1
        {
            self.0
                .closed
                .store(true, edge("ring.close", Ordering::Release));
            self.0.data.notify_all();
        }
    }
}

//! [`Place`]: one consumer's place in the ring, as the producer and the metrics see it.
//!
//! # States
//!
//! * **Active**: the consumer reads. Under [`OnLag::Block`] and [`OnLag::Evict`] it *gates*: the
//!   producer does not overwrite rows at or behind its cursor.
//! * **Evicted**: it lagged past its own policy and gates no more. It stays listed until its
//!   handle is dropped, and its handle is told.
//! * **Revoked**: the thread that polled it has ended, and the producer could not wait any longer
//!   ([`lease`](super::lease)). It gates no more; its handle, if it was not leaked after all, comes
//!   back to Active where nothing was overwritten meanwhile, and is Evicted otherwise.
//! * **Left**: the handle is gone; only consumers that depended on it may still hold the place.
//!
//! The state carries no data: it changes under the gate's lock, under which producers look at it,
//! and a copier that was too late has synchronised with the writer that evicted it through the word
//! it copied.

use crossbeam_utils::CachePadded;
use zc_core::sync::Arc;
use zc_core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use zc_core::sync::unmodelled;
use zc_core::sync::{asymmetric, edge, store_load_barrier};

use crate::consumer::{ConsumerId, OnLag};
use crate::metrics::Counts;

const ACTIVE: u8 = 0;
const EVICTED: u8 = 1;
const LEFT: u8 = 2;
const REVOKED: u8 = 3;

/// One consumer's cursor, state and counters.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: ConsumerId,
    pub(crate) name: Box<str>,
    pub(crate) policy: OnLag,
    /// Consumers whose rows this one reads only after they have.
    pub(crate) after: Box<[Arc<Place>]>,
    /// Next row this consumer will read; written by its handle alone.
    cursor: CachePadded<AtomicU64>,
    state: AtomicU8,
    /// Whether others read after this one; set under the gate's lock, never cleared.
    followed: AtomicBool,
    pub(crate) stats: CachePadded<PlaceStats>,
}

/// Counters that the consumer's handle alone writes.
#[derive(Debug, Default)]
pub(crate) struct PlaceStats {
    pub(crate) batches: unmodelled::AtomicU64,
    pub(crate) waits: unmodelled::AtomicU64,
    pub(crate) missed: unmodelled::AtomicU64,
    pub(crate) evictions: unmodelled::AtomicU64,
    /// Rows of the batch in hand. The gate reads it only of a consumer whose thread has ended, and
    /// after that thread has taken the gate's lock to say so.
    pub(crate) in_hand: unmodelled::AtomicU64,
    /// Nanoseconds from publishing a sampled row to handing it out.
    pub(crate) latency: Counts,
}

/// Adds to a counter that has one writer: a plain load and store, no read-modify-write.
#[inline]
pub(crate) fn bump(counter: &unmodelled::AtomicU64, by: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}

/// The barrier between [`Place::follow`] and the first look at the cursor: for all processors at
/// once, because the consumer that is followed has none.
pub(super) fn followed_barrier() {
    if asymmetric::is_available() {
        asymmetric::heavy();
    } else {
        store_load_barrier();
    }
}

impl Place {
    pub(crate) fn new(
        id: ConsumerId,
        name: &str,
        policy: OnLag,
        after: Box<[Arc<Self>]>,
        start: u64,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            policy,
            after,
            cursor: CachePadded::new(AtomicU64::new(start)),
            state: AtomicU8::new(ACTIVE),
            followed: AtomicBool::new(false),
            stats: CachePadded::default(),
        }
    }

    /// Where the consumer is. Whoever sees a row consumed also sees the reads of it finished.
    #[inline]
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor.load(edge("ring.consume", Ordering::Acquire))
    }

    /// Every row before `next` has been read.
    #[inline]
    pub(crate) fn advance(&self, next: u64) {
        self.cursor
            .store(next, edge("ring.consume", Ordering::Release));
    }

    /// Whether the producer must wait for it.
    pub(crate) fn gates(&self) -> bool {
        !matches!(self.policy, OnLag::Lossy) && self.is_active()
    }

    /// Whether it reads through validated copies, so that writers must write atomically.
    pub(crate) fn copies(&self) -> bool {
        !matches!(self.policy, OnLag::Block)
    }

    /// Whether those who read after it must still wait for it.
    pub(crate) fn is_active(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ACTIVE
    }

    #[inline]
    pub(crate) fn is_evicted(&self) -> bool {
        matches!(self.policy, OnLag::Evict { .. }) && self.state.load(Ordering::Relaxed) == EVICTED
    }

    /// Whether others wait for its cursor. Look after the cursor's store: a follower sets this, then
    /// passes the barrier of [`followed_barrier`], then looks at the cursor.
    #[inline]
    pub(crate) fn is_followed(&self) -> bool {
        asymmetric::light();
        self.followed.load(Ordering::Relaxed)
    }

    /// Has it wake those who wait for its cursor. The caller passes [`followed_barrier`]
    /// before it looks at the cursor.
    pub(super) fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    /// Called under the gate's lock, once.
    pub(super) fn evict(&self) {
        self.stats.evictions.store(1, Ordering::Relaxed);
        self.state.store(EVICTED, Ordering::Relaxed);
    }

    /// Called under the gate's lock.
    pub(super) fn revoke(&self) {
        self.stats.evictions.store(1, Ordering::Relaxed);
        self.state.store(REVOKED, Ordering::Relaxed);
    }

    /// Called under the gate's lock.
    pub(super) fn is_revoked(&self) -> bool {
        self.state.load(Ordering::Relaxed) == REVOKED
    }

    /// Called under the gate's lock, for a place that was revoked and has missed nothing.
    pub(super) fn readmit(&self) {
        self.stats.evictions.store(0, Ordering::Relaxed);
        self.state.store(ACTIVE, Ordering::Relaxed);
    }

    /// Called under the gate's lock, once.
    pub(super) fn leave(&self) {
        self.state.store(LEFT, Ordering::Relaxed);
    }
}

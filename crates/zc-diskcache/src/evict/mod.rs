//! Eviction: which object goes when room is needed.
//!
//! A policy keeps an order of the slots, under the writer lock. Hits do not take that lock: they
//! leave a mark on the slot ([`Policy::on_hit`]), and the policy looks at the marks when it is
//! asked for a victim. Asking is proposing: the caller may find that views pin the object, and
//! [`defer`](Policy::defer) it.

mod list;
mod lru;
mod s3_fifo;
mod sieve;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;

use self::lru::Lru;
use self::s3_fifo::S3Fifo;
use self::sieve::Sieve;
use crate::index::slot::{Slab, Slot};

/// Which object goes when room is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// Three queues: a small one that most objects leave after one look, a main one for those that
    /// were asked for again, and a memory of what left (Yang et al., SOSP '23). Resists scans; the
    /// best hit ratio on most traces.
    #[default]
    S3Fifo,
    /// One queue and a hand that spares what was visited (Zhang et al., NSDI '24). Simplest.
    Sieve,
    /// Least recently used, exactly. A hit costs one shared counter more than with the others.
    Lru,
}

/// A policy at work.
#[derive(Debug)]
pub(crate) enum Policy {
    S3Fifo(S3Fifo),
    Sieve(Sieve),
    Lru(Lru),
}

impl Policy {
    /// `capacity` in blocks.
    pub(crate) fn new(kind: Eviction, capacity: u64) -> Self {
        match kind {
            Eviction::S3Fifo => Self::S3Fifo(S3Fifo::new(capacity)),
            Eviction::Sieve => Self::Sieve(Sieve::default()),
            Eviction::Lru => Self::Lru(Lru::default()),
        }
    }

    /// An object came in.
    pub(crate) fn insert(&mut self, slot: u32, hash: u64, blocks: u64) {
        match self {
            Self::S3Fifo(policy) => policy.insert(slot, hash, blocks),
            Self::Sieve(policy) => policy.insert(slot),
            Self::Lru(policy) => policy.insert(slot),
        }
    }

    /// An object left, `evicted` or for another reason.
    pub(crate) fn remove(&mut self, slot: u32, evicted: bool) {
        match self {
            Self::S3Fifo(policy) => policy.remove(slot, evicted),
            Self::Sieve(policy) => policy.remove(slot),
            Self::Lru(policy) => policy.remove(slot),
        }
    }

    /// Proposes a victim, which stays where it is; `None` if there is no object.
    pub(crate) fn candidate(&mut self, slots: &Slab) -> Option<u32> {
        match self {
            Self::S3Fifo(policy) => policy.candidate(slots),
            Self::Sieve(policy) => policy.candidate(slots),
            Self::Lru(policy) => policy.candidate(slots),
        }
    }

    /// The candidate cannot go now; treat it as just used.
    pub(crate) fn defer(&mut self, slot: u32) {
        match self {
            Self::S3Fifo(policy) => policy.defer(slot),
            Self::Sieve(policy) => policy.defer(slot),
            Self::Lru(policy) => policy.defer(slot),
        }
    }
}

/// What a hit does to its slot: all of a policy that readers see.
#[derive(Debug)]
pub(crate) enum Marker {
    Frequency(u8),
    Tick,
}

/// Hits of every LRU cache of the process; only the order counts.
static TICKS: AtomicU64 = AtomicU64::new(1);

impl Marker {
    pub(crate) fn new(kind: Eviction) -> Self {
        match kind {
            Eviction::S3Fifo => Self::Frequency(3),
            Eviction::Sieve => Self::Frequency(1),
            Eviction::Lru => Self::Tick,
        }
    }

    #[inline]
    pub(crate) fn on_hit(&self, slot: &Slot) {
        match self {
            // Two hits at once may count as one, and three as four: it is a hint.
            Self::Frequency(most) => {
                let seen = slot.freq.load(Ordering::Relaxed);
                if seen < *most {
                    slot.freq.store(seen + 1, Ordering::Relaxed);
                }
            }
            Self::Tick => slot.tick.store(next_tick(), Ordering::Relaxed),
        }
    }
}

fn next_tick() -> u64 {
    TICKS.fetch_add(1, Ordering::Relaxed)
}

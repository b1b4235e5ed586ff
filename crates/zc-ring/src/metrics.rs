//! Counters of a live ring.
//!
//! Every counter has one writer, which adds with a plain load and store; reading them takes no
//! lock that a producer or consumer needs for its rows. Figures read while the ring runs may be a
//! few rows apart from each other.

#[cfg(feature = "metrics")]
mod export;

use std::time::Duration;
use zc_core::sync::atomic::Ordering;

use zc_core::sync::unmodelled::AtomicU64;

use crate::consumer::{ConsumerId, OnLag};
use crate::sequencer::Sequencer;
use crate::sequencer::place::bump;

/// A snapshot of a ring's counters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RingMetrics {
    /// Rows published since the ring was built.
    pub published: u64,
    /// The next sequence to be published.
    pub head: u64,
    /// Slots in the ring.
    pub capacity: usize,
    /// Every consumer that is on the ring, in order of joining; evicted ones until they are dropped.
    pub consumers: Vec<ConsumerMetrics>,
    /// How often a producer found the ring full and waited.
    pub full_stalls: u64,
    /// How long producers have waited for room, finished waits only.
    pub time_blocked: Duration,
    /// Rows per publish call.
    pub batch_size: Histogram,
    /// Nanoseconds from publishing a row to handing it to a consumer, over all consumers that are on
    /// the ring; of every 1024th row, and of those consumers only that have not fallen 16 such rows
    /// behind.
    pub latency: Histogram,
}

/// A snapshot of one consumer's counters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsumerMetrics {
    /// The consumer.
    pub id: ConsumerId,
    /// Its name, as given when it joined.
    pub name: String,
    /// Its policy.
    pub on_lag: OnLag,
    /// The next row it will read.
    pub sequence: u64,
    /// Rows published that it has not read.
    pub lag: u64,
    /// Batches it was given.
    pub batches: u64,
    /// Rows it missed because they were overwritten.
    pub missed: u64,
    /// 1 once it has been evicted, by its policy or because its thread has ended.
    pub evictions: u64,
    /// How often it found nothing and waited.
    pub waits: u64,
    /// Rows of the batch in its hands, or that it has leaked.
    pub in_hand: u64,
    /// Whether the thread that polled it last has ended. Unless it is on its way to another thread,
    /// it was leaked; the producer waits for it for 100 ms then, or for ever if `in_hand` is not 0.
    pub thread_ended: bool,
}

/// Counts by size: bucket 0 holds the value 0, bucket *k* the values `2^(k-1) .. 2^k`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    pub(crate) buckets: [u64; BUCKETS],
}

pub(crate) const BUCKETS: usize = 65;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
        }
    }
}

impl Histogram {
    /// Number of values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The counts with the largest value of their bucket, empty buckets left out.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counted = self
            .buckets
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        counted.map(|(bucket, count)| (largest(bucket), *count))
    }

    /// The largest value of the bucket in which the fraction `q` (0 to 1) of the values ends; 0
    /// where nothing was counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return largest(bucket);
            }
        }
        0
    }
}

impl Histogram {
    /// Adds what `other` has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        let buckets = self.buckets.iter_mut().zip(other.buckets);
        buckets.for_each(|(to, from)| *to = to.wrapping_add(from));
    }
}

/// The bucket that counts `value`.
#[inline]
pub(crate) fn bucket(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// The largest value of a bucket.
fn largest(bucket: usize) -> u64 {
    u64::MAX.checked_shr(64 - bucket as u32).unwrap_or(0)
}

/// Counters of the producing side.
#[derive(Debug, Default)]
pub(crate) struct ProducerStats {
    pub(crate) full_stalls: AtomicU64,
    pub(crate) blocked_nanos: AtomicU64,
    batch_size: Counts,
}

/// A histogram that is being counted.
#[derive(Debug)]
pub(crate) struct Counts([AtomicU64; BUCKETS]);

impl Default for Counts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Counts {
    /// Counts `value`. One writer at a time.
    #[inline]
    pub(crate) fn count(&self, value: u64) {
        bump(&self.0[bucket(value)], 1);
    }

    fn read(&self) -> Histogram {
        Histogram {
            buckets: std::array::from_fn(|bucket| self.0[bucket].load(Ordering::Relaxed)),
        }
    }
}

impl ProducerStats {
    /// One publish call of `rows` rows.
    #[inline]
    pub(crate) fn published(&self, rows: u64) {
        self.batch_size.count(rows);
    }

    /// Adds what `other` has counted.
    pub(crate) fn add(&self, other: &Self) {
        let sum = |to: &AtomicU64, from: &AtomicU64| bump(to, from.load(Ordering::Relaxed));
        sum(&self.full_stalls, &other.full_stalls);
        sum(&self.blocked_nanos, &other.blocked_nanos);
        for (to, from) in self.batch_size.0.iter().zip(&other.batch_size.0) {
            sum(to, from);
        }
    }
}

/// Reads every counter of the ring.
pub(crate) fn snapshot(sequencer: &Sequencer) -> RingMetrics {
    let places = sequencer.gate.places();
    let mut latency = Histogram::default();
    for (place, _) in &places {
        latency.add(&place.stats.latency.read());
    }
    let consumers = places.iter().map(|(place, thread_ended)| {
        let sequence = place.cursor();
        ConsumerMetrics {
            id: place.id,
            name: place.name.to_string(),
            on_lag: place.policy,
            sequence,
            // The cursor first: the head read after it is not behind it.
            lag: sequencer.head().wrapping_sub(sequence),
            batches: place.stats.batches.load(Ordering::Relaxed),
            missed: place.stats.missed.load(Ordering::Relaxed),
            evictions: place.stats.evictions.load(Ordering::Relaxed),
            waits: place.stats.waits.load(Ordering::Relaxed),
            in_hand: place.stats.in_hand.load(Ordering::Relaxed),
            thread_ended: *thread_ended,
        }
    });
    let consumers = consumers.collect();
    let head = sequencer.head();
    let stats = sequencer.all_stats();
    RingMetrics {
        published: head
            .wrapping_sub(sequencer.initial)
            .wrapping_sub(sequencer.voids.total()),
        head,
        capacity: sequencer.capacity,
        consumers,
        full_stalls: stats.full_stalls.load(Ordering::Relaxed),
        time_blocked: Duration::from_nanos(stats.blocked_nanos.load(Ordering::Relaxed)),
        batch_size: stats.batch_size.read(),
        latency,
    }
}

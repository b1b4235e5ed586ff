//! [`SharedMonitor`]: looks at a shared ring without taking part in it.

use std::path::Path;
use std::time::Duration;

use zc_core::sync::atomic::Ordering;

use super::control::{Control, EVICT, LOSSY};
use super::error::SharedError;
use super::layout::{
    BATCH_SIZE, BATCHES, BLOCKED_NANOS, EVICT_AFTER, EVICT_ROWS, EVICTIONS, FULL_STALLS, ID,
    IN_HAND, LATENCY, MISSED, NAME, NAME_LEN, PRODUCER, WAITS, place,
};
use super::lease::{Lease, State};
use super::place::MAX_NAME;
use super::ring::{control, full_path, map, open};
use crate::consumer::{ConsumerId, OnLag};
use crate::metrics::{BUCKETS, ConsumerMetrics, Histogram, RingMetrics};
use crate::rows::Schema;

/// Looks at a shared ring, by a mapping that cannot be written to: whatever it does, producers and
/// consumers do not notice. It needs no more than the right to read the file.
///
/// ```
/// use zc_ring::{RowRing, Schema, SharedMonitor};
///
/// let path = std::env::temp_dir().join(format!("watched-{}", std::process::id()));
/// let ring = RowRing::create_shared(&path, Schema::builder().i64("ts").build()?, 64)?;
/// let monitor = SharedMonitor::open(&path)?;
/// assert_eq!(monitor.metrics().capacity, 64);
/// assert!(!monitor.has_producer());
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedMonitor {
    control: Control,
    schema: Schema,
}

impl SharedMonitor {
    /// Opens a ring, to be looked at only. A name without a slash is a file in `/dev/shm`.
    ///
    /// # Errors
    /// As [`RowRing::open_shared`](crate::RowRing::open_shared).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SharedError> {
        let path = full_path(path.as_ref());
        let (file, header) = open(&path, false)?;
        let mapping = map(&file, &header, &path, false)?;
        Ok(Self {
            control: control(&mapping, &header)?,
            schema: header.schema,
        })
    }

    /// The ring's counters, those of all processes.
    #[must_use]
    pub fn metrics(&self) -> RingMetrics {
        snapshot(&self.control)
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether a process that is alive has the producing side.
    #[must_use]
    pub fn has_producer(&self) -> bool {
        let holder = Lease::load(self.control.cells.word(PRODUCER)).holder();
        holder.is_some_and(|process| !self.control.is_dead(process))
    }
}

/// Reads every counter of the ring.
pub(super) fn snapshot(control: &Control) -> RingMetrics {
    let mut latency = Histogram::default();
    let listed = (0..control.used()).filter_map(|index| {
        let lease = control.lease(index);
        let shows = !lease.is_free() && matches!(lease.state(), State::Active | State::Evicted);
        shows.then(|| consumer(control, index, lease))
    });
    let consumers: Vec<_> = listed.collect();
    for index in 0..control.used() {
        latency.add(&histogram(control, place(index, LATENCY)));
    }
    let head = control.head();
    let counter = |word| control.cells.counter(word).load(Ordering::Relaxed);
    RingMetrics {
        published: head.wrapping_sub(control.initial),
        head,
        capacity: control.capacity as usize,
        consumers,
        full_stalls: counter(FULL_STALLS),
        time_blocked: Duration::from_nanos(counter(BLOCKED_NANOS)),
        batch_size: histogram(control, BATCH_SIZE),
        latency,
    }
}

fn consumer(control: &Control, index: usize, lease: Lease) -> ConsumerMetrics {
    let counter = |word| {
        control
            .cells
            .counter(place(index, word))
            .load(Ordering::Relaxed)
    };
    // The cursor first: the head read after it is not behind it.
    let sequence = control.cursor(index);
    let on_lag = match control.policy(index) {
        LOSSY => OnLag::Lossy,
        EVICT => OnLag::Evict {
            rows: counter(EVICT_ROWS),
            after: Duration::from_nanos(counter(EVICT_AFTER)),
        },
        _ => OnLag::Block,
    };
    let mut name = Vec::with_capacity(MAX_NAME);
    (0..MAX_NAME / 8).for_each(|word| name.extend(counter(NAME + word).to_ne_bytes()));
    name.truncate(counter(NAME_LEN).min(MAX_NAME as u64) as usize);
    ConsumerMetrics {
        id: ConsumerId::new(counter(ID)),
        name: String::from_utf8_lossy(&name).into_owned(),
        on_lag,
        sequence,
        lag: control.head().wrapping_sub(sequence),
        batches: counter(BATCHES),
        missed: counter(MISSED),
        evictions: counter(EVICTIONS),
        waits: counter(WAITS),
        in_hand: counter(IN_HAND),
        thread_ended: lease
            .holder()
            .is_some_and(|process| control.is_dead(process)),
    }
}

fn histogram(control: &Control, at: usize) -> Histogram {
    let buckets = std::array::from_fn::<_, BUCKETS, _>(|bucket| {
        control.cells.counter(at + bucket).load(Ordering::Relaxed)
    });
    Histogram { buckets }
}

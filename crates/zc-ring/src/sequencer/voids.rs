//! [`Voids`]: rows that were claimed and never filled, because the closure that was to fill them
//! panicked while other producers had claimed the rows behind them.
//!
//! A void is recorded before the head passes it, so whoever sees rows published behind it sees the
//! record (edge `ring.publish`). Consumers pass over voids; nobody is given one. A void is
//! forgotten when the ring has gone once around since.

use zc_core::sync::Mutex;
use zc_core::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Voids {
    capacity: u64,
    /// Behind the last void: consumers beyond it need not look further.
    end: AtomicU64,
    /// Rows of all voids ever.
    total: AtomicU64,
    /// First row and number of rows of each.
    ranges: Mutex<Vec<(u64, u64)>>,
}

impl Voids {
    pub(crate) fn new(capacity: u64, initial: u64) -> Self {
        Self {
            capacity,
            end: AtomicU64::new(initial),
            total: AtomicU64::new(0),
            ranges: Mutex::new(Vec::new()),
        }
    }

    /// Records `rows` rows from `first` on, before they are published.
    pub(super) fn record(&self, first: u64, rows: u64) {
        let mut ranges = self.ranges.lock();
        // At most one void a slot is younger than a lap, so the list is bounded.
        ranges.retain(|(old, len)| {
            first.wrapping_sub(old.wrapping_add(*len)) as i64 <= self.capacity as i64
        });
        ranges.push((first, rows));
        let end = first.wrapping_add(rows);
        if end.wrapping_sub(self.end.load(Ordering::Relaxed)) as i64 > 0 {
            self.end.store(end, Ordering::Relaxed);
        }
        self.total.fetch_add(rows, Ordering::Relaxed);
    }

    /// The first void in the `rows` published rows from `next` on: how far off it is, and how much
    /// of it lies within them.
    #[inline]
    pub(crate) fn first_within(&self, next: u64, rows: u64) -> Option<(u64, u64)> {
        // Relaxed: recorded before the rows were published, which the caller has acquired.
        if self.end.load(Ordering::Relaxed).wrapping_sub(next) as i64 <= 0 {
            return None;
        }
        self.search(next, rows)
    }

    #[cold]
    fn search(&self, next: u64, rows: u64) -> Option<(u64, u64)> {
        let ranges = self.ranges.lock();
        let within = ranges.iter().filter_map(|(first, len)| {
            let behind = first.wrapping_add(*len).wrapping_sub(next) as i64;
            let from = (first.wrapping_sub(next) as i64).max(0) as u64;
            (behind > 0 && from < rows).then(|| (from, (behind as u64).min(rows) - from))
        });
        within.min()
    }

    /// Rows of all voids ever.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

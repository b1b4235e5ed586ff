//! [`Stamps`]: when every 1024th row was published, so that consumers can tell how long it took to
//! reach them. A sample costs a look at the clock on each side.
//!
//! The rows between cost a comparison. The words carry no data: a stamp that is replaced while it is
//! read gives a sample too few, or a wrong one where a consumer is sixteen samples behind.

use std::time::Instant;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;

/// Every which row is stamped.
pub(crate) const EVERY: u64 = 1024;
/// How many stamps are kept.
const KEPT: usize = 16;

#[derive(Debug)]
pub(crate) struct Stamps {
    epoch: Instant,
    rows: [Stamp; KEPT],
}

#[derive(Debug, Default)]
struct Stamp {
    row: AtomicU64,
    nanos: AtomicU64,
}

/// The row to be stamped among the `n` before `end`, if there is one.
#[inline]
pub(crate) fn stamped(end: u64, n: u64) -> Option<u64> {
    let last = end.wrapping_sub(1);
    (last % EVERY < n).then(|| last - last % EVERY)
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            rows: std::array::from_fn(|_| Stamp::default()),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn of(&self, row: u64) -> &Stamp {
        &self.rows[(row / EVERY) as usize % KEPT]
    }

    /// The `n` rows before `end` are about to be published.
    #[inline]
    pub(crate) fn publish(&self, end: u64, n: u64) {
        if let Some(row) = stamped(end, n) {
            self.stamp(row);
        }
    }

    #[cold]
    fn stamp(&self, row: u64) {
        let stamp = self.of(row);
        // At least 1: 0 is what nobody has written.
        stamp.nanos.store(self.now().max(1), Ordering::Relaxed);
        stamp.row.store(row, Ordering::Relaxed);
    }

    /// How long ago the sampled one of the `n` rows before `end` was published, in nanoseconds.
    #[inline]
    pub(crate) fn age(&self, end: u64, n: u64) -> Option<u64> {
        stamped(end, n).and_then(|row| self.measure(row))
    }

    #[cold]
    fn measure(&self, row: u64) -> Option<u64> {
        let stamp = self.of(row);
        let nanos = stamp.nanos.load(Ordering::Relaxed);
        let is_it = nanos != 0 && stamp.row.load(Ordering::Relaxed) == row;
        is_it.then(|| self.now().saturating_sub(nanos))
    }
}

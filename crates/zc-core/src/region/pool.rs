//! [`RegionPool`]: regions that are used again, because fresh pages are dear.
//!
//! Touching 16 MiB of fresh 4 KiB pages costs several milliseconds, writing to 16 MiB that were
//! used before a fraction of one. A region from the pool goes back when it is dropped, or when the
//! last [`Frozen`](crate::Frozen) view over it is.

use std::fmt;

use super::Region;
use crate::error::RegionError;
use crate::sync::{Arc, Mutex};

/// Requests are rounded up to whole pages, so that regions fit each other's requests.
const PAGE: usize = 4096;

/// A stock of regions for reuse. Clones share the stock.
///
/// What is idle in the stock never exceeds the bound given at construction: a region that comes
/// back to a full stock is freed. What is handed out is bounded by whoever asks.
#[derive(Clone, Debug)]
pub struct RegionPool {
    shared: Arc<Shared>,
}

struct Shared {
    max_idle_bytes: usize,
    stock: Mutex<Stock>,
}

#[derive(Default)]
struct Stock {
    idle: Vec<Region>,
    stats: PoolStats,
}

/// Accounts of a [`RegionPool`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Bytes in the stock, ready for reuse.
    pub idle_bytes: usize,
    /// Bytes handed out and not yet back.
    pub outstanding_bytes: usize,
    /// Requests served from the stock.
    pub reused: u64,
    /// Requests that took fresh memory.
    pub fresh: u64,
}

/// The way back for a region that is handed out.
pub(super) struct Home(Arc<Shared>);

impl RegionPool {
    /// A pool that keeps up to `max_idle_bytes` for reuse. Allocates nothing yet.
    #[must_use]
    pub fn new(max_idle_bytes: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                max_idle_bytes,
                stock: Mutex::new(Stock::default()),
            }),
        }
    }

    /// A page-aligned region of at least `len` bytes: from the stock where one is there that is at
    /// most twice as long, fresh and zero-filled otherwise. A reused region holds what its last
    /// user left in it.
    ///
    /// # Errors
    /// As [`Region::anonymous`] where fresh memory is needed.
    pub fn acquire(&self, len: usize) -> Result<Region, RegionError> {
        let want = len.max(1).checked_next_multiple_of(PAGE);
        let want = want.ok_or(RegionError::Layout { len, align: PAGE })?;
        let reused = self.shared.stock.lock().take(want);
        let mut region = match reused {
            Some(region) => region,
            None => {
                let region = fresh(want)?;
                let stats = &mut self.shared.stock.lock().stats;
                stats.fresh += 1;
                stats.outstanding_bytes += region.len();
                region
            }
        };
        region.home = Some(Home(self.shared.clone()));
        Ok(region)
    }

    /// The accounts now.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.stock.lock().stats
    }
}

#[cfg(unix)]
fn fresh(len: usize) -> Result<Region, RegionError> {
    Region::anonymous(len)
}

#[cfg(not(unix))]
fn fresh(len: usize) -> Result<Region, RegionError> {
    Region::heap(len, PAGE)
}

impl Stock {
    /// The region that came back last, and so is warmest in the caches, of those that fit.
    fn take(&mut self, want: usize) -> Option<Region> {
        let fits = |region: &Region| region.len() >= want && region.len() / 2 <= want;
        let region = self.idle.remove(self.idle.iter().rposition(fits)?);
        self.stats.idle_bytes -= region.len();
        self.stats.outstanding_bytes += region.len();
        self.stats.reused += 1;
        Some(region)
    }
}

impl Home {
    /// Takes `region` back into the stock, or frees it where the stock is full.
    pub(super) fn take_back(self, region: Region) {
        let mut stock = self.0.stock.lock();
        stock.stats.outstanding_bytes -= region.len();
        let idle_bytes = stock.stats.idle_bytes + region.len();
        if idle_bytes <= self.0.max_idle_bytes {
            stock.stats.idle_bytes = idle_bytes;
            stock.idle.push(region);
            return;
        }
        // Unmapping may take long: not under the lock.
        drop(stock);
        drop(region);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionPool")
            .field("max_idle_bytes", &self.max_idle_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_region_is_used_again() {
        let pool = RegionPool::new(1 << 20);
        let first = pool.acquire(10_000).unwrap();
        let address = first.as_ptr();
        assert_eq!(first.len(), 12_288);
        drop(first);
        assert_eq!(pool.stats().idle_bytes, 12_288);

        let second = pool.acquire(9_000).unwrap();
        assert_eq!(second.as_ptr(), address);
        let stats = pool.stats();
        assert_eq!((stats.fresh, stats.reused), (1, 1));
        assert_eq!((stats.idle_bytes, stats.outstanding_bytes), (0, 12_288));
    }

    #[test]
    fn a_region_far_too_long_is_not_wasted_on_a_short_request() {
        let pool = RegionPool::new(1 << 20);
        drop(pool.acquire(64 << 10).unwrap());
        assert_eq!(pool.acquire(4096).unwrap().len(), 4096);
    }

    #[test]
    fn the_stock_is_bounded() {
        let pool = RegionPool::new(8192);
        let regions: Vec<_> = (0..4).map(|_| pool.acquire(4096).unwrap()).collect();
        assert_eq!(pool.stats().outstanding_bytes, 4 * 4096);
        drop(regions);
        let stats = pool.stats();
        assert_eq!((stats.idle_bytes, stats.outstanding_bytes), (8192, 0));
    }

    #[test]
    fn regions_outlive_the_pool_handle() {
        let pool = RegionPool::new(8192);
        let mut region = pool.acquire(1).unwrap();
        drop(pool);
        region.as_mut_slice()[0] = 1;
    }

    #[test]
    fn an_absurd_length_is_an_error_and_counts_nothing() {
        let pool = RegionPool::new(8192);
        assert!(matches!(
            pool.acquire(usize::MAX),
            Err(RegionError::Layout { .. })
        ));
        assert_eq!(pool.stats(), PoolStats::default());
    }
}

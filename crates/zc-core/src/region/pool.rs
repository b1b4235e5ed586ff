//! [`RegionPool`]: regions that are used again, because fresh pages are dear.
//!
//! Touching 16 MiB of fresh 4 KiB pages costs several milliseconds, writing to 16 MiB that were
//! used before a fraction of one. A region from the pool goes back when it is dropped, or when the
//! last [`Frozen`](crate::Frozen) view over it is.
//!
//! Lengths are rounded up to a size class: whole pages up to eight, then four classes for each
//! doubling, so at most a quarter is wasted. A request is served from its own class only, the
//! region that came back last (and is warmest in the caches) first. What is displaced is what has
//! been idle for longest, of whatever class: a stock never stays full of lengths that nobody asks
//! for any more.
//!
//! # Invariants
//!
//! * **I1** `idle_bytes` is the sum of the lengths in the stock and at most `max_idle_bytes`.
//! * **I2** `outstanding_bytes` is the sum of what is handed out, and at most `max_total_bytes`
//!   less what is idle.
//! * **I3** No memory is mapped or unmapped under the lock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::Region;
#[cfg(unix)]
use super::RegionOptions;
use crate::error::RegionError;
use crate::sync::{Arc, Mutex};

#[cfg(not(unix))]
const PAGE: usize = 4096;

/// A stock of regions for reuse. Clones share the stock.
///
/// What is idle never exceeds the bound given at construction: a region that comes back to a full
/// stock displaces those that have been idle for longest. Views that are held for ever keep their
/// own regions and nothing else; what is handed out can be bounded too, with
/// [`with_total`](Self::with_total).
#[derive(Clone, Debug)]
pub struct RegionPool {
    shared: Arc<Shared>,
}

struct Shared {
    max_idle_bytes: usize,
    max_total_bytes: usize,
    #[cfg(unix)]
    options: RegionOptions,
    stock: Mutex<Stock>,
}

#[derive(Default)]
struct Stock {
    /// By length: the one that came back last at the back, each with the time when it came.
    idle: BTreeMap<usize, VecDeque<(u64, Region)>>,
    /// Counts what comes back.
    clock: u64,
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
    /// The most that was ever handed out at one time.
    pub peak_outstanding_bytes: usize,
    /// Requests served from the stock.
    pub reused: u64,
    /// Requests that took fresh memory.
    pub fresh: u64,
    /// Requests refused because of the bound on the total.
    pub refused: u64,
    /// Regions freed because the stock was full.
    pub displaced: u64,
}

/// The way back for a region that is handed out.
pub(super) struct Home(Arc<Shared>);

impl RegionPool {
    /// A pool that keeps up to `max_idle_bytes` for reuse. Allocates nothing yet.
    #[must_use]
    pub fn new(max_idle_bytes: usize) -> Self {
        Self::with_total(max_idle_bytes, usize::MAX)
    }

    /// A pool that keeps up to `max_idle_bytes` for reuse, and never has more than
    /// `max_total_bytes`, idle or handed out.
    #[must_use]
    pub fn with_total(max_idle_bytes: usize, max_total_bytes: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                max_idle_bytes: max_idle_bytes.min(max_total_bytes),
                max_total_bytes,
                #[cfg(unix)]
                options: RegionOptions::new(),
                stock: Mutex::new(Stock::default()),
            }),
        }
    }

    /// The same, still empty, pool, which makes its regions in this way.
    ///
    /// # Panics
    /// If it has been used or cloned already.
    #[cfg(unix)]
    #[must_use]
    pub fn with_options(mut self, options: RegionOptions) -> Self {
        let shared = Arc::get_mut(&mut self.shared);
        shared
            .expect("options are set before a pool is used")
            .options = options;
        self
    }

    /// A page-aligned region of at least `len` bytes, rounded up to its size class: from the stock
    /// where there is one, fresh and zero-filled otherwise. A reused region holds what its last
    /// user left in it.
    ///
    /// # Errors
    /// [`RegionError::Layout`] if no region can be so long; [`RegionError::Limit`] if the pool would
    /// exceed its bound on the total; else as [`Region::anonymous`] where fresh memory is needed.
    pub fn acquire(&self, len: usize) -> Result<Region, RegionError> {
        let granule = self.shared.granule();
        let layout = RegionError::Layout {
            len,
            align: granule,
        };
        let want = class(len, granule).ok_or(layout)?;
        let mut displaced = Vec::new();
        let reused = {
            let mut stock = self.shared.stock.lock();
            let reused = stock.take(want);
            if reused.is_none() {
                displaced = stock.reserve(want, self.shared.max_total_bytes)?;
            }
            reused
        };
        drop(displaced);
        let mut region = match reused {
            Some(region) => region,
            None => self.shared.fresh(want)?,
        };
        region.home = Some(Home(self.shared.clone()));
        Ok(region)
    }

    /// Frees everything that is idle.
    pub fn trim(&self) {
        let idle = {
            let mut stock = self.shared.stock.lock();
            stock.stats.idle_bytes = 0;
            std::mem::take(&mut stock.idle)
        };
        drop(idle);
    }

    /// The accounts now.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.stock.lock().stats
    }
}

/// The length of the regions that serve requests for `len` bytes.
fn class(len: usize, page: usize) -> Option<usize> {
    let pages = len.max(1).div_ceil(page);
    // A quarter of the power of two below.
    let step = (pages.checked_next_power_of_two()? / 8).max(1);
    pages.checked_next_multiple_of(step)?.checked_mul(page)
}

impl Shared {
    #[cfg(unix)]
    fn granule(&self) -> usize {
        self.options.granule()
    }

    #[cfg(not(unix))]
    fn granule(&self) -> usize {
        PAGE
    }

    /// Fresh memory that `reserve` has accounted for.
    fn fresh(&self, len: usize) -> Result<Region, RegionError> {
        #[cfg(unix)]
        let fresh = self.options.anonymous(len);
        #[cfg(not(unix))]
        let fresh = Region::heap(len, PAGE);
        let mut stock = self.stock.lock();
        match fresh {
            Ok(region) => {
                stock.stats.fresh += 1;
                Ok(region)
            }
            Err(error) => {
                stock.stats.outstanding_bytes -= len;
                Err(error)
            }
        }
    }
}

impl Stock {
    fn take(&mut self, want: usize) -> Option<Region> {
        let (_, region) = self.idle.get_mut(&want)?.pop_back()?;
        self.stats.idle_bytes -= want;
        self.hand_out(want);
        self.stats.reused += 1;
        Some(region)
    }

    fn put(&mut self, region: Region) {
        self.clock += 1;
        self.stats.idle_bytes += region.len();
        let class = self.idle.entry(region.len()).or_default();
        class.push_back((self.clock, region));
    }

    /// Accounts for `want` fresh bytes; gives back idle regions that must go for it.
    fn reserve(&mut self, want: usize, limit: usize) -> Result<Vec<Region>, RegionError> {
        let wanted = self.stats.outstanding_bytes.saturating_add(want);
        if wanted > limit {
            self.stats.refused += 1;
            return Err(RegionError::Limit { wanted, limit });
        }
        let displaced = self.shrink_to(limit - wanted);
        self.hand_out(want);
        Ok(displaced)
    }

    fn hand_out(&mut self, bytes: usize) {
        let stats = &mut self.stats;
        stats.outstanding_bytes += bytes;
        stats.peak_outstanding_bytes = stats.peak_outstanding_bytes.max(stats.outstanding_bytes);
    }

    /// Takes the regions that have been idle for longest out until at most `bytes` are left.
    fn shrink_to(&mut self, bytes: usize) -> Vec<Region> {
        let mut displaced = Vec::new();
        while self.stats.idle_bytes > bytes {
            let classes = self.idle.values_mut().filter(|class| !class.is_empty());
            let oldest = classes.min_by_key(|class| class.front().map(|(came, _)| *came));
            let Some((_, region)) = oldest.and_then(VecDeque::pop_front) else {
                break;
            };
            self.stats.idle_bytes -= region.len();
            self.stats.displaced += 1;
            displaced.push(region);
        }
        displaced
    }
}

impl Home {
    /// Takes `region` back into the stock, or frees it where it alone is above the bound.
    pub(super) fn take_back(self, region: Region) {
        let len = region.len();
        let freed = {
            let mut stock = self.0.stock.lock();
            stock.stats.outstanding_bytes -= len;
            match self.0.max_idle_bytes.checked_sub(len) {
                Some(rest) => {
                    let displaced = stock.shrink_to(rest);
                    stock.put(region);
                    displaced
                }
                None => {
                    stock.stats.displaced += 1;
                    vec![region]
                }
            }
        };
        drop(freed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionPool")
            .field("max_idle_bytes", &self.max_idle_bytes)
            .field("max_total_bytes", &self.max_total_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests;

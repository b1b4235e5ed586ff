//! What all the handles and views of one cache share.
//!
//! Invariants of [`Shared`]:
//! - I1: fields of slots other than their atomics change only under the `writer` lock.
//! - I2: the file stays open, locked and mapped until the last handle and the last view are gone
//!   (see `root`).
//! - I3: the lock is never held while user code, a waker or the writing of a value runs. It is
//!   held across the writing of 128-byte records. A hit never takes it.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;
use zc_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zc_core::sync::{Condvar, Mutex};

use crate::builder::{SyncPolicy, Verify};
use crate::counters::Counters;
use crate::error::{CacheError, CacheErrorKind};
use crate::evict::Marker;
use crate::fetch::admission::Doorkeeper;
use crate::fetch::flight::Flights;
use crate::index::orphans::Orphans;
use crate::index::slot::Slab;
use crate::index::table::Table;
use crate::io::file::CacheFile;
use crate::io::map::Map;
use crate::io::ring::Ring;
use crate::log::layout::{Layout, MAX_KEY};
use crate::stats::{COUNTS, Count};
use crate::write::writer::Writer;
use crate::zero_copy::ZeroCopyManager;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Shared {
    /// Before `file`: unmapped before the lock is given up.
    pub(crate) map: Map,
    pub(crate) file: CacheFile,
    pub(crate) layout: Layout,
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) table: Table,
    pub(crate) slots: Slab,
    pub(crate) orphans: Orphans,
    pub(crate) marker: Marker,
    pub(crate) writer: Mutex<Writer>,
    /// Signalled when a store that held an extent is through.
    pub(crate) room: Condvar,
    pub(crate) closed: AtomicBool,
    /// Blocks whose pages the kernel may still refer to.
    pub(crate) lent_blocks: AtomicU64,
    /// Whether the file system lets us find out when it no longer does.
    pub(crate) can_lend: bool,
    pub(crate) session: u64,
    pub(crate) flights: Flights,
    /// `None`: everything that is fetched is kept.
    pub(crate) admission: Option<Doorkeeper>,
    /// For cold reads; `None`: `pread`.
    pub(crate) ring: Option<Ring>,
    pub(crate) counters: Counters<COUNTS>,
    pub(crate) zero_copy: ZeroCopyManager,
}

/// What the builder decided.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) ttl: Duration,
    pub(crate) verify: Verify,
    pub(crate) sync: SyncPolicy,
    pub(crate) max_object: u64,
    /// Blocks of unlinked objects that views may hold before eviction goes round pinned ones.
    pub(crate) pinned_budget: u64,
}

impl Shared {
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed)
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), CacheError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(CacheError::new(CacheErrorKind::Closed).at(self.file.path()));
        }
        Ok(())
    }

    pub(crate) fn check_key(&self, key: &[u8]) -> Result<(), CacheError> {
        if key.len() > MAX_KEY {
            return Err(CacheError::new(CacheErrorKind::KeyTooLong)
                .detail(format!("{} bytes of at most {MAX_KEY}", key.len()))
                .for_key(key)
                .at(self.file.path()));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn count(&self, which: Count, n: u64) {
        self.counters.add(which as usize, n);
    }

    /// Whether a send may use page references now: the file system can prove when they are gone,
    /// blocks are whole pages, and not too much of the cache waits for that proof already.
    pub(crate) fn may_lend(&self) -> bool {
        self.can_lend && self.lent_blocks.load(Ordering::Relaxed) <= self.layout.blocks / 8
    }
}

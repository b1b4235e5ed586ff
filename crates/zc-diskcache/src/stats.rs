//! The counters, and what they look like from outside.

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        /// What the cache counts, beside what [`crate::zero_copy`] does.
        #[derive(Clone, Copy, Debug)]
        #[repr(usize)]
        pub(crate) enum Count { $($name),* }
        pub(crate) const COUNTS: usize = [$(Count::$name),*].len();
    };
}

counters!(
    CopiedHits,
    SendHits,
    ColdHits,
    VerifiedNow,
    Misses,
    Stores,
    StoredBytes,
    Evictions,
    Expired,
    Corrupt,
    Removed,
    Fetches,
    FetchFailures,
    FetchedUnkept,
);

/// One moment of a cache, from [`RawDiskCache::stats`](crate::RawDiskCache::stats).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups and sends that found their object: `view_hits + copied_hits`.
    pub hits: u64,
    /// Hits that were given a view, or left for a socket, without a copy.
    pub view_hits: u64,
    /// Hits that were given a copy: `lookup`, and `lookup_zero_copy` below the threshold.
    pub copied_hits: u64,
    /// Of the hits: those that the cache saw wait for the disk, at their verification or copy.
    pub cold_hits: u64,
    /// Of the hits: those that compared the object with its checksum.
    pub verified_hits: u64,
    /// Lookups and sends that found nothing.
    pub misses: u64,
    /// Acknowledged stores.
    pub stores: u64,
    /// Bytes of their values.
    pub stored_bytes: u64,
    /// Objects that made room for others.
    pub evictions: u64,
    /// Objects whose time to live ran out.
    pub expired: u64,
    /// Objects and records that did not match their checksum; each is a miss, never wrong bytes.
    pub corrupt: u64,
    /// Objects taken out by `remove` and `clear`.
    pub removed: u64,
    /// Fetches begun by `get_or_fetch`.
    pub fetches: u64,
    /// Of these: those that failed.
    pub fetch_failures: u64,
    /// Of these: those whose value was returned but could not be kept.
    pub fetched_unkept: u64,
    /// Bytes of the values in the cache.
    pub bytes: u64,
    /// Objects in the cache.
    pub objects: u64,
    /// Bytes of extents that live views hold, in the cache or not any more.
    pub pinned_bytes: u64,
    /// Of these, bytes of objects that are no longer in the cache.
    pub unlinked_pinned_bytes: u64,
    /// Bytes of extents that wait until the kernel has sent the last page of them.
    pub lent_bytes: u64,
    /// Bytes of the data area.
    pub capacity: u64,
    /// Free bytes of the data area.
    pub free_bytes: u64,
    /// Pieces that the free bytes lie in.
    pub free_extents: u64,
    /// 0 when the free bytes lie in one piece, towards 1 the more they are scattered.
    pub fragmentation: f64,
    /// Objects found when the cache was opened.
    pub recovered: u64,
}

impl CacheStats {
    /// Hits per lookup, in 0 ..= 1; 0 before the first lookup.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            all => self.hits as f64 / all as f64,
        }
    }
}

//! Numbers for the `metrics` crate.

use super::RawDiskCache;

impl RawDiskCache {
    /// Publishes the statistics of this moment through the `metrics` facade, all named
    /// `zc_diskcache_…` and labelled with the file's path. Does nothing without a recorder. Call it as
    /// often as they are to be seen; hits themselves pay nothing for it.
    ///
    /// Costs what [`stats`](Self::stats) does.
    pub fn publish_metrics(&self) {
        let path = self.path().display().to_string();
        let (stats, sends) = (self.stats(), self.shared().zero_copy.stats());
        let counters = [
            ("zc_diskcache_view_hits", stats.view_hits),
            ("zc_diskcache_copied_hits", stats.copied_hits),
            ("zc_diskcache_cold_hits", stats.cold_hits),
            ("zc_diskcache_verified_hits", stats.verified_hits),
            ("zc_diskcache_misses", stats.misses),
            ("zc_diskcache_stores", stats.stores),
            ("zc_diskcache_stored_bytes", stats.stored_bytes),
            ("zc_diskcache_evictions", stats.evictions),
            ("zc_diskcache_expired", stats.expired),
            ("zc_diskcache_corrupt", stats.corrupt),
            ("zc_diskcache_removed", stats.removed),
            ("zc_diskcache_fetches", stats.fetches),
            ("zc_diskcache_fetch_failures", stats.fetch_failures),
            ("zc_diskcache_fetched_unkept", stats.fetched_unkept),
            ("zc_diskcache_sends_by_sendfile", sends.by_sendfile),
            ("zc_diskcache_sends_by_mapped_send", sends.by_mapped_send),
            ("zc_diskcache_sends_by_copy", sends.fallback_transfers),
            (
                "zc_diskcache_sent_bytes",
                sends.sendfile_bytes + sends.fallback_bytes,
            ),
        ];
        for (name, value) in counters {
            metrics::counter!(name, "path" => path.clone()).absolute(value);
        }
        let gauges = [
            ("zc_diskcache_objects", stats.objects),
            ("zc_diskcache_bytes", stats.bytes),
            ("zc_diskcache_capacity", stats.capacity),
            ("zc_diskcache_free_bytes", stats.free_bytes),
            ("zc_diskcache_pinned_bytes", stats.pinned_bytes),
            (
                "zc_diskcache_unlinked_pinned_bytes",
                stats.unlinked_pinned_bytes,
            ),
            ("zc_diskcache_lent_bytes", stats.lent_bytes),
        ];
        for (name, value) in gauges {
            metrics::gauge!(name, "path" => path.clone()).set(value as f64);
        }
    }
}

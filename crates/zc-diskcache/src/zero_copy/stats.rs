//! What was done without a copy, and what was not.

use super::choice::{CLASSES, SendClass};

/// One moment of a [`ZeroCopyManager`](super::ZeroCopyManager)'s counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZeroCopyStats {
    /// Hits that were given a view over the mapping.
    pub mmap_reads: u64,
    /// Bytes that those views cover.
    pub mmap_bytes: u64,
    /// Hits of `lookup_zero_copy` below the threshold, which were read instead.
    pub mmap_skipped: u64,
    /// Sends to sockets in which no byte was copied in this process, by whatever primitive.
    pub sendfile_transfers: u64,
    /// Their bytes.
    pub sendfile_bytes: u64,
    /// Of these transfers: by `sendfile`, page references all the way.
    pub by_sendfile: u64,
    /// Of these transfers: by `send` straight from the mapping.
    pub by_mapped_send: u64,
    /// Sends through a buffer: the portable way.
    pub fallback_transfers: u64,
    /// Their bytes.
    pub fallback_bytes: u64,
    /// The threshold at this moment, in bytes.
    pub mmap_threshold: usize,
    /// What was found out about sends, by size: what each primitive costs, and which one most sends
    /// use now. Says what is chosen only where the choice is the cache's own, see
    /// [`sendfile_max`](super::ZeroCopyConfig::sendfile_max).
    pub send_classes: [SendClass; CLASSES],
}

impl ZeroCopyStats {
    /// Views among all the hits of `lookup_zero_copy`, in 0 ..= 1.
    #[must_use]
    pub fn efficiency(&self) -> f64 {
        match self.mmap_reads + self.mmap_skipped {
            0 => 0.0,
            all => self.mmap_reads as f64 / all as f64,
        }
    }
}

//! The decisions, and the counters.

use std::time::Duration;

use zc_core::sync::atomic::{AtomicUsize, Ordering};

use super::adaptive::AdaptiveThreshold;
use super::choice::Choice;
use super::stats::ZeroCopyStats;
use crate::counters::Counters;

/// How a cache reads and sends without copying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZeroCopyConfig {
    /// Objects of at least this many bytes are given as views by `lookup_zero_copy`; smaller ones
    /// are read. 64 KiB. The mapping is there anyway, so 0 is a good value too: what the threshold
    /// buys is that many small long-lived results pin no extents.
    pub mmap_threshold: usize,
    /// Whether bytes may go to a socket straight from the file or the mapping. On. When off, or
    /// where the platform has nothing of the kind, they go through a buffer.
    pub enable_sendfile: bool,
    /// `None`, the default: the cache measures which of `sendfile` and `send` from the mapping is
    /// faster for a size, and uses that. `Some`: sends of up to this many bytes use `sendfile`,
    /// larger ones `send`.
    pub sendfile_max: Option<usize>,
    /// Lets the threshold follow how much room pinned objects take. `None`, the default: it stays
    /// where it was put.
    pub adaptive: Option<AdaptiveThreshold>,
}

impl Default for ZeroCopyConfig {
    fn default() -> Self {
        Self {
            mmap_threshold: 64 << 10,
            enable_sendfile: true,
            sendfile_max: None,
            adaptive: None,
        }
    }
}

/// A way for bytes to get from the cache to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Primitive {
    /// `sendfile`: the socket's queue refers to the pages of the file.
    Sendfile,
    /// `send` with the mapping as its buffer: the kernel copies, the process does not.
    MappedSend,
    /// Read into a buffer, write from it: works everywhere.
    Fallback,
}

/// See the [module documentation](super).
#[derive(Debug)]
pub struct ZeroCopyManager {
    config: ZeroCopyConfig,
    threshold: AtomicUsize,
    /// Stores in a row that found no room lost to views.
    calm: AtomicUsize,
    choice: Choice,
    counters: Counters<COUNTS>,
}

const MAP_READS: usize = 0;
const MAP_BYTES: usize = 1;
const MAP_SKIPPED: usize = 2;
const BY_SENDFILE: usize = 3;
const BY_MAPPED_SEND: usize = 4;
const SENT_BYTES: usize = 5;
const FALLBACKS: usize = 6;
const FALLBACK_BYTES: usize = 7;
const COUNTS: usize = 8;

impl ZeroCopyManager {
    /// A manager with nothing counted yet.
    #[must_use]
    pub fn new(config: ZeroCopyConfig) -> Self {
        Self {
            threshold: AtomicUsize::new(config.mmap_threshold),
            config,
            calm: AtomicUsize::new(0),
            choice: Choice::default(),
            counters: Counters::new(),
        }
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &ZeroCopyConfig {
        &self.config
    }

    /// Whether this platform maps files. True on every one that this crate builds for.
    #[must_use]
    pub fn is_available(&self) -> bool {
        cfg!(unix)
    }

    /// Whether sends go without a copy in this process.
    #[must_use]
    pub fn is_sendfile_enabled(&self) -> bool {
        self.config.enable_sendfile && self.is_available()
    }

    /// The size from which on `lookup_zero_copy` gives views, in bytes.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold.load(Ordering::Relaxed)
    }

    /// Changes the threshold for the lookups that follow.
    pub fn set_threshold(&self, bytes: usize) {
        self.threshold.store(bytes, Ordering::Relaxed);
    }

    /// Whether an object of `len` bytes is given as a view.
    #[inline]
    #[must_use]
    pub fn should_map(&self, len: u64) -> bool {
        len >= self.threshold() as u64
    }

    /// How `len` bytes leave. `may_lend`: whether the cache can let the kernel keep references to
    /// pages of the file for a while.
    #[must_use]
    pub fn primitive(&self, len: u64, may_lend: bool) -> Primitive {
        if !self.is_sendfile_enabled() {
            return Primitive::Fallback;
        }
        if !may_lend || !cfg!(any(target_os = "linux", target_os = "android")) {
            return Primitive::MappedSend;
        }
        match self.config.sendfile_max {
            None => self.choice.choose(len),
            Some(max) if len <= max as u64 => Primitive::Sendfile,
            Some(_) => Primitive::MappedSend,
        }
    }

    /// A send of `len` bytes spent so long in system calls, and so long altogether.
    pub(crate) fn learn(&self, primitive: Primitive, len: u64, calls: Duration, all: Duration) {
        if self.config.sendfile_max.is_none() {
            self.choice.learn(primitive, len, calls, all);
        }
    }

    pub(crate) fn is_adaptive(&self) -> bool {
        self.config.adaptive.is_some()
    }

    /// Moves the threshold, if it is adaptive. After each store: `lost` of the `budget` blocks for
    /// unlinked objects are held by views.
    pub(crate) fn adapt(&self, lost: u64, budget: u64) {
        let Some(adaptive) = &self.config.adaptive else {
            return;
        };
        let calm = self.calm.load(Ordering::Relaxed);
        let (threshold, calm) = adaptive.next(self.threshold(), calm, lost, budget);
        self.calm.store(calm, Ordering::Relaxed);
        self.set_threshold(threshold);
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> ZeroCopyStats {
        let sum = |which| self.counters.sum(which);
        ZeroCopyStats {
            mmap_reads: sum(MAP_READS),
            mmap_bytes: sum(MAP_BYTES),
            mmap_skipped: sum(MAP_SKIPPED),
            sendfile_transfers: sum(BY_SENDFILE) + sum(BY_MAPPED_SEND),
            sendfile_bytes: sum(SENT_BYTES),
            by_sendfile: sum(BY_SENDFILE),
            by_mapped_send: sum(BY_MAPPED_SEND),
            fallback_transfers: sum(FALLBACKS),
            fallback_bytes: sum(FALLBACK_BYTES),
            mmap_threshold: self.threshold(),
            send_classes: self.choice.classes(),
        }
    }

    #[inline]
    pub(crate) fn count_view(&self, len: u64) {
        self.counters.add(MAP_READS, 1);
        self.counters.add(MAP_BYTES, len);
    }

    pub(crate) fn count_skip(&self) {
        self.counters.add(MAP_SKIPPED, 1);
    }

    pub(crate) fn count_send(&self, primitive: Primitive, bytes: u64) {
        let (transfers, of_bytes) = match primitive {
            Primitive::Sendfile => (BY_SENDFILE, SENT_BYTES),
            Primitive::MappedSend => (BY_MAPPED_SEND, SENT_BYTES),
            Primitive::Fallback => (FALLBACKS, FALLBACK_BYTES),
        };
        self.counters.add(transfers, 1);
        self.counters.add(of_bytes, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primitive_follows_size_and_circumstances() {
        let manager = ZeroCopyManager::new(ZeroCopyConfig::default());
        assert_eq!(manager.primitive(4096, false), Primitive::MappedSend);
        let fixed = ZeroCopyManager::new(ZeroCopyConfig {
            sendfile_max: Some(4096),
            ..ZeroCopyConfig::default()
        });
        if cfg!(target_os = "linux") {
            assert_eq!(fixed.primitive(4096, true), Primitive::Sendfile);
        }
        assert_eq!(fixed.primitive(4097, true), Primitive::MappedSend);
        let off = ZeroCopyManager::new(ZeroCopyConfig {
            enable_sendfile: false,
            ..ZeroCopyConfig::default()
        });
        assert_eq!(off.primitive(4096, true), Primitive::Fallback);
    }
}

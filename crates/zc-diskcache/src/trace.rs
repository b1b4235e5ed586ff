//! Events for `tracing` (feature `tracing`): one function each, empty without the feature.
//!
//! They tell of what is rare and what an operator would ask about. A hit has none: it costs 100 ns,
//! and is counted. None is sent while the cache's lock is held, as a subscriber is foreign code.
//! All have the target `zc_diskcache` and the cache's `path`; keys are given as text where they are.

#[cfg(feature = "tracing")]
pub(crate) use self::sent::*;
#[cfg(not(feature = "tracing"))]
pub(crate) use self::unsent::*;

#[cfg(feature = "tracing")]
mod sent {
    use std::fmt;
    use std::path::Path;
    use std::time::Duration;

    use tracing::{debug, info, warn};

    use crate::error::CacheError;

    const TARGET: &str = "zc_diskcache";

    pub(crate) fn opened(path: &Path, objects: u64, took: Duration) {
        let path = path.display();
        info!(target: TARGET, %path, objects, ?took, "cache opened");
    }

    pub(crate) fn closed(path: &Path) {
        info!(target: TARGET, path = %path.display(), "cache closed");
    }

    pub(crate) fn damaged(path: &Path, offset: u64, len: u64) {
        let path = path.display();
        warn!(target: TARGET, %path, offset, len, "object does not match its checksum, freed");
    }

    pub(crate) fn refused(path: &Path, len: usize, error: &CacheError) {
        let path = path.display();
        warn!(target: TARGET, %path, len, %error, "store refused");
    }

    pub(crate) fn fetching(path: &Path, key: &[u8]) {
        let (path, key) = (path.display(), Text(key));
        debug!(target: TARGET, %path, %key, "miss, fetching");
    }

    pub(crate) fn fetch_failed(path: &Path, key: &[u8]) {
        let (path, key) = (path.display(), Text(key));
        warn!(target: TARGET, %path, %key, "fetch failed");
    }

    /// A key need not be text, and may be long.
    struct Text<'a>(&'a [u8]);

    impl fmt::Display for Text<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0[..self.0.len().min(128)].escape_ascii())
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod unsent {
    use std::path::Path;
    use std::time::Duration;

    use crate::error::CacheError;

    pub(crate) fn opened(_: &Path, _: u64, _: Duration) {}

    pub(crate) fn closed(_: &Path) {}

    pub(crate) fn damaged(_: &Path, _: u64, _: u64) {}

    pub(crate) fn refused(_: &Path, _: usize, _: &CacheError) {}

    pub(crate) fn fetching(_: &Path, _: &[u8]) {}

    pub(crate) fn fetch_failed(_: &Path, _: &[u8]) {}
}

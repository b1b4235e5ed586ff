//! [`CacheReader`]: reads a cache file that another process has open, or nobody.
//!
//! One process has the file locked and writes; any number of others read it, without a lock, a
//! socket or a shared byte beside the file itself. The writer does not know that they are there and
//! pays nothing for them. That works because of the order of its writes (see the format's page):
//!
//! - W1: an extent is written only after the record of its former object was zeroed.
//! - W2: a record is written only after the value's bytes were.
//!
//! So a reader does what the reader of a sequence lock does:
//!
//! ```text
//! which slot? (index, a hint) ─▶ read the record ─▶ read the bytes ─▶ read the record again
//!        ▲                          │ not this key                        │ another one: again
//!        └──── look at all records ◀┘                                     └─ the same: they are its bytes
//! ```
//!
//! - R1: bytes are given only if the record was the same before and after they were read, and they
//!   match its checksum. A range is given only of an object that matched as a whole before.
//! - R2: the index is a hint and may name slots that hold something else by now; that costs a look,
//!   never a wrong answer. It is replaced, not changed: a lookup works on the one it began with.
//! - R3: all records are looked at (a *refresh*) only if the file was written since the last time,
//!   and not more often than the interval says. So a miss is cheap, and a new object is found at
//!   most one interval late.
//!
//! Reads are `pread`: a file that somebody truncates is an error, not a signal.

mod attempt;
mod index;

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use self::attempt::{Inner, Part};
use self::index::Refresh;
use crate::error::{CacheError, CacheErrorKind};
use crate::io::file::CacheFile;
use crate::log::header::Header;
use crate::runtime;

/// Larger reads leave the async thread.
const OFFLOAD: u64 = 64 << 10;

/// A cache file, opened beside the process that writes it. Cheap to clone; `Send` and `Sync`.
///
/// See the [module documentation](self) for how it can be right without a lock.
///
/// # What it gives
/// Copies: a view would need a pin that the writer sees. An object that the writer evicts,
/// overwrites or removes is a miss from then on (or its newer value); one that it stores is found at
/// once if its slot is known, else within the [interval](Self::set_interval).
///
/// # Cost
/// A hit: three `pread`, of the record twice and of the value once, and its CRC32C. A miss: one
/// `fstat`, until the file was written and the interval is over; then 128 bytes are read for each of
/// the cache's blocks (about 30 ms a million). Memory: 16 bytes an object.
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use zc_diskcache::{RawDiskCache, reader::CacheReader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), zc_diskcache::CacheError> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("cache");
/// let cache = RawDiskCache::builder(&path).capacity(1 << 20).open().await?;
/// cache.store("key", Bytes::from_static(b"value")).await?;
/// // In another process:
/// let reader = CacheReader::open(&path).await?;
/// assert_eq!(reader.lookup("key").await?.as_deref(), Some(&b"value"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CacheReader {
    inner: Arc<Inner>,
}

/// What a reader did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderStats {
    /// Lookups that found their object.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Objects that did not match their checksum; each was a miss.
    pub corrupt: u64,
    /// Times that all records were looked at.
    pub refreshes: u64,
}

impl CacheReader {
    /// Opens the cache file at `path` and looks at its records once.
    ///
    /// # Errors
    /// `Io` if there is nothing; `NotACache`, `Version`, `Corrupt`, `Truncated`. The file is never
    /// changed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, CacheError> {
        let path = path.as_ref().to_path_buf();
        runtime::blocking(move || Self::open_now(&path).map_err(|error| error.at(&path))).await
    }

    fn open_now(path: &Path) -> Result<Self, CacheError> {
        let fail = |error| CacheError::io("opening", error);
        let file = File::open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(CacheError::new(CacheErrorKind::NotACache).detail("it is no regular file"));
        }
        let file = CacheFile::unlocked(file, path);
        let (header, _) = Header::read(&file)?;
        file.check_len(header.layout.file_len())?;
        let inner = Inner::new(file, header);
        inner
            .hints
            .refresh(&inner.file, &inner.header, Refresh::Now)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// From now on all records are looked at once in `interval` at most; 100 ms until it is set.
    /// Zero: at every miss after which the file was written.
    pub fn set_interval(&self, interval: Duration) {
        self.inner.hints.set_interval(interval);
    }

    /// The object under `key`, copied and compared with its checksum.
    ///
    /// # Errors
    /// `KeyTooLong`, `Io`, `Truncated`.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn lookup(&self, key: impl AsRef<[u8]>) -> Result<Option<Bytes>, CacheError> {
        self.read(key.as_ref(), Part::Whole).await
    }

    /// The bytes `range` of the object under `key`. The first range of an object reads the whole of
    /// it once, to compare it with its checksum.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup); `OutOfRange` if the range reaches beyond the end or ends before
    /// it starts.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn lookup_range(
        &self,
        key: impl AsRef<[u8]>,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, CacheError> {
        let Range { start, end } = range;
        self.read(key.as_ref(), Part::Bytes { start, end }).await
    }

    /// Whether the object is there. Counts for nothing, verifies nothing.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup).
    pub async fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, CacheError> {
        let key = key.as_ref();
        self.inner.check_key(key)?;
        let key = Bytes::copy_from_slice(key);
        let inner = Arc::clone(&self.inner);
        runtime::blocking(move || {
            let found = inner.find(&key)?;
            Ok(found.is_some())
        })
        .await
    }

    /// Looks at all records now, whatever the interval says: every object whose store was
    /// acknowledged before this was called is found after it.
    ///
    /// # Errors
    /// `Io`, `Truncated`.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn refresh(&self) -> Result<(), CacheError> {
        let inner = Arc::clone(&self.inner);
        runtime::blocking(move || {
            inner
                .hints
                .refresh(&inner.file, &inner.header, Refresh::Now)
        })
        .await
    }

    /// Objects at the last refresh, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.hints.len()
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> ReaderStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReaderStats {
            hits: load(&self.inner.hits),
            misses: load(&self.inner.misses),
            corrupt: load(&self.inner.corrupt),
            refreshes: self.inner.hints.refreshes(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.file.path()
    }

    async fn read(&self, key: &[u8], part: Part) -> Result<Option<Bytes>, CacheError> {
        let inner = &self.inner;
        inner.check_key(key)?;
        let at = |error: CacheError| error.for_key(key).at(inner.file.path());
        // A small object of a warm file is not worth a thread; whatever is not known yet is.
        let hinted = inner.find_hinted(key).map_err(at)?;
        let small = hinted
            .as_ref()
            .is_some_and(|(_, record)| record.len < OFFLOAD);
        let found = if small {
            inner.lookup(key, part, hinted).map_err(at)?
        } else {
            let (inner, key) = (Arc::clone(inner), Bytes::copy_from_slice(key));
            let lookup = runtime::blocking(move || inner.lookup(&key, part, hinted));
            lookup.await.map_err(at)?
        };
        let count = match found {
            Some(_) => &inner.hits,
            None => &inner.misses,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(found.map(Bytes::from))
    }
}

impl fmt::Debug for CacheReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheReader")
            .field("path", &self.path())
            .field("objects", &self.len())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

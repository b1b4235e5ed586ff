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

mod index;

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zc_core::ledger;
use zc_core::sync::Mutex;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use self::index::{Hints, Refresh};
use crate::error::{CacheError, CacheErrorKind};
use crate::io::checksum::{Crc32c, crc32c};
use crate::io::file::CacheFile;
use crate::log::header::Header;
use crate::log::layout::MAX_KEY;
use crate::log::record::{Decoded, INLINE_KEY, Record, SIZE};
use crate::runtime;
use crate::ttl;

/// How often at most all records are looked at, unless said otherwise.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often a lookup begins anew because the writer was faster.
const TRIES: usize = 8;
/// Objects remembered as matching their checksum.
const VERIFIED: usize = 1 << 16;
/// Bytes verified at once.
const PIECE: u64 = 1 << 20;
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

struct Inner {
    file: CacheFile,
    header: Header,
    hints: Hints,
    /// Sequence numbers of objects whose bytes matched their checksum as a whole.
    verified: Mutex<HashSet<u64>>,
    hits: AtomicU64,
    misses: AtomicU64,
    corrupt: AtomicU64,
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

/// What is to be read of an object.
#[derive(Clone, Copy, Debug)]
enum Part {
    Whole,
    Bytes { start: u64, end: u64 },
}

/// What one attempt found.
enum Found {
    Bytes(Vec<u8>),
    /// Not under this hint, or damaged.
    Nothing,
    /// The record was changed meanwhile.
    Changed,
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
        let inner = Inner {
            file,
            header,
            hints: Hints::new(INTERVAL),
            verified: Mutex::new(HashSet::new()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
        };
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

impl Inner {
    fn check_key(&self, key: &[u8]) -> Result<(), CacheError> {
        if key.len() <= MAX_KEY {
            return Ok(());
        }
        Err(CacheError::new(CacheErrorKind::KeyTooLong)
            .detail(format!("{} bytes of at most {MAX_KEY}", key.len()))
            .for_key(key)
            .at(self.file.path()))
    }

    fn hash(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.header.seed)
    }

    /// The newest live record of `key`, by the hints as they are.
    fn find_hinted(&self, key: &[u8]) -> Result<Option<(u32, Record)>, CacheError> {
        let hash = self.hash(key);
        let mut newest: Option<(u32, Record)> = None;
        for slot in self.hints.slots(hash) {
            if let Some(record) = self.record(slot)?
                && record.hash == hash
                && newest
                    .as_ref()
                    .is_none_or(|(_, other)| other.seq < record.seq)
                && self.is_key(slot, &record, key)?
            {
                newest = Some((slot, record));
            }
        }
        Ok(newest.filter(|(_, record)| is_live(record)))
    }

    /// The same, after a refresh if that is what it takes.
    fn find(&self, key: &[u8]) -> Result<Option<(u32, Record)>, CacheError> {
        if let Some(found) = self.find_hinted(key)? {
            return Ok(Some(found));
        }
        self.hints
            .refresh(&self.file, &self.header, Refresh::IfDue)?;
        self.find_hinted(key)
    }

    /// Reads what `hinted` names, or whatever is found if that is nothing, or was changed.
    fn lookup(
        &self,
        key: &[u8],
        part: Part,
        mut hinted: Option<(u32, Record)>,
    ) -> Result<Option<Vec<u8>>, CacheError> {
        for _ in 0..TRIES {
            let found = match hinted.take() {
                Some(hinted) => Some(hinted),
                None => self.find(key)?,
            };
            let Some((slot, record)) = found else {
                return Ok(None);
            };
            match self.read_part(slot, &record, part)? {
                Found::Bytes(bytes) => {
                    ledger::copied("cache.reader_copy", bytes.len());
                    return Ok(Some(bytes));
                }
                Found::Nothing => return Ok(None),
                Found::Changed => {}
            }
        }
        // The writer stores this key faster than it can be read: a cache may miss.
        Ok(None)
    }

    /// What slot `slot` says now; `None`: no object, or one that is just being written.
    fn record(&self, slot: u32) -> Result<Option<Record>, CacheError> {
        let layout = &self.header.layout;
        let mut bytes = [0; SIZE];
        self.file
            .read_exact_at(&mut bytes, layout.record_offset(slot))?;
        match Record::decode(&bytes, self.header.seed, slot, layout) {
            Decoded::Object(record) => Ok(Some(record)),
            Decoded::Free | Decoded::Damaged => Ok(None),
        }
    }

    fn is_key(&self, slot: u32, record: &Record, key: &[u8]) -> Result<bool, CacheError> {
        if record.key_len as usize != key.len() {
            return Ok(false);
        }
        if key.len() <= INLINE_KEY {
            return Ok(&record.inline_key[..key.len()] == key);
        }
        let mut spilled = vec![0; key.len()];
        let start = self.header.layout.block_offset(record.block) + record.len;
        self.file.read_exact_at(&mut spilled, start)?;
        Ok(spilled == key && self.is_still(slot, record)?)
    }

    /// Whether the slot has the same object as before, so that what was read since is its bytes. A
    /// touch changes the expiry alone.
    fn is_still(&self, slot: u32, record: &Record) -> Result<bool, CacheError> {
        Ok(self.record(slot)?.is_some_and(|now| now.seq == record.seq))
    }

    fn read_part(&self, slot: u32, record: &Record, part: Part) -> Result<Found, CacheError> {
        let base = self.header.layout.block_offset(record.block);
        let (start, end) = match part {
            Part::Whole => (0, record.len),
            Part::Bytes { start, end } if start <= end && end <= record.len => (start, end),
            Part::Bytes { start, end } => {
                return Err(CacheError::new(CacheErrorKind::OutOfRange)
                    .detail(format!("{start}..{end} of {} bytes", record.len)));
            }
        };
        let whole = (start, end) == (0, record.len);
        if !whole && !self.is_verified(record.seq) {
            let crc = self.checksum(base, record.len)?;
            if !self.is_still(slot, record)? {
                return Ok(Found::Changed);
            }
            if !self.accept(record, crc) {
                return Ok(Found::Nothing);
            }
        }
        let len = usize::try_from(end - start).map_err(|_| CacheErrorKind::TooLarge)?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, base + start)?;
        if !self.is_still(slot, record)? {
            return Ok(Found::Changed);
        }
        if whole && !self.accept(record, crc32c(&bytes)) {
            return Ok(Found::Nothing);
        }
        Ok(Found::Bytes(bytes))
    }

    fn checksum(&self, start: u64, len: u64) -> Result<u32, CacheError> {
        let mut crc = Crc32c::new();
        let mut buffer = vec![0; len.min(PIECE) as usize];
        let mut done = 0;
        while done < len {
            let piece = &mut buffer[..(len - done).min(PIECE) as usize];
            self.file.read_exact_at(piece, start + done)?;
            crc.update(piece);
            done += piece.len() as u64;
        }
        Ok(crc.finish())
    }

    fn is_verified(&self, seq: u64) -> bool {
        self.verified.lock().contains(&seq)
    }

    fn accept(&self, record: &Record, crc: u32) -> bool {
        if crc != record.value_crc {
            self.corrupt.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let mut verified = self.verified.lock();
        if verified.len() >= VERIFIED {
            verified.clear();
        }
        verified.insert(record.seq);
        true
    }
}

fn is_live(record: &Record) -> bool {
    ttl::left(record.expires_wall_ms, record.ttl_ms, ttl::wall_ms()).is_some()
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

/// When the file was written last, as its file system says.
fn modified(file: &CacheFile) -> Result<std::time::SystemTime, CacheError> {
    let modified = |file: &File| -> io::Result<_> { file.metadata()?.modified() };
    modified(file.as_file())
        .map_err(|error| CacheError::io("reading the time of the last write", error))
}

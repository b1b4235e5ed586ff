//! One lookup: which slot, its record, the bytes, the record again (R1 and R2).

use std::collections::HashSet;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;
use zc_core::ledger;
use zc_core::sync::Mutex;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use super::index::{Hints, Refresh};
use crate::error::{CacheError, CacheErrorKind};
use crate::io::checksum::{Crc32c, crc32c};
use crate::io::file::CacheFile;
use crate::log::header::Header;
use crate::log::layout::MAX_KEY;
use crate::log::record::{Decoded, INLINE_KEY, Record, SIZE};
use crate::ttl;

/// How often at most all records are looked at, unless said otherwise.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often a lookup begins anew because the writer was faster.
const TRIES: usize = 8;
/// Objects remembered as matching their checksum.
const VERIFIED: usize = 1 << 16;
/// Bytes verified at once.
const PIECE: u64 = 1 << 20;

/// What the handles of one reader share.
pub(super) struct Inner {
    pub(super) file: CacheFile,
    pub(super) header: Header,
    pub(super) hints: Hints,
    /// Sequence numbers of objects whose bytes matched their checksum as a whole.
    verified: Mutex<HashSet<u64>>,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) corrupt: AtomicU64,
}

/// What is to be read of an object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
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

impl Inner {
    /// A reader of `file` that has not looked at its records yet.
    pub(super) fn new(file: CacheFile, header: Header) -> Self {
        Self {
            file,
            header,
            hints: Hints::new(INTERVAL),
            verified: Mutex::new(HashSet::new()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
        }
    }

    pub(super) fn check_key(&self, key: &[u8]) -> Result<(), CacheError> {
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
    pub(super) fn find_hinted(&self, key: &[u8]) -> Result<Option<(u32, Record)>, CacheError> {
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
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<(u32, Record)>, CacheError> {
        if let Some(found) = self.find_hinted(key)? {
            return Ok(Some(found));
        }
        self.hints
            .refresh(&self.file, &self.header, Refresh::IfDue)?;
        self.find_hinted(key)
    }

    /// Reads what `hinted` names, or whatever is found if that is nothing, or was changed.
    pub(super) fn lookup(
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

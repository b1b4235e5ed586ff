//! Reading the records back after a crash, a kill, or a clean close: it is all the same.
//!
//! The records are read in order, 1 MiB at a time. What decodes is a candidate; what does not is
//! counted and its record zeroed. Then the newest candidate is placed first: one that shares a
//! block or a key with an already placed one is older, and loses. A record that was acknowledged
//! and then replaced or removed cannot come back: its zeroing was written before the answer was
//! given, and where both are there, the newer wins.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::extents::{Extents, Holder};
use super::layout::{Layout, RECORD};
use super::record::{Decoded, INLINE_KEY, Record, SIZE};
use crate::error::{CacheError, CacheErrorKind};
use crate::index::key::Key;
use crate::index::slot::Meta;
use crate::io::checksum::crc32c;
use crate::io::file::CacheFile;
use crate::ttl;

/// What the file holds.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Oldest first.
    pub(crate) objects: Vec<Found>,
    pub(crate) extents: Extents,
    /// Slots whose record is to be zeroed: damaged, older than another, or expired.
    pub(crate) stale: Vec<u32>,
    pub(crate) corrupt: u64,
    pub(crate) expired: u64,
    /// Highest sequence number seen.
    pub(crate) last_seq: u64,
}

/// One object.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) meta: Meta,
    /// What is left of its time to live; `u64::MAX` for never.
    pub(crate) left_ms: u64,
}

pub(crate) fn recover(
    file: &CacheFile,
    layout: &Layout,
    seed: u64,
    now_wall_ms: u64,
) -> Result<Recovered, CacheError> {
    let mut out = Recovered {
        objects: Vec::new(),
        extents: Extents::new(layout.blocks),
        stale: Vec::new(),
        corrupt: 0,
        expired: 0,
        last_seq: 0,
    };
    let records = read_records(file, layout, seed)?;
    let mut candidates = records.found;
    out.corrupt = records.damaged.len() as u64;
    out.stale = records.damaged;
    candidates.sort_by_key(|(_, record)| std::cmp::Reverse(record.seq));
    out.last_seq = candidates.first().map_or(0, |(_, record)| record.seq);
    let mut seen = Seen::with_capacity(candidates.len());
    let mut taken = Taken::new(layout.blocks);
    let mut used = Vec::with_capacity(candidates.len());
    for (slot, record) in candidates {
        let Some(key) = read_key(file, layout, &record)? else {
            out.corrupt += 1;
            out.stale.push(slot);
            continue;
        };
        if seen.is_older(record.hash, &key, &out.objects) {
            out.stale.push(slot);
            continue;
        }
        let Some(left_ms) = ttl::left(record.expires_wall_ms, record.ttl_ms, now_wall_ms) else {
            out.expired += 1;
            out.stale.push(slot);
            seen.expired.entry(record.hash).or_default().push(key);
            continue;
        };
        let blocks = record.blocks(layout);
        if !taken.take(record.block, blocks) {
            out.stale.push(slot);
            continue;
        }
        if blocks > 0 {
            used.push((record.block, blocks, Holder::Slot(slot)));
        }
        seen.place(record.hash, out.objects.len());
        out.objects.push(Found {
            slot,
            left_ms,
            meta: Meta {
                hash: record.hash,
                seq: record.seq,
                start: layout.block_offset(record.block),
                len: record.len,
                crc: record.value_crc,
                blocks,
                ttl_ms: record.ttl_ms,
                key,
            },
        });
    }
    out.objects.reverse();
    out.extents = Extents::with_used(layout.blocks, used);
    Ok(out)
}

/// A bit a block: whether an object has it.
struct Taken(Vec<u64>);

impl Taken {
    fn new(blocks: u64) -> Self {
        Self(vec![0; blocks.div_ceil(64) as usize])
    }

    /// Takes these blocks if all of them are free; says whether they were.
    fn take(&mut self, start: u64, len: u64) -> bool {
        let blocks = start..start + len;
        let bit = |block: u64| ((block / 64) as usize, 1_u64 << (block % 64));
        let free = blocks
            .clone()
            .map(bit)
            .all(|(at, bit)| self.0[at] & bit == 0);
        if free {
            blocks.map(bit).for_each(|(at, bit)| self.0[at] |= bit);
        }
        free
    }
}

/// Keys of the maps here are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only whole words are hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The keys of the records looked at so far.
struct Seen {
    /// By hash: the object placed first. One allocation for all of them.
    first: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    /// Further objects whose keys have the same 64-bit hash.
    others: HashMap<u64, Vec<usize>>,
    /// Expired ones, which still hide what they replaced.
    expired: HashMap<u64, Vec<Key>>,
}

impl Seen {
    fn with_capacity(records: usize) -> Self {
        Self {
            first: HashMap::with_capacity_and_hasher(records, BuildHasherDefault::default()),
            others: HashMap::new(),
            expired: HashMap::new(),
        }
    }

    /// Whether a newer record has the same key.
    fn is_older(&self, hash: u64, key: &Key, objects: &[Found]) -> bool {
        let placed = self.first.get(&hash).into_iter();
        let mut placed = placed.chain(self.others.get(&hash).into_iter().flatten());
        placed.any(|at| objects[*at].meta.key == *key)
            || self
                .expired
                .get(&hash)
                .is_some_and(|keys| keys.contains(key))
    }

    fn place(&mut self, hash: u64, at: usize) {
        if let Some(taken) = self.first.insert(hash, at) {
            self.others.entry(hash).or_default().push(taken);
        }
    }
}

/// The records of a file.
#[derive(Debug)]
pub(crate) struct Records {
    /// What decodes, in the order of slots.
    pub(crate) found: Vec<(u32, Record)>,
    /// Slots of what does not.
    pub(crate) damaged: Vec<u32>,
}

pub(crate) fn read_records(
    file: &CacheFile,
    layout: &Layout,
    seed: u64,
) -> Result<Records, CacheError> {
    const AT_ONCE: u32 = 8192;
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    let mut buf = vec![0; (u64::from(AT_ONCE.min(layout.slots)) * RECORD) as usize];
    let mut slot = 0;
    while slot < layout.slots {
        let many = AT_ONCE.min(layout.slots - slot);
        let bytes = &mut buf[..many as usize * SIZE];
        file.read_exact_at(bytes, layout.record_offset(slot))?;
        for (bytes, slot) in bytes.as_chunks::<SIZE>().0.iter().zip(slot..) {
            match Record::decode(bytes, seed, slot, layout) {
                Decoded::Free => {}
                Decoded::Object(record) => found.push((slot, record)),
                Decoded::Damaged => damaged.push(slot),
            }
        }
        slot += many;
    }
    Ok(Records { found, damaged })
}

/// The key of a record; `None` if it is damaged.
fn read_key(file: &CacheFile, layout: &Layout, record: &Record) -> Result<Option<Key>, CacheError> {
    let len = record.key_len as usize;
    if len <= INLINE_KEY {
        return Ok(Some(Key::new(&record.inline_key[..len])));
    }
    let mut key = vec![0; len];
    match file.read_exact_at(&mut key, layout.block_offset(record.block) + record.len) {
        Ok(()) if crc32c(&key) == record.key_crc => Ok(Some(Key::new(&key))),
        Ok(()) => Ok(None),
        // One unreadable block is one lost object; a file that ends too early is not ours to use.
        Err(error) if error.kind() == CacheErrorKind::Io => Ok(None),
        Err(error) => Err(error),
    }
}

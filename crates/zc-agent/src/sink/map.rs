//! The resume map: which ranges of a file are on disk, in a file beside it.
//!
//! ```text
//!   "zc-map-1"  ( offset  length  hash of the bytes  hash of this entry )*     all u64, little-endian
//! ```
//!
//! The bytes are hashed while they are written, so by what is fastest there: CRC-64/NVME, which the
//! processor's carry-less multiplication computes several times faster than it writes.
//!
//! # Invariants
//!
//! * **I1** An entry is appended only after the bytes it names have been synced. A map that is cut
//!   off anywhere is a valid map of less.
//! * **I2** What is read back is believed only if the entry's own hash is right, the file is long
//!   enough, and the bytes in it have the hash that the entry says: also where a range was being
//!   written once more.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, Digest};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"zc-map-1";
const ENTRY: usize = 32;

/// What hashes the bytes of a range.
pub(super) fn hasher() -> Digest {
    Digest::new(CrcAlgorithm::Crc64Nvme)
}

/// A range that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) hash: u64,
}

impl Entry {
    fn encode(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        for (at, word) in [self.offset, self.len, self.hash].into_iter().enumerate() {
            bytes[at * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        let check = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY]) -> Option<Self> {
        let mut words = bytes.chunks_exact(8).map(|word| {
            let mut le = [0; 8];
            le.copy_from_slice(word);
            u64::from_le_bytes(le)
        });
        let (offset, len, hash) = (words.next()?, words.next()?, words.next()?);
        let is_whole = words.next()? == xxh3_64(&bytes[..24]);
        (is_whole && len > 0 && offset.checked_add(len).is_some()).then_some(Self {
            offset,
            len,
            hash,
        })
    }

    /// Whether the bytes in `file` are those that were written.
    fn holds(self, file: &File, buffer: &mut [u8]) -> io::Result<bool> {
        let (mut at, mut left) = (self.offset, self.len);
        let mut hash = hasher();
        while left > 0 {
            let n = left.min(buffer.len() as u64) as usize;
            match file.read_exact_at(&mut buffer[..n], at) {
                Ok(()) => hash.update(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
            at += n as u64;
            left -= n as u64;
        }
        Ok(hash.finalize() == self.hash)
    }
}

/// The map's file.
#[derive(Debug)]
pub(super) struct MapFile {
    file: File,
    len: u64,
}

impl MapFile {
    /// Where the map of the file at `path` is.
    pub(super) fn path_for(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".zcmap");
        name.into()
    }

    /// A map with these entries, in place of the one that may be there.
    pub(super) fn replace(path: &Path, entries: &[Entry]) -> io::Result<Self> {
        let map = Self::path_for(path);
        let mut temporary = map.as_os_str().to_owned();
        temporary.push(".tmp");
        let mut bytes = MAGIC.to_vec();
        entries
            .iter()
            .for_each(|entry| bytes.extend(entry.encode()));
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(true)
            .write(true)
            .open(&temporary)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::rename(&temporary, &map)?;
        sync_folder(path)?;
        Ok(Self {
            file,
            len: bytes.len() as u64,
        })
    }

    /// The entries of the map of `data` that can be believed (I2). None if there is no map.
    pub(super) fn load(path: &Path, data: &File) -> io::Result<Vec<Entry>> {
        let bytes = match fs::read(Self::path_for(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let Some(bytes) = bytes.strip_prefix(MAGIC) else {
            return Ok(Vec::new());
        };
        let len = data.metadata()?.len();
        let mut buffer = vec![0; 1 << 20];
        let mut entries = Vec::new();
        let (whole, _torn) = bytes.as_chunks::<ENTRY>();
        for entry in whole.iter().filter_map(Entry::decode) {
            if entry.offset + entry.len <= len && entry.holds(data, &mut buffer)? {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Appends entries, whose bytes are synced, and syncs them.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.encode()).collect();
        self.file.write_all_at(&bytes, self.len)?;
        self.file.sync_data()?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// Makes the names in the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A set of offsets as ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct RangeSet(BTreeMap<u64, u64>);

impl RangeSet {
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        let (mut start, mut end) = (start, end);
        if let Some((&s, &e)) = self.0.range(..=start).next_back()
            && e >= start
        {
            start = s;
            end = end.max(e);
        }
        while let Some((&s, &e)) = self.0.range(start..=end).next() {
            end = end.max(e);
            self.0.remove(&s);
        }
        self.0.insert(start, end);
    }

    /// How far it reaches from 0 without a gap.
    pub(super) fn prefix(&self) -> u64 {
        self.0.get(&0).copied().unwrap_or(0)
    }

    pub(super) fn to_vec(&self) -> Vec<Range<u64>> {
        self.0.iter().map(|(&start, &end)| start..end).collect()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    #![expect(
        clippy::single_range_in_vec_init,
        reason = "lists of ranges are what is compared"
    )]

    use super::*;

    #[test]
    fn ranges_join_where_they_touch_or_overlap() {
        let mut set = RangeSet::default();
        for (start, end) in [(10, 20), (30, 40), (50, 60), (20, 25), (28, 30), (0, 1)] {
            set.insert(start, end);
        }
        assert_eq!(set.to_vec(), [0..1, 10..25, 28..40, 50..60]);
        set.insert(5, 55);
        assert_eq!(set.to_vec(), [0..1, 5..60]);
        assert_eq!(set.prefix(), 1);
        set.insert(1, 5);
        assert_eq!(set.to_vec(), [0..60]);
        assert_eq!(set.prefix(), 60);
        set.insert(7, 8);
        assert_eq!(set.prefix(), 60);
    }

    #[test]
    fn an_entry_with_any_bit_flipped_is_none() {
        let entry = Entry {
            offset: 7,
            len: 9,
            hash: 11,
        };
        let bytes = entry.encode();
        assert_eq!(Entry::decode(&bytes), Some(entry));
        for bit in 0..ENTRY * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::decode(&bytes), None, "bit {bit}");
        }
    }
}

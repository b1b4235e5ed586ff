//! The metadata of a cache's file (`docs/zc-diskcache-format.md`).
//!
//! The input is a list of patches to a good file: two bytes of place, one of length, the bytes. If its
//! first byte is odd the checksums are put right afterwards, so that what they protect is read.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use tempfile::TempDir;
use zc_core::sync::block_on;
use zc_diskcache::{CacheError, RawDiskCache};

use crate::crc32c;

const PAGE: usize = 4096;
const RECORDS: usize = 3 * PAGE;
const RECORD: usize = 128;
const KEYS: [&str; 3] = [
    "a",
    "group/1",
    "a key that does not fit into its record, because it is long",
];

pub(crate) fn read(input: &[u8]) {
    let (file, folder) = base();
    let mut bytes = file.clone();
    patch(&mut bytes, input.get(1..).unwrap_or_default());
    if input.first().is_some_and(|b| b % 2 == 1) {
        mend(&mut bytes);
    }
    let path = folder
        .path()
        .join(format!("{:?}", std::thread::current().id()));
    if let Err(e) = fs::write(&path, bytes) {
        panic!("no room for the file: {e}");
    }
    // An error is as good as an open cache.
    if let Ok(cache) = open(&path) {
        for key in KEYS {
            let found = cache.lookup_zero_copy_sync(key).ok().flatten();
            let sum: u64 = found
                .iter()
                .flat_map(|b| b.iter())
                .map(|b| u64::from(*b))
                .sum();
            std::hint::black_box(sum);
        }
        // The file may be full of what is still there; what is stored must be found.
        if block_on(cache.store("new", Bytes::from_static(b"value"))).is_ok()
            && let Ok(Some(found)) = cache.lookup_zero_copy_sync("new")
        {
            assert_eq!(&found[..], b"value");
        }
    }
}

fn open(path: &Path) -> Result<RawDiskCache, CacheError> {
    block_on(
        RawDiskCache::builder(path)
            .capacity(16 << 10)
            .block_size(512)
            .open(),
    )
}

/// A good file with a few objects, and the folder in which its patched copies are opened.
fn base() -> &'static (Vec<u8>, TempDir) {
    static BASE: OnceLock<(Vec<u8>, TempDir)> = OnceLock::new();
    let made = || -> Result<(Vec<u8>, TempDir), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("base");
        let cache = open(&path)?;
        for (i, key) in KEYS.iter().enumerate() {
            block_on(cache.store(key, Bytes::from(vec![7; 300 * (i + 1)])))?;
        }
        block_on(cache.close())?;
        Ok((fs::read(path)?, folder))
    };
    BASE.get_or_init(|| made().unwrap_or_else(|e| panic!("no file to begin with: {e}")))
}

fn patch(bytes: &mut [u8], mut input: &[u8]) {
    while let [low, high, len, rest @ ..] = input {
        let (patch, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        let at = usize::from(u16::from_le_bytes([*low, *high]));
        let room = bytes.get_mut(at..).unwrap_or_default();
        let n = patch.len().min(room.len());
        room[..n].copy_from_slice(&patch[..n]);
        input = rest;
    }
}

fn mend(bytes: &mut [u8]) {
    for page in 0..3 {
        let page = &mut bytes[page * PAGE..(page + 1) * PAGE];
        page[12..16].fill(0);
        let crc = crc32c(&[page]);
        page[12..16].copy_from_slice(&crc.to_le_bytes());
    }
    let seed: [u8; 8] = bytes[64..72].try_into().unwrap_or_default();
    for slot in 0_u32..64 {
        let at = RECORDS + slot as usize * RECORD;
        let Some(record) = bytes.get_mut(at..at + RECORD) else {
            break;
        };
        if record.iter().any(|b| *b != 0) {
            let crc = crc32c(&[&seed, &slot.to_le_bytes(), &record[8..]]);
            record[4..8].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

/// A patch of each field of header, session page and first records.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    let pages = [(0, 72), (PAGE, 72), (2 * PAGE, 48)];
    let records = [0, 1, 2].map(|slot| (RECORDS + slot * RECORD, RECORD));
    for (start, len) in pages.into_iter().chain(records) {
        for field in (0..len).step_by(8) {
            let at = u16::try_from(start + field).unwrap_or(0).to_le_bytes();
            seeds.push(vec![
                1, at[0], at[1], 8, 255, 255, 255, 255, 255, 255, 255, 127,
            ]);
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mending_a_good_file_changes_nothing_in_it() {
        let (file, folder) = base();
        let mut mended = file.clone();
        mend(&mut mended);
        assert!(mended == *file, "a checksum is not what the format says");
        let path = folder.path().join("mended");
        fs::write(&path, mended).unwrap();
        let cache = open(&path).unwrap();
        let found = cache.lookup_zero_copy_sync(KEYS[2]).unwrap().unwrap();
        assert_eq!(found.len(), 900);
    }

    #[test]
    fn a_patch_lands_where_it_says_and_nowhere_else() {
        let mut bytes = vec![0; 300];
        patch(&mut bytes, &[2, 1, 3, 7, 8, 9, 255, 255, 1, 1]);
        assert_eq!(bytes[258..261], [7, 8, 9]);
        assert_eq!(bytes.iter().filter(|b| **b != 0).count(), 3);
    }
}

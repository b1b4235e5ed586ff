//! The header, in two copies, and the session page. See `docs/zc-diskcache-format.md`.

use super::layout::{HEADER, HEADER_COPY, Layout, PAGE, RECORDS, SESSION};
use super::record::{u32_at, u64_at};
use crate::error::{CacheError, CacheErrorKind};
use crate::io::checksum::Crc32c;
use crate::io::file::CacheFile;

const MAGIC: [u8; 8] = *b"zc-cache";
const SESSION_MAGIC: [u8; 8] = *b"zc-sess\n";
pub(crate) const VERSION: u32 = 1;

/// What never changes in the life of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) layout: Layout,
    /// Random: seeds the hash of keys and the checksums of records.
    pub(crate) seed: u64,
    pub(crate) created_wall_ms: u64,
}

/// How the file was used last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Counts opens; the upper part of every sequence number.
    pub(crate) number: u64,
    /// Closed after everything had reached the disk.
    pub(crate) clean: bool,
    /// The boot of the machine in which it was used.
    pub(crate) boot: [u8; 16],
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; PAGE as usize];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.layout.block_size.to_le_bytes());
        out[24..32].copy_from_slice(&self.layout.blocks.to_le_bytes());
        out[32..40].copy_from_slice(&u64::from(self.layout.slots).to_le_bytes());
        out[40..48].copy_from_slice(&RECORDS.to_le_bytes());
        out[48..56].copy_from_slice(&self.layout.data_offset.to_le_bytes());
        out[56..64].copy_from_slice(&self.layout.file_len().to_le_bytes());
        out[64..72].copy_from_slice(&self.seed.to_le_bytes());
        out[72..80].copy_from_slice(&self.created_wall_ms.to_le_bytes());
        seal(&mut out);
        out
    }

    /// Decodes one copy: the header, or what is wrong with it.
    fn decode(page: &[u8]) -> Result<Self, CacheErrorKind> {
        if page[0..8] != MAGIC {
            return Err(CacheErrorKind::NotACache);
        }
        if !is_sealed(page) {
            return Err(CacheErrorKind::Corrupt);
        }
        if u32_at(page, 8) != VERSION {
            return Err(CacheErrorKind::Version);
        }
        let blocks = u64_at(page, 24);
        let block_size = u64_at(page, 16);
        let layout = blocks
            .checked_mul(block_size)
            .and_then(|capacity| Layout::new(capacity, block_size).ok())
            .filter(|layout| {
                u64_at(page, 32) == u64::from(layout.slots)
                    && u64_at(page, 40) == RECORDS
                    && u64_at(page, 48) == layout.data_offset
                    && u64_at(page, 56) == layout.file_len()
            })
            .ok_or(CacheErrorKind::Corrupt)?;
        Ok(Self {
            layout,
            seed: u64_at(page, 64),
            created_wall_ms: u64_at(page, 72),
        })
    }

    /// Reads the header of an existing file. One good copy is enough; `repair` says which one is
    /// not good.
    pub(crate) fn read(file: &CacheFile) -> Result<(Self, Option<u64>), CacheError> {
        let mut pages = [vec![0; PAGE as usize], vec![0; PAGE as usize]];
        let have = file.len()?;
        for (page, offset) in pages.iter_mut().zip([HEADER, HEADER_COPY]) {
            let here = have.saturating_sub(offset).min(PAGE) as usize;
            file.read_exact_at(&mut page[..here], offset)?;
        }
        match (Self::decode(&pages[0]), Self::decode(&pages[1])) {
            (Ok(first), Ok(second)) if first != second => {
                Err(CacheError::new(CacheErrorKind::Corrupt)
                    .detail("the two copies of the header contradict each other"))
            }
            (Ok(header), Ok(_)) => Ok((header, None)),
            (Ok(header), Err(_)) => Ok((header, Some(HEADER_COPY))),
            (Err(_), Ok(header)) => Ok((header, Some(HEADER))),
            (Err(first), Err(second)) => {
                // A file that has the magic anywhere was a cache once; say what it lacks.
                let kind = match (first, second) {
                    (CacheErrorKind::NotACache, other) | (other, _) => other,
                };
                let error = CacheError::new(kind);
                Err(match kind {
                    CacheErrorKind::NotACache if have == 0 => {
                        error.detail("the file is empty; name a new path, or remove it first")
                    }
                    CacheErrorKind::Version => error.detail(format!(
                        "this library reads version {VERSION}, the file has {}",
                        u32_at(&pages[0], 8)
                    )),
                    _ => error,
                })
            }
        }
    }

    /// Writes both copies.
    pub(crate) fn write(&self, file: &CacheFile) -> Result<(), CacheError> {
        let page = self.encode();
        file.write_all_at(&page, HEADER)?;
        file.write_all_at(&page, HEADER_COPY)
    }
}

impl Session {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; PAGE as usize];
        out[0..8].copy_from_slice(&SESSION_MAGIC);
        out[16..24].copy_from_slice(&self.number.to_le_bytes());
        out[24..32].copy_from_slice(&u64::from(self.clean).to_le_bytes());
        out[32..48].copy_from_slice(&self.boot);
        seal(&mut out);
        out
    }

    /// Reads the session page; `None` if it is damaged, which costs nothing but a verification of
    /// every object at its first read.
    pub(crate) fn read(file: &CacheFile) -> Result<Option<Self>, CacheError> {
        let mut page = vec![0; PAGE as usize];
        file.read_exact_at(&mut page, SESSION)?;
        // A number that its 23 bits of a sequence number do not hold was never written.
        let possible = u64_at(&page, 16) < 1 << 23;
        if page[0..8] != SESSION_MAGIC || !is_sealed(&page) || !possible {
            return Ok(None);
        }
        let mut boot = [0; 16];
        boot.copy_from_slice(&page[32..48]);
        Ok(Some(Self {
            number: u64_at(&page, 16),
            clean: u64_at(&page, 24) == 1,
            boot,
        }))
    }

    pub(crate) fn write(&self, file: &CacheFile) -> Result<(), CacheError> {
        file.write_all_at(&self.encode(), SESSION)
    }
}

/// Puts the checksum of a page, taken with zeros in its place, into bytes 12 .. 16.
fn seal(page: &mut [u8]) {
    let crc = page_checksum(page);
    page[12..16].copy_from_slice(&crc.to_le_bytes());
}

fn is_sealed(page: &[u8]) -> bool {
    u32_at(page, 12) == page_checksum(page)
}

fn page_checksum(page: &[u8]) -> u32 {
    let mut crc = Crc32c::new();
    crc.update(&page[..12]);
    crc.update(&[0; 4]);
    crc.update(&page[16..]);
    crc.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_byte_is_seen() {
        let header = Header {
            layout: Layout::new(1 << 20, 4096).unwrap(),
            seed: 1,
            created_wall_ms: 2,
        };
        let good = header.encode();
        assert_eq!(Header::decode(&good), Ok(header));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(Header::decode(&bad).is_err(), "byte {at}");
        }
    }
}

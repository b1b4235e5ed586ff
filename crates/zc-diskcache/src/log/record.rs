//! Records: 128 bytes that say what object lies where. See `docs/zc-diskcache-format.md`.

use super::layout::{Layout, MAX_KEY, RECORD};
use crate::io::checksum::Crc32c;

pub(crate) const SIZE: usize = RECORD as usize;
/// Bytes of the key that the record itself holds; the rest of a longer key is a copy of the whole
/// key behind the value.
pub(crate) const INLINE_KEY: usize = 56;
const MAGIC: u32 = u32::from_le_bytes(*b"zcr1");

/// One record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) hash: u64,
    pub(crate) block: u64,
    pub(crate) len: u64,
    pub(crate) ttl_ms: u64,
    /// Wall clock, milliseconds since 1970; `u64::MAX` for never.
    pub(crate) expires_wall_ms: u64,
    pub(crate) value_crc: u32,
    pub(crate) key_crc: u32,
    pub(crate) key_len: u32,
    /// The first [`INLINE_KEY`] bytes of a key that fits, else zeros.
    pub(crate) inline_key: [u8; INLINE_KEY],
}

/// What a record's place holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Free,
    Object(Record),
    Damaged,
}

/// The part of `key` that is written behind the value: all of a long one, nothing of a short one.
pub(crate) fn spilled(key: &[u8]) -> &[u8] {
    if key.len() > INLINE_KEY { key } else { &[] }
}

/// What a short key looks like in the record.
pub(crate) fn inlined(key: &[u8]) -> [u8; INLINE_KEY] {
    let mut bytes = [0; INLINE_KEY];
    if key.len() <= INLINE_KEY {
        bytes[..key.len()].copy_from_slice(key);
    }
    bytes
}

impl Record {
    /// Blocks that the extent takes.
    pub(crate) fn blocks(&self, layout: &Layout) -> u64 {
        let spilled = if self.key_len as usize > INLINE_KEY {
            u64::from(self.key_len)
        } else {
            0
        };
        self.len.saturating_add(spilled).div_ceil(layout.block_size)
    }

    /// The bytes of the record in slot `slot` of the file with this `seed`. Both go into the
    /// checksum: a record at another place, or of another file, is no record.
    pub(crate) fn encode(&self, seed: u64, slot: u32) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.hash.to_le_bytes());
        out[24..32].copy_from_slice(&self.block.to_le_bytes());
        out[32..40].copy_from_slice(&self.len.to_le_bytes());
        out[40..48].copy_from_slice(&self.ttl_ms.to_le_bytes());
        out[48..56].copy_from_slice(&self.expires_wall_ms.to_le_bytes());
        out[56..60].copy_from_slice(&self.value_crc.to_le_bytes());
        out[60..64].copy_from_slice(&self.key_crc.to_le_bytes());
        out[64..68].copy_from_slice(&self.key_len.to_le_bytes());
        out[72..128].copy_from_slice(&self.inline_key);
        let crc = checksum(&out, seed, slot);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a record back. Everything that could lead outside of the data area is damage.
    pub(crate) fn decode(bytes: &[u8; SIZE], seed: u64, slot: u32, layout: &Layout) -> Decoded {
        if bytes.iter().all(|byte| *byte == 0) {
            return Decoded::Free;
        }
        if u32_at(bytes, 0) != MAGIC || u32_at(bytes, 4) != checksum(bytes, seed, slot) {
            return Decoded::Damaged;
        }
        let mut inline_key = [0; INLINE_KEY];
        inline_key.copy_from_slice(&bytes[72..128]);
        let record = Self {
            seq: u64_at(bytes, 8),
            hash: u64_at(bytes, 16),
            block: u64_at(bytes, 24),
            len: u64_at(bytes, 32),
            ttl_ms: u64_at(bytes, 40),
            expires_wall_ms: u64_at(bytes, 48),
            value_crc: u32_at(bytes, 56),
            key_crc: u32_at(bytes, 60),
            key_len: u32_at(bytes, 64),
            inline_key,
        };
        let end = record.block.checked_add(record.blocks(layout));
        let inside = end.is_some_and(|end| end <= layout.blocks);
        // The next number must be one more, for centuries of openings.
        let ordered = record.seq < u64::MAX / 2;
        if inside && ordered && record.key_len as usize <= MAX_KEY {
            Decoded::Object(record)
        } else {
            Decoded::Damaged
        }
    }
}

fn checksum(bytes: &[u8; SIZE], seed: u64, slot: u32) -> u32 {
    let mut crc = Crc32c::new();
    crc.update(&seed.to_le_bytes());
    crc.update(&slot.to_le_bytes());
    crc.update(&bytes[8..]);
    crc.finish()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        Record {
            seq: 7,
            hash: 0x1234_5678_9abc_def0,
            block: 3,
            len: 5000,
            ttl_ms: 60_000,
            expires_wall_ms: 1_900_000_000_000,
            value_crc: 0xdead_beef,
            key_crc: 0x0bad_cafe,
            key_len: 3,
            inline_key: inlined(b"abc"),
        }
    }

    #[test]
    fn any_flipped_byte_is_seen() {
        let layout = Layout::new(1 << 20, 4096).unwrap();
        let good = sample().encode(99, 5);
        assert_eq!(
            Record::decode(&good, 99, 5, &layout),
            Decoded::Object(sample())
        );
        for at in 0..SIZE {
            for bit in 0..8 {
                let mut bad = good;
                bad[at] ^= 1 << bit;
                assert_eq!(Record::decode(&bad, 99, 5, &layout), Decoded::Damaged);
            }
        }
    }

    #[test]
    fn a_record_belongs_to_one_slot_of_one_file() {
        let layout = Layout::new(1 << 20, 4096).unwrap();
        let bytes = sample().encode(99, 5);
        assert_eq!(Record::decode(&bytes, 99, 6, &layout), Decoded::Damaged);
        assert_eq!(Record::decode(&bytes, 98, 5, &layout), Decoded::Damaged);
    }

    #[test]
    fn an_extent_outside_of_the_file_is_damage_whatever_the_checksum_says() {
        let layout = Layout::new(1 << 20, 4096).unwrap();
        for (block, len) in [
            (255, 8192),
            (256, 1),
            (u64::MAX, 1),
            (0, u64::MAX),
            (0, 2 << 20),
        ] {
            let bytes = Record {
                block,
                len,
                ..sample()
            }
            .encode(1, 1);
            assert_eq!(Record::decode(&bytes, 1, 1, &layout), Decoded::Damaged);
        }
        let bytes = Record {
            key_len: 65_537,
            ..sample()
        }
        .encode(1, 1);
        assert_eq!(Record::decode(&bytes, 1, 1, &layout), Decoded::Damaged);
    }
}

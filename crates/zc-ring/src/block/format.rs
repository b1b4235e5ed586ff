//! The layout of a sealed block: its head and its columns' entries. Described to the byte in
//! `docs/zc-ring-block-format.md`.

use std::ops::Range;

use crc_fast::crc32_iscsi;

use super::codec::{self, Coding};
use super::error::BlockError;
use crate::rows::{ColumnDef, ColumnType, DeltaWidth};

pub(crate) const MAGIC: [u8; 4] = *b"ZCBK";
/// The newest version. A block is written as version 2 unless it has what came with version 3:
/// nullable columns, texts, field ids. Version 1 had only the codecs up to delta. All are read.
pub(crate) const VERSION: u16 = 3;
/// The codecs from here on came with version 2.
const FIRST_OF_VERSION_2: u8 = codec::PATCHED;
/// Everything starts at a multiple of this.
pub(crate) const ALIGN: usize = 64;
pub(crate) const HEAD_BYTES: usize = 32;
pub(crate) const ENTRY_BYTES: usize = 64;
/// Where the checksum of the head stands.
const HEAD_CRC: Range<usize> = 20..24;
/// Bits beside the width of deltas in an entry: the column is nullable; a bitmap stands before its
/// values.
const NULLABLE: u8 = 0x80;
const HAS_NULLS: u8 = 0x40;
/// The number of the type of texts, which came with version 3.
const TEXT: u8 = 13;

/// The fixed head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) columns: usize,
    pub(crate) total_len: usize,
    pub(crate) head_len: usize,
    pub(crate) rows: usize,
    pub(crate) sequence: u64,
}

/// The entry of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) column: ColumnDef,
    pub(crate) coding: Coding,
    /// Whether the payload begins with a bitmap of the rows that have a value.
    pub(crate) has_nulls: bool,
    /// Of the payload, from the start of the block.
    pub(crate) offset: usize,
    /// Of the payload, bitmap and values, without what fills it up to [`ALIGN`].
    pub(crate) len: usize,
    /// Of the payload and what fills it up.
    pub(crate) crc: u32,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// Writes the head, the entries and the names into `out`, which is exactly as long as the head.
pub(crate) fn write_head(head: &Head, entries: &[Entry], out: &mut [u8]) {
    let mut at = Writer { out, at: 0 };
    at.put(&MAGIC);
    let version = version_of(entries);
    at.put(&version.to_le_bytes());
    at.put(&(head.columns as u16).to_le_bytes());
    at.put(&(head.total_len as u32).to_le_bytes());
    at.put(&(head.head_len as u32).to_le_bytes());
    at.put(&(head.rows as u32).to_le_bytes());
    at.put(&[0; 4]);
    at.put(&head.sequence.to_le_bytes());
    let mut name_at = HEAD_BYTES + ENTRY_BYTES * entries.len();
    for entry in entries {
        let (kind, parameter) = kind(entry.column.column_type);
        let delta = entry.column.delta.map_or(0, |width| width.bytes() as u8);
        let nullable = u8::from(entry.column.nullable) * NULLABLE;
        let nulls = nullable | (u8::from(entry.has_nulls) * HAS_NULLS);
        at.put(&[kind, entry.coding.codec, delta | nulls, entry.coding.bits]);
        at.put(&parameter.to_le_bytes());
        at.put(&(entry.offset as u32).to_le_bytes());
        at.put(&(entry.len as u32).to_le_bytes());
        at.put(&entry.crc.to_le_bytes());
        at.put(&(entry.column.name.len() as u32).to_le_bytes());
        at.put(&(name_at as u32).to_le_bytes());
        let id = if version < 3 { 0 } else { entry.column.id };
        at.put(&id.to_le_bytes());
        at.put(&entry.min.to_le_bytes());
        at.put(&entry.max.to_le_bytes());
        at.put(&entry.coding.base.to_le_bytes());
        at.put(&entry.coding.first.to_le_bytes());
        name_at += entry.column.name.len();
    }
    for entry in entries {
        at.put(entry.column.name.as_bytes());
    }
    let crc = head_crc(out);
    out[HEAD_CRC].copy_from_slice(&crc.to_le_bytes());
}

/// The first version that has all that is in the entries.
fn version_of(entries: &[Entry]) -> u16 {
    let is_new = |(position, entry): (u32, &Entry)| {
        let column = &entry.column;
        let is_text = matches!(column.column_type, ColumnType::Str { .. });
        column.nullable || is_text || column.id != position
    };
    if (0..).zip(entries).any(is_new) { 3 } else { 2 }
}

/// Bytes of the head with its entries and names, filled up.
pub(crate) fn head_len(columns: &[ColumnDef]) -> usize {
    let names: usize = columns.iter().map(|column| column.name.len()).sum();
    (HEAD_BYTES + ENTRY_BYTES * columns.len() + names).next_multiple_of(ALIGN)
}

/// The two lengths of the block that `prefix` begins: of all of it, and of its head. `None` while
/// `prefix` is too short to say.
pub(crate) fn read_lens(prefix: &[u8]) -> Result<Option<(usize, usize)>, BlockError> {
    let known = prefix.len().min(MAGIC.len());
    if prefix[..known] != MAGIC[..known] {
        return Err(BlockError::NotABlock);
    }
    if prefix.len() < 16 {
        return Ok(None);
    }
    let version = u16_at(prefix, 4);
    if !(1..=VERSION).contains(&version) {
        return Err(BlockError::Version { version });
    }
    let (total_len, head_len) = (u32_at(prefix, 8) as usize, u32_at(prefix, 12) as usize);
    let is_whole = total_len.is_multiple_of(ALIGN) && head_len.is_multiple_of(ALIGN);
    if !is_whole || head_len < HEAD_BYTES + ENTRY_BYTES || total_len < head_len {
        return Err(BlockError::Corrupt { what: "lengths" });
    }
    Ok(Some((total_len, head_len)))
}

/// Reads the head of a block of which `bytes` are the head, after checking its checksum.
pub(crate) fn read_head(bytes: &[u8], total_len: usize) -> Result<(Head, Vec<Entry>), BlockError> {
    if u32_at(bytes, HEAD_CRC.start) != head_crc(bytes) {
        return Err(BlockError::Checksum { what: "head" });
    }
    let head = Head {
        columns: u16_at(bytes, 6).into(),
        total_len,
        head_len: bytes.len(),
        rows: u32_at(bytes, 16) as usize,
        sequence: u64_at(bytes, 24),
    };
    let version = u16_at(bytes, 4);
    let names = HEAD_BYTES + ENTRY_BYTES * head.columns;
    if names > bytes.len() {
        return Err(BlockError::Corrupt {
            what: "number of columns",
        });
    }
    let entries = bytes[HEAD_BYTES..names].chunks_exact(ENTRY_BYTES);
    let mut name_at = names;
    let entries = entries
        .enumerate()
        .map(|(position, entry)| {
            if version == 1 && entry[1] >= FIRST_OF_VERSION_2 {
                return Err(BlockError::Corrupt { what: "codec" });
            }
            if version < 3 && entry[0] == TEXT {
                return Err(BlockError::Corrupt {
                    what: "column type",
                });
            }
            let name_len = u32_at(entry, 20) as usize;
            let is_next = u32_at(entry, 24) as usize == name_at;
            let name = name_at
                .checked_add(name_len)
                .and_then(|end| bytes.get(name_at..end));
            let name = name
                .filter(|_| is_next)
                .and_then(|name| std::str::from_utf8(name).ok());
            let name = name.ok_or(BlockError::Corrupt {
                what: "column name",
            })?;
            name_at += name_len;
            read_entry(entry, name, position as u32, version)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if bytes[name_at..].iter().any(|byte| *byte != 0) || bytes.len() - name_at >= ALIGN {
        return Err(BlockError::Corrupt {
            what: "end of the head",
        });
    }
    Ok((head, entries))
}

fn read_entry(entry: &[u8], name: &str, position: u32, version: u16) -> Result<Entry, BlockError> {
    let id = match (version, u32_at(entry, 28)) {
        (3.., id) => id,
        (_, 0) => position,
        _ => {
            return Err(BlockError::Corrupt {
                what: "reserved bytes",
            });
        }
    };
    let flags = if version < 3 { 0 } else { NULLABLE | HAS_NULLS };
    let [nullable, has_nulls] = [NULLABLE, HAS_NULLS].map(|flag| entry[2] & flags & flag != 0);
    if has_nulls && !nullable {
        return Err(BlockError::Corrupt {
            what: "nulls of a column that must not have any",
        });
    }
    let delta = match entry[2] & !flags {
        0 => None,
        1 => Some(DeltaWidth::I8),
        2 => Some(DeltaWidth::I16),
        4 => Some(DeltaWidth::I32),
        _ => {
            return Err(BlockError::Corrupt {
                what: "delta width",
            });
        }
    };
    let column_type = column_type(entry[0], u32_at(entry, 4)).ok_or(BlockError::Corrupt {
        what: "column type",
    })?;
    Ok(Entry {
        column: ColumnDef {
            delta,
            nullable,
            ..ColumnDef::new(name, column_type, id)
        },
        coding: Coding {
            codec: entry[1],
            bits: entry[3],
            base: u64_at(entry, 48),
            first: u64_at(entry, 56),
        },
        has_nulls,
        offset: u32_at(entry, 8) as usize,
        len: u32_at(entry, 12) as usize,
        crc: u32_at(entry, 16),
        min: u64_at(entry, 32),
        max: u64_at(entry, 40),
    })
}

/// The number of a type in the format, and its parameter.
fn kind(column_type: ColumnType) -> (u8, u32) {
    match column_type {
        ColumnType::I8 => (1, 0),
        ColumnType::I16 => (2, 0),
        ColumnType::I32 => (3, 0),
        ColumnType::I64 => (4, 0),
        ColumnType::U8 => (5, 0),
        ColumnType::U16 => (6, 0),
        ColumnType::U32 => (7, 0),
        ColumnType::U64 => (8, 0),
        ColumnType::F32 => (9, 0),
        ColumnType::F64 => (10, 0),
        ColumnType::Bool => (11, 0),
        ColumnType::FixedBytes(len) => (12, len as u32),
        ColumnType::Str { max } => (TEXT, max as u32),
    }
}

fn column_type(kind: u8, parameter: u32) -> Option<ColumnType> {
    match kind {
        12 => return Some(ColumnType::FixedBytes(parameter as usize)),
        TEXT => {
            let max = parameter as usize;
            return Some(ColumnType::Str { max });
        }
        _ => {}
    }
    let types = [
        ColumnType::I8,
        ColumnType::I16,
        ColumnType::I32,
        ColumnType::I64,
        ColumnType::U8,
        ColumnType::U16,
        ColumnType::U32,
        ColumnType::U64,
        ColumnType::F32,
        ColumnType::F64,
        ColumnType::Bool,
    ];
    let index = usize::from(kind).checked_sub(1)?;
    types.get(index).copied().filter(|_| parameter == 0)
}

/// CRC-32C of the head without its checksum.
fn head_crc(head: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&head[..HEAD_CRC.start]);
    digest.update(&head[HEAD_CRC.end..]);
    digest.finalize() as u32
}

/// CRC-32C of a payload and what fills it up.
pub(crate) fn payload_crc(bytes: &[u8]) -> u32 {
    crc32_iscsi(bytes)
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

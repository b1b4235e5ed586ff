//! Decoding: bytes → a block → columns. The bytes may come from anywhere: everything is checked
//! before it is used, and what does not hold is an error.

use zc_core::Frozen;

use super::codec;
use super::error::BlockError;
use super::format::{self, ALIGN, Entry, Head};
use super::stats::{Stats, is_signed};
use super::{Block, MAX_ROWS};
use crate::rows::{ColumnType, FixedBytes, RawColumn, Schema};

/// Checks that `bytes` are exactly one block.
pub(super) fn decode(bytes: Frozen<u8>) -> Result<Block, BlockError> {
    let len = bytes.len();
    let at_least = format::HEAD_BYTES + format::ENTRY_BYTES;
    let Some((total_len, head_len)) = format::read_lens(&bytes)? else {
        return Err(BlockError::Truncated {
            len,
            needed: at_least,
        });
    };
    if len < total_len {
        let needed = total_len;
        return Err(BlockError::Truncated { len, needed });
    }
    if len > total_len {
        let extra = len - total_len;
        return Err(BlockError::TrailingBytes { extra });
    }
    let (head, entries) = format::read_head(&bytes[..head_len], total_len)?;
    let schema = Schema::new(entries.iter().map(|entry| entry.column.clone()).collect())?;
    check(&bytes, &head, &entries)?;
    Ok(Block {
        bytes,
        schema,
        rows: head.rows,
        sequence: head.sequence,
        entries: entries.into(),
    })
}

/// Checks the rows, and that the payloads follow each other without a gap up to the end, each of
/// the length that its coding makes it and with its checksum.
fn check(bytes: &[u8], head: &Head, entries: &[Entry]) -> Result<(), BlockError> {
    if head.rows == 0 || head.rows > MAX_ROWS {
        return Err(BlockError::Corrupt {
            what: "number of rows",
        });
    }
    let mut offset = head.head_len;
    for entry in entries {
        let expected =
            payload_len(entry, head.rows).ok_or(BlockError::Corrupt { what: "codec" })?;
        if entry.offset != offset || entry.len != expected {
            return Err(BlockError::Corrupt {
                what: "place of a column",
            });
        }
        let end = offset + expected.next_multiple_of(ALIGN);
        let payload = bytes.get(offset..end).ok_or(BlockError::Corrupt {
            what: "length of a column",
        })?;
        if format::payload_crc(payload) != entry.crc {
            return Err(BlockError::Checksum { what: "column" });
        }
        offset = end;
    }
    if offset != head.total_len {
        return Err(BlockError::Corrupt {
            what: "end of the block",
        });
    }
    Ok(())
}

/// Bytes of the payload of a valid coding.
fn payload_len(entry: &Entry, rows: usize) -> Option<usize> {
    let column_type = entry.column.column_type;
    let width = column_type.bytes();
    if let ColumnType::FixedBytes(_) = column_type {
        let coding = &entry.coding;
        let is_plain = coding.bits == 0 && coding.base == 0 && coding.first == 0;
        return match coding.codec {
            codec::RAW if is_plain => Some(rows * width),
            codec::CONSTANT if is_plain => Some(width),
            _ => None,
        };
    }
    let is_valid = entry.coding.is_valid(width, column_type.is_integer());
    is_valid.then(|| entry.coding.payload_len(rows, width))
}

/// The values of a column, in logical form, and in keeping with what the head says of them.
pub(super) fn column(block: &Block, index: usize) -> Result<RawColumn, BlockError> {
    let entry = &block.entries[index];
    let payload = &block.bytes[entry.offset..entry.offset + entry.len];
    let column_type = entry.column.column_type;
    let width = column_type.bytes();
    if let ColumnType::FixedBytes(_) = column_type {
        let bytes = if entry.coding.codec == codec::CONSTANT {
            payload.repeat(block.rows)
        } else {
            payload.to_vec()
        };
        return Ok(RawColumn::Bytes(FixedBytes::new(width, bytes)));
    }
    let numbers = entry
        .coding
        .decode(payload, block.rows, width, is_signed(column_type));
    let stats = Stats::of(&numbers, column_type);
    if (stats.min, stats.max) != (entry.min, entry.max) {
        return Err(BlockError::Corrupt {
            what: "smallest and largest value",
        });
    }
    Ok(RawColumn::Numbers(numbers))
}

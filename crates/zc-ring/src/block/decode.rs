//! Decoding: bytes → a block → columns. The bytes may come from anywhere: everything is checked
//! before it is used, and what does not hold is an error.

use std::ops::Range;

use zc_core::Frozen;

use super::codec;
use super::error::BlockError;
use super::format::{self, ALIGN, Entry, Head};
use super::stats::{Stats, is_signed};
use super::{Block, MAX_ROWS, nulls};
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

/// Checks the rows, and that the payloads follow each other without a gap up to the end, each with
/// its checksum and exactly what its coding makes it.
fn check(bytes: &[u8], head: &Head, entries: &[Entry]) -> Result<(), BlockError> {
    if head.rows == 0 || head.rows > MAX_ROWS {
        return Err(BlockError::Corrupt {
            what: "number of rows",
        });
    }
    let mut offset = head.head_len;
    for entry in entries {
        if entry.offset != offset {
            return Err(BlockError::Corrupt {
                what: "place of a column",
            });
        }
        let end = offset
            .checked_add(entry.len)
            .and_then(|end| end.checked_next_multiple_of(ALIGN));
        let payload = end.and_then(|end| bytes.get(offset..end));
        let payload = payload.ok_or(BlockError::Corrupt {
            what: "length of a column",
        })?;
        if format::payload_crc(payload) != entry.crc {
            return Err(BlockError::Checksum { what: "column" });
        }
        let (coding, column_type) = (&entry.coding, entry.column.column_type);
        let (own, fill) = payload.split_at(entry.len);
        let own = match entry.has_nulls {
            true => nulls::check(own, head.rows),
            false => Some(own),
        };
        let own = own.ok_or(BlockError::Corrupt {
            what: "nulls of a column",
        })?;
        let is_good = match column_type {
            ColumnType::FixedBytes(width) => codec::bytes::check(coding, own, head.rows, width),
            ColumnType::Str { max } => codec::texts::check(coding, own, head.rows, max),
            _ => coding.check(own, head.rows, column_type),
        };
        if !is_good || fill.iter().any(|byte| *byte != 0) {
            return Err(BlockError::Corrupt {
                what: "coding of a column",
            });
        }
        offset += payload.len();
    }
    if offset != head.total_len {
        return Err(BlockError::Corrupt {
            what: "end of the block",
        });
    }
    Ok(())
}

/// The values of a column, in logical form, and in keeping with what the head says of them.
pub(super) fn column(block: &Block, index: usize) -> Result<RawColumn, BlockError> {
    let entry = &block.entries[index];
    let values = values(block, entry)?;
    if !entry.column.nullable {
        return Ok(values);
    }
    let nulls = (0..block.rows).map(|row| is_null(block, entry, row));
    Ok(RawColumn::Nullable(Box::new(values), nulls.collect()))
}

/// The values of a column, zeros where there are none.
fn values(block: &Block, entry: &Entry) -> Result<RawColumn, BlockError> {
    if let ColumnType::FixedBytes(width) = entry.column.column_type {
        let payload = payload(block, entry);
        let bytes = codec::bytes::decode(&entry.coding, payload, block.rows, width);
        let mut bytes = bytes.ok_or(BlockError::Corrupt {
            what: "coding of a column",
        })?;
        let rows = bytes.chunks_exact_mut(width).enumerate();
        rows.filter(|(row, _)| is_null(block, entry, *row))
            .for_each(|(_, value)| value.fill(0));
        return Ok(RawColumn::Bytes(FixedBytes::new(width, bytes)));
    }
    if let ColumnType::Str { max } = entry.column.column_type {
        let is_null = |row| is_null(block, entry, row);
        let (coding, payload) = (&entry.coding, payload(block, entry));
        let texts = codec::texts::decode(coding, payload, block.rows, max, is_null);
        let texts = texts.ok_or(BlockError::Corrupt {
            what: "texts of a column",
        })?;
        return Ok(RawColumn::Texts(texts));
    }
    let mut values = vec![0; block.rows];
    numbers(block, entry, &mut values)?;
    Ok(RawColumn::Numbers(values))
}

/// The values of a column of numbers, as many as the block has rows, as [`column`].
pub(super) fn numbers(block: &Block, entry: &Entry, out: &mut [u64]) -> Result<(), BlockError> {
    let column_type = entry.column.column_type;
    let (width, is_signed) = (column_type.bytes(), is_signed(column_type));
    let decoded = entry
        .coding
        .decode(payload(block, entry), width, is_signed, out);
    decoded.ok_or(BlockError::Corrupt {
        what: "coding of a column",
    })?;
    let stats = Stats::of(out, column_type);
    if (stats.min, stats.max) != (entry.min, entry.max) {
        return Err(BlockError::Corrupt {
            what: "smallest and largest value",
        });
    }
    if entry.has_nulls {
        let rows = out.iter_mut().enumerate();
        rows.filter(|(row, _)| is_null(block, entry, *row))
            .for_each(|(_, number)| *number = 0);
    }
    Ok(())
}

/// One number of a column, without the others where the coding allows it.
pub(super) fn number(block: &Block, entry: &Entry, row: usize) -> Result<u64, BlockError> {
    if is_null(block, entry, row) {
        return Ok(0);
    }
    let column_type = entry.column.column_type;
    let width = column_type.bytes();
    let Some(number) = entry.coding.get(payload(block, entry), width, row) else {
        let mut all = [0; MAX_ROWS];
        let all = &mut all[..block.rows];
        numbers(block, entry, all)?;
        return Ok(all[row]);
    };
    let unused = 64 - 8 * width as u32;
    let is_raw = entry.coding.codec == codec::RAW && is_signed(column_type);
    let number = if is_raw {
        ((number << unused) as i64 >> unused) as u64
    } else {
        number
    };
    Ok(number)
}

/// Whether a row, one of the block's, has no value.
pub(super) fn is_null(block: &Block, entry: &Entry, row: usize) -> bool {
    entry.has_nulls && nulls::is_null(&block.bytes[entry.offset..], row)
}

/// Where the values of a column lie, without its bitmap and what fills them up.
pub(super) fn values_range(block: &Block, entry: &Entry) -> Range<usize> {
    let bitmap = match entry.has_nulls {
        true => nulls::filled_len(block.rows),
        false => 0,
    };
    entry.offset + bitmap..entry.offset + entry.len
}

fn payload<'a>(block: &'a Block, entry: &Entry) -> &'a [u8] {
    &block.bytes[values_range(block, entry)]
}

//! Sealing: rows → a block. All columns are written into one buffer, once.

use zc_core::{Frozen, ledger};

use super::codec::{self, Coding};
use super::error::BlockError;
use super::format::{self, ALIGN, Entry, Head};
use super::stats::Stats;
use super::{Block, MAX_ROWS};
use crate::rows::{ColumnDef, ColumnType, Rows};

/// Seals `rows`, at least one.
pub(super) fn seal(rows: Rows<'_>) -> Result<Block, BlockError> {
    if rows.len > MAX_ROWS {
        return Err(BlockError::TooManyRows { rows: rows.len });
    }
    let schema = &rows.store.schema;
    let columns = schema.columns();
    let is_new = |column: &&ColumnDef| {
        column.nullable || matches!(column.column_type, ColumnType::Str { .. })
    };
    if let Some(column) = columns.iter().find(is_new) {
        let column = column.name.clone();
        return Err(BlockError::NotSupported { column });
    }
    let head_len = format::head_len(columns);
    // As if nothing could be made smaller, so that the buffer is not moved while it grows.
    let widths = columns.iter().map(|column| column.column_type.bytes());
    let at_most: usize = widths
        .map(|width| (width * rows.len).next_multiple_of(ALIGN))
        .sum();
    let mut out = Vec::with_capacity(head_len + at_most);
    out.resize(head_len, 0);
    let mut numbers = Vec::with_capacity(rows.len);
    let mut entries = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let field = schema.field(index);
        let offset = out.len();
        let (coding, stats) = if let ColumnType::FixedBytes(_) = column.column_type {
            let values = (0..rows.len).map(|row| rows.bytes(row, field));
            (seal_bytes(values, &mut out), None)
        } else {
            numbers.clear();
            numbers.extend((0..rows.len).map(|row| rows.number(row, field)));
            extend_sign(&mut numbers, column);
            let stats = Stats::of(&numbers, column.column_type);
            let width = column.column_type.bytes();
            let coding = Coding::best(&numbers, &stats, width);
            coding.encode(&numbers, width, &mut out);
            (coding, Some(stats))
        };
        let len = out.len() - offset;
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        entries.push(Entry {
            column: column.clone(),
            coding,
            offset,
            len,
            crc: format::payload_crc(&out[offset..]),
            min: stats.map_or(0, |stats| stats.min),
            max: stats.map_or(0, |stats| stats.max),
        });
    }
    let head = Head {
        columns: columns.len(),
        total_len: out.len(),
        head_len,
        rows: rows.len,
        sequence: rows.first,
    };
    format::write_head(&head, &entries, &mut out[..head_len]);
    ledger::copied("ring.seal", rows.len * schema.row_bytes());
    Ok(Block {
        bytes: Frozen::from_vec(out),
        schema: schema.clone(),
        rows: head.rows,
        sequence: head.sequence,
        entries: entries.into(),
    })
}

/// Numbers that stand in the ring at their own width come without their sign.
fn extend_sign(numbers: &mut [u64], column: &ColumnDef) {
    let unused = 64 - 8 * column.column_type.bytes() as u32;
    if super::stats::is_signed(column.column_type) && unused > 0 {
        for number in numbers {
            *number = ((*number << unused) as i64 >> unused) as u64;
        }
    }
}

/// Appends the values of a bytes column: one, if they are all the same.
fn seal_bytes<'a>(mut values: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) -> Coding {
    let first = values.clone().next().unwrap_or_default();
    let is_constant = values.clone().all(|value| value == first);
    if is_constant {
        out.extend_from_slice(first);
    } else {
        values
            .by_ref()
            .for_each(|value| out.extend_from_slice(value));
    }
    Coding {
        codec: if is_constant {
            codec::CONSTANT
        } else {
            codec::RAW
        },
        bits: 0,
        base: 0,
        first: 0,
    }
}

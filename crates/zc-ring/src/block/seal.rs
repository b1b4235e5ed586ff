//! Sealing: rows → a block. Columns are coded one by one, and come into memory that is aligned and
//! exactly as long as the block.

use zc_core::{Frozen, ledger};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::codec::{self, Choice, Coding};
use super::error::BlockError;
use super::format::{self, ALIGN, Entry, Head};
use super::stats::Stats;
use super::{Block, Encoding, MAX_ROWS, gather, nulls};
use crate::rows::{ColumnType, MAX_ROW_BYTES, Rows};

/// How many bytes a block has room for before it must grow, if its rows take so many.
const ROOM: usize = 16 << 10;

/// What stands where fixed bytes are null in every row.
static ZEROS: [u8; MAX_ROW_BYTES] = [0; MAX_ROW_BYTES];

/// Seals `rows`, at least one.
pub(super) fn seal(rows: Rows<'_>, encoding: Encoding) -> Result<Block, BlockError> {
    if rows.len > MAX_ROWS {
        return Err(BlockError::TooManyRows { rows: rows.len });
    }
    let schema = &rows.store.schema;
    let columns = schema.columns();
    let head_len = format::head_len(columns);
    // What most blocks fit in, so that it need not grow.
    let room = (rows.len * schema.row_bytes()).min(ROOM);
    let mut out = Vec::with_capacity(head_len + room);
    out.resize(head_len, 0);
    let is_plain = encoding == Encoding::Plain;
    let mut numbers = vec![0; rows.len];
    let mut nulls = Vec::with_capacity(rows.len);
    let mut entries = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let field = schema.field(index);
        let offset = out.len();
        nulls.clear();
        if column.nullable {
            nulls.extend((0..rows.len).map(|row| rows.is_null(row, field)));
        }
        let has_nulls = nulls.contains(&true);
        if has_nulls {
            nulls::seal(&nulls, &mut out);
        }
        let (coding, stats) = if let ColumnType::FixedBytes(width) = column.column_type {
            let mut values: Vec<_> = (0..rows.len).map(|row| rows.bytes(row, field)).collect();
            nulls::fill(&mut values, &nulls, &ZEROS[..width]);
            let coding = codec::bytes::seal(values.iter().copied(), is_plain, &mut out);
            (coding, None)
        } else if let ColumnType::Str { .. } = column.column_type {
            let text = |row| std::str::from_utf8(rows.bytes(row, field)).unwrap_or_default();
            let is_null = |row: usize| has_nulls && nulls[row];
            let texts = (0..rows.len).map(|row| (!is_null(row)).then(|| text(row)));
            let texts: Vec<_> = texts.collect();
            (codec::texts::seal(&texts, encoding, &mut out), None)
        } else {
            gather::numbers(&rows, &field, column.column_type, &mut numbers);
            nulls::fill(&mut numbers, &nulls, 0);
            let (coding, stats) = seal_numbers(&numbers, column.column_type, encoding, &mut out);
            (coding, Some(stats))
        };
        let len = out.len() - offset;
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        entries.push(Entry {
            column: column.clone(),
            coding,
            has_nulls,
            offset,
            len,
            crc: format::payload_crc(&out[offset..]),
            min: stats.map_or(0, |stats| stats.min),
            max: stats.map_or(0, |stats| stats.max),
        });
    }
    if u32::try_from(out.len()).is_err() {
        return Err(BlockError::TooLong { bytes: out.len() });
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
        bytes: aligned(&out),
        schema: schema.clone(),
        rows: head.rows,
        sequence: head.sequence,
        entries: entries.into(),
    })
}

fn seal_numbers(
    numbers: &[u64],
    column_type: ColumnType,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> (Coding, Stats) {
    let stats = Stats::of(numbers, column_type);
    let choice = match encoding {
        Encoding::Plain => Choice::plain(numbers, column_type),
        _ => Choice::smallest(numbers, &stats, column_type),
    };
    let start = out.len();
    choice.encode(numbers, column_type.bytes(), out);
    debug_assert_eq!(out.len() - start, choice.len);
    (choice.coding, stats)
}

/// What everything in a block is aligned to.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
struct Line([u8; ALIGN]);

struct Lines(Vec<Line>);

impl AsRef<[u8]> for Lines {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A copy of `bytes`, a multiple of [`ALIGN`], that is aligned to it.
pub(super) fn aligned(bytes: &[u8]) -> Frozen<u8> {
    let (lines, _) = bytes.as_chunks();
    Frozen::from_owner(Lines(lines.iter().map(|line| Line(*line)).collect()))
}

//! Where the columns lie in a row, and whether there can be such a row at all.
//!
//! # Layout of a row
//!
//! A row is a whole number of 8-byte words, never padded further. Columns are laid out from the
//! widest to the narrowest, by their width *in the ring* (that of the delta for delta columns), in
//! order of the schema where they are equal. The views of texts lie among the widest. Behind the
//! numbers come the null bits, one for each nullable column, then the `fixed_bytes` columns. Every
//! number therefore lies within one word at a multiple of its width.
//!
//! # Texts
//!
//! A text is a view of 16 bytes, in the shape of Arrow's `BinaryView`: its length, then either the
//! text itself, up to 12 bytes, or its first 4 bytes and where it lies in the *arena*. There each
//! slot of the ring has a stretch of its own, as long as the longest texts, so that the arena's
//! tail follows the rows' tail without a cursor of its own, and whoever may read a row may read its
//! texts. Address space is taken for the longest texts; memory only for pages that were written to.

use super::types::{ColumnDef, ColumnType};
use crate::rows::error::SchemaError;
use crate::rows::value::Kind;
use crate::rows::{MAX_COLUMNS, MAX_NAME_BYTES, MAX_ROW_BYTES};

/// Bytes of a text's view.
pub(super) const VIEW_BYTES: usize = 16;

/// Bytes of a text that fits into its view.
pub(crate) const INLINE_BYTES: usize = 12;

/// Where a column lies in its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Bytes from the start of the row.
    pub(crate) offset: usize,
    pub(crate) kind: Kind,
    /// Bytes it takes there.
    pub(crate) width: usize,
    /// Its number among the delta columns, if it is one.
    pub(crate) delta: Option<usize>,
    /// Where its long texts lie, if it is a text.
    pub(crate) text: Option<Text>,
    /// Its null bit, if it is nullable.
    pub(crate) null: Option<NullBit>,
}

/// Where the long texts of a column lie in the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Its number among the text columns.
    pub(crate) number: usize,
    /// Words from the start of the slot's stretch.
    pub(crate) offset: usize,
    /// Bytes of the longest text.
    pub(crate) max: usize,
}

/// A bit of a row that says that a column has no value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NullBit {
    /// The row's word.
    pub(crate) word: usize,
    /// The bit in it, alone.
    pub(crate) mask: u64,
}

/// Where everything lies.
#[derive(Debug)]
pub(super) struct Layout {
    /// In order of the columns.
    pub(super) fields: Box<[Field]>,
    /// Bytes of a row, a multiple of 8.
    pub(super) bytes: usize,
    pub(super) deltas: usize,
    pub(super) texts: usize,
    /// Words of a slot's stretch of the arena.
    pub(super) arena_words: usize,
}

impl Field {
    /// How far a number is shifted within its word, so that it lies at its offset in memory.
    #[inline]
    pub(crate) fn shift(&self) -> u32 {
        let within = self.offset % 8;
        let bytes = if cfg!(target_endian = "big") {
            8 - within - self.width
        } else {
            within
        };
        8 * bytes as u32
    }

    /// Ones over the width of a number.
    #[inline]
    pub(crate) fn mask(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.width as u32)
    }

    /// The signed number in the low bits of a word, as wide as this one.
    #[inline]
    pub(crate) fn extend(&self, narrow: u64) -> u64 {
        let unused = 64 - 8 * self.width as u32;
        ((narrow << unused) as i64 >> unused) as u64
    }
}

/// Whether there can be a row of such columns.
pub(super) fn check(columns: &[ColumnDef]) -> Result<(), SchemaError> {
    if columns.is_empty() {
        return Err(SchemaError::Empty);
    }
    if columns.len() > MAX_COLUMNS {
        let columns = columns.len();
        return Err(SchemaError::TooManyColumns { columns });
    }
    for (index, column) in columns.iter().enumerate() {
        let name = &column.name;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(SchemaError::Name { len: name.len() });
        }
        if columns[..index].iter().any(|other| other.name == *name) {
            return Err(SchemaError::DuplicateColumn { name: name.clone() });
        }
        if columns[..index].iter().any(|other| other.id == column.id) {
            return Err(SchemaError::DuplicateFieldId { id: column.id });
        }
        match column.column_type {
            ColumnType::FixedBytes(0) | ColumnType::Str { max: 0 } => {
                return Err(SchemaError::NoBytes { name: name.clone() });
            }
            ColumnType::FixedBytes(bytes) | ColumnType::Str { max: bytes }
                if bytes > MAX_ROW_BYTES =>
            {
                return Err(SchemaError::RowTooLong { bytes });
            }
            _ => {}
        }
        let column_type = column.column_type;
        if let Some(width) = column.delta
            && (!column_type.is_integer() || column_type.bytes() <= width.bytes())
        {
            return Err(SchemaError::Delta {
                name: name.clone(),
                delta: width.bytes(),
                column: Some(column_type),
            });
        }
    }
    Ok(())
}

/// Lays columns out that [`check`] has passed.
pub(super) fn lay_out(columns: &[ColumnDef]) -> Layout {
    let is_bytes = |column: &ColumnDef| matches!(column.column_type, ColumnType::FixedBytes(_));
    let (mut numbers, bytes): (Vec<usize>, Vec<usize>) =
        (0..columns.len()).partition(|&index| !is_bytes(&columns[index]));
    // Stable: columns of one width stay in order.
    numbers.sort_by_key(|&index| 8 - columns[index].stored().min(8));
    let empty = Field {
        offset: 0,
        kind: Kind::Number,
        width: 0,
        delta: None,
        text: None,
        null: None,
    };
    let mut layout = Layout {
        fields: vec![empty; columns.len()].into(),
        bytes: 0,
        deltas: 0,
        texts: 0,
        arena_words: 0,
    };
    for index in numbers {
        layout.place(index, &columns[index]);
    }
    let nullable = (0..columns.len()).filter(|&index| columns[index].nullable);
    let nullable: Vec<usize> = nullable.collect();
    for (number, &index) in nullable.iter().enumerate() {
        layout.fields[index].null = Some(NullBit::at(layout.bytes + number / 8, number % 8));
    }
    layout.bytes += nullable.len().div_ceil(8);
    for index in bytes {
        layout.place(index, &columns[index]);
    }
    layout.bytes = layout.bytes.next_multiple_of(8);
    layout
}

impl Layout {
    /// Puts a column behind those that lie there already.
    fn place(&mut self, index: usize, column: &ColumnDef) {
        let field = &mut self.fields[index];
        field.offset = self.bytes;
        field.width = column.stored();
        if let ColumnType::FixedBytes(_) | ColumnType::Str { .. } = column.column_type {
            field.kind = Kind::Bytes;
        }
        self.bytes += field.width;
        if column.delta.is_some() {
            field.delta = Some(self.deltas);
            self.deltas += 1;
        }
        if let ColumnType::Str { max } = column.column_type {
            field.text = Some(Text {
                number: self.texts,
                offset: self.arena_words,
                max,
            });
            self.texts += 1;
            if max > INLINE_BYTES {
                self.arena_words += max.div_ceil(8);
            }
        }
    }
}

impl NullBit {
    fn at(byte: usize, bit: usize) -> Self {
        let mut word = [0; 8];
        word[byte % 8] = 1 << bit;
        Self {
            word: byte / 8,
            mask: u64::from_ne_bytes(word),
        }
    }
}

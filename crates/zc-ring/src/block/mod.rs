//! Sealed blocks: up to 1024 rows as compressed columns in one immutable buffer.
//!
//! A block describes itself: schema, codecs and checksums are in it, so that it can be stored,
//! sent and read by whoever has the bytes. The bytes are one [`Frozen<u8>`](zc_core::Frozen), which
//! is handed on without a copy.

mod codec;
mod decode;
mod error;
mod format;
mod gather;
mod input;
mod nulls;
mod seal;
mod split;
mod stats;

use std::fmt;
use std::sync::Arc;

use zc_core::Frozen;

pub use error::BlockError;
pub use input::{BlockBytes, ColumnRef};
pub use split::Blocks;

use crate::rows::{ColumnData, Rows, Scalar, Schema};
use format::Entry;

/// The most rows a block holds.
pub const MAX_ROWS: usize = crate::rows::BLOCK_ROWS as usize;

/// Up to 1024 rows as compressed columns. Immutable; cloning it copies no rows.
///
/// ```
/// use zc_ring::{Block, ConsumerOptions, RowRing, Schema};
///
/// # let schema = Schema::builder().i64("ts").build()?;
/// # let ring = RowRing::builder(schema, 8).build()?;
/// # let mut consumer = ring.consumer(ConsumerOptions::default())?;
/// # let ts = ring.schema().column::<i64>("ts")?;
/// # ring.producer()?.push(|row| row.set(ts, 7))?;
/// let sealed = consumer.poll(1024).rows().expect("a row is there").to_block()?;
/// let bytes = sealed.bytes();
///
/// let block = Block::decode(bytes)?;
/// assert_eq!(block.rows(), 1);
/// assert_eq!(block.column::<i64>("ts")?, [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Block {
    bytes: Frozen<u8>,
    schema: Schema,
    rows: usize,
    sequence: u64,
    entries: Arc<[Entry]>,
}

impl Block {
    /// Checks that `bytes` are exactly one block and reads its head. A [`Frozen`] is kept as it is;
    /// a slice is copied once.
    ///
    /// Checks every checksum: costs one pass over the bytes.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes; they may come from anywhere.
    pub fn decode(bytes: impl BlockBytes) -> Result<Self, BlockError> {
        decode::decode(bytes.into_frozen())
    }

    /// Splits blocks that were laid end to end.
    #[must_use]
    pub fn split(stream: Frozen<u8>) -> Blocks {
        Blocks::new(stream)
    }

    /// How long the block is that `prefix` begins: `None` while 16 bytes are not there yet.
    ///
    /// # Errors
    /// [`BlockError::NotABlock`], [`BlockError::Version`], [`BlockError::Corrupt`]. The length is
    /// not covered by a checksum until the whole head is there: bound it before trusting it.
    pub fn encoded_len(prefix: &[u8]) -> Result<Option<usize>, BlockError> {
        Ok(format::read_lens(prefix)?.map(|(total_len, _)| total_len))
    }

    pub(crate) fn seal(rows: Rows<'_>, encoding: Encoding) -> Result<Self, BlockError> {
        seal::seal(rows, encoding)
    }

    /// Decodes a column, named by a handle or by its name: a `Vec` of numbers,
    /// [`FixedBytes`](crate::FixedBytes), [`Strings`](crate::Strings), or a `Vec` of `Option`s where the type asked for is one, which
    /// nullable columns allow. Without the `Option` a null is zero or the empty text.
    ///
    /// Takes memory for 1024 values at most: 64 MiB where they are texts of 64 KiB, however few bytes of
    /// the block they take.
    ///
    /// # Errors
    /// [`BlockError::ForeignHandle`], or [`BlockError::Schema`] for a name that is not there or of
    /// another type; [`BlockError::Corrupt`] if the values are not what the head says of them.
    pub fn column<T: ColumnData + ?Sized>(
        &self,
        column: impl ColumnRef<T>,
    ) -> Result<T::Values, BlockError> {
        let index = column.index(&self.schema)?;
        let raw = decode::column(self, index)?;
        T::collect(raw).ok_or(BlockError::Corrupt {
            what: "value out of its type's range",
        })
    }

    /// Decodes a column of numbers into `values`, without allocating.
    ///
    /// # Errors
    /// As [`column`](Self::column); `values` may have been written to then.
    ///
    /// # Panics
    /// If `values` is not exactly as long as the block has rows.
    pub fn column_into<T: Scalar>(
        &self,
        column: impl ColumnRef<T>,
        values: &mut [T],
    ) -> Result<(), BlockError> {
        let (len, rows) = (values.len(), self.rows);
        assert_eq!(
            len, rows,
            "a block of {rows} rows does not fit {len} values"
        );
        let index = column.index(&self.schema)?;
        let entry = &self.entries[index];
        // What is as wide as its logical form is decoded to where it belongs.
        if let Some(numbers) = T::as_logical(values) {
            return decode::numbers(self, entry, numbers);
        }
        let mut numbers = [0; MAX_ROWS];
        let numbers = &mut numbers[..rows];
        decode::numbers(self, entry, numbers)?;
        let mut is_in_range = true;
        for (value, number) in values.iter_mut().zip(numbers) {
            *value = T::from_logical(*number);
            is_in_range &= value.to_logical() == *number;
        }
        is_in_range.then_some(()).ok_or(BlockError::Corrupt {
            what: "value out of its type's range",
        })
    }

    /// One value of a column of numbers; `None` if there is no such row.
    ///
    /// Found without decoding the others where the column is raw, constant, in a frame of reference
    /// or a dictionary; what the head says of all values is not checked then. Otherwise as dear as
    /// [`column_into`](Self::column_into).
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub fn value<T: Scalar>(
        &self,
        column: impl ColumnRef<T>,
        row: usize,
    ) -> Result<Option<T>, BlockError> {
        let index = column.index(&self.schema)?;
        if row >= self.rows {
            return Ok(None);
        }
        let number = decode::number(self, &self.entries[index], row)?;
        let value = T::from_logical(number);
        if value.to_logical() != number {
            return Err(BlockError::Corrupt {
                what: "value out of its type's range",
            });
        }
        Ok(Some(value))
    }

    /// Whether a row has no value in a column; `None` if there is no such row. Decodes nothing.
    ///
    /// # Errors
    /// [`BlockError::ForeignHandle`], or [`BlockError::Schema`] for a name that is not there or of
    /// another type.
    pub fn is_null<T: ColumnData + ?Sized>(
        &self,
        column: impl ColumnRef<T>,
        row: usize,
    ) -> Result<Option<bool>, BlockError> {
        let entry = &self.entries[column.index(&self.schema)?];
        Ok((row < self.rows).then(|| decode::is_null(self, entry, row)))
    }

    /// How many rows have no value in a column. Decodes nothing.
    ///
    /// # Errors
    /// As [`is_null`](Self::is_null).
    pub fn null_count<T: ColumnData + ?Sized>(
        &self,
        column: impl ColumnRef<T>,
    ) -> Result<usize, BlockError> {
        let entry = &self.entries[column.index(&self.schema)?];
        let rows = (0..self.rows).filter(|row| decode::is_null(self, entry, *row));
        Ok(rows.count())
    }

    /// The smallest and the largest value of a column of numbers, as the head says: floats in the
    /// total order of IEEE 754. Zeros where every row is null. Decodes nothing.
    ///
    /// # Errors
    /// As [`column`](Self::column).
    pub fn range<T: Scalar>(&self, column: impl ColumnRef<T>) -> Result<(T, T), BlockError> {
        let entry = &self.entries[column.index(&self.schema)?];
        Ok((T::from_logical(entry.min), T::from_logical(entry.max)))
    }

    /// Where the values of a column lie as they are: numbers and bytes end to end, bools as bits.
    #[cfg(feature = "arrow")]
    pub(crate) fn plain_payload(&self, name: &str) -> Option<std::ops::Range<usize>> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.column.name == name)?;
        let plain = codec::Coding::plain(entry.column.column_type);
        (entry.coding == plain).then(|| decode::values_range(self, entry))
    }

    /// Where the bitmap of the rows that have a value lies, if there is one.
    #[cfg(feature = "arrow")]
    pub(crate) fn bitmap(&self, name: &str) -> Option<std::ops::Range<usize>> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.column.name == name)?;
        let len = self.rows.div_ceil(8);
        entry.has_nulls.then_some(entry.offset..entry.offset + len)
    }

    /// The encoded block. Copies nothing.
    #[must_use]
    pub fn bytes(&self) -> Frozen<u8> {
        self.bytes.clone()
    }

    /// How many rows there are, 1 to 1024.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The sequence that the first row had in its ring.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Length of the encoded block in bytes.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// How columns are coded when rows are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Each column as whatever takes the fewest bytes.
    #[default]
    Smallest,
    /// Each column as it is read in place: numbers and bytes as they stand, bools as bits. Twice to
    /// twelve times as large, and handed to Arrow without a copy.
    Plain,
    /// As [`Smallest`](Self::Smallest), and texts also as symbols that they have in common (FSST), which
    /// takes several times as long to seal. Whoever has not this feature reads them as well.
    #[cfg(feature = "fsst")]
    Archive,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("rows", &self.rows)
            .field("sequence", &self.sequence)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

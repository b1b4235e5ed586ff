//! [`SharedBatch`]: rows of a shared ring in a consumer's hands. The invariants are those of
//! [`RowBatch`](crate::rows::RowBatch): the rows do not change while the value exists, because the
//! consumer's cursor stands before them, or because they are copies of its own.

use std::fmt;

use super::consumer::rows;
use super::reader::Reader;
use crate::block::{Block, BlockError, Encoding};
use crate::rows::{
    Column, ColumnData, ColumnHandle, Record, RecordData, Records, RowCopies, RowError, Rows,
    Schema,
};

/// Rows in a consumer's hands, to be read column by column.
///
/// The rows count as read when the batch is dropped, or as far as [`commit`](Self::commit) says.
/// A batch that is dropped by a panic counts for nothing: its rows are there again. One that is
/// leaked counts as read at the next poll. One that its process is killed with is gone with it.
#[must_use = "dropping a batch counts its rows as read"]
pub struct SharedBatch<'a> {
    reader: &'a mut Reader,
    copies: Option<&'a RowCopies>,
    first: u64,
    len: usize,
}

impl<'a> SharedBatch<'a> {
    /// Rows that `reader` has just taken in hand.
    #[inline]
    pub(super) fn new(
        reader: &'a mut Reader,
        copies: Option<&'a RowCopies>,
        first: u64,
        len: usize,
    ) -> Self {
        Self {
            reader,
            copies,
            first,
            len,
        }
    }

    #[inline]
    fn rows(&self) -> Rows<'_> {
        rows(self.reader, self.copies, self.first, self.len)
    }

    /// How many rows there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The sequence of the first row.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.first
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.reader.place.attachment.store.schema
    }

    /// One column of all the rows.
    ///
    /// # Panics
    /// If the handle was made from a schema that is not the ring's;
    /// [`try_column`](Self::try_column) does not.
    #[must_use]
    #[inline]
    pub fn column<T: ColumnData + ?Sized>(&self, column: ColumnHandle<T>) -> Column<'_, T> {
        match self.try_column(column) {
            Ok(column) => column,
            Err(error) => panic!("{error}"),
        }
    }

    /// One column of all the rows.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`].
    #[inline]
    pub fn try_column<T: ColumnData + ?Sized>(
        &self,
        column: ColumnHandle<T>,
    ) -> Result<Column<'_, T>, RowError> {
        self.rows().column(column).ok_or(RowError::ForeignHandle)
    }

    /// The columns of a record, row by row.
    ///
    /// # Panics
    /// If the record was made from a schema that is not the ring's;
    /// [`try_records`](Self::try_records) does not.
    #[inline]
    pub fn records<'b, T: RecordData>(&'b self, record: &'b Record<T>) -> Records<'b, T> {
        match self.try_records(record) {
            Ok(records) => records,
            Err(error) => panic!("{error}"),
        }
    }

    /// The columns of a record, row by row.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`].
    #[inline]
    pub fn try_records<'b, T: RecordData>(
        &'b self,
        record: &'b Record<T>,
    ) -> Result<Records<'b, T>, RowError> {
        Records::new(self.rows(), record)
    }

    /// Seals the rows into a compressed block. They stay in hand, and the batch counts as read
    /// when it is dropped.
    ///
    /// # Errors
    /// [`BlockError::TooManyRows`] for more than 1024 rows.
    pub fn to_block(&self) -> Result<Block, BlockError> {
        self.to_block_with(Encoding::Smallest)
    }

    /// The same, with the columns coded as `encoding` says.
    ///
    /// # Errors
    /// As for [`to_block`](Self::to_block).
    pub fn to_block_with(&self, encoding: Encoding) -> Result<Block, BlockError> {
        Block::seal(self.rows(), encoding)
    }

    /// Counts the first `rows` rows as read and hands the others back: the next poll begins with
    /// them.
    ///
    /// # Panics
    /// If there are fewer rows than that; nothing is counted then.
    pub fn commit(self, rows: usize) {
        let len = self.len;
        assert!(rows <= len, "cannot commit {rows} rows of a batch of {len}");
        self.reader.commit(rows);
        std::mem::forget(self);
    }
}

impl Drop for SharedBatch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.reader.abandon();
        } else {
            self.reader.commit(self.len);
        }
    }
}

impl fmt::Debug for SharedBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBatch")
            .field("sequence", &self.first)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

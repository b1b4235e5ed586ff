//! [`RowBatch`]: rows in a consumer's hands.
//!
//! # Invariants
//!
//! * **B1** The rows `first .. first + len` do not change while this value exists: either they are
//!   rows of the ring before which the consumer's cursor stands (R1 of the reader), or copies of the
//!   consumer's own, which is borrowed for `'a`.
//! * **B2** What is read out of the rows by reference borrows the batch.

use std::fmt;

use super::column::Column;
use super::copies::RowCopies;
use super::error::RowError;
use super::record::{Record, RecordData};
use super::records::Records;
use super::row_ref::{RowIter, RowRef};
use super::schema::{ColumnHandle, Field, Schema};
use super::store::{RowStore, Run};
use super::value::{ColumnData, Kind, Raw};
use crate::block::{Block, BlockError, Encoding};
use crate::consumer::ReadState;
use crate::sequencer::Sequencer;

/// Rows in a consumer's hands, to be read column by column.
///
/// The rows count as read when the batch is dropped, or as far as [`commit`](Self::commit) says.
/// A batch that is dropped by a panic counts for nothing: its rows are there again. One that is
/// leaked counts as read at the next poll.
#[must_use = "dropping a batch counts its rows as read"]
pub struct RowBatch<'a> {
    rows: Rows<'a>,
    state: &'a mut ReadState,
    sequencer: &'a Sequencer,
}

/// Rows that do not change (B1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) store: &'a RowStore,
    /// Where they were copied to, if they were.
    pub(crate) copies: Option<&'a RowCopies>,
    pub(crate) first: u64,
    pub(crate) len: usize,
}

impl<'a> RowBatch<'a> {
    /// Rows that `state` has just taken in hand (B1).
    pub(crate) fn new(rows: Rows<'a>, state: &'a mut ReadState, sequencer: &'a Sequencer) -> Self {
        Self {
            rows,
            state,
            sequencer,
        }
    }

    /// How many rows there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// The sequence of the first row.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.rows.first
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.rows.store.schema
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
    /// [`RowError::ForeignHandle`]; [`RowError::StaleSchema`] for a handle of an earlier schema.
    #[inline]
    pub fn try_column<T: ColumnData + ?Sized>(
        &self,
        column: ColumnHandle<T>,
    ) -> Result<Column<'_, T>, RowError> {
        let store = self.rows.store;
        let found = self.rows.column(column);
        found.ok_or_else(|| store.foreign(column))
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
    /// [`RowError::ForeignHandle`]; [`RowError::StaleSchema`] for a record of an earlier schema.
    #[inline]
    pub fn try_records<'b, T: RecordData>(
        &'b self,
        record: &'b Record<T>,
    ) -> Result<Records<'b, T>, RowError> {
        Records::new(self.rows, record)
    }

    /// The rows, one after the other.
    #[inline]
    pub fn iter(&self) -> RowIter<'_> {
        RowIter::new(self.rows)
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
    /// As [`to_block`](Self::to_block).
    pub fn to_block_with(&self, encoding: Encoding) -> Result<Block, BlockError> {
        Block::seal(self.rows, encoding)
    }

    /// Counts the first `rows` rows as read and hands the others back: the next poll begins with
    /// them.
    ///
    /// # Panics
    /// If there are fewer rows than that; nothing is counted then.
    pub fn commit(self, rows: usize) {
        let len = self.len();
        assert!(rows <= len, "cannot commit {rows} rows of a batch of {len}");
        self.state.commit(self.sequencer, rows);
        std::mem::forget(self);
    }
}

impl<'b> IntoIterator for &'b RowBatch<'_> {
    type Item = RowRef<'b>;
    type IntoIter = RowIter<'b>;

    #[inline]
    fn into_iter(self) -> RowIter<'b> {
        self.iter()
    }
}

impl Drop for RowBatch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.state.abandon();
        } else {
            self.state.commit(self.sequencer, self.rows.len);
        }
    }
}

impl<'a> Rows<'a> {
    #[inline]
    pub(crate) fn sequence(&self, row: usize) -> u64 {
        debug_assert!(row < self.len);
        self.first.wrapping_add(row as u64)
    }

    /// One column, if the handle belongs here.
    #[inline]
    pub(crate) fn column<T: ColumnData + ?Sized>(
        self,
        column: ColumnHandle<T>,
    ) -> Option<Column<'a, T>> {
        let schema = &self.store.schema;
        let index = schema.resolve(column)?;
        Some(Column::new(self, schema.field_ref(index)))
    }

    /// The values of rows `from..to` as far as they lie evenly in the ring, if they do at all: those
    /// of a number column that is never null.
    #[inline]
    pub(crate) fn run(&self, from: usize, to: usize, field: &Field) -> Option<Run<'a>> {
        let is_even = self.copies.is_none() && field.kind == Kind::Number && field.null.is_none();
        is_even.then(|| self.store.run(self.sequence(from), to - from, field))
    }

    /// The logical form of a number field of row `row`.
    #[inline]
    pub(crate) fn number(&self, row: usize, field: Field) -> u64 {
        match self.copies {
            None => self.store.number(self.sequence(row), &field),
            Some(copies) => copies.number(&self.store.schema, self.sequence(row), &field),
        }
    }

    /// A bytes or text field of row `row`.
    #[inline]
    pub(crate) fn bytes(&self, row: usize, field: Field) -> &'a [u8] {
        match self.copies {
            // SAFETY: the rows do not change (B1).
            None => unsafe { self.store.value_bytes(self.sequence(row), &field) },
            Some(copies) => copies.value_bytes(&self.store.schema, self.sequence(row), &field),
        }
    }

    /// Whether a field of row `row` has no value.
    #[inline]
    pub(crate) fn is_null(&self, row: usize, field: Field) -> bool {
        let Some(null) = field.null else {
            return false;
        };
        match self.copies {
            None => self.store.is_null(self.sequence(row), null),
            Some(copies) => copies.is_null(&self.store.schema, self.sequence(row), null),
        }
    }

    /// All the rows as they lie in memory, where they lie behind each other.
    pub(crate) fn contiguous(&self) -> Option<&'a [u8]> {
        let bytes = self.len * self.store.schema.row_bytes();
        match self.copies {
            Some(copies) => Some(&copies.bytes(&self.store.schema, self.first)[..bytes]),
            None if self.len <= self.store.contiguous(self.first) => {
                // SAFETY: the rows do not change (B1).
                Some(unsafe { self.store.bytes(self.first, 0, bytes) })
            }
            None => None,
        }
    }

    /// The value of row `row`, without its type.
    #[inline]
    pub(crate) fn raw(&self, row: usize, field: Field, kind: Kind) -> Raw<'a> {
        if self.is_null(row, field) {
            return Raw::Null;
        }
        match kind {
            Kind::Number => Raw::Number(self.number(row, field)),
            Kind::Bytes => Raw::Bytes(self.bytes(row, field)),
        }
    }
}

impl fmt::Debug for RowBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowBatch")
            .field("sequence", &self.rows.first)
            .field("len", &self.rows.len)
            .finish_non_exhaustive()
    }
}

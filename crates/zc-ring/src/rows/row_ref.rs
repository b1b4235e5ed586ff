//! [`RowRef`]: one row of a batch.

use std::fmt;
use std::ops::Range;

use super::batch::Rows;
use super::error::RowError;
use super::schema::ColumnHandle;
use super::value::{ColumnData, Raw};
use super::words::Span;

/// One row of a batch. Values are read where they are.
///
/// Costs least for a number or truth value that is neither a delta column nor nullable, in rows that lie
/// in the ring, with a handle from the ring's own schema or a clone of it: then a value is a comparison
/// and a load. Delta columns are quicker column by column.
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    rows: Rows<'a>,
    row: usize,
    /// Its words in the ring; of copies none.
    words: Span<'a>,
    /// The number of the rows' schema: plain columns of handles with the same one lie in `words`. Of
    /// copies 0, which no handle has.
    schema: u64,
}

/// The rows of a batch, in order.
#[derive(Clone)]
pub struct RowIter<'a> {
    rows: Rows<'a>,
    left: Range<usize>,
}

impl<'a> RowRef<'a> {
    #[inline]
    fn new(rows: Rows<'a>, row: usize) -> Self {
        let store = rows.store;
        let (words, schema) = match rows.copies {
            None => (store.row(rows.sequence(row)), store.schema.number()),
            Some(_) => (store.no_words(), 0),
        };
        Self {
            rows,
            row,
            words,
            schema,
        }
    }

    /// The value of a column.
    ///
    /// # Panics
    /// If the handle was made from a schema that is not the ring's; [`try_get`](Self::try_get) does not.
    #[must_use]
    #[inline]
    pub fn get<T: ColumnData + ?Sized>(&self, column: ColumnHandle<T>) -> T::Value<'a> {
        if column.place.is_plain && column.made_by == self.schema {
            let word = self.words.load(column.place.word as usize);
            return T::from_raw(Raw::Number(word >> column.place.shift));
        }
        match get_any(self.rows, self.row, column) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The value of a column.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`]; [`RowError::StaleSchema`] for a handle of an earlier schema.
    #[inline]
    pub fn try_get<T: ColumnData + ?Sized>(
        &self,
        column: ColumnHandle<T>,
    ) -> Result<T::Value<'a>, RowError> {
        get_any(self.rows, self.row, column)
    }

    /// The row's sequence.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.rows.sequence(self.row)
    }
}

/// The value of any column of one row. By value, so that the row stays in registers.
#[inline(never)]
fn get_any<'a, T: ColumnData + ?Sized>(
    rows: Rows<'a>,
    row: usize,
    column: ColumnHandle<T>,
) -> Result<T::Value<'a>, RowError> {
    let schema = &rows.store.schema;
    let Some(index) = schema.resolve(column) else {
        return Err(rows.store.foreign(column));
    };
    Ok(T::from_raw(rows.raw(row, schema.field(index), T::KIND)))
}

impl<'a> RowIter<'a> {
    pub(crate) fn new(rows: Rows<'a>) -> Self {
        let left = 0..rows.len;
        Self { rows, left }
    }
}

impl<'a> Iterator for RowIter<'a> {
    type Item = RowRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<RowRef<'a>> {
        let row = self.left.next()?;
        Some(RowRef::new(self.rows, row))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for RowIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.left.next_back()?;
        Some(RowRef::new(self.rows, row))
    }
}

impl ExactSizeIterator for RowIter<'_> {}

impl fmt::Debug for RowRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowRef")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RowIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowIter")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

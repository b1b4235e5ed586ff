//! [`Column`]: one column of the rows of a batch.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use zerocopy::FromBytes;

use super::batch::Rows;
use super::schema::Field;
use super::value::{ColumnData, Scalar};

/// One column of the rows of a batch. Values are read where they are; delta columns give their
/// logical values.
pub struct Column<'a, T: ?Sized> {
    rows: Rows<'a>,
    field: Field,
    _values: PhantomData<fn() -> Box<T>>,
}

impl<'a, T: ColumnData + ?Sized> Column<'a, T> {
    pub(crate) fn new(rows: Rows<'a>, field: Field) -> Self {
        Self {
            rows,
            field,
            _values: PhantomData,
        }
    }

    /// How many values there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// The value of row `row` of the batch.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Value<'a>> {
        (row < self.rows.len).then(|| self.value(row))
    }

    /// Whether row `row` of the batch has no value here. A handle without `Option` reads a null as
    /// zero or nothing.
    #[must_use]
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        row < self.rows.len && self.rows.is_null(row, self.field)
    }

    /// The values, in order.
    #[inline]
    pub fn iter(&self) -> ColumnIter<'a, T> {
        ColumnIter {
            rows: 0..self.rows.len,
            column: Self::new(self.rows, self.field),
        }
    }

    #[inline]
    fn value(&self, row: usize) -> T::Value<'a> {
        T::from_raw(self.rows.raw(row, self.field, T::KIND))
    }
}

impl<'a, T: Scalar> Column<'a, T> {
    /// Copies the values into `values`.
    ///
    /// # Panics
    /// If `values` is not exactly as long as the column.
    pub fn gather(&self, values: &mut [T]) {
        let len = self.len();
        assert_eq!(
            values.len(),
            len,
            "a column of {len} values needs as many places"
        );
        for (row, value) in values.iter_mut().enumerate() {
            *value = self.value(row);
        }
    }
}

impl<'a, T: Scalar + FromBytes + zerocopy::Immutable> Column<'a, T> {
    /// The values as a slice, where they lie behind each other in memory: where the column is all
    /// there is in a row, it is no delta column, and the ring does not wrap within the batch.
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [T]> {
        let is_alone = self.rows.store.schema.row_bytes() == size_of::<T>();
        if !is_alone || self.field.delta.is_some() {
            return None;
        }
        <[T]>::ref_from_bytes(self.rows.contiguous()?).ok()
    }
}

impl<'a, T: ColumnData + ?Sized> IntoIterator for &Column<'a, T> {
    type Item = T::Value<'a>;
    type IntoIter = ColumnIter<'a, T>;

    fn into_iter(self) -> ColumnIter<'a, T> {
        self.iter()
    }
}

impl<T: ?Sized> fmt::Debug for Column<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("len", &self.rows.len)
            .finish_non_exhaustive()
    }
}

/// The values of a [`Column`], in order.
pub struct ColumnIter<'a, T: ?Sized> {
    rows: Range<usize>,
    column: Column<'a, T>,
}

impl<'a, T: ColumnData + ?Sized> Iterator for ColumnIter<'a, T> {
    type Item = T::Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(self.column.value(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<T: ColumnData + ?Sized> DoubleEndedIterator for ColumnIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.rows.next_back()?;
        Some(self.column.value(row))
    }
}

impl<T: ColumnData + ?Sized> ExactSizeIterator for ColumnIter<'_, T> {}

impl<T: ?Sized> fmt::Debug for ColumnIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnIter")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

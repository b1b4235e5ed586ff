//! [`Column`]: one column of the rows of a batch.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use zerocopy::FromBytes;

use super::batch::Rows;
use super::schema::Field;
use super::store::Run;
use super::value::{ColumnData, Kind, Raw, Scalar};

/// One column of the rows of a batch. Values are read where they are; delta columns give their
/// logical values.
pub struct Column<'a, T: ?Sized> {
    rows: Rows<'a>,
    field: &'a Field,
    _values: PhantomData<fn() -> Box<T>>,
}

impl<'a, T: ColumnData + ?Sized> Column<'a, T> {
    #[inline]
    pub(crate) fn new(rows: Rows<'a>, field: &'a Field) -> Self {
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
        row < self.rows.len && self.rows.is_null(row, *self.field)
    }

    /// The values, in order.
    #[inline]
    pub fn iter(&self) -> ColumnIter<'a, T> {
        let mut rest = 0..self.rows.len;
        ColumnIter {
            column: Self::new(self.rows, self.field),
            run: self.run(&mut rest),
            rest,
        }
    }

    #[inline]
    fn value(&self, row: usize) -> T::Value<'a> {
        T::from_raw(self.rows.raw(row, *self.field, T::KIND))
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
        let mut places = values.iter_mut();
        self.iter().for_each(|value| {
            if let Some(place) = places.next() {
                *place = value;
            }
        });
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
///
/// Whole loops over them ([`for_each`](Iterator::for_each), [`sum`](Iterator::sum) and whatever else
/// folds) are quicker than [`next`](Iterator::next): what kind of column it is is asked outside of them.
pub struct ColumnIter<'a, T: ?Sized> {
    column: Column<'a, T>,
    /// The values that come next, as far as they lie evenly.
    run: Run<'a>,
    /// The rows behind those.
    rest: Range<usize>,
}

impl<'a, T: ColumnData + ?Sized> Column<'a, T> {
    /// Takes the next run out of `rest`; an empty one where there is none.
    #[inline]
    fn run(&self, rest: &mut Range<usize>) -> Run<'a> {
        let has_runs = T::KIND == Kind::Number && !T::NULLABLE && rest.start < rest.end;
        let run = has_runs.then(|| self.rows.run(rest.start, rest.end, self.field));
        let run = run.flatten().unwrap_or(Run::none(self.rows.store));
        rest.start += run.len();
        run
    }
}

/// The value behind a run, and what comes behind that. By value, so that an iterator whose runs are long
/// stays in registers.
#[inline(never)]
fn behind<'a, T: ColumnData + ?Sized>(
    column: Column<'a, T>,
    mut rest: Range<usize>,
) -> (Option<T::Value<'a>>, Run<'a>, Range<usize>) {
    let mut run = column.run(&mut rest);
    let value = match run.next(T::WIDTH) {
        Some(logical) => Some(T::from_raw(Raw::Number(logical))),
        None => rest.next().map(|row| column.value(row)),
    };
    (value, run, rest)
}

impl<'a, T: ColumnData + ?Sized> Iterator for ColumnIter<'a, T> {
    type Item = T::Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(logical) = self.run.next(T::WIDTH) {
            return Some(T::from_raw(Raw::Number(logical)));
        }
        let column = Column::<T>::new(self.column.rows, self.column.field);
        let value;
        (value, self.run, self.rest) = behind(column, self.rest.clone());
        value
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.run.len() + self.rest.len();
        (len, Some(len))
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        let Self {
            column,
            mut run,
            mut rest,
        } = self;
        let mut folded = init;
        while run.len() > 0 {
            folded = run.fold(folded, |folded, logical| {
                f(folded, T::from_raw(Raw::Number(logical)))
            });
            run = column.run(&mut rest);
        }
        rest.fold(folded, |folded, row| f(folded, column.value(row)))
    }
}

impl<T: ColumnData + ?Sized> DoubleEndedIterator for ColumnIter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.rest.next_back() {
            return Some(self.column.value(row));
        }
        // The last row of the run: the rest begins behind it.
        if !self.run.shorten() {
            return None;
        }
        self.rest.start -= 1;
        self.rest.end = self.rest.start;
        Some(self.column.value(self.rest.start))
    }
}

impl<T: ColumnData + ?Sized> ExactSizeIterator for ColumnIter<'_, T> {}

impl<T: ?Sized> fmt::Debug for ColumnIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnIter")
            .field("left", &(self.run.len() + self.rest.len()))
            .finish_non_exhaustive()
    }
}

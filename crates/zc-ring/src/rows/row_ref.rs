//! [`RowRef`]: one row of a batch.

use std::fmt;
use std::ops::Range;

use super::access::{take_delta, take_plain};
use super::batch::Rows;
use super::copies::RowCopies;
use super::error::RowError;
use super::schema::{ColumnHandle, Form, Key, Place};
use super::store::{BLOCK_ROWS, RowStore};
use super::value::{ColumnData, Kind, Raw};
use super::words::Span;

/// One row of a batch. Values are read where they are.
///
/// Costs least for a number or truth value that is neither a delta column nor nullable, in rows that lie
/// in the ring, with a handle from the ring's own schema or a clone of it: then a value is a comparison
/// and a load. Many columns are quicker read at once ([`RowBatch::records`](crate::RowBatch::records)).
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    store: &'a RowStore,
    copies: Option<&'a RowCopies>,
    sequence: u64,
    /// Its words in the ring; of copies none.
    words: Span<'a>,
    /// Handles with this key are of plain columns that lie in `words`. Of copies none.
    plain: Key,
}

/// The rows of a batch, in order.
#[derive(Clone)]
pub struct RowIter<'a> {
    rows: Rows<'a>,
    left: Range<usize>,
    /// All the ring's words, and where the first row that is left begins; of copies none.
    words: Span<'a>,
    at: usize,
    /// Words of a row; of copies 0.
    stride: usize,
    /// As in [`RowRef`].
    plain: Key,
}

impl<'a> RowRef<'a> {
    /// The value of a column.
    ///
    /// # Panics
    /// If the handle was made from a schema that is not the ring's; [`try_get`](Self::try_get) does not.
    #[must_use]
    #[inline(always)]
    pub fn get<T: ColumnData + ?Sized>(&self, column: ColumnHandle<T>) -> T::Value<'a> {
        if T::KIND == Kind::Number && !T::NULLABLE && column.key == self.plain {
            return T::from_raw(Raw::Number(take_plain(self.words, &column.place, T::WIDTH)));
        }
        if T::WIDTH > 1 && !T::NULLABLE && column.key == self.plain.with(Form::Delta) {
            let number = delta(self.store, self.sequence, self.words, &column.place);
            return T::from_raw(Raw::Number(number));
        }
        match get_any(self.store, self.copies, self.sequence, &column) {
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
        get_any(self.store, self.copies, self.sequence, &column)
    }

    /// The row's sequence.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// The value of a delta column of one row in the ring.
#[inline(never)]
fn delta(store: &RowStore, sequence: u64, words: Span<'_>, place: &Place) -> u64 {
    let heads = store.heads(sequence);
    if sequence % BLOCK_ROWS < heads.wide_from(place.delta) {
        take_delta(words, place, heads.base(place.delta))
    } else {
        store.wide(sequence, place.delta.into())
    }
}

/// The value of any column of one row. By value, so that the row stays in registers.
#[inline(never)]
fn get_any<'a, T: ColumnData + ?Sized>(
    store: &'a RowStore,
    copies: Option<&'a RowCopies>,
    sequence: u64,
    column: &ColumnHandle<T>,
) -> Result<T::Value<'a>, RowError> {
    let Some(index) = store.schema.resolve(*column) else {
        return Err(store.foreign(*column));
    };
    let row = Rows {
        store,
        copies,
        first: sequence,
        len: 1,
    };
    Ok(T::from_raw(row.raw(0, store.schema.field(index), T::KIND)))
}

impl<'a> RowIter<'a> {
    #[inline]
    pub(crate) fn new(rows: Rows<'a>) -> Self {
        let store = rows.store;
        let in_place = rows.copies.is_none();
        let (words, at) = match in_place {
            true => store.all_words(rows.first),
            false => (store.no_words(), 0),
        };
        Self {
            rows,
            left: 0..rows.len,
            words,
            at,
            stride: if in_place { store.shape.words } else { 0 },
            plain: if in_place {
                store.shape.plain
            } else {
                Key::NONE
            },
        }
    }

    /// Row `row` of the batch, which begins at `at`.
    #[inline]
    fn row(&self, row: usize, at: usize) -> RowRef<'a> {
        RowRef {
            store: self.rows.store,
            copies: self.rows.copies,
            sequence: self.rows.sequence(row),
            words: self.words.part(at, self.stride),
            plain: self.plain,
        }
    }
}

impl<'a> Iterator for RowIter<'a> {
    type Item = RowRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<RowRef<'a>> {
        let row = self.left.next()?;
        let next = self.row(row, self.at);
        self.at += self.stride;
        if self.at == self.words.len() {
            self.at = 0;
        }
        Some(next)
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
        let at = self.at + self.left.len() * self.stride;
        let len = self.words.len();
        Some(self.row(row, if at < len { at } else { at - len }))
    }
}

impl ExactSizeIterator for RowIter<'_> {}

impl fmt::Debug for RowRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowRef")
            .field("sequence", &self.sequence)
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

//! [`Records`]: the columns of a record in the rows of a batch.
//!
//! Rows are read in *runs*, as those of a single [column](super::column) are: as far as they follow each
//! other evenly in memory, and the delta columns among them have one base each. In a run, a value is the
//! same few instructions away from its word; what they are is found once a run. Rows that are in no run
//! (copies, wide delta columns, nullable columns) are read one by one.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use super::access::{take_delta, take_plain};
use super::batch::Rows;
use super::error::RowError;
use super::record::{MAX_FIELDS, Record, RecordData, Take};
use super::schema::{Form, Place};
use super::store::{BLOCK_ROWS, BlockHeads, RowStore};
use super::value::Scalar;
use super::words::Span;

/// The columns of a [`Record`] in the rows of a batch, row by row, in order.
///
/// Whole loops over them ([`for_each`](Iterator::for_each), [`fold`](Iterator::fold)) are quicker than
/// [`next`](Iterator::next): what kind of columns they are is asked outside of them.
pub struct Records<'a, T> {
    rows: Rows<'a>,
    record: &'a Record<T>,
    /// The rows that come next, as far as they are a run.
    run: Run<'a>,
    /// The rows behind those.
    rest: Range<usize>,
}

/// Rows that follow each other evenly, in one block where there are delta columns to be read.
#[derive(Clone, Copy)]
struct Run<'a> {
    words: Span<'a>,
    /// Words of a row.
    stride: usize,
    /// What the delta columns are distances from.
    heads: BlockHeads<'a>,
}

impl<'a, T: RecordData> Records<'a, T> {
    #[inline(always)]
    pub(crate) fn new(rows: Rows<'a>, record: &'a Record<T>) -> Result<Self, RowError> {
        let store = rows.store;
        let is_of_it = record.key.number() == store.shape.number;
        if !is_of_it && record.fingerprint != store.schema.fingerprint() {
            return Err(store.foreign_to(record.fingerprint));
        }
        let mut rest = 0..rows.len;
        Ok(Self {
            rows,
            record,
            run: run(rows, record, &mut rest),
            rest,
        })
    }
}

/// Takes the next run out of `rest`; an empty one where there is none.
#[inline(always)]
fn run<'a, T: RecordData>(rows: Rows<'a>, record: &Record<T>, rest: &mut Range<usize>) -> Run<'a> {
    let store = rows.store;
    let sequence = rows.first.wrapping_add(rest.start as u64);
    let mut len = 0;
    if rows.copies.is_none() && rest.start < rest.end {
        len = rest.len().min(store.contiguous(sequence));
        if record.key != store.shape.plain {
            len = len.min(narrow_rows(store, sequence, record));
        }
    }
    rest.start += len;
    Run {
        words: store.rows(sequence, len),
        stride: store.shape.words,
        heads: store.heads(sequence),
    }
}

/// How many rows from `sequence` on have the same bases, which tell the values of all delta columns.
fn narrow_rows<T: RecordData>(store: &RowStore, sequence: u64, record: &Record<T>) -> usize {
    if record.key != store.shape.plain.with(Form::Delta) {
        return 0;
    }
    let heads = store.heads(sequence);
    let mut end = BLOCK_ROWS;
    for place in &record.places[..T::LEN] {
        if place.form == Form::Delta {
            // The block may become wide behind this while we look: not before a row that is published (D2).
            end = end.min(heads.wide_from(place.delta));
        }
    }
    end.saturating_sub(sequence % BLOCK_ROWS) as usize
}

/// The record behind a run, and what comes behind that. By value, so that an iterator whose runs are long
/// stays in registers.
#[inline(never)]
fn behind<'a, T: RecordData>(
    rows: Rows<'a>,
    record: &Record<T>,
    mut rest: Range<usize>,
) -> (Option<T>, Run<'a>, Range<usize>) {
    let mut run = run(rows, record, &mut rest);
    let values = match run.next(record) {
        Some(values) => Some(values),
        None => rest.next().map(|row| one(rows, record, row)),
    };
    (values, run, rest)
}

/// The record of one row, wherever it is.
fn one<T: RecordData>(rows: Rows<'_>, record: &Record<T>, row: usize) -> T {
    T::take_from(&mut Each { rows, record, row })
}

impl<T: RecordData> Iterator for Records<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if let Some(values) = self.run.next(self.record) {
            return Some(values);
        }
        let values;
        (values, self.run, self.rest) = behind(self.rows, self.record, self.rest.clone());
        values
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.run.words.len() / self.run.stride + self.rest.len();
        (len, Some(len))
    }

    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(self, init: B, mut f: F) -> B {
        let Self {
            rows,
            record,
            run,
            rest,
        } = self;
        let folded = run.fold(record, init, &mut f);
        if rest.start == rest.end {
            return folded;
        }
        fold_rest(rows, record, rest, folded, f)
    }
}

/// Folds the rows of `rest`. Apart, because most batches are one run.
#[inline(never)]
fn fold_rest<T: RecordData, B>(
    rows: Rows<'_>,
    record: &Record<T>,
    mut rest: Range<usize>,
    init: B,
    mut f: impl FnMut(B, T) -> B,
) -> B {
    let mut folded = init;
    loop {
        let (values, run, behind) = behind(rows, record, rest);
        let Some(values) = values else {
            return folded;
        };
        folded = f(folded, values);
        folded = run.fold(record, folded, &mut f);
        rest = behind;
    }
}

impl<T: RecordData> ExactSizeIterator for Records<'_, T> {}

impl<T: RecordData> FusedIterator for Records<'_, T> {}

impl Run<'_> {
    #[inline]
    fn next<T: RecordData>(&mut self, record: &Record<T>) -> Option<T> {
        let words = self.words.cut(self.stride)?;
        let (places, heads) = (&record.places, self.heads);
        Some(if record.is_plain() {
            T::take_from(&mut Plain { words, places })
        } else {
            T::take_from(&mut Deltas {
                words,
                places,
                heads,
            })
        })
    }

    #[inline(always)]
    fn fold<T: RecordData, B>(
        mut self,
        record: &Record<T>,
        init: B,
        f: &mut impl FnMut(B, T) -> B,
    ) -> B {
        if !record.is_plain() {
            return self.fold_deltas(record, init, f);
        }
        let places = &record.places;
        let mut folded = init;
        while let Some(words) = self.words.cut(self.stride) {
            folded = f(folded, T::take_from(&mut Plain { words, places }));
        }
        folded
    }

    /// [`fold`](Self::fold) with delta columns. Apart, because much is worth finding before such a loop, and
    /// should not be where there is none.
    #[inline(never)]
    fn fold_deltas<T: RecordData, B>(
        mut self,
        record: &Record<T>,
        init: B,
        f: &mut impl FnMut(B, T) -> B,
    ) -> B {
        let (places, heads) = (&record.places, self.heads);
        let mut folded = init;
        while let Some(words) = self.words.cut(self.stride) {
            let mut deltas = Deltas {
                words,
                places,
                heads,
            };
            folded = f(folded, T::take_from(&mut deltas));
        }
        folded
    }
}

/// Reads plain columns.
struct Plain<'r> {
    words: Span<'r>,
    places: &'r [Place; MAX_FIELDS],
}

impl Take for Plain<'_> {
    #[inline(always)]
    fn take<T: Scalar>(&mut self, index: usize) -> T {
        T::from_logical(take_plain(self.words, &self.places[index], T::WIDTH))
    }
}

/// Reads delta and plain columns.
struct Deltas<'r> {
    words: Span<'r>,
    places: &'r [Place; MAX_FIELDS],
    heads: BlockHeads<'r>,
}

impl Take for Deltas<'_> {
    #[inline(always)]
    fn take<T: Scalar>(&mut self, index: usize) -> T {
        let place = &self.places[index];
        T::from_logical(if T::WIDTH > 1 && place.form == Form::Delta {
            take_delta(self.words, place, self.heads.base(place.delta))
        } else {
            take_plain(self.words, place, T::WIDTH)
        })
    }
}

/// Reads columns of whatever kind of one row.
struct Each<'r, R> {
    rows: Rows<'r>,
    record: &'r Record<R>,
    row: usize,
}

impl<R> Take for Each<'_, R> {
    fn take<T: Scalar>(&mut self, index: usize) -> T {
        let column = self.rows.column(self.record.handle::<T>(index));
        // It is there: the record is of this schema.
        let value = column.and_then(|column| column.get(self.row));
        value.unwrap_or_else(|| T::from_logical(0))
    }
}

impl<T> fmt::Debug for Records<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field(
                "left",
                &(self.run.words.len() / self.run.stride + self.rest.len()),
            )
            .finish_non_exhaustive()
    }
}

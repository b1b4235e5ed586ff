//! [`Aside`]: what is seldom looked at of a row that is being set, and the columns that are set through it:
//! those that are not plain. All of it out of line, so that a closure that sets plain columns is small.

use crate::rows::access::{put_delta, put_plain};
use crate::rows::error::RowError;
use crate::rows::record::{Put, Record, RecordData};
use crate::rows::schema::{ColumnHandle, ColumnType, Field, Form, Place};
use crate::rows::store::{BLOCK_ROWS, BlockHeads, RowStore};
use crate::rows::value::{ColumnData, Raw, Scalar};
use crate::rows::words::Span;

/// What is seldom looked at of a row that is being set. Apart, so that the rest of it can be in registers
/// though functions that are called know where this is.
#[derive(Debug)]
pub(crate) struct Aside {
    /// Where the row lies in the store.
    pub(super) at: u64,
    /// The sequence it is told to get.
    pub(super) sequence: u64,
    /// Which other columns have been set: one bit for each of the first 64, and for each of those behind. Never
    /// looked at together: a load across two stores that are still under way would wait for them.
    pub(super) set: [u64; 2],
    /// The last row of the block if all its delta columns were narrow when it was last looked at, and no value
    /// has been set since that may have changed that.
    narrow: u64,
    /// Whether a handle was one of an earlier schema.
    pub(super) is_stale: bool,
}

impl Aside {
    pub(crate) fn new(at: u64, sequence: u64) -> Self {
        Self {
            at,
            sequence,
            set: [0; 2],
            narrow: 0,
            is_stale: false,
        }
    }

    /// Whether the distance from its block's base is all that there may be to a value of a delta column in
    /// this row: no column is wide there, and the bases are set.
    #[inline(always)]
    fn is_narrow(&mut self, store: &RowStore, heads: BlockHeads<'_>) -> bool {
        let last = self.at | (BLOCK_ROWS - 1);
        if self.narrow == last {
            return true;
        }
        let is_narrow = !store.sets_bases(self.at) && heads.are_narrow();
        self.narrow = if is_narrow { last } else { 0 };
        is_narrow
    }

    /// Goes on to the next row.
    #[inline(always)]
    pub(crate) fn step(&mut self) {
        self.at = self.at.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        self.set = [0; 2];
    }
}

/// Sets the columns of a record that are not all plain, to values in their logical form.
#[inline(never)]
pub(super) fn set_record<T: RecordData>(
    store: &RowStore,
    words: Span<'_>,
    aside: &mut Aside,
    record: &Record<T>,
    values: &T::Logical,
) -> Result<(), RowError> {
    let heads = store.heads(aside.at);
    if record.key == store.shape.plain.with(Form::Delta) && aside.is_narrow(store, heads) {
        let mut deltas = Deltas {
            words,
            heads,
            places: &record.places,
            misfits: 0,
        };
        T::from_logical(values).put_into(&mut deltas);
        if deltas.misfits == 0 {
            aside.set[0] |= record.bits;
            return Ok(());
        }
    }
    let mut each = Each {
        store,
        aside,
        record,
        done: Ok(()),
    };
    T::from_logical(values).put_into(&mut each);
    each.done
}

/// Sets the columns of a record that are plain or delta ones, and notes whether they could be set so.
struct Deltas<'r> {
    words: Span<'r>,
    heads: BlockHeads<'r>,
    places: &'r [Place],
    misfits: u64,
}

impl Put for Deltas<'_> {
    #[inline(always)]
    fn put<T: Scalar>(&mut self, index: usize, value: T) {
        let place = &self.places[index];
        if T::WIDTH > 1 && place.form == Form::Delta {
            let base = self.heads.base(place.delta);
            self.misfits |= put_delta(self.words, place, base, value.to_logical());
        } else {
            put_plain(self.words, place, T::WIDTH, value.to_logical());
        }
    }
}

/// Sets those of any record, one by one, up to the first that cannot be.
struct Each<'r, R> {
    store: &'r RowStore,
    aside: &'r mut Aside,
    record: &'r Record<R>,
    done: Result<(), RowError>,
}

impl<R> Put for Each<'_, R> {
    fn put<T: Scalar>(&mut self, index: usize, value: T) {
        if self.done.is_ok() {
            let column = self.record.handle::<T>(index);
            self.done = set_any(self.store, self.aside, &column, T::into_raw(value));
        }
    }
}

/// Sets a column, whatever it is.
#[inline(never)]
pub(super) fn set_any<T: ColumnData + ?Sized>(
    store: &RowStore,
    aside: &mut Aside,
    column: &ColumnHandle<T>,
    raw: Raw<'_>,
) -> Result<(), RowError> {
    let place = &column.place;
    if let Raw::Number(logical) = raw
        && column.key == store.shape.plain.with(Form::Delta)
        && let heads = store.heads(aside.at)
        && aside.is_narrow(store, heads)
        && put_delta(store.row(aside.at), place, heads.base(place.delta), logical) == 0
    {
        aside.set[0] |= place.bit();
        return Ok(());
    }
    let Some(index) = store.schema.resolve(*column) else {
        let error = store.foreign(*column);
        aside.is_stale |= error == RowError::StaleSchema;
        return Err(error);
    };
    let at = aside.at;
    aside.narrow = 0;
    let field = store.schema.field_ref(index);
    let (half, bit) = (index / 64, 1 << (index % 64));
    match raw {
        Raw::Null if field.null.is_none() => return Err(not_nullable(store, index)),
        Raw::Null => {
            aside.set[half] &= !bit;
            return Ok(());
        }
        Raw::Number(logical) => store.set_number(at, field, logical),
        Raw::Bytes(bytes) => set_bytes(store, at, index, field, bytes)?,
    }
    if let Some(null) = field.null {
        store.mark_null(at, null, false);
    }
    aside.set[half] |= bit;
    Ok(())
}

#[inline(never)]
pub(super) fn complete(store: &RowStore, set: u64, aside: &Aside) -> Result<(), usize> {
    let (schema, at) = (&store.schema, aside.at);
    let required = schema.required();
    let set = [set | aside.set[0], aside.set[1]];
    for (from, required, set) in [
        (0, required as u64, set[0]),
        (64, (required >> 64) as u64, set[1]),
    ] {
        let missing = required & !set;
        if missing != 0 {
            return Err(from + missing.trailing_zeros() as usize);
        }
    }
    if store.shape.is_simple {
        return Ok(());
    }
    let set = u128::from(set[0]) | u128::from(set[1]) << 64;
    let fields = schema.fields().iter().enumerate();
    for (index, field) in fields.filter(|(index, _)| set >> index & 1 == 0) {
        match schema.columns()[index].column_type {
            ColumnType::Str { .. } => store.set_text(at, field, &[]),
            ColumnType::FixedBytes(_) => {}
            _ => store.clear_number(at, field),
        }
        if let Some(null) = field.null {
            store.mark_null(at, null, true);
        }
    }
    Ok(())
}

#[cold]
fn not_nullable(store: &RowStore, index: usize) -> RowError {
    let column = store.schema.columns()[index].name.clone();
    RowError::NotNullable { column }
}

fn set_bytes(
    store: &RowStore,
    at: u64,
    index: usize,
    field: &Field,
    bytes: &[u8],
) -> Result<(), RowError> {
    match field.text {
        Some(text) if bytes.len() > text.max => {
            return Err(RowError::TooLong {
                column: store.schema.columns()[index].name.clone(),
                max: text.max,
                len: bytes.len(),
            });
        }
        Some(_) => store.set_text(at, field, bytes),
        None if bytes.len() != field.width => {
            return Err(wrong_length(store, index, field, bytes.len()));
        }
        None => store.set_bytes(at, field, bytes),
    }
    Ok(())
}

#[cold]
fn wrong_length(store: &RowStore, index: usize, field: &Field, len: usize) -> RowError {
    let column = &store.schema.columns()[index];
    debug_assert_eq!(column.column_type, ColumnType::FixedBytes(field.width));
    RowError::Length {
        column: column.name.clone(),
        expected: field.width,
        len,
    }
}

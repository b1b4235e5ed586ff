//! [`RowMut`]: a row that is being set.

use std::fmt;

use super::error::{PushError, RowError};
use super::schema::{ColumnHandle, ColumnType, Field};
use super::store::RowStore;
use super::value::{ColumnData, Raw};
use super::words::Span;

/// A row that is being set. It is published when every column that is not nullable is set and the
/// closure that sets them returns `Ok`.
pub struct RowMut<'a> {
    store: &'a RowStore,
    /// The number of the store's schema: a handle with the same one belongs here.
    schema: u64,
    /// Its own words in the store.
    words: Span<'a>,
    /// Where it lies in the store.
    at: u64,
    /// The sequence it is told to get.
    sequence: u64,
    /// What has been set: one bit for each of the first 64 columns, and for each of the rest. Apart, and never
    /// looked at together: a load across two stores that are still under way would wait for them.
    set: u64,
    set_high: u64,
    /// Whether a handle was one of an earlier schema.
    is_stale: bool,
}

impl<'a> RowMut<'a> {
    #[inline]
    pub(crate) fn new(store: &'a RowStore, at: u64, sequence: u64) -> Self {
        Self {
            store,
            schema: store.schema.number(),
            words: store.row(at),
            at,
            sequence,
            set: 0,
            set_high: 0,
            is_stale: false,
        }
    }

    /// Has `set` set the row at `at`, which is told to get `sequence`. `Ok` if it is complete.
    #[inline]
    pub(crate) fn fill<E>(
        store: &'a RowStore,
        at: u64,
        sequence: u64,
        set: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), PushError<E>> {
        let mut row = Self::new(store, at, sequence);
        if let Err(error) = set(&mut row) {
            return Err(if row.is_stale {
                PushError::StaleSchema
            } else {
                PushError::Rejected(error)
            });
        }
        row.complete()
            .map_err(|column| PushError::Incomplete { column })
    }

    /// Sets a column. Setting it again overwrites it.
    ///
    /// Costs least with a handle from the ring's own schema or a clone of it, for a number or truth value
    /// that is neither a delta column nor nullable: then it is a comparison and a store.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`], [`RowError::StaleSchema`]; [`RowError::Length`] for bytes of the wrong length,
    /// [`RowError::TooLong`] for a text. The column stays as it was.
    #[inline]
    pub fn set<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
        value: T::Value<'_>,
    ) -> Result<(), RowError> {
        let raw = T::into_raw(value);
        if column.place.is_plain
            && column.made_by == self.schema
            && let Raw::Number(logical) = raw
        {
            let (index, shift) = (column.place.word as usize, column.place.shift);
            let word = if T::WIDTH == 8 {
                logical
            } else {
                let mask = u64::MAX >> (64 - 8 * T::WIDTH.clamp(1, 8));
                self.words.load(index) & !(mask << shift) | (logical & mask) << shift
            };
            self.words.store(index, word);
            self.set |= column.place.bit;
            return Ok(());
        }
        self.set_other(column, raw)
    }

    /// Says that a nullable column has no value in this row, as if it had not been set.
    ///
    /// # Errors
    /// [`RowError::NotNullable`], [`RowError::ForeignHandle`], [`RowError::StaleSchema`]. The column stays as it was.
    pub fn set_null<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
    ) -> Result<(), RowError> {
        self.set_other(column, Raw::Null)
    }

    /// Sets a column that is not plain.
    #[inline]
    fn set_other<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
        raw: Raw<'_>,
    ) -> Result<(), RowError> {
        // Only values go out of line, and few of them: the row stays in registers.
        match set_any(self.store, self.at, &column, raw) {
            Ok(is_set) => {
                let bit = 1 << (column.index % 64);
                let set = match column.index < 64 {
                    true => &mut self.set,
                    false => &mut self.set_high,
                };
                *set = if is_set { *set | bit } else { *set & !bit };
                Ok(())
            }
            Err(error) => {
                self.is_stale |= *error == RowError::StaleSchema;
                Err(*error)
            }
        }
    }

    /// The sequence the row will get; of one of several producers, one that it may get: others may
    /// be quicker.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sets every column to what it is in row `index` of `from`, which is complete. `Err` where that
    /// has another schema.
    pub(crate) fn copy(&mut self, from: &RowStore, index: usize) -> Result<(), OtherSchema> {
        if from.schema != self.store.schema {
            return Err(OtherSchema);
        }
        self.store.copy_row(self.at, from, index as u64);
        self.set = u64::MAX;
        self.set_high = u64::MAX;
        Ok(())
    }

    /// Makes null what may be and has not been set; the first column that has not been set and
    /// must be.
    #[inline]
    fn complete(&self) -> Result<(), usize> {
        let schema = &self.store.schema;
        let required = schema.required();
        for (from, required, set) in [
            (0, required as u64, self.set),
            (64, (required >> 64) as u64, self.set_high),
        ] {
            let missing = required & !set;
            if missing != 0 {
                return Err(from + missing.trailing_zeros() as usize);
            }
        }
        if schema.has_nullable() {
            self.make_null();
        }
        Ok(())
    }

    fn make_null(&self) {
        let set = u128::from(self.set) | u128::from(self.set_high) << 64;
        let fields = self.store.schema.fields().iter().enumerate();
        for (index, field) in fields.filter(|(index, _)| set >> index & 1 == 0) {
            let column = &self.store.schema.columns()[index];
            match column.column_type {
                ColumnType::Str { .. } => self.store.set_text(self.at, field, &[]),
                ColumnType::FixedBytes(_) => {}
                _ => self.store.clear_number(self.at, field),
            }
            if let Some(null) = field.null {
                self.store.mark_null(self.at, null, true);
            }
        }
    }
}

/// Sets a column of the row at `at`, whatever it is. Whether it has a value now.
#[inline(never)]
fn set_any<T: ColumnData + ?Sized>(
    store: &RowStore,
    at: u64,
    column: &ColumnHandle<T>,
    raw: Raw<'_>,
) -> Result<bool, Box<RowError>> {
    let Some(index) = store.schema.resolve(*column) else {
        return Err(Box::new(store.foreign(*column)));
    };
    let field = store.schema.field_ref(index);
    match raw {
        Raw::Null if field.null.is_none() => return Err(Box::new(not_nullable(store, index))),
        Raw::Null => return Ok(false),
        Raw::Number(logical) => store.set_number(at, field, logical),
        Raw::Bytes(bytes) => set_bytes(store, at, index, field, bytes)?,
    }
    if let Some(null) = field.null {
        store.mark_null(at, null, false);
    }
    Ok(true)
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
) -> Result<(), Box<RowError>> {
    match field.text {
        Some(text) if bytes.len() > text.max => {
            return Err(Box::new(RowError::TooLong {
                column: store.schema.columns()[index].name.clone(),
                max: text.max,
                len: bytes.len(),
            }));
        }
        Some(_) => store.set_text(at, field, bytes),
        None if bytes.len() != field.width => {
            return Err(Box::new(wrong_length(store, index, field, bytes.len())));
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

/// The rows are of another schema.
#[derive(Debug)]
pub(crate) struct OtherSchema;

impl fmt::Debug for RowMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMut")
            .field("sequence", &self.sequence)
            .field("set", &format_args!("{:b}", self.set))
            .field("set_high", &format_args!("{:b}", self.set_high))
            .finish()
    }
}

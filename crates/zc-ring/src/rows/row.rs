//! [`RowMut`]: a row that is being set.

use std::fmt;

use super::error::RowError;
use super::schema::{ColumnHandle, ColumnType, Field};
use super::store::RowStore;
use super::value::{ColumnData, Raw};

/// A row that is being set. It is published when every column that is not nullable is set and the
/// closure that sets them returns `Ok`.
pub struct RowMut<'a> {
    store: &'a RowStore,
    /// Where it lies in the store.
    at: u64,
    /// The sequence it is told to get.
    sequence: u64,
    /// One bit a column.
    set: u128,
    /// Whether a handle was one of an earlier schema.
    is_stale: bool,
}

impl<'a> RowMut<'a> {
    pub(crate) fn new(store: &'a RowStore, at: u64, sequence: u64) -> Self {
        Self {
            store,
            at,
            sequence,
            set: 0,
            is_stale: false,
        }
    }

    /// Sets a column. Setting it again overwrites it.
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
        let Some(index) = self.store.schema.resolve(column) else {
            return Err(self.foreign(column));
        };
        let field = self.store.schema.field(index);
        match T::into_raw(value) {
            Raw::Null => return self.set_null(column),
            Raw::Number(logical) => self.store.set_number(self.at, field, logical),
            Raw::Bytes(bytes) => self.set_bytes(index, field, bytes)?,
        }
        if let Some(null) = field.null {
            self.store.mark_null(self.at, null, false);
        }
        self.set |= 1 << index;
        Ok(())
    }

    /// Says that a nullable column has no value in this row, as if it had not been set.
    ///
    /// # Errors
    /// [`RowError::NotNullable`], [`RowError::ForeignHandle`], [`RowError::StaleSchema`]. The column stays as it was.
    pub fn set_null<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
    ) -> Result<(), RowError> {
        let schema = &self.store.schema;
        let Some(index) = schema.resolve(column) else {
            return Err(self.foreign(column));
        };
        if !schema.columns()[index].nullable {
            let column = schema.columns()[index].name.clone();
            return Err(RowError::NotNullable { column });
        }
        self.set &= !(1 << index);
        Ok(())
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
        self.set = u128::MAX;
        Ok(())
    }

    /// Makes null what may be and has not been set; the first column that has not been set and
    /// must be.
    #[inline]
    pub(crate) fn complete(&self) -> Result<(), usize> {
        let schema = &self.store.schema;
        let missing = schema.required() & !self.set;
        if missing != 0 {
            return Err(missing.trailing_zeros() as usize);
        }
        if schema.has_nullable() {
            self.make_null();
        }
        Ok(())
    }

    /// Whether a handle was one of an earlier schema.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale
    }

    #[cold]
    fn foreign<T: ?Sized>(&mut self, column: ColumnHandle<T>) -> RowError {
        let error = self.store.foreign(column);
        self.is_stale |= error == RowError::StaleSchema;
        error
    }

    fn make_null(&self) {
        let fields = self.store.schema.fields().iter().enumerate();
        for (index, field) in fields.filter(|(index, _)| self.set >> index & 1 == 0) {
            let column = &self.store.schema.columns()[index];
            match column.column_type {
                ColumnType::Str { .. } => self.store.set_text(self.at, *field, &[]),
                ColumnType::FixedBytes(_) => {}
                _ => self.store.clear_number(self.at, *field),
            }
            if let Some(null) = field.null {
                self.store.mark_null(self.at, null, true);
            }
        }
    }

    fn set_bytes(&self, index: usize, field: Field, bytes: &[u8]) -> Result<(), RowError> {
        match field.text {
            Some(text) if bytes.len() > text.max => {
                return Err(RowError::TooLong {
                    column: self.store.schema.columns()[index].name.clone(),
                    max: text.max,
                    len: bytes.len(),
                });
            }
            Some(_) => self.store.set_text(self.at, field, bytes),
            None if bytes.len() != field.width => {
                return Err(self.wrong_length(index, field, bytes.len()));
            }
            None => self.store.set_bytes(self.at, field, bytes),
        }
        Ok(())
    }

    #[cold]
    fn wrong_length(&self, index: usize, field: Field, len: usize) -> RowError {
        let column = &self.store.schema.columns()[index];
        debug_assert_eq!(column.column_type, ColumnType::FixedBytes(field.width));
        RowError::Length {
            column: column.name.clone(),
            expected: field.width,
            len,
        }
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
            .finish()
    }
}

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
    sequence: u64,
    /// One bit a column.
    set: u128,
}

impl<'a> RowMut<'a> {
    pub(crate) fn new(store: &'a RowStore, sequence: u64) -> Self {
        Self {
            store,
            sequence,
            set: 0,
        }
    }

    /// Sets a column. Setting it again overwrites it.
    ///
    /// # Errors
    /// [`RowError::ForeignHandle`]; [`RowError::Length`] for bytes of the wrong length,
    /// [`RowError::TooLong`] for a text. The column stays as it was.
    #[inline]
    pub fn set<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
        value: T::Value<'_>,
    ) -> Result<(), RowError> {
        let schema = &self.store.schema;
        let index = schema.resolve(column).ok_or(RowError::ForeignHandle)?;
        let field = schema.field(index);
        match T::into_raw(value) {
            Raw::Null => return self.set_null(column),
            Raw::Number(logical) => self.store.set_number(self.sequence, field, logical),
            Raw::Bytes(bytes) => self.set_bytes(index, field, bytes)?,
        }
        if let Some(null) = field.null {
            self.store.mark_null(self.sequence, null, false);
        }
        self.set |= 1 << index;
        Ok(())
    }

    /// Says that a nullable column has no value in this row, as if it had not been set.
    ///
    /// # Errors
    /// [`RowError::NotNullable`], [`RowError::ForeignHandle`]. The column stays as it was.
    pub fn set_null<T: ColumnData + ?Sized>(
        &mut self,
        column: ColumnHandle<T>,
    ) -> Result<(), RowError> {
        let schema = &self.store.schema;
        let index = schema.resolve(column).ok_or(RowError::ForeignHandle)?;
        if !schema.columns()[index].nullable {
            let column = schema.columns()[index].name.clone();
            return Err(RowError::NotNullable { column });
        }
        self.set &= !(1 << index);
        Ok(())
    }

    /// The sequence the row will get.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
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

    fn make_null(&self) {
        let fields = self.store.schema.fields().iter().enumerate();
        for (index, field) in fields.filter(|(index, _)| self.set >> index & 1 == 0) {
            let column = &self.store.schema.columns()[index];
            match column.column_type {
                ColumnType::Str { .. } => self.store.set_text(self.sequence, *field, &[]),
                ColumnType::FixedBytes(_) => {}
                _ => self.store.clear_number(self.sequence, *field),
            }
            if let Some(null) = field.null {
                self.store.mark_null(self.sequence, null, true);
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
            Some(_) => self.store.set_text(self.sequence, field, bytes),
            None if bytes.len() != field.width => {
                return Err(self.wrong_length(index, field, bytes.len()));
            }
            None => self.store.set_bytes(self.sequence, field, bytes),
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

impl fmt::Debug for RowMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMut")
            .field("sequence", &self.sequence)
            .field("set", &format_args!("{:b}", self.set))
            .finish()
    }
}

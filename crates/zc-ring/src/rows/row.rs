//! [`RowMut`]: a row that is being set.

use std::fmt;

use super::error::RowError;
use super::schema::{ColumnHandle, ColumnType, Field};
use super::store::RowStore;
use super::value::{ColumnData, Raw};

/// A row that is being set, in its place in the ring. It is published when every column is set and
/// the closure that sets them returns `Ok`.
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
    /// [`RowError::ForeignHandle`]; [`RowError::Length`] for bytes of the wrong length. The column
    /// stays as it was.
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
            Raw::Number(logical) => self.store.set_number(self.sequence, field, logical),
            Raw::Bytes(bytes) if bytes.len() != field.width => {
                return Err(self.wrong_length(index, field, bytes.len()));
            }
            Raw::Bytes(bytes) => self.store.set_bytes(self.sequence, field, bytes),
        }
        self.set |= 1 << index;
        Ok(())
    }

    /// The sequence the row will get.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The first column that has not been set.
    #[inline]
    pub(crate) fn missing(&self) -> Option<usize> {
        let column = self.set.trailing_ones() as usize;
        (column < self.store.schema.columns().len()).then_some(column)
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

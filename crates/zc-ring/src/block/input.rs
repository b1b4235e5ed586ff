//! What [`Block`](super::Block)'s methods take.

use zc_core::{Frozen, ledger};

use super::error::BlockError;
use super::format::ALIGN;
use super::seal::aligned;
use crate::rows::{ColumnData, ColumnHandle, Schema};

/// The bytes of a block: a `Frozen<u8>`, which is kept, or a slice, which is copied.
pub trait BlockBytes {
    /// The bytes, kept alive.
    fn into_frozen(self) -> Frozen<u8>;
}

impl BlockBytes for Frozen<u8> {
    fn into_frozen(self) -> Frozen<u8> {
        self
    }
}

impl BlockBytes for &[u8] {
    fn into_frozen(self) -> Frozen<u8> {
        ledger::copied("ring.decode_slice", self.len());
        if self.len().is_multiple_of(ALIGN) {
            aligned(self)
        } else {
            Frozen::from_vec(self.to_vec())
        }
    }
}

/// Names a column of type `T`: a handle made from an equal schema, or the column's name.
pub trait ColumnRef<T: ColumnData + ?Sized> {
    /// The number of the column.
    ///
    /// # Errors
    /// [`BlockError::ForeignHandle`], [`BlockError::Schema`].
    fn index(self, schema: &Schema) -> Result<usize, BlockError>;
}

impl<T: ColumnData + ?Sized> ColumnRef<T> for ColumnHandle<T> {
    fn index(self, schema: &Schema) -> Result<usize, BlockError> {
        schema.resolve(self).ok_or(BlockError::ForeignHandle)
    }
}

impl<T: ColumnData + ?Sized> ColumnRef<T> for &str {
    fn index(self, schema: &Schema) -> Result<usize, BlockError> {
        Ok(schema.column::<T>(self)?.place.index.into())
    }
}

//! [`Schema`]: the columns of a row, their [types](types), [where they lie](layout) in it,
//! and their [handles](handle).

mod builder;
mod handle;
mod layout;
mod types;

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};
use zc_core::sync::Arc;

use super::MAX_ROW_BYTES;
use super::error::SchemaError;
use super::value::ColumnData;
pub use builder::SchemaBuilder;
pub use handle::ColumnHandle;
pub(crate) use handle::{Form, Join, Key, Place};
use layout::Layout;
pub(crate) use layout::{Field, INLINE_BYTES, NullBit, Text};
pub use types::{ColumnDef, ColumnType, DeltaWidth};

/// The columns of a row: names, types, and how they are kept in the ring. Immutable; cloning it
/// costs one atomic.
///
/// ```
/// use zc_ring::{ColumnType, DeltaWidth, Schema, SchemaError};
///
/// let schema = Schema::builder().i64("ts").delta(DeltaWidth::I32).u32("instrument").build()?;
/// let ts = schema.column::<i64>("ts")?;
/// assert_eq!(schema.row_bytes(), 8);
/// assert!(matches!(schema.column::<u8>("ts"), Err(SchemaError::WrongType { .. })));
/// assert!(matches!(schema.column::<i64>("time"), Err(SchemaError::UnknownColumn { .. })));
/// # let _ = ts;
/// # Ok::<(), SchemaError>(())
/// ```
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    columns: Box<[ColumnDef]>,
    layout: Layout,
    /// The columns that every row must set, one bit each.
    required: u128,
    has_nullable: bool,
    fingerprint: u64,
    /// No other schema has it that was made in this process.
    number: u64,
}

impl Schema {
    /// Starts a schema without columns.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::default()
    }

    /// The column `name`, if its values are of type `T`: the number types, `bool`, `[u8]` for
    /// `fixed_bytes`, `str` for text, and for columns that are nullable also `Option`s of them
    /// (`Option<i64>`, `Option<&[u8]>`, `Option<&str>`). A handle without the option reads a null as
    /// zero or nothing.
    ///
    /// # Errors
    /// [`SchemaError::UnknownColumn`], [`SchemaError::WrongType`].
    pub fn column<T: ColumnData + ?Sized>(
        &self,
        name: &str,
    ) -> Result<ColumnHandle<T>, SchemaError> {
        self.handle(self.find(name)?)
    }

    /// The column with this field id, under whatever name, if its values are of type `T`.
    ///
    /// # Errors
    /// [`SchemaError::UnknownFieldId`], [`SchemaError::WrongType`].
    pub fn column_by_id<T: ColumnData + ?Sized>(
        &self,
        id: u32,
    ) -> Result<ColumnHandle<T>, SchemaError> {
        let found = self.0.columns.iter().position(|column| column.id == id);
        self.handle(found.ok_or(SchemaError::UnknownFieldId { id })?)
    }

    /// The number of the column `name`.
    pub(crate) fn find(&self, name: &str) -> Result<usize, SchemaError> {
        let found = self.0.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| SchemaError::UnknownColumn {
            name: name.to_owned(),
        })
    }

    fn handle<T: ColumnData + ?Sized>(&self, index: usize) -> Result<ColumnHandle<T>, SchemaError> {
        let column = &self.0.columns[index];
        if !T::fits(column.column_type) || T::NULLABLE && !column.nullable {
            return Err(SchemaError::WrongType {
                name: column.name.clone(),
                column: column.column_type,
                asked: T::NAME,
            });
        }
        let place = Place::of(index, self.field_ref(index));
        Ok(ColumnHandle::new(self.0.number, self.0.fingerprint, place))
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.0.fingerprint
    }

    /// Whether a row is complete as soon as every column that has a bit in the lower half of
    /// [`required`](Self::required) is set.
    pub(crate) fn is_simple(&self) -> bool {
        !self.0.has_nullable && self.0.required >> 64 == 0
    }

    /// The columns, in order.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> &[ColumnDef] {
        &self.0.columns
    }

    /// Bytes of one row in the ring, a multiple of 8.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.0.layout.bytes
    }

    /// Words of one row in the ring.
    #[inline]
    pub(crate) fn words(&self) -> usize {
        self.0.layout.bytes / 8
    }

    /// How many delta columns there are.
    #[inline]
    pub(crate) fn deltas(&self) -> usize {
        self.0.layout.deltas
    }

    #[inline]
    pub(crate) fn field(&self, index: usize) -> Field {
        self.0.layout.fields[index]
    }

    #[inline]
    pub(crate) fn field_ref(&self, index: usize) -> &Field {
        &self.0.layout.fields[index]
    }

    #[inline]
    pub(crate) fn fields(&self) -> &[Field] {
        &self.0.layout.fields
    }

    /// How many text columns there are.
    #[inline]
    pub(crate) fn texts(&self) -> usize {
        self.0.layout.texts
    }

    /// Words of a slot's stretch of the arena.
    #[inline]
    pub(crate) fn arena_words(&self) -> usize {
        self.0.layout.arena_words
    }

    /// The columns that every row must set, one bit each.
    #[inline]
    pub(crate) fn required(&self) -> u128 {
        self.0.required
    }

    /// A number that no other schema of this process has. A handle that was made by it, by this schema
    /// or a clone, says nothing that does not hold here.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// The number of `handle`'s column, if it belongs here.
    #[inline]
    pub(crate) fn resolve<T: ColumnData + ?Sized>(&self, handle: ColumnHandle<T>) -> Option<usize> {
        if handle.key.number() == self.0.number {
            return Some(handle.place.index.into());
        }
        self.resolve_equal(handle)
    }

    /// [`resolve`](Self::resolve) with a handle of another schema, which may be equal. Type and bounds
    /// are checked again, so that a fingerprint that happens to be equal does no harm.
    #[cold]
    fn resolve_equal<T: ColumnData + ?Sized>(&self, handle: ColumnHandle<T>) -> Option<usize> {
        let index = usize::from(handle.place.index);
        let column = self.0.columns.get(index)?;
        let fits = handle.fingerprint == self.0.fingerprint
            && T::fits(column.column_type)
            && (!T::NULLABLE || column.nullable);
        fits.then_some(index)
    }

    pub(crate) fn new(columns: Vec<ColumnDef>) -> Result<Self, SchemaError> {
        layout::check(&columns)?;
        let layout = layout::lay_out(&columns);
        let bytes = layout.bytes;
        if bytes > MAX_ROW_BYTES {
            return Err(SchemaError::RowTooLong { bytes });
        }
        let bit = |(index, column): (usize, &ColumnDef)| u128::from(!column.nullable) << index;
        Ok(Self(Arc::new(Inner {
            fingerprint: fingerprint(&columns),
            number: handle::number(),
            has_nullable: columns.iter().any(|column| column.nullable),
            required: columns.iter().enumerate().map(bit).sum(),
            layout,
            columns: columns.into(),
        })))
    }
}

/// Equal for equal columns.
fn fingerprint(columns: &[ColumnDef]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    for column in columns {
        digest.update(&(column.name.len() as u64).to_le_bytes());
        digest.update(column.name.as_bytes());
        let (column_type, delta) = (column.column_type, column.delta);
        let rest = format!(
            "{column_type:?} {delta:?} {} {}",
            column.nullable, column.id
        );
        digest.update(rest.as_bytes());
    }
    digest.finalize()
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(&*self.0, &*other.0) || self.0.columns == other.0.columns
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.columns).finish()
    }
}

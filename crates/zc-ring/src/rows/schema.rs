//! [`Schema`]: the columns of a row, their types, and where they lie in it.
//!
//! # Layout of a row
//!
//! A row is a whole number of 8-byte words, never padded further. Columns are laid out from the
//! widest to the narrowest, by their width *in the ring* (that of the delta for delta columns), in
//! order of the schema where they are equal; `fixed_bytes` columns come last. Every number
//! therefore lies within one word at a multiple of its width.

use std::fmt;
use std::marker::PhantomData;

use crc_fast::{CrcAlgorithm, Digest};
use zc_core::sync::Arc;

use super::error::SchemaError;
use super::value::ColumnData;
use super::{MAX_COLUMNS, MAX_NAME_BYTES, MAX_ROW_BYTES};

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
    fields: Box<[Field]>,
    words: usize,
    deltas: usize,
    fingerprint: u64,
}

/// One column of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub column_type: ColumnType,
    /// How wide it is in the ring, where that is narrower than its type.
    pub delta: Option<DeltaWidth>,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum ColumnType {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Bool,
    /// Exactly so many bytes.
    FixedBytes(usize),
}

/// Width of a delta column in the ring: the distance from its block's base, as a signed integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeltaWidth {
    /// One byte.
    I8 = 1,
    /// Two bytes.
    I16 = 2,
    /// Four bytes: practically every timestamp and price fits.
    I32 = 4,
}

/// Where a column lies in its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Bytes from the start of the row.
    pub(crate) offset: usize,
    /// Bytes it takes there.
    pub(crate) width: usize,
    /// Its number among the delta columns, if it is one.
    pub(crate) delta: Option<usize>,
}

/// A column of a schema whose type has been checked once. It fits every schema that is equal to
/// the one it was made from.
pub struct ColumnHandle<T: ?Sized> {
    pub(crate) fingerprint: u64,
    pub(crate) index: usize,
    _type: PhantomData<fn() -> Box<T>>,
}

impl Schema {
    /// Starts a schema without columns.
    #[must_use]
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder {
            columns: Vec::new(),
            delta: None,
        }
    }

    /// The column `name`, if its values are of type `T`: the number types, `bool`, and `[u8]` for
    /// `fixed_bytes`.
    ///
    /// # Errors
    /// [`SchemaError::UnknownColumn`], [`SchemaError::WrongType`].
    pub fn column<T: ColumnData + ?Sized>(
        &self,
        name: &str,
    ) -> Result<ColumnHandle<T>, SchemaError> {
        let found = self.0.columns.iter().position(|column| column.name == name);
        let Some(index) = found else {
            let name = name.to_owned();
            return Err(SchemaError::UnknownColumn { name });
        };
        let column = self.0.columns[index].column_type;
        if !T::fits(column) {
            return Err(SchemaError::WrongType {
                name: name.to_owned(),
                column,
                asked: T::NAME,
            });
        }
        Ok(ColumnHandle {
            fingerprint: self.0.fingerprint,
            index,
            _type: PhantomData,
        })
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[ColumnDef] {
        &self.0.columns
    }

    /// Bytes of one row in the ring, a multiple of 8.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.words() * 8
    }

    /// Words of one row in the ring.
    pub(crate) fn words(&self) -> usize {
        self.0.words
    }

    /// How many delta columns there are.
    pub(crate) fn deltas(&self) -> usize {
        self.0.deltas
    }

    pub(crate) fn field(&self, index: usize) -> Field {
        self.0.fields[index]
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.0.fields
    }

    /// The number of `handle`'s column, if it belongs here. Type and bounds are checked again, so
    /// that a fingerprint that happens to be equal does no harm.
    #[inline]
    pub(crate) fn resolve<T: ColumnData + ?Sized>(&self, handle: ColumnHandle<T>) -> Option<usize> {
        let column = self.0.columns.get(handle.index)?;
        let fits = handle.fingerprint == self.0.fingerprint && T::fits(column.column_type);
        fits.then_some(handle.index)
    }

    pub(crate) fn new(columns: Vec<ColumnDef>) -> Result<Self, SchemaError> {
        check(&columns)?;
        let (fields, bytes) = lay_out(&columns);
        if bytes > MAX_ROW_BYTES {
            return Err(SchemaError::RowTooLong { bytes });
        }
        Ok(Self(Arc::new(Inner {
            fingerprint: fingerprint(&columns),
            words: bytes.div_ceil(8),
            deltas: fields.iter().filter(|field| field.delta.is_some()).count(),
            fields,
            columns: columns.into(),
        })))
    }
}

/// Collects the columns of a [`Schema`].
#[derive(Clone, Debug)]
pub struct SchemaBuilder {
    columns: Vec<ColumnDef>,
    /// The first `delta` that had no column to apply to.
    delta: Option<DeltaWidth>,
}

macro_rules! columns {
    ($($method:ident $variant:ident $what:literal;)*) => {$(
        #[doc = concat!("Adds a column of ", $what, ".")]
        #[must_use]
        pub fn $method(self, name: &str) -> Self {
            self.column(name, ColumnType::$variant)
        }
    )*};
}

impl SchemaBuilder {
    columns! {
        i8 I8 "`i8`";
        i16 I16 "`i16`";
        i32 I32 "`i32`";
        i64 I64 "`i64`";
        u8 U8 "`u8`";
        u16 U16 "`u16`";
        u32 U32 "`u32`";
        u64 U64 "`u64`";
        f32 F32 "`f32`";
        f64 F64 "`f64`";
        bool Bool "`bool`";
    }

    /// Adds a column of exactly `len` bytes a row.
    #[must_use]
    pub fn fixed_bytes(self, name: &str, len: usize) -> Self {
        self.column(name, ColumnType::FixedBytes(len))
    }

    /// Adds a column of a type that is known at run time.
    #[must_use]
    pub fn column(mut self, name: &str, column_type: ColumnType) -> Self {
        self.columns.push(ColumnDef {
            name: name.to_owned(),
            column_type,
            delta: None,
        });
        self
    }

    /// Keeps the last column as the distance from a base that is chosen for each block of 1024
    /// rows. A value that is too far away makes the rest of its block wide; it is never cut off.
    #[must_use]
    pub fn delta(mut self, width: DeltaWidth) -> Self {
        match self.columns.last_mut() {
            Some(column) => column.delta = Some(width),
            None => self.delta = Some(width),
        }
        self
    }

    /// Builds the schema.
    ///
    /// # Errors
    /// Every variant of [`SchemaError`] but those of [`Schema::column`].
    pub fn build(self) -> Result<Schema, SchemaError> {
        if let Some(width) = self.delta {
            return Err(SchemaError::Delta {
                name: String::new(),
                delta: width.bytes(),
                column: None,
            });
        }
        Schema::new(self.columns)
    }
}

impl DeltaWidth {
    pub(crate) fn bytes(self) -> usize {
        self as usize
    }
}

impl ColumnType {
    /// Bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::FixedBytes(len) => len,
        }
    }

    /// Whether values are integers.
    pub(crate) fn is_integer(self) -> bool {
        !matches!(
            self,
            Self::F32 | Self::F64 | Self::Bool | Self::FixedBytes(_)
        )
    }
}

impl ColumnDef {
    /// Bytes of one value in the ring.
    fn stored(&self) -> usize {
        self.delta
            .map_or(self.column_type.bytes(), DeltaWidth::bytes)
    }
}

fn check(columns: &[ColumnDef]) -> Result<(), SchemaError> {
    if columns.is_empty() {
        return Err(SchemaError::Empty);
    }
    if columns.len() > MAX_COLUMNS {
        let columns = columns.len();
        return Err(SchemaError::TooManyColumns { columns });
    }
    for (index, column) in columns.iter().enumerate() {
        let name = &column.name;
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(SchemaError::Name { len: name.len() });
        }
        if columns[..index].iter().any(|other| other.name == *name) {
            return Err(SchemaError::DuplicateColumn { name: name.clone() });
        }
        match column.column_type {
            ColumnType::FixedBytes(0) => {
                return Err(SchemaError::NoBytes { name: name.clone() });
            }
            ColumnType::FixedBytes(bytes) if bytes > MAX_ROW_BYTES => {
                return Err(SchemaError::RowTooLong { bytes });
            }
            _ => {}
        }
        let column_type = column.column_type;
        if let Some(width) = column.delta
            && (!column_type.is_integer() || column_type.bytes() <= width.bytes())
        {
            return Err(SchemaError::Delta {
                name: name.clone(),
                delta: width.bytes(),
                column: Some(column_type),
            });
        }
    }
    Ok(())
}

/// The fields in order of the columns, and the bytes of a row, rounded up to words.
fn lay_out(columns: &[ColumnDef]) -> (Box<[Field]>, usize) {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    // Stable: columns of one width stay in order. Bytes last, whatever their length.
    order.sort_by_key(|&index| match columns[index].column_type {
        ColumnType::FixedBytes(_) => 8,
        _ => 8 - columns[index].stored(),
    });
    let empty = Field {
        offset: 0,
        width: 0,
        delta: None,
    };
    let mut fields = vec![empty; columns.len()].into_boxed_slice();
    let (mut offset, mut deltas) = (0, 0);
    for index in order {
        let width = columns[index].stored();
        let delta = columns[index].delta.map(|_| {
            deltas += 1;
            deltas - 1
        });
        fields[index] = Field {
            offset,
            width,
            delta,
        };
        offset += width;
    }
    (fields, offset.next_multiple_of(8))
}

/// Equal for equal columns.
fn fingerprint(columns: &[ColumnDef]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    for column in columns {
        digest.update(&(column.name.len() as u64).to_le_bytes());
        digest.update(column.name.as_bytes());
        digest.update(format!("{:?} {:?}", column.column_type, column.delta).as_bytes());
    }
    digest.finalize()
}

impl<T: ?Sized> Clone for ColumnHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for ColumnHandle<T> {}

impl<T: ?Sized> fmt::Debug for ColumnHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnHandle")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.0.columns == other.0.columns
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.columns).finish()
    }
}

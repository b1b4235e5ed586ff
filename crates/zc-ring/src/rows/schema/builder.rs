//! [`SchemaBuilder`].

use super::Schema;
use super::types::{ColumnDef, ColumnType, DeltaWidth};
use crate::rows::error::SchemaError;

/// Collects the columns of a [`Schema`].
#[derive(Clone, Debug, Default)]
pub struct SchemaBuilder {
    pub(super) columns: Vec<ColumnDef>,
    /// The first `delta` that had no column to apply to.
    pub(super) delta: Option<DeltaWidth>,
    /// Whether something else had no column to apply to.
    pub(super) is_orphan: bool,
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

    /// Adds a column of text of at most `max` bytes of UTF-8. It takes 16 bytes of a row, which hold
    /// texts of up to 12 bytes; longer ones lie beside the rows, where each slot has room for the
    /// longest.
    #[must_use]
    pub fn str(self, name: &str, max: usize) -> Self {
        self.column(name, ColumnType::Str { max })
    }

    /// Adds a column of a type that is known at run time.
    #[must_use]
    pub fn column(mut self, name: &str, column_type: ColumnType) -> Self {
        let id = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        self.columns.push(ColumnDef::new(name, column_type, id));
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

    /// Lets rows leave the last column out, or [set it to null](crate::RowMut::set_null). Costs a
    /// bit a row.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        match self.columns.last_mut() {
            Some(column) => column.nullable = true,
            None => self.is_orphan = true,
        }
        self
    }

    /// Gives the last column a field id, which it keeps when it is renamed or widened in a later
    /// schema. Columns that have none given have their position, counted from 0.
    #[must_use]
    pub fn field_id(mut self, id: u32) -> Self {
        match self.columns.last_mut() {
            Some(column) => column.id = id,
            None => self.is_orphan = true,
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
        if self.is_orphan {
            return Err(SchemaError::NoColumnYet);
        }
        Schema::new(self.columns)
    }
}

//! What a column is: its [type](ColumnType), the [width](DeltaWidth) of its deltas, its
//! [definition](ColumnDef).

use super::layout::VIEW_BYTES;

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
    /// Whether a row may leave it out.
    pub nullable: bool,
    /// What it keeps when it is renamed or widened: its field id, the column's position unless it
    /// was set.
    pub id: u32,
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
    /// Text of at most `max` bytes.
    Str {
        /// Bytes of the longest text.
        max: usize,
    },
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

impl DeltaWidth {
    pub(crate) fn bytes(self) -> usize {
        self as usize
    }
}

impl ColumnType {
    /// Bytes of one value in its row; of a text, the 16 bytes of its view.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
            Self::FixedBytes(len) => len,
            Self::Str { .. } => VIEW_BYTES,
        }
    }

    /// Whether values are integers.
    pub(crate) fn is_integer(self) -> bool {
        !matches!(
            self,
            Self::F32 | Self::F64 | Self::Bool | Self::FixedBytes(_) | Self::Str { .. }
        )
    }
}

impl ColumnDef {
    /// A column that must be set, with a field id.
    pub(crate) fn new(name: &str, column_type: ColumnType, id: u32) -> Self {
        Self {
            name: name.to_owned(),
            column_type,
            delta: None,
            nullable: false,
            id,
        }
    }

    /// Bytes of one value in its row.
    pub(super) fn stored(&self) -> usize {
        self.delta
            .map_or(self.column_type.bytes(), DeltaWidth::bytes)
    }
}

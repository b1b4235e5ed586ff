//! What can go wrong with schemas and rows.

use thiserror::Error;

use super::schema::ColumnType;

/// A schema could not be built, or does not have the column asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A schema needs at least one column.
    #[error("a schema needs at least one column")]
    Empty,
    /// More columns than a schema may have.
    #[error("a schema of {columns} columns: the limit is {}", super::MAX_COLUMNS)]
    TooManyColumns {
        /// Columns given.
        columns: usize,
    },
    /// Two columns of the same name.
    #[error("column `{name}` is there twice")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A name that is empty or too long.
    #[error(
        "column name of {len} bytes: it must have 1 to {}",
        super::MAX_NAME_BYTES
    )]
    Name {
        /// Length of the name in bytes.
        len: usize,
    },
    /// Rows longer than a row may be.
    #[error("rows of {bytes} bytes: the limit is {}", super::MAX_ROW_BYTES)]
    RowTooLong {
        /// Bytes of one row.
        bytes: usize,
    },
    /// Two columns of the same field id.
    #[error("field id {id} is there twice")]
    DuplicateFieldId {
        /// The field id.
        id: u32,
    },
    /// `nullable` or `field_id` before the first column.
    #[error("`nullable` and `field_id` are about the last column, and there is none yet")]
    NoColumnYet,
    /// A `fixed_bytes` column of length 0, or a text that may never have a byte.
    #[error("column `{name}` needs a length of at least 1")]
    NoBytes {
        /// The column.
        name: String,
    },
    /// `delta` on something that is no integer column wider than the delta.
    #[error(
        "column `{name}`: a delta of {delta} bytes needs an integer column wider than that, not {column:?}"
    )]
    Delta {
        /// The column; empty where there was none before `delta`.
        name: String,
        /// Width of the delta in bytes.
        delta: usize,
        /// The column's type, where there is a column.
        column: Option<ColumnType>,
    },
    /// There is no column of that name.
    #[error("there is no column `{name}`")]
    UnknownColumn {
        /// The name asked for.
        name: String,
    },
    /// There is no column of that field id.
    #[error("there is no column of field id {id}")]
    UnknownFieldId {
        /// The field id asked for.
        id: u32,
    },
    /// The column has another type, or is not nullable where an `Option` was asked for.
    #[error("column `{name}` is {column:?}, not {asked}")]
    WrongType {
        /// The column.
        name: String,
        /// Its type.
        column: ColumnType,
        /// The type asked for.
        asked: &'static str,
    },
}

/// A value could not be set in a row, or a column not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowError {
    /// The handle was made from a schema that is not the ring's.
    #[error("the column handle was made from another schema")]
    ForeignHandle,
    /// A text longer than its column takes.
    #[error("column `{column}` takes texts of at most {max} bytes, not {len}")]
    TooLong {
        /// The column.
        column: String,
        /// Bytes of the longest text it takes.
        max: usize,
        /// Bytes of the text given.
        len: usize,
    },
    /// Null for a column that is not nullable.
    #[error("column `{column}` is not nullable")]
    NotNullable {
        /// The column.
        column: String,
    },
    /// Bytes of the wrong length for a `fixed_bytes` column.
    #[error("column `{column}` takes exactly {expected} bytes, not {len}")]
    Length {
        /// The column.
        column: String,
        /// The length it takes.
        expected: usize,
        /// The length given.
        len: usize,
    },
}

/// A row was not published. Nothing of it is visible to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushError<E> {
    /// The closure refused.
    #[error("the row was refused: {0}")]
    Rejected(E),
    /// A column was not set.
    #[error("the row is not complete: column number {column} was not set")]
    Incomplete {
        /// Number of the first column that was not set, in order of the schema, from 0.
        column: usize,
    },
    /// There was no room, and the call does not wait.
    #[error("the ring is full: its slowest consumer has not read the oldest row yet")]
    Full,
    /// There was no room within the time given.
    #[error("the ring stayed full until the timeout")]
    TimedOut,
    /// The memory that the ring shares with other processes holds what no process of this library
    /// writes there.
    #[error("the shared ring is corrupt: {what}")]
    Corrupt {
        /// Which word, and what is wrong with it.
        what: &'static str,
    },
}

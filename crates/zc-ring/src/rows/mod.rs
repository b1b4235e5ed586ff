//! Rows whose columns are known at run time: [`Schema`], [`RowRing`], and their two ends.
//!
//! Rows lie row-major in the ring, packed to 8 bytes. All words of the store are atomic, so that
//! a row is set in its place also while a consumer that copies may be looking.

mod access;
mod batch;
mod column;
mod consumer;
mod copies;
mod error;
mod filler;
mod fixed;
mod generation;
mod multi;
mod producer;
mod pusher;
mod record;
mod records;
mod ring;
mod row;
mod row_ref;
mod schema;
mod store;
mod strings;
mod switch;
mod value;
mod words;

pub use batch::RowBatch;
pub(crate) use batch::Rows;
pub use column::{Column, ColumnIter};
pub use consumer::RowConsumer;
#[cfg(target_os = "linux")]
pub(crate) use copies::RowCopies;
pub use error::{ChangeError, PushError, RowError, SchemaError};
#[cfg(target_os = "linux")]
pub(crate) use filler::Filler;
pub use fixed::FixedBytes;
pub use multi::RowMultiProducer;
pub use producer::RowProducer;
#[cfg(target_os = "linux")]
pub(crate) use producer::once;
pub use record::{Record, RecordData};
pub use records::Records;
pub use ring::{RowRing, RowRingBuilder};
pub use row::RowMut;
pub use row_ref::{RowIter, RowRef};
pub(crate) use schema::Field;
pub use schema::{ColumnDef, ColumnHandle, ColumnType, DeltaWidth, Schema, SchemaBuilder};
pub(crate) use store::BLOCK_ROWS;
#[cfg(target_os = "linux")]
pub(crate) use store::RowStore;
pub use strings::Strings;
pub use switch::MAX_GENERATIONS;
pub use value::{ColumnData, Kind, Raw, RawColumn, Scalar};
#[cfg(target_os = "linux")]
pub(crate) use words::{Memory, Words};

/// The most columns a schema may have.
pub const MAX_COLUMNS: usize = 128;

/// The longest a column's name may be, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest a row may be, in bytes.
pub const MAX_ROW_BYTES: usize = 64 << 10;

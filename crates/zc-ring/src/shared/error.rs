//! What can go wrong with a ring in a file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::BuildError;
use crate::rows::SchemaError;

/// A shared ring could not be created or opened. A file that could not be opened is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SharedError {
    /// The ring that was asked for cannot be.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is a file of that name already.
    #[error("{path} exists already; open it, or remove it first")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no ring.
    #[error("the file is no shared ring: it does not begin with the magic bytes of one")]
    Foreign,
    /// The ring was made by a machine of the other byte order.
    #[error("the ring's words are in the other byte order than this machine's")]
    ByteOrder,
    /// The ring is of another version of the format.
    #[error("the ring is of format version {found}, this library reads {supported}")]
    Version {
        /// The file's version.
        found: u32,
        /// The version this library reads.
        supported: u32,
    },
    /// The file is shorter than it says, or than any ring is.
    #[error("the file is truncated: {len} bytes where {expected} belong")]
    Truncated {
        /// Its length in bytes.
        len: u64,
        /// The length it should have.
        expected: u64,
    },
    /// The file is longer than it says.
    #[error("the file is too long: {len} bytes where {expected} belong")]
    TooLong {
        /// Its length in bytes.
        len: u64,
        /// The length it should have.
        expected: u64,
    },
    /// The header is not what was written.
    #[error("the header is corrupt: its checksum is {found:#010x}, it says {expected:#010x}")]
    Checksum {
        /// The checksum of the header as it is.
        found: u32,
        /// The checksum that stands in it.
        expected: u32,
    },
    /// Something else is not as any process of this library leaves it.
    #[error("the ring is corrupt: {what}")]
    Corrupt {
        /// Which part, and what is wrong with it.
        what: &'static str,
    },
    /// The schema in the header is none.
    #[error("the ring's schema is corrupt: {0}")]
    Schema(#[from] SchemaError),
    /// A column of a kind that this version of the format has no code for.
    #[error("column `{column}` is of a kind that cannot be shared between processes")]
    UnsupportedColumn {
        /// The column.
        column: String,
    },
    /// The schema's names take more room than the header has.
    #[error("the schema takes {len} bytes in the header, the limit is {limit}")]
    SchemaTooLarge {
        /// Bytes it takes.
        len: usize,
        /// Bytes there are.
        limit: usize,
    },
    /// The ring was made in another process-id namespace (another container): its processes cannot
    /// see whether this one is alive, and this one cannot see them.
    #[error("the ring belongs to another process-id namespace: leases could not be told apart")]
    OtherNamespace,
    /// All leases of handles are taken by processes that are alive.
    #[error("the ring has {limit} handles already, the most it may have")]
    TooManyHandles {
        /// The most there may be.
        limit: usize,
    },
}

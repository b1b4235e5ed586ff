//! What can go wrong with sealed blocks.

use thiserror::Error;

use crate::rows::SchemaError;

/// A block could not be sealed, decoded or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlockError {
    /// More rows than a block may have.
    #[error("a block of {rows} rows: the limit is {}", super::MAX_ROWS)]
    TooManyRows {
        /// Rows given.
        rows: usize,
    },
    /// A block of 4 GiB or more, as only long texts make it: seal fewer rows.
    #[error("a block of {bytes} bytes: it must be shorter than 4 GiB")]
    TooLong {
        /// Bytes it would have.
        bytes: usize,
    },
    /// The bytes do not begin like a block.
    #[error("not a sealed block: the magic bytes are missing")]
    NotABlock,
    /// The block is of a version that this code does not know.
    #[error(
        "a block of version {version}; this reads versions 1 to {}",
        super::format::VERSION
    )]
    Version {
        /// The version.
        version: u16,
    },
    /// The bytes end before the block does.
    #[error("the block has {needed} bytes, of which {len} are there")]
    Truncated {
        /// Bytes there.
        len: usize,
        /// Bytes the block has; the least that it can have where it is cut off earlier.
        needed: usize,
    },
    /// The bytes go on behind the block.
    #[error("{extra} bytes follow the block; split a stream of blocks first")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// A checksum does not match: the bytes have been changed.
    #[error("the checksum of the block's {what} does not match")]
    Checksum {
        /// `head`, or the name of a column.
        what: &'static str,
    },
    /// The checksum matches, but what stands there cannot be.
    #[error("the block is malformed: {what}")]
    Corrupt {
        /// What cannot be.
        what: &'static str,
    },
    /// The block's schema cannot be, or does not have the column asked for.
    #[error("the block's schema: {0}")]
    Schema(#[from] SchemaError),
    /// The handle was made from another schema than the block's.
    #[error("the column handle was made from another schema than the block's")]
    ForeignHandle,
}

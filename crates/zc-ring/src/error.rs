//! What can go wrong with a ring of slots. Errors of schemas and rows are in [`rows`](crate::rows),
//! errors of sealed blocks in [`block`](crate::block).

use thiserror::Error;
use zc_core::error::RegionError;

use crate::consumer::ConsumerId;

/// A ring could not be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The capacity is zero, no power of two, or beyond the address space.
    #[error(
        "ring capacity must be a power of two of at least 1 row that fits into memory, not {capacity}"
    )]
    Capacity {
        /// The capacity asked for, in rows.
        capacity: usize,
    },
    /// The region given is too small.
    #[error("region of {len} bytes is too small for a ring that needs {needed}")]
    RegionTooSmall {
        /// Length of the region in bytes.
        len: usize,
        /// Bytes that the slots take.
        needed: usize,
    },
    /// The region given starts at an address that rows of this type may not have.
    #[error("region is not aligned to the {align} bytes that its rows need")]
    RegionMisaligned {
        /// Alignment of the row type in bytes.
        align: usize,
    },
    /// There was no memory for the rows.
    #[error("no memory for the rows: {0}")]
    Region(#[from] RegionError),
}

/// A producer could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// The ring has its one producer already.
    #[error("the ring has a producer already; drop it first")]
    Taken,
    /// There was no memory for a row to be set in beside the ring, as several producers of a
    /// [`RowRing`](crate::RowRing) do.
    #[error("no memory for a row")]
    NoMemory,
}

/// A consumer could not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The row to start at is overwritten, or about to be, or not yet published.
    #[error(
        "cannot start at sequence {requested}: the ring holds {oldest} up to, not including, {head}"
    )]
    SequenceOutOfRange {
        /// The sequence asked for.
        requested: u64,
        /// The oldest row that a new consumer can still read.
        oldest: u64,
        /// The next sequence to be published.
        head: u64,
    },
    /// A consumer to read after is not on this ring (any more).
    #[error("consumer {id} to read after is not on this ring")]
    UnknownDependency {
        /// The consumer that was named.
        id: ConsumerId,
    },
    /// A shared ring keeps names in places of a fixed size.
    #[error("a consumer's name of {len} bytes: the limit in a shared ring is {limit}")]
    NameTooLong {
        /// Length of the name in bytes.
        len: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A shared ring has a fixed number of places, and processes that are alive hold all of them.
    #[error("the shared ring has {limit} consumers already, the most it may have")]
    TooManyConsumers {
        /// The most there may be.
        limit: usize,
    },
    /// `OnLag::Lossy` and `OnLag::Evict` read copies, and the row type cannot be copied as bytes.
    #[error(
        "OnLag::Lossy and OnLag::Evict need rows of plain data: derive zerocopy's FromBytes, IntoBytes and Immutable for `{row}`"
    )]
    NotPlainData {
        /// The row type.
        row: &'static str,
    },
}

/// The ring has no room: the slowest consumer that gates has not read the oldest row yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("the ring is full: its slowest consumer has not read the oldest row yet")]
pub struct Full;

/// A publish did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// See [`Full`].
    #[error("the ring is full: its slowest consumer has not read the oldest row yet")]
    Full,
    /// There was no room within the time given.
    #[error("the ring stayed full until the timeout")]
    TimedOut,
    /// More rows at once than the ring has slots.
    #[error("a batch of {rows} rows cannot fit into a ring of {capacity}")]
    BatchTooLarge {
        /// Rows in the batch.
        rows: usize,
        /// Slots in the ring.
        capacity: usize,
    },
}

impl From<Full> for PublishError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// What a [stream](crate::Consumer#stream) of rows yields when it cannot yield a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// Rows were overwritten before this consumer read them; the stream goes on behind them.
    #[error("{missed} rows were overwritten before they were read")]
    Lagged {
        /// Exactly how many.
        missed: u64,
    },
    /// The consumer lagged past its policy and was taken off the ring; the stream ends.
    #[error("the consumer was evicted because it lagged past its policy")]
    Evicted,
}

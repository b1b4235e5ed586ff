//! Every error of the crate. Each names the thing and its limit, and gives back what it was handed.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use zc_core::error::RegionError;

use crate::agent::SingleAgent;
use crate::types::{FailReason, ReservationId};

/// A builder option that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A size or count lies outside of its range.
    #[error("{option} is {value}, which is not in {min}..={max}")]
    OutOfRange {
        /// Name of the builder's method.
        option: &'static str,
        /// What it was given.
        value: u64,
        /// Smallest value that is possible.
        min: u64,
        /// Largest value that is possible.
        max: u64,
    },
    /// A duration is zero.
    #[error("{option} is zero; leave it out to switch it off")]
    ZeroDuration {
        /// Name of the builder's method.
        option: &'static str,
    },
    /// The budget does not hold a single group.
    #[error("memory_budget is {budget} bytes, less than the {min_group_commit_size} of one group")]
    BudgetBelowGroup {
        /// The budget.
        budget: usize,
        /// The size of a group.
        min_group_commit_size: usize,
    },
    /// The option needs a timer, and `spawn` was called outside of a tokio runtime.
    #[error("{option} needs a timer, so spawn must be called inside a tokio runtime")]
    NoRuntime {
        /// Name of the builder's method.
        option: &'static str,
    },
}

/// A reservation, or the manager as a whole, cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BufferError {
    /// The reservation is above `max_reservation`.
    #[error("a reservation of {size} bytes is above the limit of {max}")]
    TooLarge {
        /// Bytes asked for.
        size: usize,
        /// Most that one reservation may have.
        max: usize,
    },
    /// There is no room now: the memory budget, the queue of complete groups, or the line of those
    /// who wait is full.
    #[error(
        "no room for a reservation of {size} bytes now (budget: {used} of {budget} bytes used)"
    )]
    Full {
        /// Bytes asked for.
        size: usize,
        /// Bytes of the budget in use.
        used: usize,
        /// The budget.
        budget: usize,
    },
    /// There was no room in time.
    #[error("no room for a reservation of {size} bytes within {after:?}")]
    Timeout {
        /// Bytes asked for.
        size: usize,
        /// How long was waited.
        after: Duration,
    },
    /// The manager is finalizing, or has finalized.
    #[error("the manager is finalizing and takes no more reservations")]
    Finalizing,
    /// The receiving end was dropped: `Groups`, or `Failures` with its queue full.
    #[error("nobody is left to receive what would be written")]
    ConsumerGone,
    /// The system has no memory for a group.
    #[error("no memory for a group")]
    OutOfMemory(#[from] RegionError),
    /// The stream would become longer than offsets can tell.
    #[error("the stream has reached the last offset, {max}")]
    OffsetsExhausted {
        /// The largest offset.
        max: u64,
    },
    /// A deadline needs a timer, and there is no tokio runtime.
    #[error("a deadline needs a timer, so this must be called inside a tokio runtime")]
    NoRuntime,
    /// The reservation itself is at fault.
    #[error(transparent)]
    Manager(#[from] ManagerError),
}

/// A reservation cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// What was filled does not cover what was to be committed.
    #[error("reservation {reservation_id}: {actual} of {expected} bytes are filled")]
    CommitSizeMismatch {
        /// The reservation.
        reservation_id: ReservationId,
        /// Bytes that must be filled.
        expected: usize,
        /// Bytes that are.
        actual: usize,
    },
    /// The bytes are not exactly as many as were reserved.
    #[error("reservation {reservation_id}: {actual} bytes submitted, {expected} expected")]
    SubmitSizeIncorrect {
        /// The reservation.
        reservation_id: ReservationId,
        /// Bytes expected.
        expected: usize,
        /// Bytes submitted.
        actual: usize,
    },
    /// The chunk does not fit behind what is there.
    #[error("reservation {reservation_id}: a chunk of {actual} bytes where {largest} fit")]
    SubmitSizeTooLarge {
        /// The reservation.
        reservation_id: ReservationId,
        /// Largest chunk that fits.
        largest: usize,
        /// Length of the chunk.
        actual: usize,
    },
    /// The chunk reaches past the end of the reservation, or over bytes that are there already.
    #[error(
        "reservation {reservation_id}: {len} bytes at {relative} overlap others or pass the end at {size}"
    )]
    SubmitRangeInvalid {
        /// The reservation.
        reservation_id: ReservationId,
        /// Where the chunk was to go, relative to the reservation.
        relative: usize,
        /// Length of the chunk.
        len: usize,
        /// Length of the reservation.
        size: usize,
    },
    /// The reservation was taken away from its agent, and has been reported as failed.
    #[error("reservation {reservation_id} was revoked: {reason}")]
    Revoked {
        /// The reservation.
        reservation_id: ReservationId,
        /// Why.
        reason: FailReason,
    },
    /// The failed range has been retried before.
    #[error("reservation {reservation_id} has been retried already")]
    AlreadyRetried {
        /// The failed reservation.
        reservation_id: ReservationId,
    },
    /// The failed range belongs to another manager.
    #[error("reservation {reservation_id} belongs to another manager")]
    ForeignReservation {
        /// The failed reservation.
        reservation_id: ReservationId,
    },
}

/// A commit that did not happen. Gives the agent back where there still is one.
pub struct CommitError<A> {
    pub(crate) agent: Option<A>,
    pub(crate) source: Box<ManagerError>,
}

impl<A> CommitError<A> {
    /// What is wrong.
    pub const fn reason(&self) -> &ManagerError {
        &self.source
    }

    /// The agent, to be filled further; `None` if its reservation was revoked.
    pub fn into_agent(self) -> Option<A> {
        self.agent
    }
}

impl<A> fmt::Debug for CommitError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitError")
            .field("agent", &self.agent.is_some())
            .field("source", &self.source)
            .finish()
    }
}

impl<A> fmt::Display for CommitError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl<A> std::error::Error for CommitError<A> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl<A> From<CommitError<A>> for BufferError {
    /// Drops the agent, which fails its reservation.
    fn from(error: CommitError<A>) -> Self {
        Self::Manager(*error.source)
    }
}

/// Bytes that were not taken. Gives back the bytes, and the agent where there still is one.
pub struct SubmitError {
    pub(crate) agent: Option<SingleAgent>,
    pub(crate) bytes: Option<Bytes>,
    pub(crate) source: Box<ManagerError>,
}

impl SubmitError {
    /// What is wrong.
    #[must_use]
    pub const fn reason(&self) -> &ManagerError {
        &self.source
    }

    /// The agent, unless it was revoked or belongs to the caller anyway, and the bytes.
    #[must_use]
    pub fn into_parts(self) -> (Option<SingleAgent>, Option<Bytes>) {
        (self.agent, self.bytes)
    }
}

impl fmt::Debug for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("agent", &self.agent.is_some())
            .field("bytes", &self.bytes.as_ref().map(Bytes::len))
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for SubmitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<SubmitError> for BufferError {
    /// Drops the agent, which fails its reservation, and the bytes.
    fn from(error: SubmitError) -> Self {
        Self::Manager(*error.source)
    }
}

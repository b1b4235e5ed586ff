//! Errors in the original's shape.

use super::types::ReservationId;
use crate::error;
use crate::types::FailReason;

/// A reservation, or the manager as a whole, cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BufferError {
    /// The manager says why.
    #[error("{0}")]
    ManagerError(#[from] ManagerError),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// What this version has no other word for.
    #[error("{0}")]
    Internal(String),
    /// The manager is finalizing, or has finalized.
    #[error("the manager is finalizing")]
    ManagerFinalizing,
    /// The receiver of groups was dropped.
    #[error("nobody is left to receive what would be written")]
    ConsumerGone,
    /// The reservation is larger than any can be.
    #[error("a reservation of {size} bytes is above the limit of {max}")]
    ReservationTooLarge {
        /// Bytes asked for.
        size: usize,
        /// Most that one reservation may have.
        max: usize,
    },
    /// The chunks do not add up to the reservation.
    #[error("reservation {reservation_id}: {actual} of {expected} bytes were submitted")]
    CommitSizeMismatch {
        /// The reservation.
        reservation_id: ReservationId,
        /// Bytes expected.
        expected: usize,
        /// Bytes submitted.
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
    /// The chunk is larger than what is left of the reservation.
    #[error("reservation {reservation_id}: a chunk of {actual} bytes where {largest} fit")]
    SubmitSizeTooLarge {
        /// The reservation.
        reservation_id: ReservationId,
        /// Largest chunk that fits.
        largest: usize,
        /// Length of the chunk.
        actual: usize,
    },
}

impl From<error::BufferError> for BufferError {
    fn from(error: error::BufferError) -> Self {
        Self::ManagerError(match error {
            error::BufferError::Finalizing => ManagerError::ManagerFinalizing,
            error::BufferError::ConsumerGone => ManagerError::ConsumerGone,
            error::BufferError::TooLarge { size, max } => {
                ManagerError::ReservationTooLarge { size, max }
            }
            error::BufferError::Manager(error) => error.into(),
            other => ManagerError::Internal(other.to_string()),
        })
    }
}

impl From<error::ManagerError> for ManagerError {
    fn from(error: error::ManagerError) -> Self {
        use error::ManagerError as Ours;
        match error {
            Ours::Revoked {
                reason: FailReason::Finalized,
                ..
            } => Self::ManagerFinalizing,
            Ours::CommitSizeMismatch {
                reservation_id,
                expected,
                actual,
            } => Self::CommitSizeMismatch {
                reservation_id,
                expected,
                actual,
            },
            Ours::SubmitSizeIncorrect {
                reservation_id,
                expected,
                actual,
            } => Self::SubmitSizeIncorrect {
                reservation_id,
                expected,
                actual,
            },
            Ours::SubmitSizeTooLarge {
                reservation_id,
                largest,
                actual,
            } => Self::SubmitSizeTooLarge {
                reservation_id,
                largest,
                actual,
            },
            other => Self::Internal(other.to_string()),
        }
    }
}

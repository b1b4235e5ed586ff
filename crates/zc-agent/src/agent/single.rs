//! A reservation that gets its bytes in one piece.

use bytes::Bytes;

use super::too_late;
use crate::error::{ManagerError, SubmitError};
use crate::group::lease::Lease;
use crate::types::{AbsoluteOffset, FailReason, GroupId, ReservationId};

/// A reservation that takes one `Bytes` of exactly its size.
///
/// Dropped without that it is reported as failed, at once.
#[derive(Debug)]
#[must_use = "dropped without a submission, the reservation fails"]
pub struct SingleAgent {
    lease: Lease,
}

impl SingleAgent {
    pub(crate) const fn new(lease: Lease) -> Self {
        Self { lease }
    }

    /// Names the reservation.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.lease.id()
    }

    /// The group it is in.
    #[must_use]
    pub fn group_id(&self) -> GroupId {
        self.lease.group_id()
    }

    /// Position of its first byte in the stream.
    #[must_use]
    pub fn offset(&self) -> AbsoluteOffset {
        self.lease.offset()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.lease.size()
    }

    /// Submits `bytes` and commits. At `adopt_threshold` and above they are delivered as they are,
    /// the same memory; below, they are copied into the group once (the ledger's
    /// `agent.submit_small`).
    ///
    /// Cancel-safe, and never in doubt: it has no point to wait at. Not polled, it has done
    /// nothing; polled, it is done. [`submit_bytes_blocking`](Self::submit_bytes_blocking) is the
    /// same without a runtime.
    ///
    /// # Errors
    /// [`SubmitSizeIncorrect`](ManagerError::SubmitSizeIncorrect), with agent and bytes, unless
    /// there are exactly [`size`](Self::size) bytes; [`Revoked`](ManagerError::Revoked), with the
    /// bytes, if the reservation was taken away.
    #[expect(clippy::unused_async, reason = "the vocabulary's signature")]
    pub async fn submit_bytes(self, bytes: Bytes) -> Result<(), SubmitError> {
        self.submit_bytes_blocking(bytes)
    }

    /// As [`submit_bytes`](Self::submit_bytes), on any thread. It does not wait either.
    ///
    /// # Errors
    /// As there.
    pub fn submit_bytes_blocking(self, bytes: Bytes) -> Result<(), SubmitError> {
        let (expected, actual) = (self.size(), bytes.len());
        if actual != expected {
            let reservation_id = self.id();
            return Err(SubmitError {
                agent: Some(self),
                bytes: Some(bytes),
                source: Box::new(ManagerError::SubmitSizeIncorrect {
                    reservation_id,
                    expected,
                    actual,
                }),
            });
        }
        let result = if actual >= self.lease.adopt_threshold() {
            self.lease.commit_whole(bytes.clone())
        } else {
            self.lease.copy_in(0, &bytes, "agent.submit_small");
            self.lease.commit(actual as u32)
        };
        result.map_err(|revoked| SubmitError {
            agent: None,
            bytes: Some(bytes),
            source: too_late(revoked),
        })
    }

    /// Gives the reservation up, and says why: a text, or a [`FailReason`].
    pub fn fail(self, reason: impl Into<FailReason>) {
        self.lease.fail(reason.into());
    }
}

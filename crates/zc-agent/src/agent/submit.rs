//! A reservation that is filled in place.

use super::{ChunkAgent, SingleAgent, size_mismatch, too_late};
use crate::error::CommitError;
use crate::group::fill::Coverage;
use crate::group::lease::Lease;
use crate::types::{AbsoluteOffset, FailReason, GroupId, ReservationId};

/// A reservation. Fill it in place, through [`BufMut`](bytes::BufMut) or
/// [`as_uninit_mut`](Self::as_uninit_mut), and commit; or turn it into one of the other agents.
///
/// Dropped without a commit it is reported as failed, at once.
#[derive(Debug)]
#[must_use = "dropped without a commit, the reservation fails"]
pub struct SubmitAgent {
    pub(crate) lease: Lease,
    /// Bytes that are filled, from the first on.
    pub(crate) filled: u32,
}

impl SubmitAgent {
    #[inline]
    pub(crate) const fn new(lease: Lease) -> Self {
        Self { lease, filled: 0 }
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
    #[inline]
    pub fn size(&self) -> usize {
        self.lease.size()
    }

    /// How many bytes are filled, from the first on.
    #[must_use]
    #[inline]
    pub const fn filled(&self) -> usize {
        self.filled as usize
    }

    /// Commits all of it. Synchronous: one atomic step; the last commit of a sealed group also
    /// hands it on.
    ///
    /// # Errors
    /// [`CommitSizeMismatch`](crate::ManagerError::CommitSizeMismatch), with the agent, unless
    /// every byte is filled; [`Revoked`](crate::ManagerError::Revoked), without it, if the
    /// reservation was taken away.
    #[inline]
    pub fn commit(self) -> Result<(), CommitError<Self>> {
        let size = self.size();
        self.commit_partial(size)
    }

    /// Commits the first `n` bytes. The rest goes back if no later reservation follows it, and
    /// is reported with [`FailReason::Unused`] otherwise; groups never span it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit), where fewer than `n` bytes are filled.
    #[inline]
    pub fn commit_partial(self, n: usize) -> Result<(), CommitError<Self>> {
        if n > self.filled() {
            return Err(self.too_few(n));
        }
        match self.lease.commit(n as u32) {
            Ok(()) => Ok(()),
            Err(revoked) => Err(CommitError {
                agent: None,
                source: too_late(revoked),
            }),
        }
    }

    #[cold]
    fn too_few(self, n: usize) -> CommitError<Self> {
        let source = size_mismatch(&self.lease, n, self.filled());
        CommitError {
            agent: Some(self),
            source,
        }
    }

    /// Gives the reservation up, and says why: a text, or a [`FailReason`].
    pub fn fail(self, reason: impl Into<FailReason>) {
        self.lease.fail(reason.into());
    }

    /// To submit one `Bytes` for all of it. What was filled is forgotten.
    pub fn into_single_agent(self) -> SingleAgent {
        SingleAgent::new(self.lease)
    }

    /// To put it together from pieces. What was filled stays.
    pub fn into_chunk_agent(self) -> ChunkAgent {
        ChunkAgent::new(self.lease, Coverage::starting_with(self.filled))
    }
}

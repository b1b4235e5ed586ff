//! A reservation that is filled in place.

use std::mem::MaybeUninit;

use super::{ChunkAgent, SingleAgent, revoked, size_mismatch};
use crate::error::CommitError;
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
}

impl SubmitAgent {
    pub(crate) fn new(lease: Lease) -> Self {
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

    /// How many bytes are filled, from the first on.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.lease.coverage.prefix() as usize
    }

    /// The bytes that are not filled yet: all of them to begin with. They lie in the group's own
    /// memory; nothing is copied later. After writing, say how many with
    /// [`assume_filled`](Self::assume_filled), or write through [`BufMut`](bytes::BufMut), which
    /// keeps count itself.
    pub fn as_uninit_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.lease.gap()
    }

    /// Commits all of it. Synchronous: one atomic step; the last commit of a sealed group also
    /// hands it on.
    ///
    /// # Errors
    /// [`CommitSizeMismatch`](crate::ManagerError::CommitSizeMismatch), with the agent, unless
    /// every byte is filled; [`Revoked`](crate::ManagerError::Revoked), without it, if the
    /// reservation was taken away.
    pub fn commit(self) -> Result<(), CommitError<Self>> {
        let size = self.size();
        self.commit_partial(size)
    }

    /// Commits the first `n` bytes. The rest goes back if no later reservation follows it, and
    /// is reported with [`FailReason::Unused`] otherwise; groups never span it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit), where fewer than `n` bytes are filled.
    pub fn commit_partial(self, n: usize) -> Result<(), CommitError<Self>> {
        if n > self.filled() {
            let source = size_mismatch(&self.lease, n, self.filled());
            return Err(CommitError {
                agent: Some(self),
                source,
            });
        }
        let id = self.id();
        self.lease.commit(n as u32).map_err(|reason| CommitError {
            agent: None,
            source: revoked(id, reason),
        })
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
        ChunkAgent::new(self.lease)
    }
}

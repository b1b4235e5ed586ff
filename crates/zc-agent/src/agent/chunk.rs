//! A reservation that is put together from pieces.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::{size_mismatch, too_late};
use crate::error::{CommitError, ManagerError, SubmitError};
use crate::group::fill::Coverage;
use crate::group::lease::Lease;
use crate::types::{AbsoluteOffset, FailReason, GroupId, ReservationId};

/// A reservation that takes pieces, in any order, until every byte is there.
///
/// Pieces come as `Bytes` ([`submit_chunk`](Self::submit_chunk), which fills the first gap, and
/// [`submit_chunk_at`](Self::submit_chunk_at)), or are written into the first gap in place:
/// through `BufMut`, `io::Write` or `AsyncWrite`, which never waits.
///
/// Dropped without a commit it is reported as failed, at once.
#[derive(Debug)]
#[must_use = "dropped without a commit, the reservation fails"]
pub struct ChunkAgent {
    pub(crate) lease: Lease,
    pub(crate) coverage: Coverage,
    /// Adopted pieces and where they go.
    parts: Vec<(u32, Bytes)>,
}

impl ChunkAgent {
    pub(crate) const fn new(lease: Lease, coverage: Coverage) -> Self {
        Self {
            lease,
            coverage,
            parts: Vec::new(),
        }
    }

    /// Start and length of the first gap; the length is 0 if there is none.
    pub(crate) fn gap(&self) -> (u32, u32) {
        self.coverage.gap(self.lease.size() as u32)
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

    /// How many bytes are there.
    #[must_use]
    pub fn current_size(&self) -> usize {
        self.coverage.total() as usize
    }

    /// Puts `chunk` where the first gap begins. At `adopt_threshold` and above it is kept as it
    /// is; below, it is copied into the group (the ledger's `agent.submit_small`).
    ///
    /// # Errors
    /// [`SubmitSizeTooLarge`](ManagerError::SubmitSizeTooLarge), with the chunk, if the gap is
    /// smaller.
    pub fn submit_chunk(&mut self, chunk: Bytes) -> Result<(), SubmitError> {
        let (at, largest) = self.gap();
        if chunk.len() > largest as usize {
            let source = ManagerError::SubmitSizeTooLarge {
                reservation_id: self.id(),
                largest: largest as usize,
                actual: chunk.len(),
            };
            return Err(refuse(chunk, source));
        }
        self.submit_chunk_at(at as usize, chunk)
    }

    /// Puts `chunk` at `relative` bytes from the start of the reservation. Otherwise as
    /// [`submit_chunk`](Self::submit_chunk).
    ///
    /// # Errors
    /// [`SubmitRangeInvalid`](ManagerError::SubmitRangeInvalid), with the chunk, if it reaches
    /// past the end or over bytes that are there already.
    pub fn submit_chunk_at(&mut self, relative: usize, chunk: Bytes) -> Result<(), SubmitError> {
        let size = self.size();
        let len = chunk.len();
        let is_inside = relative <= size && len <= size - relative;
        if !is_inside || !self.coverage.add(relative as u32, len as u32) {
            let source = ManagerError::SubmitRangeInvalid {
                reservation_id: self.id(),
                relative,
                len,
                size,
            };
            return Err(refuse(chunk, source));
        }
        if len >= self.lease.adopt_threshold() {
            self.parts.push((relative as u32, chunk));
        } else {
            self.lease
                .copy_in(relative as u32, &chunk, "agent.submit_small");
        }
        Ok(())
    }

    /// Commits. Cancel-safe, and never in doubt: it has no point to wait at.
    ///
    /// # Errors
    /// [`CommitSizeMismatch`](ManagerError::CommitSizeMismatch), with the agent, unless every byte
    /// is there; [`Revoked`](ManagerError::Revoked), without it, if the reservation was taken away.
    #[expect(clippy::unused_async, reason = "the vocabulary's signature")]
    pub async fn commit(self) -> Result<(), CommitError<Self>> {
        self.commit_blocking()
    }

    /// As [`commit`](Self::commit), on any thread. It does not wait either.
    ///
    /// # Errors
    /// As there.
    pub fn commit_blocking(self) -> Result<(), CommitError<Self>> {
        let (size, actual) = (self.size(), self.current_size());
        if actual != size {
            let source = size_mismatch(&self.lease, size, actual);
            return Err(CommitError {
                agent: Some(self),
                source,
            });
        }
        self.lease
            .commit_adopted(self.parts)
            .map_err(|revoked| CommitError {
                agent: None,
                source: too_late(revoked),
            })
    }

    /// Gives the reservation up, and says why: a text, or a [`FailReason`].
    pub fn fail(self, reason: impl Into<FailReason>) {
        self.lease.fail(reason.into());
    }
}

/// Writes into the first gap. Gives 0 once there is none.
impl io::Write for ChunkAgent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (at, len) = self.gap();
        let taken = bytes.len().min(len as usize);
        self.lease.copy_in(at, &bytes[..taken], "agent.write");
        self.coverage.advance(taken as u32);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes into the first gap, and never waits. Neither flushing nor shutting down commits.
impl AsyncWrite for ChunkAgent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Write::write(&mut *self, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn refuse(chunk: Bytes, source: ManagerError) -> SubmitError {
    SubmitError {
        agent: None,
        bytes: Some(chunk),
        source: Box::new(source),
    }
}

//! Agents in the original's shape.

use bytes::Bytes;

use super::error::{BufferError, ManagerError};
use super::types::{AbsoluteOffset, ReservationId, narrow};
use crate::agent;

/// A reservation: to become one of the two others. Dropped, it fails.
#[derive(Debug)]
#[must_use = "dropped without a submission, the reservation fails"]
pub struct SubmitAgent(pub(super) agent::SubmitAgent);

/// A reservation that takes one `Bytes` of exactly its size. Dropped without that, it fails.
#[derive(Debug)]
#[must_use = "dropped without a submission, the reservation fails"]
pub struct SingleAgent(agent::SingleAgent);

/// A reservation that takes chunks, one after the other. Dropped without a commit, it fails.
#[derive(Debug)]
#[must_use = "dropped without a commit, the reservation fails"]
pub struct ChunkAgent(agent::ChunkAgent);

macro_rules! numbers {
    ($agent:ty) => {
        impl $agent {
            /// Names the reservation.
            #[must_use]
            pub fn id(&self) -> ReservationId {
                self.0.id()
            }

            /// Position of its first byte in the stream.
            #[must_use]
            pub fn offset(&self) -> AbsoluteOffset {
                narrow(self.0.offset())
            }

            /// Its length in bytes.
            #[must_use]
            pub fn size(&self) -> usize {
                self.0.size()
            }
        }
    };
}

numbers!(SubmitAgent);
numbers!(SingleAgent);
numbers!(ChunkAgent);

impl SubmitAgent {
    /// To submit one `Bytes` for all of it.
    pub fn into_single_agent(self) -> SingleAgent {
        SingleAgent(self.0.into_single_agent())
    }

    /// To submit it in chunks.
    pub fn into_chunk_agent(self) -> ChunkAgent {
        ChunkAgent(self.0.into_chunk_agent())
    }
}

impl SingleAgent {
    /// Submits `bytes` and commits. Never waits.
    ///
    /// # Errors
    /// [`SubmitSizeIncorrect`](ManagerError::SubmitSizeIncorrect), and the reservation fails,
    /// because the agent is used up; [`ManagerFinalizing`](ManagerError::ManagerFinalizing).
    pub async fn submit_bytes(self, bytes: Bytes) -> Result<(), BufferError> {
        let submitted = self.0.submit_bytes(bytes).await;
        submitted.map_err(|error| ManagerError::from(error.reason().clone()).into())
    }
}

impl ChunkAgent {
    /// Bytes that were submitted.
    #[must_use]
    pub fn current_size(&self) -> usize {
        self.0.current_size()
    }

    /// Adds a chunk behind those that are there.
    ///
    /// # Errors
    /// [`SubmitSizeTooLarge`](ManagerError::SubmitSizeTooLarge); what was there stays.
    pub fn submit_chunk(&mut self, chunk: Bytes) -> Result<(), ManagerError> {
        let submitted = self.0.submit_chunk(chunk);
        submitted.map_err(|error| error.reason().clone().into())
    }

    /// Commits. Never waits.
    ///
    /// # Errors
    /// [`CommitSizeMismatch`](ManagerError::CommitSizeMismatch), and the reservation fails,
    /// because the agent is used up; [`ManagerFinalizing`](ManagerError::ManagerFinalizing).
    pub async fn commit(self) -> Result<(), BufferError> {
        let committed = self.0.commit().await;
        committed.map_err(|error| ManagerError::from(error.reason().clone()).into())
    }
}

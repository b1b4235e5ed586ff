//! The writers' end in the original's shape.

use std::num::NonZeroUsize;

use super::agent::SubmitAgent;
use super::error::BufferError;
use super::pump::Ends;
use super::types::FinalizeResult;
use crate::handle;
use crate::types::FinalizeMode;

/// The writers' end of a manager. Clones share it; when the last one is dropped, the manager
/// finalizes.
#[derive(Clone, Debug)]
pub struct ZeroCopyHandle {
    handle: handle::ZeroCopyHandle,
    ends: Ends,
}

impl ZeroCopyHandle {
    pub(super) const fn new(handle: handle::ZeroCopyHandle, ends: Ends) -> Self {
        Self { handle, ends }
    }

    /// Reserves the next `size` bytes of the stream. Waits for memory if need be. Cancel-safe.
    ///
    /// # Errors
    /// [`ReservationTooLarge`](super::ManagerError::ReservationTooLarge),
    /// [`ManagerFinalizing`](super::ManagerError::ManagerFinalizing),
    /// [`ConsumerGone`](super::ManagerError::ConsumerGone).
    pub async fn reserve_writer(&self, size: NonZeroUsize) -> Result<SubmitAgent, BufferError> {
        Ok(SubmitAgent(self.handle.reserve_writer(size).await?))
    }

    /// Finalizes: agents that exist fail, and what is complete goes to the channels. The report
    /// has what they cannot take any more, because their receivers are gone.
    ///
    /// Cancel-safe, and can be called by several handles: each gets the same.
    ///
    /// # Errors
    /// None; the original's signature.
    pub async fn finalize(self) -> Result<FinalizeResult, BufferError> {
        let report = self.handle.finalize_with(FinalizeMode::SealNow).await?;
        Ok(self.ends.report(&report).await)
    }
}

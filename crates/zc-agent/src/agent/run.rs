//! A writer that reserves a run of bytes at once, and hands it out to itself in small pieces.
//!
//! # States
//!
//! A run is a lease and how much of it is written, behind a small lock that is the writer's own.
//!
//! * **none**: nothing is reserved.
//! * **running**: writes copy into the lease and move `used`. Nobody else sees them yet.
//! * **published**: somebody took the lease out, committed what was written, and gave the rest
//!   back. That is the writer itself, when the run is full, at its flush and drop; or whoever seals
//!   by flush, linger or finalize, or needs the group's memory, if the writer is idle meanwhile.
//!
//! The lease is taken out under the run's lock and committed after it, so the run's lock is never
//! held together with the manager's.

use std::num::NonZeroUsize;
use std::sync::Arc;

use zc_core::sync::Mutex;
use zc_core::sync::block_on;

use super::revoked;
use crate::error::BufferError;
use crate::group::lease::Lease;
use crate::handle::ZeroCopyHandle;
use crate::types::AbsoluteOffset;

/// Writes small pieces at the cost of a copy: reserves `run_bytes` at once and hands them out
/// locally. Made by [`ZeroCopyHandle::writer`], one for each task; counts as a handle.
///
/// What is written becomes visible when the run is full, at [`flush`](Self::flush), when the
/// writer is dropped, and when the manager seals by flush, linger or finalize. The unused tail of
/// a run goes back if no later reservation follows it, and is reported as
/// [`FailReason::Unused`](crate::FailReason::Unused) otherwise: with several writers, pieces that
/// fill runs exactly leave no holes.
#[derive(Debug)]
pub struct RunWriter {
    handle: ZeroCopyHandle,
    run_bytes: usize,
    run: Arc<Run>,
}

impl RunWriter {
    pub(crate) fn new(handle: ZeroCopyHandle, run_bytes: usize) -> Self {
        Self {
            handle,
            run_bytes,
            run: Arc::default(),
        }
    }

    /// Copies `bytes` to the next place in the run (the ledger's `agent.run`), and gives their
    /// offset in the stream. One write is contiguous, also where it is longer than a run. An empty
    /// one reserves nothing, and gives where the run or the stream has come to.
    ///
    /// Cancel-safe: it only waits for memory, before anything is copied.
    ///
    /// # Errors
    /// As [`ZeroCopyHandle::reserve_writer`]; nothing has been written then. And
    /// [`Revoked`](crate::ManagerError::Revoked) if the run before was taken away with what was
    /// written to it, which has been reported as failed; the bytes of this call are not written.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<AbsoluteOffset, BufferError> {
        if let Some(offset) = self.run.write(bytes) {
            return Ok(offset);
        }
        self.flush()?;
        let Some(size) = NonZeroUsize::new(bytes.len()) else {
            return Ok(self.handle.metrics().stream_len);
        };
        let size = size.max(NonZeroUsize::new(self.run_bytes).unwrap_or(NonZeroUsize::MIN));
        let lease = self.handle.reserve_writer(size).await?.lease;
        Ok(self.run.begin(lease, bytes))
    }

    /// As [`write`](Self::write), parking this thread while it waits for memory. Needs no runtime;
    /// must not be called on a thread that runs async tasks.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_write(&mut self, bytes: &[u8]) -> Result<AbsoluteOffset, BufferError> {
        block_on(self.write(bytes))
    }

    /// Commits what has been written so far, and ends the run. Does not seal the group.
    ///
    /// # Errors
    /// [`Revoked`](crate::ManagerError::Revoked) if the run was taken away.
    pub fn flush(&mut self) -> Result<(), BufferError> {
        self.run.publish(None)
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        // Revoked: then that has been reported.
        let _ = self.run.publish(None);
    }
}

/// The run of one writer.
#[derive(Debug, Default)]
pub(crate) struct Run {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    lease: Option<Lease>,
    /// Bytes of the lease that are written: 0 ..= its size.
    used: usize,
}

impl Run {
    /// Appends, if there is a run with room.
    #[inline]
    fn write(&self, bytes: &[u8]) -> Option<AbsoluteOffset> {
        let inner = &mut *self.inner.lock();
        let lease = inner.lease.as_ref()?;
        let at = inner.used;
        if bytes.len() > lease.size() - at {
            return None;
        }
        lease.copy_in(at as u32, bytes, "agent.run");
        inner.used += bytes.len();
        Some(lease.offset() + at as u64)
    }

    /// Starts a run with its first bytes, and makes it known to the manager.
    fn begin(self: &Arc<Self>, lease: Lease, bytes: &[u8]) -> AbsoluteOffset {
        lease.copy_in(0, bytes, "agent.run");
        let (offset, id) = (lease.offset(), lease.id());
        let (shared, slot) = (lease.shared(), lease.slot_index());
        {
            let inner = &mut *self.inner.lock();
            inner.lease = Some(lease);
            inner.used = bytes.len();
        }
        shared.register_run(slot, self.clone(), id);
        offset
    }

    /// Commits what is written; with `id`, only if it is the run of that reservation.
    pub(crate) fn publish(&self, id: Option<u64>) -> Result<(), BufferError> {
        let (lease, used) = {
            let inner = &mut *self.inner.lock();
            if id.is_some() && inner.lease.as_ref().map(Lease::id) != id {
                return Ok(());
            }
            (inner.lease.take(), std::mem::take(&mut inner.used))
        };
        let Some(lease) = lease else {
            return Ok(());
        };
        let id = lease.id();
        let committed = lease.commit(used as u32);
        committed.map_err(|reason| BufferError::Manager(*revoked(id, reason)))
    }
}

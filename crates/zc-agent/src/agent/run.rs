//! A writer that reserves a run of bytes at once, and hands it out to itself in small pieces.
//!
//! # States
//!
//! A run is a lease and how much of it is written, in a [biased lock](crate::biased) that belongs
//! to the writer.
//!
//! * **none**: nothing is reserved. The lock's note says [`NO_GROUP`].
//! * **running**: writes copy into the lease and move `used`. Nobody else sees them yet. The note
//!   has the group.
//! * **published**: somebody took the lease out, committed what was written, and gave the rest
//!   back. That is the writer itself, when the run is full, at its flush and drop; or whoever seals
//!   by flush, linger or finalize, or needs the memory of the group that is next in turn (see
//!   [`budget`](crate::budget)).
//!
//! The lease is taken out inside the lock and committed outside of it, so the lock is never held
//! together with the manager's.
//!
//! The manager knows writers, not runs: starting one costs it nothing. Whoever finalizes says so
//! first and then visits every writer. A run that starts after that visit finds it said, through the
//! lock, and publishes itself. In the same way a run that starts too late for whoever waits for
//! memory finds that said, and looks on their behalf.

use std::num::NonZeroUsize;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{block_on, seeded};

use super::too_late;
use crate::biased::{Owner, Visitor};
use crate::error::BufferError;
use crate::group::lease::Lease;
use crate::handle::ZeroCopyHandle;
use crate::types::{AbsoluteOffset, GroupId};

/// The note of a writer without a run.
const NO_GROUP: GroupId = GroupId::MAX;

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
    run_bytes: NonZeroUsize,
    run: Owner<Running>,
    /// Names the run among those that the manager knows.
    id: u64,
}

/// The run of a writer; empty without a lease.
#[derive(Debug, Default)]
struct Running {
    lease: Option<Lease>,
    /// Where the lease begins in the stream.
    offset: AbsoluteOffset,
    /// Bytes of the lease that are written: 0 ..= its size.
    used: usize,
}

impl RunWriter {
    pub(crate) fn new(handle: ZeroCopyHandle, run_bytes: usize) -> Self {
        // A longer one could not be reserved, and no write needs it.
        let run_bytes = run_bytes.min(handle.shared().config.max_reservation);
        let run = Owner::new(Running::default(), NO_GROUP);
        let id = handle.shared().register(Run(run.visitor()));
        Self {
            handle,
            run_bytes: NonZeroUsize::new(run_bytes).unwrap_or(NonZeroUsize::MIN),
            run,
            id,
        }
    }

    /// Copies `bytes` to the next place in the run (the ledger's `agent.run`), and gives their
    /// offset in the stream. One write is contiguous, also where it is longer than a run. An empty
    /// one reserves nothing, and gives where the run or the stream has come to.
    ///
    /// Where the run has room this costs the copy, two stores and two loads. Cancel-safe: it only
    /// waits for memory, before anything is copied.
    ///
    /// # Errors
    /// As [`ZeroCopyHandle::reserve_writer`]; nothing has been written then. And
    /// [`Revoked`](crate::ManagerError::Revoked) if the run before was taken away with what was
    /// written to it, which has been reported as failed; the bytes of this call are not written.
    #[inline]
    pub async fn write(&mut self, bytes: &[u8]) -> Result<AbsoluteOffset, BufferError> {
        match self.append(bytes) {
            Some(offset) => Ok(offset),
            None => self.write_next(bytes).await,
        }
    }

    /// As [`write`](Self::write), parking this thread while it waits for memory. Needs no runtime;
    /// must not be called on a thread that runs async tasks.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn blocking_write(&mut self, bytes: &[u8]) -> Result<AbsoluteOffset, BufferError> {
        match self.append(bytes) {
            Some(offset) => Ok(offset),
            None => block_on(self.write_next(bytes)),
        }
    }

    /// Commits what has been written so far, and ends the run. Does not seal the group.
    ///
    /// # Errors
    /// [`Revoked`](crate::ManagerError::Revoked) if the run was taken away.
    pub fn flush(&mut self) -> Result<(), BufferError> {
        self.run.slowly(Running::take).map_or(Ok(()), commit)
    }

    /// Appends, if there is a run with room.
    #[inline]
    fn append(&mut self, bytes: &[u8]) -> Option<AbsoluteOffset> {
        self.run.quickly(|run| {
            let lease = run.lease.as_ref()?;
            let at = run.used;
            if bytes.len() > lease.size() - at {
                return None;
            }
            lease.copy_in(at as u32, bytes, "agent.run");
            run.used += bytes.len();
            Some(run.offset + at as u64)
        })
    }

    /// Starts a run with `bytes`.
    async fn write_next(&mut self, bytes: &[u8]) -> Result<AbsoluteOffset, BufferError> {
        self.flush()?;
        let Some(size) = NonZeroUsize::new(bytes.len()) else {
            return Ok(self.handle.metrics().stream_len);
        };
        let size = size.max(self.run_bytes);
        let lease = self.handle.reserve_writer(size).await?.lease;
        lease.copy_in(0, bytes, "agent.run");
        let (offset, group_id) = (lease.offset(), lease.group_id());
        self.run.slowly(|run, note| {
            run.lease = Some(lease);
            run.offset = offset;
            run.used = bytes.len();
            *note = group_id;
        });
        // Both are set before the visit that this run came too late for, and the lock is in between.
        let shared = self.handle.shared();
        if shared.is_short.load(Ordering::Relaxed) && !seeded("agent.run_comes_by") {
            shared.come_by();
        }
        if shared.closing.load(Ordering::Relaxed) {
            self.flush()?;
        }
        Ok(offset)
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        self.handle.shared().unregister(self.id);
        // Revoked: then that has been reported.
        let _ = self.flush();
    }
}

/// The manager's view of a writer.
#[derive(Clone, Debug)]
pub(crate) struct Run(Visitor<Running>);

impl Run {
    /// Whether the writer has a run in the group; as of a moment ago.
    pub(crate) fn is_in(&self, group_id: GroupId) -> bool {
        self.0.note() == group_id
    }

    /// Commits what is written, if there is a run; with `group_id`, only if it is in that group.
    /// Whether there was one.
    pub(crate) fn publish(&self, group_id: Option<GroupId>) -> bool {
        let is_wanted = |note| note != NO_GROUP && group_id.is_none_or(|group_id| group_id == note);
        let taken = self.0.visit(is_wanted, Running::take).flatten();
        // Revoked: then that has been reported.
        taken.map(commit).is_some()
    }
}

impl Running {
    fn take(&mut self, note: &mut GroupId) -> Option<(Lease, usize)> {
        *note = NO_GROUP;
        Some((self.lease.take()?, std::mem::take(&mut self.used)))
    }
}

fn commit((lease, used): (Lease, usize)) -> Result<(), BufferError> {
    let committed = lease.commit(used as u32);
    committed.map_err(|revoked| BufferError::Manager(*too_late(revoked)))
}

//! A lease: one reservation in the hands of its agent.
//!
//! # Invariants
//!
//! * **I1** Until the lease is settled (`settled`), its slot is alive and may be read: the group
//!   cannot complete without this reservation's bytes, or if it was revoked, its slot is kept back
//!   for this agent. Past the settling step the slot must not be touched, unless that step says
//!   that the rest is ours.
//! * **I2** Bytes `start..start + len` of the slab belong to this lease alone until then.
//! * **I3** Bytes that `coverage` names are filled, and are not written through a
//!   `MaybeUninit` slice any more.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use bytes::Bytes;
use std::sync::Arc;
use zc_core::{Frozen, ledger};

use super::cursor::MAX_COUNT;
use super::fill::Coverage;
use super::progress::Progress;
use super::records::Fate;
use super::slab::{Charge, adopt};
use super::slot::Slot;
use super::slow::Outcome;
use crate::manager::Shared;
use crate::types::FailReason;

/// The only owner of a reservation. Dropping it fails the reservation.
pub(crate) struct Lease {
    slot: NonNull<Slot>,
    bytes: NonNull<u8>,
    base: u64,
    group_id: u64,
    index: u32,
    start: u32,
    len: u32,
    settled: bool,
    pub(crate) coverage: Coverage,
}

// SAFETY: the slot is Sync and the bytes are plain memory that only the lease's owner writes (I2).
unsafe impl Send for Lease {}

// SAFETY: a shared lease offers nothing but its numbers.
unsafe impl Sync for Lease {}

impl Lease {
    /// Writes the record of a reservation just made.
    ///
    /// # Safety
    /// Reservation `index` of the group in `slot` covers these bytes, and no other lease has it.
    #[inline]
    pub(crate) unsafe fn new(slot: &Slot, index: u32, start: u32, len: u32) -> Self {
        slot.records.write(index, Fate::Held, start, len);
        // SAFETY: the caller's reservation is not settled.
        let (bytes, base, group_id) =
            unsafe { slot.with_home(|home| (home.slab.byte(start), home.base, home.group_id)) };
        Self {
            slot: NonNull::from(slot),
            bytes,
            base,
            group_id,
            index,
            start,
            len,
            settled: false,
            coverage: Coverage::default(),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        reservation_id(self.group_id, self.index)
    }

    pub(crate) fn group_id(&self) -> u64 {
        self.group_id
    }

    pub(crate) fn offset(&self) -> u64 {
        self.base + u64::from(self.start)
    }

    pub(crate) fn size(&self) -> usize {
        self.len as usize
    }

    /// The manager.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        debug_assert!(!self.settled);
        // SAFETY: I1.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: the reservation is not settled.
        unsafe { slot.with_home(|home| home.slab.shared().clone()) }
    }

    /// From how many bytes on a submission is adopted instead of copied.
    pub(crate) fn adopt_threshold(&self) -> usize {
        // SAFETY: I1.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: the reservation is not settled.
        unsafe { slot.with_home(|home| home.slab.shared().config.adopt_threshold) }
    }

    /// The first stretch that is not filled; empty if there is none.
    pub(crate) fn gap(&mut self) -> &mut [MaybeUninit<u8>] {
        let (at, len) = self.coverage.gap(self.len);
        self.touch(at, len);
        // SAFETY: inside of the lease.
        let first = unsafe { self.bytes.add(at as usize) };
        // SAFETY: I2, I3: nobody else refers to these bytes while `self` is borrowed, and they are
        // not filled yet.
        unsafe { std::slice::from_raw_parts_mut(first.cast().as_ptr(), len as usize) }
    }

    /// Copies `bytes` to `at`, and reports the copy. The range must lie inside.
    pub(crate) fn copy_in(&self, at: u32, bytes: &[u8], site: &'static str) {
        assert!(at as usize + bytes.len() <= self.len as usize);
        self.touch(at, bytes.len() as u32);
        ledger::copied(site, bytes.len());
        // SAFETY: inside of the lease.
        let to = unsafe { self.bytes.add(at as usize) };
        // SAFETY: I2: ours alone, so `bytes` is elsewhere.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    #[inline]
    fn touch(&self, at: u32, len: u32) {
        if cfg!(zc_loom) {
            // SAFETY: I1.
            let slot = unsafe { self.slot.as_ref() };
            // SAFETY: the reservation is not settled.
            unsafe { slot.with_home(|home| home.slab.touch(self.start + at, len)) };
        }
    }

    /// Commits the first `used` bytes, which must be filled. The rest goes back to the cursor, or
    /// is reported as unused. Errs if the reservation was revoked.
    #[inline]
    pub(crate) fn commit(mut self, used: u32) -> Result<(), FailReason> {
        debug_assert!(used <= self.len);
        // SAFETY: I1: not settled yet.
        let slot = unsafe { self.slot.as_ref() };
        slot.records
            .write(self.index, Fate::Committed, self.start, used);
        let mut len = self.len;
        if used < len {
            let shared = self.shared();
            let (end, start) = (self.start + len, self.start + used);
            if !shared.cursor.give_back(slot.index, end, start) {
                self.settled = true;
                let outcome = Outcome::Committed { used };
                return shared.settle_locked(slot.index, self.index, self.start, len, outcome);
            }
            len = used;
        }
        self.settle(len, used)
    }

    /// The one atomic of a commit, and what follows if it was the last or a slow one.
    #[inline]
    fn settle(&mut self, len: u32, used: u32) -> Result<(), FailReason> {
        self.settled = true;
        let slot = self.slot;
        // SAFETY: I1: not settled before this step.
        let progress = unsafe { &raw const (*slot.as_ptr()).progress };
        // SAFETY: as above; the step itself does not touch the word after it has settled.
        let after = unsafe { Progress::settle(progress, len) };
        if !after.is_slow() && !after.is_complete() {
            return Ok(());
        }
        // SAFETY: slow: this reservation is still not settled. Complete: the group is ours alone.
        let slot = unsafe { slot.as_ref() };
        // SAFETY: as above.
        let shared = unsafe { slot.with_home(|home| home.slab.shared().clone()) };
        if after.is_slow() {
            let outcome = Outcome::Committed { used };
            return shared.settle_slow(slot.index, self.index, self.start, len, outcome);
        }
        shared.with_core(|core, after| shared.complete(core, slot.index, after));
        Ok(())
    }

    /// Commits the lease with `parts` standing in for the bytes at their positions. Together with
    /// what is filled they must cover all of it. If it was revoked, the parts come back.
    pub(crate) fn commit_adopted(
        self,
        parts: Vec<(u32, Bytes)>,
    ) -> Result<(), (FailReason, Vec<(u32, Bytes)>)> {
        if parts.is_empty() {
            let len = self.len;
            return self.commit(len).map_err(|reason| (reason, parts));
        }
        let shared = self.shared();
        let total = parts.iter().map(|(_, bytes)| bytes.len()).sum();
        let views: Vec<(u32, Frozen<u8>)> = parts
            .iter()
            .map(|(at, bytes)| {
                let charge = Charge::new(shared.clone(), bytes.len());
                (self.start + at, adopt(bytes.clone(), charge))
            })
            .collect();
        // SAFETY: I1.
        let slot = unsafe { self.slot.as_ref() }.index;
        if let Err(reason) = shared.adopt_parts(slot, self.index, views, total) {
            drop(self);
            return Err((reason, parts));
        }
        let len = self.len;
        self.commit(len).map_err(|reason| (reason, parts))
    }

    /// Reports the reservation as failed.
    pub(crate) fn fail(mut self, reason: FailReason) {
        self.fail_now(reason);
    }

    /// Undoes a reservation that nobody ever saw.
    pub(crate) fn retire(self) {
        // Revoked in between: then that has been reported.
        let _ = self.commit(0);
    }

    fn fail_now(&mut self, reason: FailReason) {
        self.settled = true;
        // SAFETY: I1: not settled yet.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: as above.
        let shared = unsafe { slot.with_home(|home| home.slab.shared().clone()) };
        // Revoked in between: then that has been reported.
        let _ = shared.settle_locked(
            slot.index,
            self.index,
            self.start,
            self.len,
            Outcome::Failed(reason),
        );
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            self.fail_now(FailReason::Dropped);
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id())
            .field("group_id", &self.group_id)
            .field("offset", &self.offset())
            .field("size", &self.len)
            .finish_non_exhaustive()
    }
}

/// Groups are numbered from 0, so ids stay unique for 2^42 groups.
pub(crate) fn reservation_id(group_id: u64, index: u32) -> u64 {
    group_id * (u64::from(MAX_COUNT) + 1) + u64::from(index)
}

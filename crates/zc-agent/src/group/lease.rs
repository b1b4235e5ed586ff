//! A lease: one reservation in the hands of its agent.
//!
//! # Invariants
//!
//! * **I1** As long as there is a lease, its slot is alive and may be read: the group cannot
//!   complete without this reservation's bytes, or if it was revoked, its slot is kept back for
//!   this agent. Settling consumes the lease. Past that step the slot must not be touched, unless
//!   the step says that the rest is ours.
//! * **I2** Bytes `start..start + len` of the slab belong to this lease alone until then.
//! * **I3** Bytes that the agent counts as filled are not written through a `MaybeUninit` slice
//!   any more.
//!
//! A lease is small and moves in registers: what an agent has is passed on by every call between
//! the cursor and the commit.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use bytes::Bytes;
use std::sync::Arc;
use zc_core::sync::seeded;
use zc_core::{Frozen, ledger};

use super::cursor::MAX_COUNT;
use super::progress::{Progress, Settled};
use super::records::Fate;
use super::slab::{Charge, adopt};
use super::slot::{Home, Slot};
use super::slow::Outcome;
use crate::manager::Shared;
use crate::types::FailReason;

/// The only owner of a reservation. Dropping it fails the reservation.
pub(crate) struct Lease {
    slot: NonNull<Slot>,
    bytes: NonNull<u8>,
    index: u32,
    start: u32,
    len: u32,
}

/// What a commit comes to when the reservation was taken away before it; that has been reported.
#[derive(Debug)]
pub(crate) struct Revoked {
    pub(crate) id: u64,
    pub(crate) reason: FailReason,
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
    #[inline(always)]
    pub(crate) unsafe fn new(slot: &Slot, index: u32, start: u32, len: u32) -> Self {
        slot.records.write(index, Fate::Held, start, len);
        // SAFETY: the caller's reservation is not settled.
        let bytes = unsafe { slot.with_home(|home| home.slab.byte(start)) };
        Self {
            slot: NonNull::from(slot),
            bytes,
            index,
            start,
            len,
        }
    }

    /// Looks at the group's home.
    #[inline]
    fn with_home<R>(&self, f: impl FnOnce(&Home) -> R) -> R {
        // SAFETY: I1.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: I1: the reservation is not settled.
        unsafe { slot.with_home(f) }
    }

    pub(crate) fn id(&self) -> u64 {
        reservation_id(self.group_id(), self.index)
    }

    pub(crate) fn group_id(&self) -> u64 {
        self.with_home(|home| home.group_id)
    }

    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.with_home(|home| home.base) + u64::from(self.start)
    }

    #[inline]
    pub(crate) const fn size(&self) -> usize {
        self.len as usize
    }

    /// The manager.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.with_home(|home| home.slab.shared().clone())
    }

    /// From how many bytes on a submission is adopted instead of copied.
    pub(crate) fn adopt_threshold(&self) -> usize {
        self.with_home(|home| home.slab.shared().config.adopt_threshold)
    }

    /// Bytes `at..at + len` of the lease, to be filled.
    ///
    /// # Safety
    /// They lie inside of it, and the agent does not count any of them as filled (I3).
    #[inline]
    pub(crate) unsafe fn uninit_mut(&mut self, at: u32, len: u32) -> &mut [MaybeUninit<u8>] {
        debug_assert!(at <= self.len && len <= self.len - at);
        self.touch(at, len);
        // SAFETY: inside of the lease, as the caller promises.
        let first = unsafe { self.bytes.add(at as usize) };
        // SAFETY: I2, I3: nobody else refers to these bytes while `self` is borrowed.
        unsafe { std::slice::from_raw_parts_mut(first.cast().as_ptr(), len as usize) }
    }

    /// Copies `bytes` to `at`, and reports the copy. The range must lie inside.
    #[inline]
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
            self.with_home(|home| home.slab.touch(self.start + at, len));
        }
    }

    /// Commits the first `used` bytes, which must be filled. The rest goes back to the cursor, or
    /// is reported as unused. Errs if the reservation was revoked.
    #[inline]
    pub(crate) fn commit(self, used: u32) -> Result<(), Revoked> {
        debug_assert!(used <= self.len);
        let this = ManuallyDrop::new(self);
        // SAFETY: I1: not settled yet.
        let slot = unsafe { this.slot.as_ref() };
        let fate = Fate::Committed;
        slot.records.write(this.index, fate, this.start, used);
        if used < this.len {
            return this.commit_part(used);
        }
        this.settle(used, used)
    }

    /// Gives the rest back to the cursor, or reports it as unused, and settles.
    #[cold]
    fn commit_part(&self, used: u32) -> Result<(), Revoked> {
        let (id, shared) = (self.id(), self.shared());
        // SAFETY: I1: not settled yet.
        let slot = unsafe { self.slot.as_ref() };
        let (end, start) = (self.start + self.len, self.start + used);
        // Of which nothing is used, that is given back under the lock: the bytes that are not settled
        // are what keeps the others from completing the group, and there would be none.
        let keeps_some = used > 0 || seeded("agent.unused_is_locked");
        if keeps_some && shared.cursor.give_back(slot.index, end, start) {
            return self.settle(used, used);
        }
        let outcome = Outcome::Committed { used };
        let settled = shared.settle_locked(slot.index, self.index, self.start, self.len, outcome);
        settled.map_err(|reason| Revoked { id, reason })
    }

    /// The one atomic of a commit, and what follows if it was the last or a slow one. Nothing may
    /// be done with the lease after it.
    #[inline]
    fn settle(&self, len: u32, used: u32) -> Result<(), Revoked> {
        // SAFETY: I1: not settled before this step.
        let progress = unsafe { &raw const (*self.slot.as_ptr()).progress };
        // SAFETY: as above; the step itself does not touch the word after it has settled.
        let after = unsafe { Progress::settle(progress, len) };
        if !after.is_slow() && !after.is_complete() {
            return Ok(());
        }
        self.settled_last(after, len, used)
    }

    #[cold]
    fn settled_last(&self, after: Settled, len: u32, used: u32) -> Result<(), Revoked> {
        // Slow: this reservation is still not settled. Complete: the group is ours alone.
        let (id, shared) = (self.id(), self.shared());
        // SAFETY: as for `shared`: either way the slot is as alive as before the step (I1).
        let slot = unsafe { self.slot.as_ref() }.index;
        if after.is_slow() {
            let outcome = Outcome::Committed { used };
            let settled = shared.settle_slow(slot, self.index, self.start, len, outcome);
            return settled.map_err(|reason| Revoked { id, reason });
        }
        shared.with_core(|core, after| shared.complete(core, slot, after));
        Ok(())
    }

    /// Commits the lease with `parts` standing in for the bytes at their positions. Together with
    /// what is filled they must cover all of it.
    pub(crate) fn commit_adopted(self, parts: Vec<(u32, Bytes)>) -> Result<(), Revoked> {
        if parts.is_empty() {
            let len = self.len;
            return self.commit(len);
        }
        let parts = parts.into_iter();
        let views: Vec<_> = parts.map(|(at, bytes)| self.adopt(at, bytes)).collect();
        self.commit_views(views)
    }

    /// Commits the lease with `bytes` standing in for all of it.
    pub(crate) fn commit_whole(self, bytes: Bytes) -> Result<(), Revoked> {
        let view = self.adopt(0, bytes);
        self.commit_views([view])
    }

    /// A view of `bytes`, and where in the slab it is to stand.
    fn adopt(&self, at: u32, bytes: Bytes) -> (u32, Frozen<u8>) {
        let charge = Charge::new(self.shared(), bytes.len());
        (self.start + at, adopt(bytes, charge))
    }

    fn commit_views<V>(self, views: V) -> Result<(), Revoked>
    where
        V: AsRef<[(u32, Frozen<u8>)]> + IntoIterator<Item = (u32, Frozen<u8>)>,
    {
        // SAFETY: I1.
        let slot = unsafe { self.slot.as_ref() }.index;
        if let Err(reason) = self.shared().adopt_parts(slot, self.index, views) {
            let id = self.id();
            drop(self);
            return Err(Revoked { id, reason });
        }
        let len = self.len;
        self.commit(len)
    }

    /// Reports the reservation as failed.
    pub(crate) fn fail(self, reason: FailReason) {
        ManuallyDrop::new(self).fail_now(reason);
    }

    /// Undoes a reservation that nobody ever saw.
    pub(crate) fn retire(self) {
        // Revoked in between: then that has been reported.
        let _ = self.commit(0);
    }

    /// Settles as failed. Nothing may be done with the lease after it.
    #[cold]
    fn fail_now(&self, reason: FailReason) {
        let shared = self.shared();
        // SAFETY: I1: not settled yet.
        let slot = unsafe { self.slot.as_ref() }.index;
        let outcome = Outcome::Failed(reason);
        // Revoked in between: then that has been reported.
        let _ = shared.settle_locked(slot, self.index, self.start, self.len, outcome);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.fail_now(FailReason::Dropped);
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id())
            .field("group_id", &self.group_id())
            .field("offset", &self.offset())
            .field("size", &self.len)
            .finish_non_exhaustive()
    }
}

/// Groups are numbered from 0, so ids stay unique for 2^42 groups.
pub(crate) fn reservation_id(group_id: u64, index: u32) -> u64 {
    group_id * (u64::from(MAX_COUNT) + 1) + u64::from(index)
}

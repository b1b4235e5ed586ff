//! Opening groups, carving reservations off them under the lock, and sealing them.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Instant;

use zc_core::sync::seeded;

use super::cursor::Word;
use super::lease::Lease;
use super::slab::{Charge, Slab};
use super::slot::{Home, Slot};
use crate::after::After;
use crate::error::BufferError;
use crate::manager::{Core, Shared};
use crate::types::SealedBy;

/// Largest offset in the stream. Far away, and checked all the same.
const MAX_OFFSET: u64 = u64::MAX >> 1;

impl Shared {
    /// Reserves from the open group: one atomic step. `None` if none is open or it does not fit.
    ///
    /// Inlined wherever it is called, with all that it calls: a lease that is returned through memory
    /// is stored part by part and loaded in pairs, for which the processor waits.
    #[inline(always)]
    pub(crate) fn reserve_fast(self: &Arc<Self>, size: usize) -> Option<Lease> {
        let (lease, sealed) = self.carve(size)?;
        if let Some(slot) = sealed {
            self.look_after_seal(slot);
        }
        Some(ManuallyDrop::into_inner(lease))
    }

    #[cold]
    fn look_after_seal(self: &Arc<Self>, slot: usize) {
        self.with_core(|core, after| self.complete_if_settled(core, slot, after));
    }

    /// As [`reserve_fast`](Self::reserve_fast) by the holder of the lock, also from a group that
    /// is not open to everybody yet.
    pub(crate) fn reserve_locked(
        self: &Arc<Self>,
        core: &mut Core,
        size: usize,
        after: &mut After,
    ) -> Option<Lease> {
        if !core.is_private {
            let (lease, sealed) = self.carve(size)?;
            if let Some(slot) = sealed {
                self.complete_if_settled(core, slot, after);
            }
            return Some(ManuallyDrop::into_inner(lease));
        }
        let step = self.limits.step(self.cursor.peek(), size)?;
        self.cursor.set_closed(step.after.with_closed(true));
        let slot = &self.slots[step.before.slot()];
        let (index, start) = (step.before.count(), step.before.offset());
        // SAFETY: only the holder of the lock moves a closed cursor: the reservation is made, and
        // nothing has settled it.
        let lease = unsafe { Lease::new(slot, index, start, size as u32) };
        if step.after.is_closed() {
            core.is_private = false;
            slot.progress.seal(step.after.offset());
        }
        Some(lease)
    }

    /// One step past the open cursor. With the lease comes the slot of a group that was sealed by
    /// it and needs a look under the lock, because it settles there. The lease is not to be dropped
    /// before that: what a panic drops has to lie in memory.
    #[inline(always)]
    fn carve(&self, size: usize) -> Option<(ManuallyDrop<Lease>, Option<usize>)> {
        let step = self.cursor.reserve(self.limits, size)?;
        let slot = &self.slots[step.before.slot()];
        let (index, start) = (step.before.count(), step.before.offset());
        // SAFETY: the step past the cursor made the reservation, and nothing has settled it.
        let lease = unsafe { Lease::new(slot, index, start, size as u32) };
        let lease = ManuallyDrop::new(lease);
        if !step.after.is_closed() {
            return Some((lease, None));
        }
        Some((lease, self.seal_crossed(slot, step.after.offset())))
    }

    /// Seals a group whose line was crossed; its slot, if it needs a look.
    #[cold]
    fn seal_crossed(&self, slot: &Slot, len: u32) -> Option<usize> {
        // The reservation just made is not settled, so this does not complete the group; unless
        // it has been revoked in between, which makes the group a slow one.
        let sealed = slot.progress.seal(len);
        let needs_look = sealed.is_slow() && !seeded("agent.look_after_seal");
        needs_look.then_some(slot.index)
    }

    /// Opens a group on the slab of `region`, for nobody but the holder of the lock until
    /// [`publish`](Self::publish). The cursor must be closed, a slot free, the charge paid.
    pub(crate) fn open_group(self: &Arc<Self>, core: &mut Core, slab: Slab) {
        self.leave(core);
        let turn = core.take_turn();
        let slot = self.move_in(core, slab, core.base, Some(turn));
        core.current = Some(slot);
        core.is_private = true;
        self.cursor.set_closed(Word::new(slot, 0, 0, true));
    }

    /// A group of one reservation, sealed from the start. It goes to the end of the stream, or for
    /// a retry to its old offset. The cursor must be closed, a slot free, the charge paid.
    pub(crate) fn open_alone(
        self: &Arc<Self>,
        core: &mut Core,
        slab: Slab,
        size: u32,
        retry_at: Option<u64>,
    ) -> Lease {
        let (base, turn) = match retry_at {
            Some(base) => (base, None),
            None => {
                self.leave(core);
                let base = core.base;
                core.base += u64::from(size);
                (base, Some(core.take_turn()))
            }
        };
        let index = self.move_in(core, slab, base, turn);
        core.sides[index].count = 1;
        core.counters.reservations += 1;
        let slot = &self.slots[index];
        // SAFETY: the slot was free, so the reservation is the caller's alone.
        let lease = unsafe { Lease::new(slot, 0, 0, size) };
        slot.progress.seal(size);
        lease
    }

    /// Closes and seals the open group, if there is one.
    pub(crate) fn seal_open(self: &Arc<Self>, core: &mut Core, by: SealedBy, after: &mut After) {
        let word = if std::mem::take(&mut core.is_private) {
            self.cursor.peek()
        } else {
            match self.cursor.close() {
                Some(word) => word,
                None => return,
            }
        };
        let slot = &self.slots[word.slot()];
        core.sides[slot.index].by = Some(by);
        let sealed = slot.progress.seal(word.offset());
        if sealed.is_complete() {
            self.complete(core, slot.index, after);
        } else if sealed.is_slow() {
            self.complete_if_settled(core, slot.index, after);
        }
    }

    /// Opens the group to everybody that was opened under this lock, unless somebody is in line
    /// before everybody.
    pub(crate) fn publish(&self, core: &mut Core) {
        if core.is_private && core.waiters.is_empty() {
            core.is_private = false;
            self.cursor.open();
        }
    }

    /// How many reservations the group in `slot` has.
    pub(crate) fn count(&self, core: &Core, slot: usize) -> u32 {
        if core.current == Some(slot) {
            self.cursor.peek().count()
        } else {
            core.sides[slot].count
        }
    }

    /// Takes the cursor off its group, which is sealed, so that another may have it.
    pub(crate) fn leave(&self, core: &mut Core) {
        if let Some(slot) = core.current.take() {
            let word = self.cursor.peek();
            debug_assert!(word.is_closed() && !core.is_private && word.slot() == slot);
            core.sides[slot].count = word.count();
            core.base += u64::from(word.offset());
            core.counters.reservations += u64::from(word.count());
            self.cursor.set_closed(Word::new(0, 0, 0, true));
        }
    }

    /// Errs if `len` more bytes would leave the stream's range of offsets.
    pub(crate) fn check_end(&self, core: &Core, len: usize) -> Result<(), BufferError> {
        let open = core.current.map_or(0, |_| self.cursor.peek().offset());
        if core.base > MAX_OFFSET - u64::from(open) - len as u64 {
            return Err(BufferError::OffsetsExhausted { max: MAX_OFFSET });
        }
        Ok(())
    }

    fn move_in(
        self: &Arc<Self>,
        core: &mut Core,
        slab: Slab,
        base: u64,
        turn: Option<u64>,
    ) -> usize {
        let index = core
            .free
            .pop()
            .expect("the caller made sure that a slot is free");
        let group_id = core.next_group;
        core.next_group += 1;
        let side = &mut core.sides[index];
        debug_assert!(!side.live);
        side.live = true;
        side.group_id = group_id;
        side.base = base;
        side.turn = turn;
        side.since = Some(Instant::now());
        let slab = Arc::new(slab);
        let slot: &Slot = &self.slots[index];
        // SAFETY: the lock is held, and the slot comes from the list of free ones.
        unsafe {
            slot.move_in(Home {
                slab,
                base,
                group_id,
            });
        }
        index
    }

    /// Pays for a slab and gets its memory.
    pub(crate) fn new_slab(
        self: &Arc<Self>,
        core: &mut Core,
        len: usize,
    ) -> Result<Slab, BufferError> {
        let region = self.pool.acquire(len)?;
        core.charge(len);
        Ok(Slab::new(region, len, Charge::new(self.clone(), len)))
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use std::num::NonZeroUsize;

    use super::MAX_OFFSET;
    use crate::error::BufferError;
    use crate::manager::Manager;

    #[test]
    fn the_stream_ends_before_its_offsets_do() {
        let size = |n| NonZeroUsize::new(n).unwrap();
        let builder = Manager::builder().min_group_commit_size(100);
        let (handle, _groups, _failures) = builder.max_reservation(100).spawn().unwrap();
        let shared = handle.shared();
        shared.with_core(|core, _| core.base = MAX_OFFSET - 300);
        let refused = loop {
            match handle.try_reserve_writer(size(100)) {
                Ok(agent) => assert!(agent.offset() + 100 <= MAX_OFFSET),
                Err(error) => break error,
            }
        };
        let exhausted = matches!(refused, BufferError::OffsetsExhausted { max: MAX_OFFSET });
        assert!(exhausted, "{refused}");
        let len = handle.metrics().stream_len;
        assert!((MAX_OFFSET - 300..=MAX_OFFSET).contains(&len));
    }
}

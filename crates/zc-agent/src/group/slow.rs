//! Settling under the lock: failures, revocations, tails left over, foreign bytes.
//!
//! From a group's first failure or revocation on, all of its settling comes here, and `settled`
//! counts instead of the progress word. A reservation counts exactly once: when its agent settles
//! it, or when it is revoked; the agent of a revoked one finds itself in `revoked`.

use std::collections::BTreeMap;

use std::sync::Arc;
use zc_core::Frozen;
use zc_core::sync::seeded;

use super::lease::reservation_id;
use super::records::Fate;
use super::side::{Side, join};
use crate::after::After;
use crate::failure::{FailedGroupData, FailedReservationInfo};
use crate::manager::{Core, Shared};
use crate::types::FailReason;

/// How an agent settles its reservation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The first `used` bytes are good.
    Committed { used: u32 },
    /// Nothing is.
    Failed(FailReason),
}

impl Shared {
    /// Settles a reservation whose agent has seen that the group is slow.
    pub(crate) fn settle_slow(
        self: &Arc<Self>,
        slot: usize,
        index: u32,
        start: u32,
        len: u32,
        outcome: Outcome,
    ) -> Result<(), FailReason> {
        self.with_core(|core, after| {
            if let Some(reason) = self.revoked(core, slot, index, after) {
                return Err(reason);
            }
            self.settle_in(core, slot, index, start, len, outcome, after);
            Ok(())
        })
    }

    /// Settles a reservation that needs the lock whether or not the group is slow: a failed one,
    /// a partly used one that could not give its tail back, or one of which nothing was used.
    pub(crate) fn settle_locked(
        self: &Arc<Self>,
        slot: usize,
        index: u32,
        start: u32,
        len: u32,
        outcome: Outcome,
    ) -> Result<(), FailReason> {
        self.with_core(|core, after| {
            if let Some(reason) = self.revoked(core, slot, index, after) {
                return Err(reason);
            }
            let is_unused = matches!(outcome, Outcome::Committed { used: 0 });
            if is_unused && self.cursor.give_back(slot, start + len, start) {
                // Nothing is left to be settled. (Groups are sealed under the lock, so this one is open.)
                return Ok(());
            }
            match outcome {
                Outcome::Committed { used } if !core.sides[slot].slow.on => {
                    self.leave_hole(core, slot, index, (start + used, len - used), after);
                    // SAFETY: the lock is held, so the group stays as fast as it is, and the
                    // reservation is not settled yet.
                    let settled = unsafe {
                        super::progress::Progress::settle(&self.slots[slot].progress, len)
                    };
                    if settled.is_complete() {
                        self.complete(core, slot, after);
                    }
                }
                outcome => {
                    self.go_slow(core, slot);
                    self.settle_in(core, slot, index, start, len, outcome, after);
                }
            }
            Ok(())
        })
    }

    /// Notes that a reservation's bytes are elsewhere. Errs if it was revoked.
    pub(crate) fn adopt_parts<V>(
        self: &Arc<Self>,
        slot: usize,
        index: u32,
        views: V,
    ) -> Result<(), FailReason>
    where
        V: AsRef<[(u32, Frozen<u8>)]> + IntoIterator<Item = (u32, Frozen<u8>)>,
    {
        let bytes = views.as_ref().iter().map(|(_, view)| view.len()).sum();
        self.with_core(|core, after| {
            // Also on error: the views carry charges, which give it back when they are dropped.
            core.charge(bytes);
            let side = &mut core.sides[slot];
            if side.slow.revoked.contains(index) {
                after.views.extend(views.into_iter().map(|(_, view)| view));
                return Err(side.slow.revoking.clone().unwrap_or(FailReason::Finalized));
            }
            side.adopted.extend(views);
            core.counters.bytes_adopted += bytes as u64;
            Ok(())
        })
    }

    /// Takes every reservation below `below` that its agent has not settled away from it.
    pub(crate) fn revoke(
        self: &Arc<Self>,
        core: &mut Core,
        slot: usize,
        below: u32,
        reason: &FailReason,
        after: &mut After,
    ) {
        let count = self.count(core, slot).min(below);
        let records = &self.slots[slot].records;
        let open = |index| matches!(records.read(index).fate, Fate::Held | Fate::Empty);
        let revoked = &core.sides[slot].slow.revoked;
        if !(0..count).any(|index| open(index) && !revoked.contains(index))
            || !self.go_slow(core, slot)
        {
            return;
        }
        let side = &mut core.sides[slot];
        side.slow.revoking = Some(reason.clone());
        let mut infos = Vec::new();
        for index in 0..count {
            let record = records.read(index);
            match record.fate {
                // Its owner is between two instructions; look again.
                Fate::Empty => core.unseen = true,
                Fate::Held if side.slow.revoked.insert(index) => {
                    side.slow.late += 1;
                    core.counters.revoked += 1;
                    side.slow.settled += record.len;
                    infos.push(self.info(side, index, (record.start, record.len), reason.clone()));
                }
                _ => {}
            }
        }
        if !infos.is_empty() {
            side.slow.has_failed = true;
            self.report(core, slot, infos, after);
            self.complete_if_settled(core, slot, after);
        }
    }

    /// Whether an agent still has one of the first `below` reservations.
    pub(crate) fn has_held(&self, core: &Core, slot: usize, below: u32) -> bool {
        let revoked = &core.sides[slot].slow.revoked;
        let records = &self.slots[slot].records;
        (0..below).any(|index| records.read(index).fate == Fate::Held && !revoked.contains(index))
    }

    /// Completes a slow group whose last byte is settled.
    pub(crate) fn complete_if_settled(
        self: &Arc<Self>,
        core: &mut Core,
        slot: usize,
        after: &mut After,
    ) {
        let side = &core.sides[slot];
        if !side.slow.on || side.complete {
            return;
        }
        let sealed = self.slots[slot].progress.peek().sealed_len();
        if sealed == Some(core.sides[slot].slow.settled) {
            self.complete(core, slot, after);
        }
    }

    /// Sends the group's agents here from now on. False if the group is complete.
    fn go_slow(&self, core: &mut Core, slot: usize) -> bool {
        if core.sides[slot].slow.on {
            return true;
        }
        let Some(before) = self.slots[slot].progress.go_slow() else {
            return false;
        };
        let count = self.count(core, slot);
        let slow = &mut core.sides[slot].slow;
        slow.on = true;
        slow.settled = before.bytes();
        for index in 0..count {
            // Committed, though perhaps not settled yet: then its agent is on its way here.
            let record = self.slots[slot].records.read(index);
            if record.fate == Fate::Committed && slow.known.insert(index) {
                slow.fresh.push((record.start, record.len));
            }
        }
        true
    }

    /// Whether the agent's reservation was revoked, and why; then the agent is gone with this.
    fn revoked(
        self: &Arc<Self>,
        core: &mut Core,
        slot: usize,
        index: u32,
        after: &mut After,
    ) -> Option<FailReason> {
        let side = &mut core.sides[slot];
        if !side.slow.revoked.contains(index) || seeded("agent.late_is_told") {
            return None;
        }
        side.slow.late -= 1;
        let reason = side.slow.revoking.clone();
        if side.complete && side.slow.late == 0 {
            self.retire(core, slot, after);
        }
        Some(reason.unwrap_or(FailReason::Finalized))
    }

    #[expect(clippy::too_many_arguments, reason = "a reservation in numbers")]
    fn settle_in(
        self: &Arc<Self>,
        core: &mut Core,
        slot: usize,
        index: u32,
        start: u32,
        len: u32,
        outcome: Outcome,
        after: &mut After,
    ) {
        core.sides[slot].slow.settled += len;
        match outcome {
            Outcome::Committed { used } => {
                let slow = &mut core.sides[slot].slow;
                if slow.known.insert(index) {
                    slow.fresh.push((start, used));
                }
                if used < len {
                    self.leave_hole(core, slot, index, (start + used, len - used), after);
                }
            }
            Outcome::Failed(reason) => {
                self.slots[slot]
                    .records
                    .write(index, Fate::Failed, start, len);
                core.sides[slot].slow.has_failed = true;
                let info = self.info(&core.sides[slot], index, (start, len), reason);
                self.report(core, slot, vec![info], after);
            }
        }
        self.complete_if_settled(core, slot, after);
    }

    /// Reports what a partial commit left over. The rest of its group is as good as before.
    fn leave_hole(
        &self,
        core: &mut Core,
        slot: usize,
        index: u32,
        hole: (u32, u32),
        after: &mut After,
    ) {
        core.sides[slot].holes.push(hole);
        let info = self.info(&core.sides[slot], index, hole, FailReason::Unused);
        if core.sides[slot].slow.has_failed {
            self.report(core, slot, vec![info], after);
        } else {
            let group_id = core.sides[slot].group_id;
            self.push_failure(
                core,
                FailedGroupData::new(group_id, BTreeMap::new(), vec![info]),
                after,
            );
        }
    }

    /// Reports failures, with all good bytes of the group that were not reported yet.
    pub(crate) fn report(
        &self,
        core: &mut Core,
        slot: usize,
        infos: Vec<FailedReservationInfo>,
        after: &mut After,
    ) {
        let fresh = join(std::mem::take(&mut core.sides[slot].slow.fresh));
        if fresh.is_empty() && infos.is_empty() {
            return;
        }
        let side = &mut core.sides[slot];
        let (base, group_id) = (side.base, side.group_id);
        let mut chunks = BTreeMap::new();
        for range in fresh {
            // SAFETY: every reservation in a fresh range has a record that was read as committed,
            // or settled under this lock.
            let views = unsafe { self.views(slot, side, range) };
            chunks.extend(
                views
                    .into_iter()
                    .map(|(at, view)| (base + u64::from(at), view)),
            );
        }
        self.push_failure(core, FailedGroupData::new(group_id, chunks, infos), after);
    }

    fn info(
        &self,
        side: &Side,
        index: u32,
        (start, len): (u32, u32),
        reason: FailReason,
    ) -> FailedReservationInfo {
        FailedReservationInfo::new(
            self.id,
            reservation_id(side.group_id, index),
            side.group_id,
            side.base + u64::from(start),
            len as usize,
            reason,
        )
    }
}

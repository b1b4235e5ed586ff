//! Handing a complete group on, as views of its slab.

use std::sync::Arc;
use zc_core::Frozen;
use zc_core::sync::seeded;

use super::data::SuccessfulGroupData;
use super::side::{Range, Side, without};
use crate::after::After;
use crate::failure::FailedGroupData;
use crate::manager::{Core, Shared};
use crate::types::Delivery;

impl Shared {
    /// Hands on a group whose bytes are all settled. Called exactly once for each group.
    pub(crate) fn complete(self: &Arc<Self>, core: &mut Core, slot: usize, after: &mut After) {
        if core.current == Some(slot) {
            self.leave(core);
        }
        let len = self.slots[slot].progress.peek().sealed_len().unwrap_or(0);
        let side = &mut core.sides[slot];
        debug_assert!(side.live && !side.complete);
        side.complete = true;
        core.counters.group_sealed(side.by);
        let turn = side.turn;
        let mut done = Vec::new();
        if side.slow.has_failed {
            self.report(core, slot, Vec::new(), after);
        } else {
            let holes = std::mem::take(&mut side.holes);
            for range in without(len, holes) {
                // SAFETY: all of the group is settled, as committed but for the holes.
                let views = unsafe { self.views(slot, side, range) };
                let chunks = views.into_iter().map(|(_, view)| view).collect();
                let offset = side.base + u64::from(range.0);
                done.push(SuccessfulGroupData::new(side.group_id, offset, chunks));
            }
        }
        self.hand_on(core, turn, done, after);
        if core.sides[slot].slow.late == 0 || seeded("agent.keep_for_late") {
            self.retire(core, slot, after);
        }
    }

    /// Frees the slot of a complete group that no agent refers to any more.
    pub(crate) fn retire(&self, core: &mut Core, slot: usize, after: &mut After) {
        let Side {
            mut adopted, count, ..
        } = std::mem::take(&mut core.sides[slot]);
        after.views.extend(adopted.drain(..).map(|(_, view)| view));
        // Empty, and kept for the next group, which then need not allocate it.
        core.sides[slot].adopted = adopted;
        // SAFETY: the lock is held, the group is complete, and no revoked agent is left.
        let home = unsafe { self.slots[slot].move_out(count) };
        after.homes.extend(home);
        core.free.push(slot);
    }

    /// Queues a failure for whoever receives them.
    pub(crate) fn push_failure(&self, core: &mut Core, failed: FailedGroupData, after: &mut After) {
        core.unread_failures += failed.failed_reservations.len();
        core.counters.failed(&failed);
        core.failures.push_back(failed);
        if !seeded("agent.wake_failures") {
            after.wake(core.failures_waker.take());
        }
    }

    /// Views of a good range of the group in `slot`, foreign bytes in their places.
    ///
    /// # Safety
    /// Every reservation in the range is settled as committed, and that happens before this.
    pub(crate) unsafe fn views(
        &self,
        slot: usize,
        side: &mut Side,
        (start, len): Range,
    ) -> Vec<(u32, Frozen<u8>)> {
        let end = start + len;
        side.adopted.sort_unstable_by_key(|&(at, _)| at);
        let below = |limit| side.adopted.partition_point(|&(at, _)| at < limit);
        let inside = below(start)..below(end);
        let mut views = Vec::with_capacity(2 * inside.len() + 1);
        let mut at = start;
        let own = |at: u32, to: u32| {
            // SAFETY: the lock is held, and the group is not retired.
            let slab = unsafe { self.slots[slot].with_home(|home| home.slab.clone()) };
            // SAFETY: the caller's promise.
            (at, unsafe { slab.view(at, to - at) })
        };
        for (place, view) in side.adopted.drain(inside) {
            if at < place {
                views.push(own(at, place));
            }
            at = place + view.len() as u32;
            views.push((place, view));
        }
        if at < end {
            views.push(own(at, end));
        }
        views
    }

    /// Queues what a group has become, in its turn.
    fn hand_on(
        &self,
        core: &mut Core,
        turn: Option<u64>,
        done: Vec<SuccessfulGroupData>,
        after: &mut After,
    ) {
        match (self.config.delivery, turn) {
            (Delivery::Ordered, Some(turn)) if !seeded("agent.turn") => {
                core.parked.insert(turn, done);
                while let Some(next) = core.parked.remove(&core.turn) {
                    core.turn += 1;
                    core.ready.extend(next);
                }
            }
            _ => core.ready.extend(done),
        }
        if !core.ready.is_empty() && !seeded("agent.wake_groups") {
            after.wake(core.groups_waker.take());
        }
    }
}

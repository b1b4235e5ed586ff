//! Where a group stands, for whoever asks.

use crate::manager::Shared;
use crate::types::{GroupId, GroupState};

impl Shared {
    /// Where a group stands; `None` if there has been no such group yet.
    pub(crate) fn group_state(&self, group_id: GroupId) -> Option<GroupState> {
        self.peek_core(|core| {
            if group_id >= core.next_group {
                return None;
            }
            let parked = core.parked.values().flatten();
            let mut waiting = core.ready.iter().chain(parked);
            if waiting.any(|group| group.group_id == group_id) {
                return Some(GroupState::Complete);
            }
            let is_it = |slot: &usize| {
                core.sides[*slot].is_incomplete() && core.sides[*slot].group_id == group_id
            };
            let Some(slot) = (0..core.sides.len()).find(is_it) else {
                return Some(GroupState::Delivered);
            };
            let is_sealed = self.slots[slot].progress.peek().sealed_len().is_some();
            Some(core.sides[slot].state(is_sealed))
        })
    }
}

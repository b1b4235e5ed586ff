//! Making room: eviction until there is a free run of blocks that is long enough.
//!
//! The policy names a victim; the victim's neighbours go with it as far as the new object needs
//! more blocks than the victim had. Objects that views pin do not give their blocks back when they
//! are evicted, only when the last view is gone; still they leave when it is their turn, one a
//! store, as long as such *unlinked but pinned* blocks stay within a budget. Beyond it eviction
//! goes round them, so views that are never dropped take no more than the budget beside what is
//! in the cache. If no run without a pin is long enough the store fails and nothing is evicted.

use std::time::{Duration, Instant};

use zc_core::sync::MutexGuard;

use super::writer::{Leave, Writer};
use crate::error::{CacheError, CacheErrorKind};
use crate::log::extents::Holder;
use crate::shared::Shared;
use crate::ttl;

/// A slot and an extent that nobody else has.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) slot: u32,
    /// First block; 0 if `blocks` is 0.
    pub(crate) block: u64,
    pub(crate) blocks: u64,
}

/// Longest wait for stores that hold the blocks we need. They are in the middle of a write and
/// take microseconds; a disk that stalls this long is as good as full.
const PATIENCE: Duration = Duration::from_secs(30);

/// Victims looked at in the policy's order before the order is given up for one sweep over all.
const CANDIDATES: usize = 64;

impl Shared {
    /// Takes a slot and `blocks` blocks, evicting what must go.
    pub(crate) fn reserve<'a>(
        &'a self,
        mut writer: MutexGuard<'a, Writer>,
        blocks: u64,
    ) -> Result<(MutexGuard<'a, Writer>, Place), CacheError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = writer.try_reserve(self, blocks) {
                return Ok((writer, place));
            }
            if writer.sweep(self) || writer.reap(self, ttl::coarse_ms()) {
                // What was reaped may have failed to settle, and must not be built upon.
                writer.settle(self)?;
                continue;
            }
            if writer.evict_for(self, blocks)? {
                continue;
            }
            if writer.collect_lent_by_force(self) || writer.trust_inherited(self) {
                continue;
            }
            if writer.busy == 0 || Instant::now() >= patience {
                return Err(CacheErrorKind::Pinned.into());
            }
            writer = self.wait_for_room(writer);
            self.check_open()?;
        }
    }

    /// Waits until a store that holds an extent is through, or some milliseconds are over.
    pub(super) fn wait_for_room<'a>(
        &self,
        mut writer: MutexGuard<'a, Writer>,
    ) -> MutexGuard<'a, Writer> {
        writer.waiting += 1;
        let (mut writer, _) = self.room.wait_timeout(writer, Duration::from_millis(50));
        writer.waiting -= 1;
        writer
    }

    /// Gives the lock up after a store is through, and wakes who waits for that.
    pub(super) fn release(&self, writer: MutexGuard<'_, Writer>) {
        // Waking nobody would be a system call all the same.
        let is_awaited = writer.waiting > 0;
        drop(writer);
        if is_awaited {
            self.room.notify_all();
        }
    }
}

impl Writer {
    fn try_reserve(&mut self, shared: &Shared, blocks: u64) -> Option<Place> {
        if !self.has_free_slot(shared) {
            return None;
        }
        let block = match blocks {
            0 => 0,
            _ => self.extents.allocate(blocks, Holder::Busy)?,
        };
        let slot = self.take_free_slot(shared)?;
        self.busy += 1;
        Some(Place {
            slot,
            block,
            blocks,
        })
    }

    /// Gives back what [`try_reserve`](Self::try_reserve) took.
    pub(crate) fn give_back(&mut self, place: &Place) {
        self.busy -= 1;
        self.free_slots.push(place.slot);
        if place.blocks > 0 {
            self.extents.release(place.block);
        }
    }

    /// Evicts so that `blocks` contiguous blocks, or a slot, become free; says whether it could.
    fn evict_for(&mut self, shared: &Shared, blocks: u64) -> Result<bool, CacheError> {
        // With a slot missing any object will do; else the victim must have blocks.
        let slot_is_missing = !self.has_free_slot(shared);
        let may_go = |holder| may_go(shared, holder);
        let mut pinned = None;
        for _ in 0..CANDIDATES.min(self.objects as usize) {
            let Some(victim) = self.policy.candidate(&shared.slots) else {
                break;
            };
            let slots = &shared.slots;
            let (Some(slot), Some(pins)) = (slots.get(victim), slots.pins(victim)) else {
                break;
            };
            let (start, has) = self.meta(slot, |meta| (meta.start, meta.blocks));
            let window = if pins.count() > 0 {
                pinned = pinned.or(Some((victim, has)));
                None
            } else if slot_is_missing {
                Some(vec![victim])
            } else if has == 0 {
                None
            } else {
                let block = shared.layout.block_of(start);
                self.extents.window_around(block, blocks, may_go)
            };
            let Some(victims) = window else {
                self.policy.defer(victim);
                continue;
            };
            self.evict(shared, &victims)?;
            self.evict_pinned(shared, pinned)?;
            return Ok(true);
        }
        if slot_is_missing {
            return Ok(false);
        }
        match self.extents.best_window(blocks, may_go) {
            Some(victims) => {
                self.evict(shared, &victims)?;
                Ok(!victims.is_empty())
            }
            None => Ok(false),
        }
    }

    fn evict(&mut self, shared: &Shared, victims: &[u32]) -> Result<(), CacheError> {
        victims
            .iter()
            .try_for_each(|victim| self.take_out(shared, *victim, Leave::Evicted))
    }

    /// Unlinks a pinned object whose turn came before the victim's, if the budget allows it.
    fn evict_pinned(
        &mut self,
        shared: &Shared,
        pinned: Option<(u32, u64)>,
    ) -> Result<(), CacheError> {
        match pinned {
            Some((index, blocks)) if self.dead_blocks + blocks <= shared.options.pinned_budget => {
                self.take_out(shared, index, Leave::Evicted)
            }
            _ => Ok(()),
        }
    }
}

/// Whether an extent can be emptied right now.
fn may_go(shared: &Shared, holder: Holder) -> bool {
    match holder {
        Holder::Slot(index) => shared
            .slots
            .pins(index)
            .is_some_and(|pins| pins.is_live() && pins.count() == 0),
        Holder::Busy | Holder::Lent => false,
    }
}

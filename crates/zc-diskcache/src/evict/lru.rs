//! Least recently used, exactly, without a lock at the hit.
//!
//! A hit writes a tick into the slot and nothing else. The queue is ordered by the tick that it
//! knew of last, so its first slot is the true minimum unless it was hit since: then it is put
//! back under its present tick. Each time that happens a hit has paid for it.

use std::collections::BTreeSet;

use zc_core::sync::atomic::Ordering;

use super::next_tick;
use crate::index::slot::Slab;

#[derive(Debug, Default)]
pub(crate) struct Lru {
    queue: BTreeSet<(u64, u32)>,
    /// By slot: the tick under which it stands in the queue; 0 if it does not.
    known: Vec<u64>,
}

impl Lru {
    pub(super) fn insert(&mut self, slot: u32) {
        self.place(slot, next_tick());
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let tick = std::mem::take(&mut self.known[slot as usize]);
        self.queue.remove(&(tick, slot));
    }

    pub(super) fn candidate(&mut self, slots: &Slab) -> Option<u32> {
        loop {
            let (tick, slot) = *self.queue.first()?;
            let now = slots
                .get(slot)
                .map_or(0, |slot| slot.tick.load(Ordering::Relaxed));
            if now <= tick {
                return Some(slot);
            }
            self.remove(slot);
            self.place(slot, now);
        }
    }

    pub(super) fn defer(&mut self, slot: u32) {
        self.remove(slot);
        self.place(slot, next_tick());
    }

    fn place(&mut self, slot: u32, tick: u64) {
        let index = slot as usize;
        if self.known.len() <= index {
            self.known.resize(index + 1, 0);
        }
        self.known[index] = tick;
        self.queue.insert((tick, slot));
    }
}

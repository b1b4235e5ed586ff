//! S3-FIFO: small, main and ghost.
//!
//! A new object enters *small*, which is kept to a tenth of the capacity. What reaches its tail
//! having been hit more than once moves to *main*; the rest is evicted and its hash remembered in
//! *ghost*. What comes in while its hash is still remembered goes to *main* at once. *Main* is a
//! queue with second chances: at its tail, a hit counter above zero is lowered and the object goes
//! back to the head. (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache
//! eviction", SOSP 2023.) Sizes are in blocks, since objects differ.

use std::collections::{HashMap, VecDeque};

use zc_core::sync::atomic::Ordering;

use super::list::{Links, List};
use crate::index::slot::Slab;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Small,
    Main,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    place: Place,
    blocks: u64,
    hash: u64,
}

#[derive(Debug)]
pub(crate) struct S3Fifo {
    links: Links,
    small: List,
    main: List,
    small_blocks: u64,
    small_target: u64,
    entries: Vec<Entry>,
    in_main: usize,
    ghost: Ghost,
}

impl S3Fifo {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            links: Links::default(),
            small: List::default(),
            main: List::default(),
            small_blocks: 0,
            small_target: capacity / 10,
            entries: Vec::new(),
            in_main: 0,
            ghost: Ghost::default(),
        }
    }

    pub(super) fn insert(&mut self, slot: u32, hash: u64, blocks: u64) {
        let index = slot as usize;
        if self.entries.len() <= index {
            self.entries.resize(index + 1, Entry::default());
        }
        self.entries[index] = Entry {
            place: Place::Nowhere,
            blocks,
            hash,
        };
        let place = if self.ghost.contains(hash) {
            Place::Main
        } else {
            Place::Small
        };
        self.enter(slot, place);
    }

    pub(super) fn remove(&mut self, slot: u32, evicted: bool) {
        let Entry { place, hash, .. } = self.entries[slot as usize];
        self.leave(slot);
        if evicted && place == Place::Small {
            self.ghost.remember(hash, self.in_main.max(16));
        }
    }

    pub(super) fn candidate(&mut self, slots: &Slab) -> Option<u32> {
        // Every step but the last moves an object or lowers a counter; the bound is for hits that
        // come faster than steps.
        for _ in 0..MOST_STEPS {
            let from_small = self.small_blocks > self.small_target || self.main.tail().is_none();
            if from_small && let Some(slot) = self.small.tail() {
                if frequency(slots, slot) <= 1 {
                    return Some(slot);
                }
                self.leave(slot);
                if let Some(slot) = slots.get(slot) {
                    slot.freq.store(0, Ordering::Relaxed);
                }
                self.enter(slot, Place::Main);
            } else {
                let slot = self.main.tail()?;
                let hits = frequency(slots, slot);
                if hits == 0 {
                    return Some(slot);
                }
                if let Some(slot) = slots.get(slot) {
                    slot.freq.store(hits - 1, Ordering::Relaxed);
                }
                self.defer(slot);
            }
        }
        self.main.tail().or_else(|| self.small.tail())
    }

    pub(super) fn defer(&mut self, slot: u32) {
        self.leave(slot);
        self.enter(slot, Place::Main);
    }

    fn enter(&mut self, slot: u32, place: Place) {
        let entry = &mut self.entries[slot as usize];
        entry.place = place;
        if place == Place::Small {
            self.small_blocks += entry.blocks;
            self.small.push_head(&mut self.links, slot);
        } else {
            self.in_main += 1;
            self.main.push_head(&mut self.links, slot);
        }
    }

    fn leave(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        match std::mem::take(&mut entry.place) {
            Place::Small => {
                self.small_blocks -= entry.blocks;
                self.small.remove(&mut self.links, slot);
            }
            Place::Main => {
                self.in_main -= 1;
                self.main.remove(&mut self.links, slot);
            }
            Place::Nowhere => debug_assert!(false, "slot {slot} is in no queue"),
        }
    }
}

const MOST_STEPS: usize = 1 << 20;

fn frequency(slots: &Slab, slot: u32) -> u8 {
    slots
        .get(slot)
        .map_or(0, |slot| slot.freq.load(Ordering::Relaxed))
}

/// The hashes of what left *small*, oldest forgotten first, as many as *main* has objects.
#[derive(Debug, Default)]
struct Ghost {
    order: VecDeque<u64>,
    count: HashMap<u64, u32>,
}

impl Ghost {
    fn contains(&self, hash: u64) -> bool {
        self.count.contains_key(&hash)
    }

    fn remember(&mut self, hash: u64, most: usize) {
        self.order.push_back(hash);
        *self.count.entry(hash).or_insert(0) += 1;
        while self.order.len() > most {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(count) = self.count.get_mut(&oldest) {
                *count -= 1;
                if *count == 0 {
                    self.count.remove(&oldest);
                }
            }
        }
    }
}

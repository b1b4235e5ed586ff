//! SIEVE: one queue, one hand.
//!
//! New objects come in at the head. The hand walks from the tail to the head: what was visited
//! since it came by loses its mark and stays where it is, what was not is the candidate. At the
//! head the hand starts again at the tail. (Zhang, Yang, Yue, Vigfusson, Rashmi: "SIEVE is simpler
//! than LRU", NSDI 2024.)

use zc_core::sync::atomic::Ordering;

use super::list::{Links, List};
use crate::index::slot::Slab;

#[derive(Debug, Default)]
pub(crate) struct Sieve {
    links: Links,
    queue: List,
    /// Where the next search begins; `None`: at the tail.
    hand: Option<u32>,
}

impl Sieve {
    pub(super) fn insert(&mut self, slot: u32) {
        self.queue.push_head(&mut self.links, slot);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if self.hand == Some(slot) {
            self.hand = self.links.towards_head(slot);
        }
        self.queue.remove(&mut self.links, slot);
    }

    pub(super) fn candidate(&mut self, slots: &Slab) -> Option<u32> {
        let mut at = self.hand.or_else(|| self.queue.tail())?;
        // Ends: each step takes a mark away, and hits come slower than steps. The bound is for
        // the case that they do not.
        for _ in 0..MOST_STEPS {
            let visited = slots
                .get(at)
                .is_some_and(|slot| slot.freq.swap(0, Ordering::Relaxed) > 0);
            if !visited {
                break;
            }
            at = self.links.towards_head(at).or_else(|| self.queue.tail())?;
        }
        self.hand = Some(at);
        Some(at)
    }

    /// The hand passes it by.
    pub(super) fn defer(&mut self, slot: u32) {
        self.hand = self.links.towards_head(slot);
    }
}

const MOST_STEPS: usize = 1 << 20;

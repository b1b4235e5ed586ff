//! The table: open addressing with linear probing, one writer, readers without a lock.
//!
//! A bucket is one word: the upper half of the key's hash as a fingerprint, and the slot number
//! plus one; zero is empty. The array is at least twice as long as there are slots and never
//! grows, so a probe is short and ends.
//!
//! # What a reader may believe
//!
//! A *hit* is proved outside of the table: the slot was pinned while it was live and holds the
//! whole key. A *miss* must be proved here, and there are two ways to be told a false one:
//!
//! 1. *Moved.* Removing an entry moves later entries of the same run back over it (there are no
//!    tombstones, so runs stay short for ever). A reader may pass the new place before the move
//!    and reach the old one after it. Moves are therefore counted: `version` is odd while one is
//!    under way, and a miss counts only if it is even and unchanged. The entry is copied before
//!    its old place is overwritten, so an even version means all or nothing.
//! 2. *Replaced.* An overwrite exchanges the slot number in the bucket and then unlinks the old
//!    slot. A reader that loaded the bucket before cannot pin what it names, or pins another key's
//!    object in a slot that was used again. It then looks whether the bucket still says the same;
//!    if not, the probe starts again.
//!
//! Both only happen while the writer works. After [`ATTEMPTS`] rounds the reader gives up with
//! [`Contended`] and its caller asks again under the writer lock, where nothing moves.
//!
//! # Edges
//!
//! - `cache.bucket`: a bucket's store → its load. It carries the odd version (case 1: who sees a
//!   moved entry's old place overwritten sees that the version changed).
//! - `cache.shift`: the even version's store → its load. Who sees it sees every bucket of the move.

use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::{edge, hint, seeded};

/// Rounds before a reader stops believing that the writer will pause.
pub const ATTEMPTS: usize = 8;

/// What the caller found in the slot that a bucket names.
#[derive(Debug)]
pub enum Probe<R> {
    /// The object.
    Hit(R),
    /// Not live, or another key.
    Other,
}

/// The writer kept changing the table; ask again under its lock.
#[derive(Debug)]
pub struct Contended;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct Table {
    buckets: Box<[AtomicU64]>,
    mask: usize,
    version: AtomicU64,
}

impl Table {
    /// A table for at most `entries` entries.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        let len = (entries * 2).next_power_of_two().max(4);
        Self {
            buckets: (0..len).map(|_| AtomicU64::new(0)).collect(),
            mask: len - 1,
            version: AtomicU64::new(0),
        }
    }

    /// Shows `probe` each slot whose fingerprint agrees with `hash`, until one is a hit.
    #[inline]
    pub fn find<R>(
        &self,
        hash: u64,
        mut probe: impl FnMut(u32) -> Probe<R>,
    ) -> Result<Option<R>, Contended> {
        for _ in 0..ATTEMPTS {
            let before = self.version.load(edge("cache.shift", Ordering::Acquire));
            let mut replaced = false;
            let mut at = self.home(hash);
            loop {
                let bucket = self.buckets[at].load(edge("cache.bucket", Ordering::Acquire));
                if bucket == 0 {
                    break;
                }
                if let Some(slot) = slot_if(bucket, hash) {
                    match probe(slot) {
                        Probe::Hit(found) => return Ok(Some(found)),
                        Probe::Other => {
                            let now =
                                self.buckets[at].load(edge("cache.bucket", Ordering::Acquire));
                            replaced |= now != bucket;
                        }
                    }
                }
                at = (at + 1) & self.mask;
                if at == self.home(hash) {
                    break;
                }
            }
            // The loads of the buckets were Acquire, so this load cannot come before them.
            let after = self.version.load(Ordering::Relaxed);
            let moved = before != after || before % 2 == 1;
            let believe = (!moved || seeded("cache.believe_any_miss"))
                && (!replaced || seeded("cache.believe_stale_slot"));
            if believe {
                return Ok(None);
            }
            hint::spin_loop();
        }
        Err(Contended)
    }

    /// Adds an entry. Writer only; the key is not in the table.
    pub fn insert(&self, hash: u64, slot: u32) {
        let mut at = self.home(hash);
        while self.load(at) != 0 {
            at = (at + 1) & self.mask;
        }
        self.store(at, bucket(hash, slot));
    }

    /// Makes the entry of `old` name `new`. Writer only. A reader finds one or the other.
    pub fn replace(&self, hash: u64, old: u32, new: u32) {
        if let Some(at) = self.position(hash, old) {
            self.store(at, bucket(hash, new));
        } else {
            debug_assert!(false, "replaced an entry that is not there");
        }
    }

    /// Takes the entry of `slot` out; says whether it was there. Writer only. `hash_of` gives the
    /// hash of the key in another slot.
    pub fn remove(&self, hash: u64, slot: u32, mut hash_of: impl FnMut(u32) -> u64) -> bool {
        let Some(mut hole) = self.position(hash, slot) else {
            return false;
        };
        let mut at = (hole + 1) & self.mask;
        if self.load(at) == 0 {
            // The end of its run: nothing moves, nobody can be misled.
            self.store(hole, 0);
            return true;
        }
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        loop {
            let bucket = self.load(at);
            if bucket == 0 {
                break;
            }
            let home = self.home(hash_of(slot_of(bucket)));
            // It may fill the hole if its home does not lie behind the hole, cyclically.
            if (at.wrapping_sub(home) & self.mask) >= (at.wrapping_sub(hole) & self.mask) {
                self.store(hole, bucket);
                hole = at;
            }
            at = (at + 1) & self.mask;
        }
        self.store(hole, 0);
        self.version
            .store(version + 2, edge("cache.shift", Ordering::Release));
        true
    }

    fn position(&self, hash: u64, slot: u32) -> Option<usize> {
        let wanted = bucket(hash, slot);
        let mut at = self.home(hash);
        loop {
            match self.load(at) {
                0 => return None,
                found if found == wanted => return Some(at),
                _ => at = (at + 1) & self.mask,
            }
        }
    }

    /// Writer only: nobody else stores.
    fn load(&self, at: usize) -> u64 {
        self.buckets[at].load(Ordering::Relaxed)
    }

    fn store(&self, at: usize, bucket: u64) {
        self.buckets[at].store(bucket, edge("cache.bucket", Ordering::Release));
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.mask
    }
}

#[inline]
fn bucket(hash: u64, slot: u32) -> u64 {
    (hash & FINGERPRINT) | (u64::from(slot) + 1)
}

#[inline]
fn slot_if(bucket: u64, hash: u64) -> Option<u32> {
    ((bucket ^ hash) & FINGERPRINT == 0).then(|| slot_of(bucket))
}

#[inline]
fn slot_of(bucket: u64) -> u32 {
    ((bucket & !FINGERPRINT) - 1) as u32
}

const FINGERPRINT: u64 = 0xffff_ffff_0000_0000;

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn get(table: &Table, hash: u64, keys: &HashMap<u32, u64>) -> Option<u32> {
        table
            .find(hash, |slot| match keys.get(&slot) {
                Some(found) if *found == hash => Probe::Hit(slot),
                _ => Probe::Other,
            })
            .expect("nobody else writes")
    }

    proptest! {
        /// Any order of inserts, removes and replacements, with hashes that collide a lot.
        #[test]
        fn agrees_with_a_hash_map(steps in prop::collection::vec((0u8..3, 0u64..24), 1..200)) {
            let table = Table::new(16);
            let mut model: HashMap<u64, u32> = HashMap::new();
            let mut of_slot: HashMap<u32, u64> = HashMap::new();
            let mut free: Vec<u32> = (0..16).collect();
            for (what, n) in steps {
                // Six homes only, all near the end of the array, so that runs wrap around.
                let hash = (n % 6 + 27) | n << 32;
                match (what, model.get(&hash).copied()) {
                    (0, None) => if let Some(slot) = free.pop() {
                        table.insert(hash, slot);
                        model.insert(hash, slot);
                        of_slot.insert(slot, hash);
                    },
                    (0 | 1, Some(slot)) => if let Some(new) = free.pop() {
                        of_slot.remove(&slot);
                        of_slot.insert(new, hash);
                        table.replace(hash, slot, new);
                        model.insert(hash, new);
                        free.push(slot);
                    },
                    (2, Some(slot)) => {
                        prop_assert!(table.remove(hash, slot, |s| of_slot[&s]));
                        model.remove(&hash);
                        of_slot.remove(&slot);
                        free.push(slot);
                    }
                    _ => {}
                }
                for n in 0..24u64 {
                    let hash = (n % 6 + 27) | n << 32;
                    prop_assert_eq!(get(&table, hash, &of_slot), model.get(&hash).copied());
                }
            }
        }
    }
}

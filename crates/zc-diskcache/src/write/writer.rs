//! The writer's state, and the steps that every change is made of.
//!
//! An object goes through these, each a step of this module or of `store`:
//!
//! ```text
//!  reserve ──▶ write value ──▶ write record ──▶ publish ──▶ (live) ──▶ zero record ──▶ unlink
//!     ▲                                                                                   │
//!     └────── free blocks ◀── pages let go (if lent) ◀── no pins left ◀── (dead) ◀────────┘
//! ```
//!
//! - W1: an extent is written only after the record of its former object was zeroed on disk.
//! - W2: a record is written only after the value's bytes were.
//! - W3: a slot whose record could not be zeroed is *unsettled*. Neither it nor its extent is used
//!   again, and no further change is made, until zeroing it has succeeded. So nothing that was
//!   acknowledged can be undone by a record that should not be there any more.

use std::collections::{BTreeSet, VecDeque};

use super::lent::Loan;
use crate::error::CacheError;
use crate::evict::Policy;
use crate::index::pins::Pins;
use crate::index::slot::{LENT, Meta, Slab, Slot};
use crate::index::table::Probe;
use crate::io::checksum::crc32c;
use crate::log::extents::{Extents, Holder};
use crate::log::record::{Record, SIZE, inlined};
use crate::shared::Shared;
use crate::stats::Count;
use crate::ttl;
use zc_core::sync::atomic::Ordering;
use zc_core::sync::seeded;

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) extents: Extents,
    pub(crate) policy: Policy,
    /// Slots below `next_slot` that are free.
    pub(crate) free_slots: Vec<u32>,
    /// Slots from here on were never used.
    pub(crate) next_slot: u32,
    /// Unlinked slots that were pinned when looked at last.
    pub(crate) dead: Vec<u32>,
    /// Blocks of `dead`.
    pub(crate) dead_blocks: u64,
    /// Blocks whose pages the kernel may still refer to, oldest first.
    pub(crate) lent: VecDeque<Loan>,
    /// (deadline, slot) of every live object that has one.
    pub(crate) deadlines: BTreeSet<(u64, u32)>,
    /// See W3.
    pub(crate) unsettled: BTreeSet<u32>,
    pub(crate) next_seq: u64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) recovered: u64,
    /// Stores that hold an extent and are not through.
    pub(crate) busy: usize,
    /// Threads that wait for those, at `Shared::room`.
    pub(crate) waiting: usize,
}

/// Why an object leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    Evicted,
    Expired,
    Corrupt,
    Removed,
    Replaced,
}

impl Writer {
    /// Reads the meta data of a slot that is live or dead.
    pub(crate) fn meta<R>(&self, slot: &Slot, f: impl FnOnce(&Meta) -> R) -> R {
        // SAFETY: `&self` comes out of the writer lock, so this thread is the writer (I1 of
        // `Shared`), and nobody else fills slots in.
        unsafe { slot.read(f) }
    }

    /// The live slot that holds `key`, expired or not.
    pub(crate) fn locate(&self, shared: &Shared, hash: u64, key: &[u8]) -> Option<u32> {
        let probe = |index| match shared.slots.get(index) {
            Some(slot) if self.meta(slot, |meta| meta.key.as_bytes() == key) => Probe::Hit(index),
            _ => Probe::Other,
        };
        // Under the lock nothing moves: the first round is the last.
        shared.table.find(hash, probe).ok().flatten()
    }

    /// Puts a published slot into the bookkeeping.
    pub(crate) fn admit(&mut self, shared: &Shared, index: u32) {
        let (slot, _) = shared.slots.get_or_allocate(index);
        let (hash, blocks, len) = self.meta(slot, |meta| (meta.hash, meta.blocks, meta.len));
        self.policy.insert(index, hash, blocks);
        let deadline = slot.expires.load(Ordering::Relaxed);
        if deadline != ttl::NEVER {
            self.deadlines.insert((deadline, index));
        }
        self.objects += 1;
        self.bytes += len;
    }

    /// Takes a live object out: its record, then its entry in the table, then the slot. `Err`
    /// if the record could not be zeroed; the object is out of the table all the same.
    pub(crate) fn take_out(
        &mut self,
        shared: &Shared,
        index: u32,
        why: Leave,
    ) -> Result<(), CacheError> {
        let (Some(slot), Some(pins)) = (shared.slots.get(index), shared.slots.pins(index)) else {
            return Ok(());
        };
        let zeroed = self.zero_record(shared, index);
        if why != Leave::Replaced {
            let hash = self.meta(slot, |meta| meta.hash);
            let hash_of = |other| {
                let other = shared.slots.get(other);
                other.map_or(0, |slot| self.meta(slot, |meta| meta.hash))
            };
            let was_there = shared.table.remove(hash, index, hash_of);
            debug_assert!(was_there, "a live slot that the table does not name");
        }
        pins.unlink();
        self.retire(shared, slot, index, why);
        zeroed
    }

    /// Takes an unlinked slot out of the bookkeeping, and on to free if nobody holds it.
    fn retire(&mut self, shared: &Shared, slot: &Slot, index: u32, why: Leave) {
        self.policy.remove(index, why == Leave::Evicted);
        let deadline = slot.expires.load(Ordering::Relaxed);
        if deadline != ttl::NEVER {
            self.deadlines.remove(&(deadline, index));
        }
        let (len, blocks) = self.meta(slot, |meta| (meta.len, meta.blocks));
        self.objects -= 1;
        self.bytes -= len;
        match why {
            Leave::Evicted => shared.count(Count::Evictions, 1),
            Leave::Expired => shared.count(Count::Expired, 1),
            Leave::Corrupt => shared.count(Count::Corrupt, 1),
            Leave::Removed => shared.count(Count::Removed, 1),
            Leave::Replaced => {}
        }
        self.dead.push(index);
        self.dead_blocks += blocks;
        self.bury(shared, self.dead.len() - 1);
    }

    /// Frees the `at`th dead slot if it can be; says whether it did.
    fn bury(&mut self, shared: &Shared, at: usize) -> bool {
        let index = self.dead[at];
        let (Some(slot), Some(pins)) = (shared.slots.get(index), shared.slots.pins(index)) else {
            return false;
        };
        if self.unsettled.contains(&index) || !pins.try_reclaim() {
            return false;
        }
        self.dead.swap_remove(at);
        let (start, blocks) = self.meta(slot, |meta| (meta.start, meta.blocks));
        self.dead_blocks -= blocks;
        self.free_slots.push(index);
        if blocks == 0 {
            return true;
        }
        let block = shared.layout.block_of(start);
        if slot.is_marked(LENT) && !seeded("cache.reuse_lent") {
            self.extents.hand_over(block, Holder::Lent);
            self.lent.push_back(Loan {
                block,
                blocks,
                inherited: false,
            });
            shared.lent_blocks.fetch_add(blocks, Ordering::Relaxed);
        } else {
            self.extents.release(block);
        }
        true
    }

    /// Frees what views and the kernel have let go of; says whether that was anything.
    pub(crate) fn sweep(&mut self, shared: &Shared) -> bool {
        self.bury_all(shared) | self.collect_lent(shared)
    }

    /// Frees the dead slots that views have let go of; says whether there were any.
    pub(crate) fn bury_all(&mut self, shared: &Shared) -> bool {
        let mut freed = false;
        let mut at = 0;
        while at < self.dead.len() {
            if self.bury(shared, at) {
                freed = true;
            } else {
                at += 1;
            }
        }
        freed
    }

    /// Takes out every object whose time has come; says whether there was one.
    pub(crate) fn reap(&mut self, shared: &Shared, now_ms: u64) -> bool {
        let mut any = false;
        while let Some(&(deadline, index)) = self.deadlines.first()
            && deadline <= now_ms
        {
            // A record that could not be zeroed is unsettled; the next change meets the error.
            let _ = self.take_out(shared, index, Leave::Expired);
            any = true;
        }
        any
    }

    /// Zeroes the records that could not be zeroed before. Every change begins with this (W3).
    pub(crate) fn settle(&mut self, shared: &Shared) -> Result<(), CacheError> {
        while let Some(&index) = self.unsettled.first() {
            write_zeros(shared, index)?;
            self.unsettled.remove(&index);
        }
        Ok(())
    }

    pub(crate) fn zero_record(&mut self, shared: &Shared, index: u32) -> Result<(), CacheError> {
        let result = write_zeros(shared, index);
        if result.is_err() {
            self.unsettled.insert(index);
        }
        result
    }

    /// Writes the record of a slot.
    pub(crate) fn write_record(
        &mut self,
        shared: &Shared,
        index: u32,
        meta: &Meta,
        expires_wall_ms: u64,
    ) -> Result<(), CacheError> {
        let key = meta.key.as_bytes();
        let record = Record {
            seq: meta.seq,
            hash: meta.hash,
            block: shared.layout.block_of(meta.start),
            len: meta.len,
            ttl_ms: meta.ttl_ms,
            expires_wall_ms,
            value_crc: meta.crc,
            key_crc: crc32c(key),
            key_len: u32::try_from(key.len()).unwrap_or(u32::MAX),
            inline_key: inlined(key),
        };
        let bytes = record.encode(shared.seed, index);
        let offset = shared.layout.record_offset(index);
        shared.file.write_all_at(&bytes, offset)
    }

    /// A free slot, if there is one.
    pub(crate) fn has_free_slot(&self, shared: &Shared) -> bool {
        !self.free_slots.is_empty() || self.next_slot < shared.layout.slots
    }

    pub(crate) fn take_free_slot(&mut self, shared: &Shared) -> Option<u32> {
        if let Some(index) = self.free_slots.pop() {
            return Some(index);
        }
        (self.next_slot < shared.layout.slots).then(|| {
            self.next_slot += 1;
            self.next_slot - 1
        })
    }

    /// Every live slot.
    pub(crate) fn live<'a>(&self, slots: &'a Slab) -> impl Iterator<Item = (u32, &'a Slot)> {
        (0..self.next_slot).filter_map(|index| Some((index, self.live_slot(slots, index)?)))
    }

    /// The slot, if it is live.
    pub(crate) fn live_slot<'a>(&self, slots: &'a Slab, index: u32) -> Option<&'a Slot> {
        let is_live = slots.pins(index).is_some_and(Pins::is_live);
        slots.get(index).filter(|_| is_live)
    }
}

fn write_zeros(shared: &Shared, index: u32) -> Result<(), CacheError> {
    if seeded("cache.keep_record") {
        return Ok(());
    }
    let offset = shared.layout.record_offset(index);
    shared.file.write_all_at(&[0; SIZE], offset)
}

//! Changes other than stores: remove, touch, clear, flush, close.

use bytes::Bytes;
use zc_core::sync::atomic::Ordering;

use super::writer::{Leave, Writer};
use crate::builder::SyncPolicy;
use crate::error::CacheError;
use crate::io::create;
use crate::log::header::Session;
use crate::shared::Shared;
use crate::stats::{CacheStats, Count};
use crate::{trace, ttl};

impl Shared {
    /// Takes `key` out; says whether it was there.
    pub(crate) fn remove_now(&self, key: &[u8]) -> Result<bool, CacheError> {
        self.check_open()?;
        self.check_key(key)?;
        let named = |error: CacheError| error.for_key(key).at(self.file.path());
        let mut writer = self.writer.lock();
        writer.settle(self).map_err(named)?;
        self.flights.overtake(key);
        writer.reap(self, ttl::coarse_ms());
        let Some(index) = writer.locate(self, self.hash(key), key) else {
            return Ok(false);
        };
        writer
            .take_out(self, index, Leave::Removed)
            .map_err(named)?;
        Ok(true)
    }

    /// Starts the object's time to live anew; says whether it was there.
    pub(crate) fn touch_now(&self, key: &[u8]) -> Result<bool, CacheError> {
        self.check_open()?;
        self.check_key(key)?;
        let named = |error: CacheError| error.for_key(key).at(self.file.path());
        let mut writer = self.writer.lock();
        writer.settle(self).map_err(named)?;
        writer.reap(self, ttl::coarse_ms());
        let Some(index) = writer.locate(self, self.hash(key), key) else {
            return Ok(false);
        };
        let Some(slot) = self.slots.get(index) else {
            return Ok(false);
        };
        let meta = writer.meta(slot, Clone::clone);
        self.marker.on_hit(slot);
        if meta.ttl_ms == ttl::NEVER {
            return Ok(true);
        }
        let expires_wall = ttl::deadline(ttl::wall_ms(), meta.ttl_ms);
        writer
            .write_record(self, index, &meta, expires_wall)
            .map_err(named)?;
        let deadline = ttl::deadline(ttl::precise_ms(), meta.ttl_ms);
        let before = slot.expires.swap(deadline, Ordering::Relaxed);
        writer.deadlines.remove(&(before, index));
        writer.deadlines.insert((deadline, index));
        Ok(true)
    }

    /// Takes everything out.
    pub(crate) fn clear_now(&self) -> Result<(), CacheError> {
        self.check_open()?;
        let mut writer = self.writer.lock();
        writer.settle(self)?;
        self.flights.overtake_all();
        let live: Vec<u32> = writer.live(&self.slots).map(|(index, _)| index).collect();
        live.into_iter()
            .try_for_each(|index| writer.take_out(self, index, Leave::Removed))
    }

    /// Waits until everything acknowledged so far would survive a power cut.
    pub(crate) fn flush_now(&self) -> Result<(), CacheError> {
        self.check_open()?;
        self.flush_steps()
    }

    fn flush_steps(&self) -> Result<(), CacheError> {
        self.writer.lock().settle(self)?;
        match self.options.sync {
            SyncPolicy::Never => Ok(()),
            SyncPolicy::OnFlush | SyncPolicy::EachStore => self.file.sync(),
        }
    }

    /// Refuses what comes from now on, waits for what is under way, flushes.
    pub(crate) fn close_now(&self) -> Result<(), CacheError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let mut writer = self.writer.lock();
        while writer.busy > 0 {
            // Stores that were under way finish or fail on their own.
            writer = self.wait_for_room(writer);
        }
        drop(writer);
        trace::closed(self.file.path());
        self.flush_steps()?;
        if self.options.sync == SyncPolicy::Never {
            return Ok(());
        }
        let session = Session {
            number: self.session,
            clean: true,
            boot: create::boot_id(),
        };
        session.write(&self.file)?;
        self.file.sync()
    }

    /// An object turned out not to match its checksum. `seq` names the very object, since the slot
    /// may hold another one by now.
    pub(crate) fn discard(&self, index: u32, seq: u64, why: Leave) {
        let mut writer = self.writer.lock();
        let is_it = writer
            .live_slot(&self.slots, index)
            .is_some_and(|slot| writer.meta(slot, |meta| meta.seq) == seq);
        if is_it {
            // If its record cannot be zeroed it is unsettled; the next change meets the error.
            let _ = writer.take_out(self, index, why);
        }
    }

    /// Objects that are there and have not expired.
    pub(crate) fn count_objects(&self) -> usize {
        let mut writer = self.writer.lock();
        writer.reap(self, ttl::coarse_ms());
        writer.objects as usize
    }

    /// The keys of all the objects that are there now.
    pub(crate) fn keys(&self) -> Vec<Bytes> {
        let mut writer = self.writer.lock();
        writer.reap(self, ttl::coarse_ms());
        let key = |slot| writer.meta(slot, |meta| Bytes::copy_from_slice(meta.key.as_bytes()));
        writer
            .live(&self.slots)
            .map(|(_, slot)| key(slot))
            .collect()
    }

    pub(crate) fn stats_now(&self) -> CacheStats {
        let sum = |which: Count| self.counters.sum(which as usize);
        let zero_copy = self.zero_copy.stats();
        let mut writer = self.writer.lock();
        writer.sweep(self);
        let block_size = self.layout.block_size;
        let live_pinned = pinned_blocks(&writer, self);
        let free = writer.extents.free_blocks();
        let view_hits = zero_copy.mmap_reads + sum(Count::SendHits);
        CacheStats {
            hits: view_hits + sum(Count::CopiedHits),
            view_hits,
            copied_hits: sum(Count::CopiedHits),
            cold_hits: sum(Count::ColdHits),
            verified_hits: sum(Count::VerifiedNow),
            misses: sum(Count::Misses),
            stores: sum(Count::Stores),
            stored_bytes: sum(Count::StoredBytes),
            evictions: sum(Count::Evictions),
            expired: sum(Count::Expired),
            corrupt: sum(Count::Corrupt),
            removed: sum(Count::Removed),
            fetches: sum(Count::Fetches),
            fetch_failures: sum(Count::FetchFailures),
            fetched_unkept: sum(Count::FetchedUnkept),
            bytes: writer.bytes,
            objects: writer.objects,
            pinned_bytes: (live_pinned + writer.dead_blocks) * block_size,
            unlinked_pinned_bytes: writer.dead_blocks * block_size,
            lent_bytes: self.lent_blocks.load(Ordering::Relaxed) * block_size,
            capacity: self.layout.capacity(),
            free_bytes: free * block_size,
            free_extents: writer.extents.free_pieces() as u64,
            fragmentation: match free {
                0 => 0.0,
                free => 1.0 - writer.extents.largest_free() as f64 / free as f64,
            },
            recovered: writer.recovered,
        }
    }
}

fn pinned_blocks(writer: &Writer, shared: &Shared) -> u64 {
    let is_pinned = |index| {
        shared
            .slots
            .pins(index)
            .is_some_and(|pins| pins.count() > 0)
    };
    let pinned = writer
        .live(&shared.slots)
        .filter(|(index, _)| is_pinned(*index));
    pinned
        .map(|(_, slot)| writer.meta(slot, |meta| meta.blocks))
        .sum()
}

//! Storing: reserve, write, commit.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use zc_core::ledger;
use zc_core::sync::atomic::Ordering;
use zc_core::sync::seeded;

use super::room::Place;
use super::writer::Leave;
use crate::builder::{SyncPolicy, Verify};
use crate::error::{CacheError, CacheErrorKind};
use crate::fetch::flight::Flight;
use crate::index::key::Key;
use crate::index::slot::{Meta, VERIFIED};
use crate::io::checksum::crc32c;
use crate::log::extents::Holder;
use crate::log::record::spilled;
use crate::root::Root;
use crate::shared::Shared;
use crate::stats::Count;
use crate::{trace, ttl};

/// An extent that is being written. Dropped without a commit it goes back.
#[derive(Debug)]
pub(crate) struct Reservation {
    shared: Arc<Root>,
    place: Option<Place>,
    /// Kept by a program, which may take its time: nobody waits for it.
    held: bool,
    pub(crate) start: u64,
}

impl Root {
    /// Stores `data` under `key`; the whole of it, on this thread. What was fetched by a `flight`
    /// is stored only if nobody changed the key meanwhile; says whether it was.
    pub(crate) fn store_now(
        self: &Arc<Self>,
        key: &[u8],
        ttl_ms: u64,
        data: &Bytes,
        flight: Option<&Flight>,
    ) -> Result<bool, CacheError> {
        let named = |error: CacheError| {
            let error = error.for_key(key).at(self.file.path());
            trace::refused(self.file.path(), data.len(), &error);
            error
        };
        self.store_steps(key, ttl_ms, data, flight).map_err(named)
    }

    fn store_steps(
        self: &Arc<Self>,
        key: &[u8],
        ttl_ms: u64,
        data: &Bytes,
        flight: Option<&Flight>,
    ) -> Result<bool, CacheError> {
        let reservation = self.reserve_for(key, data.len() as u64)?;
        let crc = crc32c(data);
        if !seeded("cache.skip_value") {
            self.file.write_all_at(data, reservation.start)?;
        }
        ledger::copied("cache.store", data.len());
        reservation.commit(key, ttl_ms, data.len() as u64, crc, flight)
    }

    /// Checks everything that can be checked, and makes room.
    pub(crate) fn reserve_for(
        self: &Arc<Self>,
        key: &[u8],
        len: u64,
    ) -> Result<Reservation, CacheError> {
        self.check_open()?;
        self.check_key(key)?;
        self.check_size(key, len)?;
        self.file.check_len(self.layout.file_len())?;
        let mut writer = self.writer.lock();
        writer.settle(self)?;
        let (writer, place) = self.reserve(writer, self.layout.blocks_for(len, key))?;
        drop(writer);
        Ok(Reservation {
            shared: Arc::clone(self),
            held: false,
            start: self.layout.block_offset(place.block),
            place: Some(place),
        })
    }
}

impl Shared {
    fn check_size(&self, key: &[u8], len: u64) -> Result<(), CacheError> {
        let refuse = |what: &str, limit: u64| {
            Err(CacheError::new(CacheErrorKind::TooLarge)
                .detail(format!("{len} bytes, {what} {limit}")))
        };
        if len > self.options.max_object {
            return refuse("at most", self.options.max_object);
        }
        if self.layout.blocks_for(len, key) > self.layout.blocks {
            return refuse("the whole cache has", self.layout.capacity());
        }
        Ok(())
    }
}

impl Reservation {
    /// Writes the record, publishes the object, and retires what it replaces.
    pub(crate) fn commit(
        mut self,
        key: &[u8],
        ttl_ms: u64,
        len: u64,
        crc: u32,
        flight: Option<&Flight>,
    ) -> Result<bool, CacheError> {
        let shared = Arc::clone(&self.shared);
        let shared: &Shared = &shared;
        shared.file.write_all_at(spilled(key), self.start + len)?;
        let synced = shared.options.sync == SyncPolicy::EachStore;
        if synced {
            shared.file.sync()?;
        }
        if shared.options.verify == Verify::OnStore {
            self.read_back(len, crc)?;
        }
        let hash = shared.hash(key);
        let mut writer = shared.writer.lock();
        if self.held {
            // A close does not wait for programs; one that is over is final.
            shared.check_open()?;
            writer.busy += 1;
            self.held = false;
        }
        writer.settle(shared)?;
        match flight {
            Some(flight) if flight.is_overtaken() => return Ok(false),
            Some(_) => {}
            None => shared.flights.overtake(key),
        }
        let Some(place) = self.place.take() else {
            return Ok(false);
        };
        let meta = Meta {
            hash,
            seq: writer.next_seq,
            start: self.start,
            len,
            crc,
            blocks: place.blocks,
            ttl_ms,
            key: Key::new(key),
        };
        writer.next_seq += 1;
        let expires_wall = ttl::deadline(ttl::wall_ms(), ttl_ms);
        if let Err(error) = writer.write_record(shared, place.slot, &meta, expires_wall) {
            // Part of it, or all of it, may be there. Zero it before the extent is used again.
            let settled = writer.zero_record(shared, place.slot);
            if settled.is_ok() {
                writer.give_back(&place);
            } else {
                writer.abandon(shared, &place, meta);
            }
            shared.release(writer);
            return Err(error);
        }
        let (slot, pins) = shared.slots.get_or_allocate(place.slot);
        let expires = ttl::deadline(ttl::precise_ms(), ttl_ms);
        // SAFETY: we hold the writer lock, and a reserved slot is free until it is published.
        unsafe { slot.fill(meta, expires) };
        if shared.options.verify == Verify::OnStore {
            slot.mark(VERIFIED);
        }
        if place.blocks > 0 {
            writer
                .extents
                .hand_over(place.block, Holder::Slot(place.slot));
        }
        pins.publish();
        let old = writer.locate(shared, hash, key);
        match old {
            Some(old) => shared.table.replace(hash, old, place.slot),
            None => shared.table.insert(hash, place.slot),
        }
        writer.admit(shared, place.slot);
        if let Some(old) = old {
            // If its record cannot be zeroed it is unsettled: the newer one wins until it is.
            let _ = writer.take_out(shared, old, Leave::Replaced);
        }
        writer.busy -= 1;
        if shared.zero_copy.is_adaptive() {
            writer.bury_all(shared);
            let budget = shared.options.pinned_budget;
            shared.zero_copy.adapt(writer.dead_blocks, budget);
        }
        shared.release(writer);
        shared.count(Count::Stores, 1);
        shared.count(Count::StoredBytes, len);
        if synced {
            shared.file.sync()?;
        }
        Ok(true)
    }

    /// Leaves the reservation to a program: stores that need room do not wait for it any more, but
    /// treat it as pinned.
    pub(crate) fn hold(mut self) -> Self {
        let mut writer = self.shared.writer.lock();
        writer.busy -= 1;
        self.held = true;
        self.shared.release(writer);
        self
    }

    /// Writes part of the value.
    pub(crate) fn write(&self, bytes: &[u8], at: u64) -> Result<(), CacheError> {
        self.shared.file.write_all_at(bytes, self.start + at)?;
        ledger::copied("cache.store", bytes.len());
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        self.shared.file.path()
    }

    /// Compares what the file gives back with what was to be written.
    fn read_back(&self, len: u64, crc: u32) -> Result<(), CacheError> {
        let mut back = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.shared.file.read_exact_at(&mut back, self.start)?;
        if crc32c(&back) == crc {
            return Ok(());
        }
        Err(CacheError::new(CacheErrorKind::Io).detail(format!(
            "the {len} bytes written at offset {} read back different",
            self.start
        )))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            let mut writer = self.shared.writer.lock();
            if self.held {
                writer.busy += 1;
            }
            writer.give_back(&place);
            self.shared.release(writer);
        }
    }
}

impl super::writer::Writer {
    /// A reservation whose record is in an unknown state: the slot and the extent wait among the
    /// dead until the record is settled (W3).
    fn abandon(&mut self, shared: &Shared, place: &Place, meta: Meta) {
        let (slot, pins) = shared.slots.get_or_allocate(place.slot);
        // SAFETY: we hold the writer lock, and a reserved slot is free until it is published.
        unsafe { slot.fill(meta, ttl::NEVER) };
        pins.publish();
        pins.unlink();
        if place.blocks > 0 {
            self.extents
                .hand_over(place.block, Holder::Slot(place.slot));
        }
        self.dead.push(place.slot);
        self.dead_blocks += place.blocks;
        self.busy -= 1;
        debug_assert_eq!(slot.expires.load(Ordering::Relaxed), ttl::NEVER);
    }
}

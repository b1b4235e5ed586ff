//! Every interleaving of the index's edges, in small.

#![cfg(zc_loom)]

use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::{Arc, model, thread};
use zc_diskcache::index::key::Key;
use zc_diskcache::index::orphans::Orphans;
use zc_diskcache::index::pin::PinWord;
use zc_diskcache::index::slot::{Meta, Slab};
use zc_diskcache::index::table::{Probe, Table};

/// An extent, as a cell that loom watches.
struct Extent {
    pin: PinWord,
    bytes: UnsafeCell<u64>,
}

// SAFETY: the pin word decides who touches the cell; that is what is under test.
unsafe impl Sync for Extent {}

impl Extent {
    fn read(&self) -> Option<u64> {
        if !self.pin.try_pin() {
            return None;
        }
        // SAFETY: pinned.
        let bytes = self.bytes.with(|bytes| unsafe { *bytes });
        assert!(!self.pin.unpin(), "no orphan");
        Some(bytes)
    }
}

/// cache.publish: who pins a slot sees what was filled in before it went live.
#[test]
fn publish_then_pin() {
    model(|| {
        let extent = Arc::new(Extent {
            pin: PinWord::new(),
            bytes: UnsafeCell::new(0),
        });
        let reader = {
            let extent = Arc::clone(&extent);
            thread::spawn(move || extent.read())
        };
        // SAFETY: free, and we are the writer.
        extent.bytes.with_mut(|bytes| unsafe { *bytes = 7 });
        extent.pin.publish();
        assert!(matches!(reader.join().unwrap(), None | Some(7)));
    });
}

/// cache.unpin: an extent is written again only after the last read of its former bytes, also
/// with readers that come late and only pass.
#[test]
fn unpin_then_reclaim() {
    model(|| {
        let extent = Arc::new(Extent {
            pin: PinWord::new(),
            bytes: UnsafeCell::new(1),
        });
        extent.pin.publish();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let extent = Arc::clone(&extent);
                thread::spawn(move || extent.read())
            })
            .collect();
        extent.pin.unlink();
        if extent.pin.try_reclaim() {
            // SAFETY: reclaimed, so it is ours alone.
            extent.bytes.with_mut(|bytes| unsafe { *bytes = 2 });
            extent.pin.publish();
        }
        for reader in readers {
            assert!(matches!(reader.join().unwrap(), None | Some(1 | 2)));
        }
        // Passing pins left nothing behind.
        assert_eq!(extent.pin.pins(), 0);
    });
}

/// cache.unpin: a pin added to one that is held (a clone of an entry) keeps the extent as well,
/// although the slot is dead by then.
#[test]
fn a_second_pin_outlives_the_first() {
    model(|| {
        let extent = Arc::new(Extent {
            pin: PinWord::new(),
            bytes: UnsafeCell::new(1),
        });
        extent.pin.publish();
        assert!(extent.pin.try_pin());
        let holder = {
            let extent = Arc::clone(&extent);
            thread::spawn(move || {
                extent.pin.pin_again();
                assert!(!extent.pin.unpin(), "no orphan");
                // SAFETY: pinned still.
                let bytes = extent.bytes.with(|bytes| unsafe { *bytes });
                assert!(!extent.pin.unpin(), "no orphan");
                bytes
            })
        };
        extent.pin.unlink();
        if extent.pin.try_reclaim() {
            // SAFETY: reclaimed, so it is ours alone.
            extent.bytes.with_mut(|bytes| unsafe { *bytes = 2 });
        }
        assert_eq!(holder.join().unwrap(), 1);
    });
}

/// A table over slots that hold one number as their key.
struct Index {
    table: Table,
    slots: Slab,
}

impl Index {
    fn new() -> Self {
        Self {
            table: Table::new(2),
            slots: Slab::new(4, 1),
        }
    }

    /// With pins in two lanes.
    fn with_two_lanes() -> Self {
        Self {
            table: Table::new(2),
            slots: Slab::new(4, 2),
        }
    }

    fn fill(&self, slot: u32, hash: u64, version: u64) {
        let meta = Meta {
            hash,
            seq: version,
            key: Key::new(&hash.to_le_bytes()),
            ..Meta::default()
        };
        let (place, pins) = self.slots.get_or_allocate(slot);
        // SAFETY: the model's writer, and the slot is free.
        unsafe { place.fill(meta, u64::MAX) };
        pins.publish();
    }

    fn unlink(&self, slot: u32) {
        self.slots.pins(slot).unwrap().unlink();
    }

    fn try_reclaim(&self, slot: u32) -> bool {
        self.slots.pins(slot).unwrap().try_reclaim()
    }

    /// The version under `hash`; `None` is a miss.
    fn find(&self, hash: u64) -> Option<u64> {
        self.find_as(0, hash)
    }

    /// The same on the thread with this number.
    fn find_as(&self, thread: usize, hash: u64) -> Option<u64> {
        let probe = |slot| match self.slots.try_pin(slot, thread) {
            Some(pin) => pin.read(|meta| match meta.hash == hash {
                true => Probe::Hit(meta.seq),
                false => Probe::Other,
            }),
            None => Probe::Other,
        };
        // Contended: the writer was at work all the time; the cache then asks under its lock.
        self.table.find(hash, probe).unwrap_or(Some(u64::MAX))
    }
}

const A: u64 = 0x1_0000_0000;
const B: u64 = 0x2_0000_0000;

/// cache.bucket: an entry that is overwritten is found, old or new, never missed; also when the
/// old slot is used again for another key at once.
#[test]
fn overwrite_never_misses() {
    model(|| {
        let index = Arc::new(Index::new());
        index.fill(0, A, 1);
        index.table.insert(A, 0);
        let reader = {
            let index = Arc::clone(&index);
            thread::spawn(move || index.find(A))
        };
        index.fill(1, A, 2);
        index.table.replace(A, 0, 1);
        index.unlink(0);
        if index.try_reclaim(0) {
            index.fill(0, B, 3);
        }
        assert!(matches!(reader.join().unwrap(), Some(1 | 2 | u64::MAX)));
    });
}

/// cache.shift: an entry that a removal moves is not missed.
#[test]
fn removal_never_hides_a_neighbour() {
    model(|| {
        let index = Arc::new(Index::new());
        // Both have home 0; B stands at 1.
        index.fill(0, A, 1);
        index.table.insert(A, 0);
        index.fill(1, B, 2);
        index.table.insert(B, 1);
        let reader = {
            let index = Arc::clone(&index);
            thread::spawn(move || index.find(B))
        };
        assert!(index.table.remove(A, 0, |slot| [A, B][slot as usize]));
        index.unlink(0);
        assert!(matches!(reader.join().unwrap(), Some(2 | u64::MAX)));
        assert_eq!(index.find(A), None);
        assert_eq!(index.find(B), Some(2));
    });
}

/// A removed object is a miss for whoever begins to look after its removal was acknowledged.
#[test]
fn removal_is_seen() {
    model(|| {
        let index = Arc::new(Index::new());
        let acknowledged = Arc::new(AtomicU64::new(0));
        index.fill(0, A, 1);
        index.table.insert(A, 0);
        let reader = {
            let (index, acknowledged) = (Arc::clone(&index), Arc::clone(&acknowledged));
            thread::spawn(move || {
                let before = acknowledged.load(Ordering::Acquire);
                (before, index.find(A))
            })
        };
        assert!(index.table.remove(A, 0, |_| A));
        index.unlink(0);
        acknowledged.store(1, Ordering::Release);
        let (after_removal, found) = reader.join().unwrap();
        assert!(after_removal == 0 || found.is_none());
    });
}

/// cache.unpin: a slot is filled in again only after the last read in every lane, although the
/// writer reclaims lane by lane and tries again where it had to stop.
#[test]
fn every_lane_is_waited_for() {
    model(|| {
        let index = Arc::new(Index::with_two_lanes());
        index.fill(0, A, 1);
        let readers: Vec<_> = (0..2)
            .map(|thread| {
                let index = Arc::clone(&index);
                thread::spawn(move || {
                    let pin = index.slots.try_pin(0, thread)?;
                    Some(pin.read(|meta| (meta.hash, meta.seq)))
                })
            })
            .collect();
        index.unlink(0);
        if index.try_reclaim(0) || index.try_reclaim(0) {
            index.fill(0, B, 2);
        }
        for reader in readers {
            assert!(matches!(
                reader.join().unwrap(),
                None | Some((A, 1) | (B, 2))
            ));
        }
        assert_eq!(index.slots.pins(0).unwrap().count(), 0);
    });
}

/// cache.publish: an overwritten entry is found in any lane, although a slot goes live and dead lane
/// by lane.
#[test]
fn overwrite_never_misses_in_any_lane() {
    model(|| {
        let index = Arc::new(Index::with_two_lanes());
        index.fill(0, A, 1);
        index.table.insert(A, 0);
        let reader = {
            let index = Arc::clone(&index);
            thread::spawn(move || index.find_as(1, A))
        };
        index.fill(1, A, 2);
        index.table.replace(A, 0, 1);
        index.unlink(0);
        if index.try_reclaim(0) {
            index.fill(0, B, 3);
        }
        assert!(matches!(reader.join().unwrap(), Some(1 | 2 | u64::MAX)));
    });
}

/// What the views and the handles of a cache share.
struct Estate {
    pins: [PinWord; 2],
    orphans: Orphans,
    /// Read by views, and written by whoever frees.
    mapping: UnsafeCell<u64>,
    freed: AtomicU64,
}

// SAFETY: who may touch the cell is what is under test.
unsafe impl Sync for Estate {}

impl Estate {
    /// Two pinned words, of two slots or of two lanes of one.
    fn new(pins: [usize; 2]) -> Arc<Self> {
        let estate = Self {
            pins: [PinWord::new(), PinWord::new()],
            orphans: Orphans::new(),
            mapping: UnsafeCell::new(7),
            freed: AtomicU64::new(0),
        };
        for (word, many) in estate.pins.iter().zip(pins) {
            word.publish();
            for _ in 0..many {
                assert!(word.try_pin());
            }
        }
        Arc::new(estate)
    }

    fn drop_view(&self, slot: usize) {
        // SAFETY: pinned.
        self.mapping.with(|bytes| assert_eq!(unsafe { *bytes }, 7));
        if self.pins[slot].unpin() && self.orphans.leave() {
            self.free();
        }
    }

    fn drop_handle(&self) {
        if self.orphans.close(self.pins.iter()) {
            self.free();
        }
    }

    fn free(&self) {
        // SAFETY: we are the last, which is what is under test.
        self.mapping.with_mut(|bytes| unsafe { *bytes = 0 });
        assert_eq!(self.freed.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
    }
}

/// Lets the last handle and two views of the slots go at once; frees once, after the last read.
fn dropped_at_once(pins: [usize; 2], views: [usize; 2]) {
    model(move || {
        let estate = Estate::new(pins);
        let views: Vec<_> = views
            .into_iter()
            .map(|slot| {
                let estate = Arc::clone(&estate);
                thread::spawn(move || estate.drop_view(slot))
            })
            .collect();
        estate.drop_handle();
        for view in views {
            view.join().unwrap();
        }
        assert_eq!(estate.freed.load(Ordering::Relaxed), 1, "somebody frees");
    });
}

/// cache.orphans, cache.unpin: views of two slots.
#[test]
fn the_last_one_frees_two_slots() {
    dropped_at_once([1, 1], [0, 1]);
}

/// The same with two views of one slot.
#[test]
fn the_last_one_frees_one_slot() {
    dropped_at_once([2, 0], [0, 0]);
}

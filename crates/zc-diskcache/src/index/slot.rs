//! Slots: one for each object that is in the cache, and for each that views still hold.
//!
//! Invariants of [`Slot`]:
//! - I1: `meta` is written only by the writer and only while the slot is free (see [`super::pins`]).
//! - I2: `meta` is read only under a pin that was taken while the slot was live, or by the writer
//!   itself, which is the only one that could change it.
//!
//! Slots live in chunks that are allocated when the first of them is needed and stay where they
//! are until the cache is dropped, so memory follows the number of objects and a reference to a
//! slot never moves. The pins of a chunk's slots lie beside them, so that a hit writes to no line that
//! other hits read.

use std::fmt;
use std::sync::OnceLock;

use zc_core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use zc_core::sync::cell::UnsafeCell;

use super::key::Key;
use super::pin::PinWord;
use super::pins::{Lane, Pins};
use crate::prefetch::prefetch;

#[cfg(not(zc_loom))]
const CHUNK_BITS: u32 = 10;
/// A model pays for every atomic.
#[cfg(zc_loom)]
const CHUNK_BITS: u32 = 1;
/// Slots that are allocated together.
pub(super) const CHUNK: usize = 1 << CHUNK_BITS;

/// The bytes of the object were compared with their checksum in this session.
pub const VERIFIED: u8 = 1;
/// Pages of the extent were handed to the kernel by reference (sendfile, or a file span): the
/// extent may be used again only when the kernel has let go of them.
pub const LENT: u8 = 2;

/// What is known of one object.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// The key's 64-bit hash under the file's seed.
    pub hash: u64,
    /// The object's place in the order of all stores; higher is newer.
    pub seq: u64,
    /// Byte offset of the value in the file; a multiple of the block size.
    pub start: u64,
    /// Length of the value in bytes.
    pub len: u64,
    /// CRC32C of the value.
    pub crc: u32,
    /// Blocks that the extent takes; 0 for an empty value under a short key.
    pub blocks: u64,
    /// Time to live in milliseconds, `u64::MAX` for never; what `touch` starts anew.
    pub ttl_ms: u64,
    /// The key.
    pub key: Key,
}

/// One slot. See the [module documentation](self).
#[derive(Default)]
#[repr(align(128))]
pub struct Slot {
    /// When the object expires, in milliseconds of the cache's clock; `u64::MAX` for never.
    pub expires: AtomicU64,
    /// LRU: the tick of the last hit.
    pub tick: AtomicU64,
    /// S3-FIFO and SIEVE: hits since the hand came by, at most 3.
    pub freq: AtomicU8,
    /// [`VERIFIED`], [`LENT`].
    pub marks: AtomicU8,
    meta: MetaCell,
}

/// Two cache lines.
#[cfg(all(target_pointer_width = "64", not(any(zc_loom, zc_shuttle))))]
const _: () = assert!(size_of::<Slot>() == 128);

struct MetaCell(UnsafeCell<Meta>);

impl Default for MetaCell {
    fn default() -> Self {
        Self(UnsafeCell::new(Meta::default()))
    }
}

// SAFETY: everything but `meta` is atomic; `meta` is shared under I1 and I2, whose edges are those
// of the pin words.
unsafe impl Sync for Slot {}

impl Slot {
    /// Reads the slot's meta data.
    ///
    /// # Safety
    /// The caller holds a pin on this slot that was taken while it was live, or is the writer.
    #[inline]
    pub unsafe fn read<R>(&self, f: impl FnOnce(&Meta) -> R) -> R {
        // SAFETY: I2; no write runs, because that would need the slot to be free.
        self.meta.0.with(|meta| f(unsafe { &*meta }))
    }

    /// Fills the slot in.
    ///
    /// # Safety
    /// The caller is the writer and the slot is free.
    pub unsafe fn fill(&self, meta: Meta, expires: u64) {
        // SAFETY: I1; passing pins of readers do not touch `meta`.
        self.meta.0.with_mut(|place| unsafe { *place = meta });
        self.expires.store(expires, Ordering::Relaxed);
        self.tick.store(0, Ordering::Relaxed);
        self.freq.store(0, Ordering::Relaxed);
        self.marks.store(0, Ordering::Relaxed);
    }

    /// Asks for the lines that a lookup compares with its key. Pinning is a locked instruction,
    /// behind which the loads would otherwise wait for one another.
    #[inline]
    fn prefetch(&self) {
        let start: *const u8 = std::ptr::from_ref(self).cast();
        for line in [0, 64] {
            prefetch(start.wrapping_add(line));
        }
    }

    /// Whether all the bits of `mark` are set.
    #[inline]
    pub fn is_marked(&self, mark: u8) -> bool {
        self.marks.load(Ordering::Relaxed) & mark == mark
    }

    /// Sets the bits of `mark`.
    pub fn mark(&self, mark: u8) {
        self.marks.fetch_or(mark, Ordering::Relaxed);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A borrowed pin on a live slot.
#[derive(Debug)]
pub struct Pin<'a> {
    slot: &'a Slot,
    word: &'a PinWord,
    index: u32,
}

impl<'a> Pin<'a> {
    /// The slot.
    #[inline]
    pub fn slot(&self) -> &'a Slot {
        self.slot
    }

    /// Reads the slot's meta data.
    #[inline]
    pub fn read<R>(&self, f: impl FnOnce(&Meta) -> R) -> R {
        // SAFETY: I2, this is the pin.
        unsafe { self.slot.read(f) }
    }

    /// Keeps the pin beyond this borrow: the caller gives it back with [`PinWord::unpin`], to the
    /// same word. The last of the three is the slot's number.
    pub fn leak(self) -> (&'a Slot, &'a PinWord, u32) {
        let parts = (self.slot, self.word, self.index);
        std::mem::forget(self);
        parts
    }
}

impl Drop for Pin<'_> {
    #[inline]
    fn drop(&mut self) {
        let last = self.word.unpin();
        debug_assert!(!last, "a borrowed pin lives no longer than a handle");
    }
}

/// All the slots, numbered from 0.
pub struct Slab {
    chunks: Box<[OnceLock<Chunk>]>,
    /// A power of two.
    lanes: usize,
}

/// Slots that were allocated together.
struct Chunk {
    slots: Box<[Slot]>,
    lanes: Box<[Lane]>,
}

impl Slab {
    /// Room for `capacity` slots, none of which is allocated yet, whose pins are in `lanes` lanes,
    /// rounded up to a power of two.
    #[must_use]
    pub fn new(capacity: usize, lanes: usize) -> Self {
        let chunks = capacity.div_ceil(CHUNK);
        Self {
            chunks: (0..chunks).map(|_| OnceLock::new()).collect(),
            lanes: lanes.max(1).next_power_of_two(),
        }
    }

    /// Slot `index`, if its chunk was allocated. Every slot that the table names was.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&Slot> {
        let index = index as usize;
        let chunk = self.chunks.get(index >> CHUNK_BITS)?.get()?;
        Some(&chunk.slots[index & (CHUNK - 1)])
    }

    /// The pins of slot `index`, if its chunk was allocated.
    #[inline]
    pub fn pins(&self, index: u32) -> Option<Pins<'_>> {
        let index = index as usize;
        let chunk = self.chunks.get(index >> CHUNK_BITS)?.get()?;
        Some(chunk.pins(index & (CHUNK - 1)))
    }

    /// Slot `index` and its pins, allocated now if need be. Writer only.
    ///
    /// # Panics
    /// If `index` is not below the capacity.
    pub fn get_or_allocate(&self, index: u32) -> (&Slot, Pins<'_>) {
        let index = index as usize;
        let chunk = self.chunks[index >> CHUNK_BITS].get_or_init(|| Chunk {
            slots: (0..CHUNK).map(|_| Slot::default()).collect(),
            lanes: Lane::many(self.lanes),
        });
        let at = index & (CHUNK - 1);
        (&chunk.slots[at], chunk.pins(at))
    }

    /// The pin words of every slot that was ever used, and of the rest of their chunks.
    pub fn words(&self) -> impl Iterator<Item = &PinWord> {
        let chunks = self.chunks.iter().filter_map(OnceLock::get);
        chunks.flat_map(|chunk| chunk.lanes.iter().flat_map(Lane::words))
    }

    /// Pins slot `index` if it is live, in the lane of the thread with this number.
    #[inline]
    pub fn try_pin(&self, index: u32, thread: usize) -> Option<Pin<'_>> {
        let at = index as usize & (CHUNK - 1);
        let chunk = self.chunks.get(index as usize >> CHUNK_BITS)?.get()?;
        let slot = &chunk.slots[at];
        slot.prefetch();
        let word = chunk.pins(at).word(thread & (self.lanes - 1));
        // Not `then_some`: a `Pin` that is made and dropped would give back a pin nobody took.
        word.try_pin().then(|| Pin { slot, word, index })
    }
}

impl Chunk {
    #[inline]
    fn pins(&self, at: usize) -> Pins<'_> {
        Pins::new(&self.lanes, at)
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_refused_pin_gives_nothing_back() {
        let slab = Slab::new(4, 1);
        assert!(slab.try_pin(0, 0).is_none(), "not allocated");
        let (_, pins) = slab.get_or_allocate(0);
        assert!(slab.try_pin(0, 0).is_none(), "free");
        pins.publish();
        let pin = slab.try_pin(0, 0);
        assert!(pin.is_some());
        pins.unlink();
        assert!(slab.try_pin(0, 0).is_none(), "dead");
        assert_eq!(pins.count(), 1, "the pin of the view is still there");
        assert!(!pins.try_reclaim());
        drop(pin);
        assert!(pins.try_reclaim());
    }

    #[test]
    fn a_slot_is_free_when_all_its_lanes_are() {
        let slab = Slab::new(CHUNK + 1, 3);
        let (_, pins) = slab.get_or_allocate(7);
        pins.publish();
        let held: Vec<_> = (0..8).map(|thread| slab.try_pin(7, thread)).collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!(pins.count(), 8);
        pins.unlink();
        for pin in held {
            assert!(
                (0..8).all(|thread| slab.try_pin(7, thread).is_none()),
                "dead"
            );
            assert!(!pins.try_reclaim());
            drop(pin);
        }
        assert_eq!(pins.count(), 0, "passing pins left nothing behind");
        assert!(pins.try_reclaim() && !pins.is_live());
        pins.publish();
        assert!((0..8).all(|thread| slab.try_pin(7, thread).is_some()));
        let (_, neighbours) = slab.get_or_allocate(6);
        assert_eq!((neighbours.count(), neighbours.is_live()), (0, false));
    }
}

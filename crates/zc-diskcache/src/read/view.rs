//! Finding an object, and holding on to it.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use zc_core::frozen::Source;
use zc_core::sync::atomic::Ordering;
use zc_core::{Frozen, ledger};

use crate::error::{CacheError, CacheErrorKind};
use crate::index::pin::PinWord;
use crate::index::slot::{LENT, Slot};
use crate::index::table::Probe;
use crate::prefetch::prefetch;
use crate::root::{self, Root};
use crate::shared::Shared;
use crate::stats::Count;
use crate::thread_number;
use crate::ttl;
use crate::write::writer::Leave;

/// A pinned object: its extent keeps its bytes until this is dropped, whatever becomes of the
/// object, and the file stays open, mapped and locked.
///
/// - I1: `slot` is a slot of `shared`, `word` is one of its pin words, and `self` is a pin in that
///   word, so all three are there.
pub(crate) struct Object {
    shared: NonNull<Shared>,
    slot: NonNull<Slot>,
    word: NonNull<PinWord>,
    index: u32,
    /// Byte offset of the value in the file.
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) crc: u32,
    pub(crate) seq: u64,
}

// SAFETY: I1: it is a shared reference to a `Shared`, which is `Send` and `Sync`.
unsafe impl Send for Object {}

// SAFETY: as above.
unsafe impl Sync for Object {}

impl Root {
    /// Finds and pins `key`; counts a miss, and marks the hit for the eviction policy.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Object>, CacheError> {
        let shared: &Shared = self;
        shared.check_open()?;
        shared.check_key(key)?;
        let hash = shared.hash(key);
        let thread = thread_number::get();
        let pin = |index| self.pin(index, thread, hash, key);
        let found = match shared.table.find(hash, pin) {
            Ok(found) => found,
            Err(_contended) => {
                // The writer keeps moving entries: look where nothing moves.
                let writer = shared.writer.lock();
                let index = writer.locate(shared, hash, key);
                index.and_then(|index| match pin(index) {
                    Probe::Hit(object) => Some(object),
                    Probe::Other => None,
                })
            }
        };
        let Some(object) = found.filter(|object| object.is_fresh()) else {
            shared.count(Count::Misses, 1);
            return Ok(None);
        };
        shared.marker.on_hit(object.slot());
        Ok(Some(object))
    }

    #[inline]
    fn pin(&self, index: u32, thread: usize, hash: u64, key: &[u8]) -> Probe<Object> {
        let Some(pin) = self.slots.try_pin(index, thread) else {
            return Probe::Other;
        };
        let fields = pin.read(|meta| {
            let same = meta.hash == hash && meta.key.as_bytes() == key;
            same.then_some((meta.start, meta.len, meta.crc, meta.seq))
        });
        let Some((start, len, crc, seq)) = fields else {
            return Probe::Other;
        };
        let (slot, word, index) = pin.leak();
        Probe::Hit(Object {
            shared: self.as_ptr(),
            slot: NonNull::from(slot),
            word: NonNull::from(word),
            index,
            start,
            len,
            crc,
            seq,
        })
    }
}

impl Object {
    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: I1.
        unsafe { self.shared.as_ref() }
    }

    #[inline]
    pub(crate) fn slot(&self) -> &Slot {
        // SAFETY: I1.
        unsafe { self.slot.as_ref() }
    }

    #[inline]
    fn word(&self) -> &PinWord {
        // SAFETY: I1.
        unsafe { self.word.as_ref() }
    }

    /// Whether its time has not come. If it has, the object is taken out, unless the writer is at
    /// work: then somebody else will.
    #[inline]
    fn is_fresh(&self) -> bool {
        let expires = self.slot().expires.load(Ordering::Relaxed);
        if expires == ttl::NEVER {
            return true;
        }
        let now = ttl::coarse_ms();
        if now < expires {
            return true;
        }
        if let Some(mut writer) = self.shared().writer.try_lock() {
            writer.reap(self.shared(), now);
        }
        false
    }

    /// The bytes, in the mapping.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `self` is the pin, and the slice cannot outlive it.
        unsafe { self.shared().map.slice(self.start, self.len) }
    }

    /// Notes that the kernel may keep references to the extent's pages.
    pub(crate) fn lend(&self) {
        self.slot().mark(LENT);
    }

    /// The object is damaged: counted, and out of the cache.
    pub(crate) fn discard(&self) {
        self.shared().discard(self.index, self.seq, Leave::Corrupt);
    }

    /// `range` as offset and length, checked.
    pub(crate) fn range(&self, range: &Range<u64>) -> Result<(u64, u64), CacheError> {
        if range.start <= range.end && range.end <= self.len {
            return Ok((range.start, range.end - range.start));
        }
        Err(CacheError::new(CacheErrorKind::OutOfRange)
            .detail(format!(
                "{}..{} of {} bytes",
                range.start, range.end, self.len
            ))
            .at(self.shared().file.path()))
    }

    /// The view. The object must have been verified as the policy asks.
    #[inline]
    pub(crate) fn into_view(self) -> Frozen<u8> {
        // Looked at next, most likely; what follows takes about as long as memory does.
        prefetch(self.shared().map.address(self.start));
        self.shared().zero_copy.count_view(self.len);
        ledger::delivered(self.len as usize);
        if self.len == 0 {
            return Frozen::new();
        }
        Frozen::from_source(self)
    }

    /// The view of a part, offset and length from [`range`](Self::range).
    pub(crate) fn into_part(self, offset: u64, len: u64) -> Frozen<u8> {
        self.shared().zero_copy.count_view(len);
        ledger::delivered(len as usize);
        if len == 0 {
            return Frozen::new();
        }
        Frozen::from_source(self).slice(offset as usize..(offset + len) as usize)
    }
}

impl Clone for Object {
    /// Another pin.
    fn clone(&self) -> Self {
        self.word().pin_again();
        Self { ..*self }
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        if self.word().unpin() && self.shared().orphans.leave() {
            // SAFETY: the handles are gone, and this was the last view.
            unsafe { root::free(self.shared) };
        }
    }
}

impl Source<u8> for Object {
    fn as_slice(&self) -> &[u8] {
        self.bytes()
    }

    /// Who asks may hand the span to `sendfile`, so from here on it counts as lent. Where the
    /// cache could not find out when the kernel is through with it, there is no span.
    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        if !self.shared().may_lend() {
            return None;
        }
        self.lend();
        Some((self.shared().file.as_fd(), self.start))
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("slot", &self.index)
            .field("start", &self.start)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether `key` is there and fresh. Counts nothing and marks nothing.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let now = ttl::coarse_ms();
        let thread = thread_number::get();
        let probe = |index| match self.slots.try_pin(index, thread) {
            Some(pin) if pin.read(|meta| meta.hash == hash && meta.key.as_bytes() == key) => {
                let expires = pin.slot().expires.load(Ordering::Relaxed);
                Probe::Hit(expires == ttl::NEVER || now < expires)
            }
            _ => Probe::Other,
        };
        match self.table.find(hash, probe) {
            Ok(found) => found.unwrap_or(false),
            Err(_contended) => {
                let mut writer = self.writer.lock();
                writer.reap(self, now);
                writer.locate(self, hash, key).is_some()
            }
        }
    }
}

//! [`Words`]: zero-initialised memory of 8-byte words that are loaded and stored atomically.
//!
//! # Invariants
//!
//! * **I1** The memory holds `len` words from `start` on, aligned for `u64`, at an address that does
//!   not change while the words exist.
//! * **I2** Words change only through [`Words::store`], here or in another process that maps them.
//!
//! The model checkers' atomics cannot lie over memory: there they stand beside it, and the memory
//! follows them.

use std::ptr::NonNull;

use zc_core::Region;
use zc_core::error::RegionError;
use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::edge;

/// Where the words start on a line of their own.
const ALIGN: usize = 128;

/// From how many bytes on the memory comes in pages from the system.
#[cfg(unix)]
const PAGES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Words {
    start: NonNull<u64>,
    len: usize,
    /// What the words lie in.
    _memory: Box<dyn Memory>,
    #[cfg(any(zc_loom, zc_shuttle))]
    model: Box<[AtomicU64]>,
}

/// Whatever owns the memory that words lie in, and gives it back when it is dropped.
pub(crate) trait Memory: std::fmt::Debug + Send + Sync {}

impl Memory for Region {}

// SAFETY: the memory goes with the value (I1) and is accessed atomically (I2).
unsafe impl Send for Words {}

// SAFETY: as for `Send`.
unsafe impl Sync for Words {}

impl Words {
    /// `len` words of zero.
    pub(crate) fn new(len: usize) -> Result<Self, RegionError> {
        let bytes = len.saturating_mul(8);
        // Pages of the system cost nothing until they are used.
        #[cfg(unix)]
        let region = if bytes >= PAGES {
            Region::anonymous(bytes)?
        } else {
            Region::heap(bytes, ALIGN)?
        };
        #[cfg(not(unix))]
        let region = Region::heap(bytes, ALIGN)?;
        let start = region.as_ptr().cast();
        // SAFETY: the region was made with this length and alignment, and belongs to the words now.
        Ok(unsafe { Self::over(start, len, Box::new(region)) })
    }

    /// `len` words of `memory`, from `start` on, which are zero or were stored as words.
    ///
    /// # Safety
    /// I1: `memory` holds so many words there, for as long as it is not dropped.
    pub(crate) unsafe fn over(start: NonNull<u64>, len: usize, memory: Box<dyn Memory>) -> Self {
        debug_assert!(start.is_aligned());
        Self {
            start,
            len,
            _memory: memory,
            #[cfg(any(zc_loom, zc_shuttle))]
            model: (0..len).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Where the word at `index` is, or the end of the words.
    #[inline]
    fn at(&self, index: usize) -> *mut u64 {
        debug_assert!(index <= self.len);
        self.start.as_ptr().wrapping_add(index)
    }

    #[inline]
    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.len);
        #[cfg(any(zc_loom, zc_shuttle))]
        return &self.model[index];
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        // SAFETY: I1 and the assertion; everybody accesses the word atomically, but for readers
        // through `bytes`, who promise that it does not change.
        unsafe {
            AtomicU64::from_ptr(self.at(index))
        }
    }

    /// The word at `index`. If it is of a newer row, the announcement of that row is visible.
    #[inline]
    pub(crate) fn load(&self, index: usize) -> u64 {
        self.word(index).load(edge("ring.word", Ordering::Acquire))
    }

    /// Changes the word at `index`.
    #[inline]
    pub(crate) fn store(&self, index: usize, word: u64) {
        self.word(index)
            .store(word, edge("ring.word", Ordering::Release));
        #[cfg(any(zc_loom, zc_shuttle))]
        // SAFETY: I1; the model checkers run one thread at a time.
        unsafe {
            self.at(index).write(word);
        }
    }

    /// `len` words from `start` on.
    #[inline]
    pub(crate) fn span(&self, start: usize, len: usize) -> Span<'_> {
        assert!(start <= self.len && len <= self.len - start);
        #[cfg(any(zc_loom, zc_shuttle))]
        return Span {
            words: self,
            start,
            len,
        };
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        Span {
            // SAFETY: I1 and the assertion; as for `word`.
            words: unsafe { std::slice::from_raw_parts(self.at(start).cast(), len) },
        }
    }

    /// `len` bytes from byte `offset` on.
    ///
    /// # Safety
    /// The words they lie in do not change while the slice is used.
    #[inline]
    pub(crate) unsafe fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(
            offset
                .checked_add(len)
                .is_some_and(|end| end <= self.len * 8)
        );
        let at = self.start.as_ptr().cast::<u8>().wrapping_add(offset);
        // SAFETY: I1, the assertion, and the caller's promise.
        unsafe { std::slice::from_raw_parts(at, len) }
    }
}

/// Some of the words, end to end, for those who know that nobody else changes them: the one writer,
/// and readers of what was published and is not overwritten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    #[cfg(not(any(zc_loom, zc_shuttle)))]
    words: &'a [AtomicU64],
    #[cfg(any(zc_loom, zc_shuttle))]
    words: &'a Words,
    #[cfg(any(zc_loom, zc_shuttle))]
    start: usize,
    #[cfg(any(zc_loom, zc_shuttle))]
    len: usize,
}

impl Span<'_> {
    #[inline(always)]
    fn word(&self, index: usize) -> &AtomicU64 {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        return &self.words[index];
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            assert!(index < self.len);
            self.words.word(self.start + index)
        }
    }

    /// The word at `index`.
    #[inline(always)]
    pub(crate) fn load(&self, index: usize) -> u64 {
        // Relaxed: whatever allows the access comes after the last change.
        self.word(index).load(Ordering::Relaxed)
    }

    /// Changes the word at `index`.
    #[inline(always)]
    pub(crate) fn store(&self, index: usize, word: u64) {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        self.word(index)
            .store(word, edge("ring.word", Ordering::Release));
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            assert!(index < self.len);
            self.words.store(self.start + index, word);
        }
    }

    /// `len` of the words, from `start` on.
    #[inline]
    pub(crate) fn part(&self, start: usize, len: usize) -> Self {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        return Self {
            words: &self.words[start..][..len],
        };
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            assert!(start <= self.len && len <= self.len - start);
            Self {
                start: self.start + start,
                len,
                ..*self
            }
        }
    }

    /// The first word, unless there is none, and from then on those `stride` words further.
    #[inline]
    pub(crate) fn step(&mut self, stride: usize) -> Option<u64> {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        {
            let word = self.words.first()?.load(Ordering::Relaxed);
            self.words = self.words.get(stride..).unwrap_or(&[]);
            Some(word)
        }
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            let word = (self.len > 0).then(|| self.load(0))?;
            let step = stride.min(self.len);
            self.start += step;
            self.len -= step;
            Some(word)
        }
    }

    /// Cuts the first `len` words off, unless there are fewer.
    #[inline(always)]
    pub(crate) fn cut(&mut self, len: usize) -> Option<Self> {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        {
            let (words, rest) = self.words.split_at_checked(len)?;
            self.words = rest;
            Some(Self { words })
        }
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            let first = (len <= self.len).then(|| self.part(0, len))?;
            *self = self.part(len, self.len - len);
            Some(first)
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        return self.words.len();
        #[cfg(any(zc_loom, zc_shuttle))]
        self.len
    }
}

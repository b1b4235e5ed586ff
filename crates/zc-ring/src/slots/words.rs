//! Copying rows in and out of slots through atomic words, for readers that race with the writer.
//!
//! A row of plain data is a sequence of words of its own alignment (8 bytes at most). The writer
//! stores every word with Release after it announced the range in `claim`; the reader loads every
//! word with Acquire and then looks at `claim`. If any word it loaded was of a newer row, that load
//! synchronised with the newer row's writer (edge `ring.word`) and the announcement is visible: the
//! copy is thrown away. No fence stands alone, so sanitizers see the edge.
//!
//! The model checkers' atomics cannot lie over memory. There the words of a slot are mirrored in a
//! [`Model`]: rows of one word, which is what the models use.

#[cfg(any(zc_loom, zc_shuttle))]
pub(crate) use modelled::Model;
#[cfg(not(any(zc_loom, zc_shuttle)))]
pub(crate) use over_memory::{load, store};

use std::ptr;

use super::Slots;

impl<T> Slots<T> {
    /// Writes `row` into the slot of `sequence`.
    ///
    /// # Safety
    /// `T` is plain data without padding; the caller is the writer, its licence covers `sequence`,
    /// and `claim` has announced it (W2).
    pub(crate) unsafe fn store(&self, sequence: u64, row: &T) {
        self.shadow.write(sequence as usize & self.mask);
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        // SAFETY: the slot is a `T` (I1) that all others touch by the same words (I4); the rest is
        // the caller's promise.
        unsafe {
            store(ptr::from_ref(row), self.at(sequence).as_ptr());
        }
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            // SAFETY: the slot is the writer's (I2), and the model checkers run one thread at a
            // time.
            unsafe {
                self.at(sequence)
                    .as_ptr()
                    .copy_from_nonoverlapping(ptr::from_ref(row), 1)
            };
            self.mirror(sequence, 1);
        }
    }

    /// Copies the slot of `sequence` to `row`, which may come out torn: use it only once `claim`
    /// has been seen not to cover the slot.
    ///
    /// # Safety
    /// `T` is plain data, so that any mixture of rows is a valid value. `sequence` was published,
    /// and is not older than the first row of a reader that joined as one who copies (G4). `row`
    /// is valid for a write.
    pub(crate) unsafe fn load(&self, sequence: u64, row: *mut T) {
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        // SAFETY: as in `store`, with the roles exchanged.
        unsafe {
            load(self.at(sequence).as_ptr(), row);
        }
        #[cfg(any(zc_loom, zc_shuttle))]
        {
            let word = self.model.load(sequence as usize & self.mask);
            assert_eq!(size_of::<T>(), 8, "models use rows of one word");
            // SAFETY: eight bytes, valid for a write by the caller's promise.
            unsafe { row.cast::<u64>().write_unaligned(word) };
        }
    }

    /// Tells the model checker what rows that were written plainly hold.
    #[inline(always)]
    pub(crate) fn mirror(&self, first: u64, rows: usize) {
        #[cfg(any(zc_loom, zc_shuttle))]
        for sequence in (0..rows as u64).map(|row| first.wrapping_add(row)) {
            if size_of::<T>() == 8 {
                // SAFETY: the writer calls this for a row that it has just written (I2).
                let word = unsafe { self.at(sequence).as_ptr().cast::<u64>().read_unaligned() };
                self.model.store(sequence as usize & self.mask, word);
            }
        }
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        let _ = (first, rows);
    }
}

#[cfg(not(any(zc_loom, zc_shuttle)))]
mod over_memory {
    use zc_core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
    use zc_core::sync::edge;

    /// Copies `*row` to `*slot` by words of the row's alignment.
    ///
    /// # Safety
    /// `T` has no padding; `row` is valid for a read; `slot` is valid for writes, and while this
    /// runs everybody else touches it by [`load`] only.
    #[inline]
    pub(crate) unsafe fn store<T>(row: *const T, slot: *mut T) {
        let bytes = size_of::<T>();
        let (from, to) = (row.cast::<u8>(), slot.cast::<u8>());
        match align_of::<T>() {
            // SAFETY: the caller's promise; words of this size are aligned because `T` is.
            1 => unsafe { store_words::<u8>(from, to, bytes) },
            // SAFETY: as above.
            2 => unsafe { store_words::<u16>(from.cast(), to.cast(), bytes / 2) },
            // SAFETY: as above.
            4 => unsafe { store_words::<u32>(from.cast(), to.cast(), bytes / 4) },
            // SAFETY: as above; more than 8 is a multiple of 8.
            _ => unsafe { store_words::<u64>(from.cast(), to.cast(), bytes / 8) },
        }
    }

    /// Copies `*slot` to `*row` by words of the row's alignment, possibly torn.
    ///
    /// # Safety
    /// As for [`store`], with the roles exchanged.
    #[inline]
    pub(crate) unsafe fn load<T>(slot: *mut T, row: *mut T) {
        let bytes = size_of::<T>();
        let (from, to) = (slot.cast::<u8>(), row.cast::<u8>());
        match align_of::<T>() {
            // SAFETY: the caller's promise; words of this size are aligned because `T` is.
            1 => unsafe { load_words::<u8>(from, to, bytes) },
            // SAFETY: as above.
            2 => unsafe { load_words::<u16>(from.cast(), to.cast(), bytes / 2) },
            // SAFETY: as above.
            4 => unsafe { load_words::<u32>(from.cast(), to.cast(), bytes / 4) },
            // SAFETY: as above; more than 8 is a multiple of 8.
            _ => unsafe { load_words::<u64>(from.cast(), to.cast(), bytes / 8) },
        }
    }

    #[inline]
    unsafe fn store_words<W: Word>(source: *const W, target: *mut W, words: usize) {
        for index in 0..words {
            let (source, target) = (source.wrapping_add(index), target.wrapping_add(index));
            // SAFETY: initialised, for a row has no padding.
            let word = unsafe { source.read() };
            // SAFETY: valid and only accessed atomically, by the caller's promise.
            unsafe { W::store(target, word) };
        }
    }

    #[inline]
    unsafe fn load_words<W: Word>(source: *mut W, target: *mut W, words: usize) {
        for index in 0..words {
            let (source, target) = (source.wrapping_add(index), target.wrapping_add(index));
            // SAFETY: valid and only accessed atomically, by the caller's promise.
            let word = unsafe { W::load(source) };
            // SAFETY: valid for writes, by the caller's promise.
            unsafe { target.write(word) };
        }
    }

    /// An integer that can be loaded and stored whole.
    trait Word: Copy {
        /// # Safety
        /// `at` is valid, aligned, and accessed only atomically by others meanwhile.
        unsafe fn store(at: *mut Self, word: Self);
        /// # Safety
        /// As for `store`.
        unsafe fn load(at: *mut Self) -> Self;
    }

    macro_rules! word {
        ($($word:ty, $atomic:ty);*) => {$(
            impl Word for $word {
                #[inline(always)]
                unsafe fn store(at: *mut Self, word: Self) {
                    // SAFETY: the caller's promise.
                    let at = unsafe { <$atomic>::from_ptr(at) };
                    at.store(word, edge("ring.word", Ordering::Release));
                }
                #[inline(always)]
                unsafe fn load(at: *mut Self) -> Self {
                    // SAFETY: the caller's promise.
                    let at = unsafe { <$atomic>::from_ptr(at) };
                    at.load(edge("ring.word", Ordering::Acquire))
                }
            }
        )*};
    }
    word!(u8, AtomicU8; u16, AtomicU16; u32, AtomicU32; u64, AtomicU64);
}

#[cfg(any(zc_loom, zc_shuttle))]
mod modelled {
    use zc_core::sync::atomic::{AtomicU64, Ordering};
    use zc_core::sync::edge;

    /// One atomic word for each slot, where a model checker watches.
    #[derive(Debug)]
    pub(crate) struct Model(Box<[AtomicU64]>);

    impl Model {
        pub(crate) fn new(slots: usize) -> Self {
            Self((0..slots).map(|_| AtomicU64::new(0)).collect())
        }

        pub(crate) fn store(&self, slot: usize, word: u64) {
            self.0[slot].store(word, edge("ring.word", Ordering::Release));
        }

        pub(crate) fn load(&self, slot: usize) -> u64 {
            self.0[slot].load(edge("ring.word", Ordering::Acquire))
        }
    }
}

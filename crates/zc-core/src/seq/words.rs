//! A value in shared memory that is copied in and out word by word, each word an atomic.
//!
//! A copy that runs while another thread writes may mix old and new words, but it is never a data
//! race: what it is worth is for its user to find out. A word that is loaded (Acquire) brings with
//! it what its writer did before storing it (Release): the edge `core.seq_word`.
//!
//! # Invariants
//!
//! * **I1** After construction the bytes are accessed only as atomics, always in the same sizes:
//!   whole 8-byte words from the start, then single bytes. (Two words may be loaded by one
//!   instruction, see `pair`.)
//! * **I2** `T` has no padding (`IntoBytes`) and every pattern of its bytes is a value
//!   (`FromBytes`), so any mixture of words is a `T` (only the
//!   one that is in order is ever given out).

use zerocopy::{FromBytes, IntoBytes};

use crate::sync::atomic::Ordering;
use crate::sync::edge;

const WORD: usize = 8;

fn load_order() -> Ordering {
    edge("core.seq_word", Ordering::Acquire)
}

fn store_order() -> Ordering {
    edge("core.seq_word", Ordering::Release)
}

pub(super) use imp::Words;

#[cfg(not(any(zc_loom, zc_shuttle)))]
mod imp {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::sync::atomic::{AtomicU8, AtomicU64};
    use crate::sync::cell::UnsafeCell;

    /// Aligned so that it can be accessed by words.
    #[repr(C, align(8))]
    pub(in crate::seq) struct Words<T>(UnsafeCell<T>);

    // SAFETY: I1: shared access is by atomics only. The bytes of a `T` may be read and written on
    // any thread where `T: Send`.
    unsafe impl<T: Send> Sync for Words<T> {}

    impl<T: IntoBytes + FromBytes> Words<T> {
        pub(in crate::seq) fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        fn bytes(&self) -> *mut u8 {
            self.0.with_mut(|value| value.cast())
        }

        /// # Safety
        /// `(index + 1) * 8 <= size_of::<T>()`.
        unsafe fn word(&self, index: usize) -> &AtomicU64 {
            // SAFETY: in bounds, as promised.
            let at = unsafe { self.bytes().add(index * WORD) };
            // SAFETY: aligned by `repr(align)`, initialised, and accessed in this way only (I1).
            unsafe { AtomicU64::from_ptr(at.cast()) }
        }

        /// # Safety
        /// `index < size_of::<T>()`, and the byte is past the last whole word.
        unsafe fn byte(&self, index: usize) -> &AtomicU8 {
            // SAFETY: in bounds, as promised.
            let at = unsafe { self.bytes().add(index) };
            // SAFETY: initialised, and accessed in this way only (I1).
            unsafe { AtomicU8::from_ptr(at) }
        }

        #[inline]
        pub(in crate::seq) fn load(&self) -> T {
            let mut copy = MaybeUninit::<T>::uninit();
            let to = copy.as_mut_ptr().cast::<u8>();
            let words = size_of::<T>() / WORD;
            let paired = if pair::IS_THERE { words / 2 * 2 } else { 0 };
            for i in (0..paired).step_by(2) {
                // SAFETY: `i` and the next are below the number of whole words.
                let word = unsafe { self.word(i) };
                // SAFETY: as above, of the copy.
                let to = unsafe { to.add(i * WORD) };
                // SAFETY: two words are there at either end.
                unsafe { pair::copy(word.as_ptr(), to) };
            }
            for i in paired..words {
                // SAFETY: `i` is below the number of whole words.
                let word = unsafe { self.word(i) }.load(load_order());
                // SAFETY: as above, of the copy.
                let to = unsafe { to.add(i * WORD) };
                // SAFETY: inside of the copy, which need not be aligned for words.
                unsafe { to.cast::<u64>().write_unaligned(word) };
            }
            for i in words * WORD..size_of::<T>() {
                // SAFETY: past the whole words, inside of the value.
                let byte = unsafe { self.byte(i) }.load(load_order());
                // SAFETY: as above, of the copy.
                let to = unsafe { to.add(i) };
                // SAFETY: inside of the copy.
                unsafe { to.write(byte) };
            }
            // SAFETY: every byte has been written, and every pattern of them is a `T` (I2).
            unsafe { copy.assume_init() }
        }

        #[inline]
        pub(in crate::seq) fn store(&self, mut value: T) {
            let (words, rest) = value.as_mut_bytes().as_chunks::<WORD>();
            for (i, word) in words.iter().enumerate() {
                // SAFETY: `i` is below the number of whole words.
                unsafe { self.word(i) }.store(u64::from_ne_bytes(*word), store_order());
            }
            for (i, byte) in rest.iter().enumerate() {
                // SAFETY: past the whole words, inside of the value.
                unsafe { self.byte(words.len() * WORD + i) }.store(*byte, store_order());
            }
        }
    }
}

/// Two words by one instruction: half as many loads, and stores into the copy.
///
/// To the language this is two `Acquire` loads in a row, of which nobody is told that they happened
/// at once. x86-64 loads each aligned half of a vector without tearing, and in the order of the program, which is
/// what `Acquire` asks for; and a block of assembler that may touch any memory is not moved across by the compiler.
/// What checks memory accesses does not see into it, and is given word by word instead.
#[cfg(all(
    target_arch = "x86_64",
    not(any(miri, zc_asan, zc_tsan, zc_seeded, zc_loom, zc_shuttle))
))]
mod pair {
    use std::arch::asm;
    use std::arch::x86_64::{__m128i, _mm_storeu_si128};

    pub(super) const IS_THERE: bool = true;

    /// # Safety
    /// `from` is valid for atomic loads of two words, `to` for writes of them.
    #[inline(always)]
    pub(super) unsafe fn copy(from: *const u64, to: *mut u8) {
        let pair: __m128i;
        // SAFETY: a load of the 16 bytes that the caller vouches for.
        unsafe {
            asm!(
                "movups {pair}, xmmword ptr [{from}]",
                from = in(reg) from,
                pair = lateout(xmm_reg) pair,
                options(nostack, preserves_flags),
            );
        }
        // SAFETY: as promised; any alignment will do.
        unsafe { _mm_storeu_si128(to.cast(), pair) };
    }
}

#[cfg(all(
    any(not(target_arch = "x86_64"), miri, zc_asan, zc_tsan, zc_seeded),
    not(any(zc_loom, zc_shuttle))
))]
mod pair {
    pub(super) const IS_THERE: bool = false;

    /// # Safety
    /// Never called.
    pub(super) unsafe fn copy(_: *const u64, _: *mut u8) {
        unreachable!("words are not paired here");
    }
}

#[cfg(any(zc_loom, zc_shuttle))]
mod imp {
    use super::*;
    use crate::sync::atomic::AtomicU64;
    use std::marker::PhantomData;
    use std::mem::size_of;

    /// The checkers' atomics cannot be laid over memory: one of them for each word.
    pub(in crate::seq) struct Words<T>(Box<[AtomicU64]>, PhantomData<T>);

    impl<T: IntoBytes + FromBytes> Words<T> {
        pub(in crate::seq) fn new(value: T) -> Self {
            let words = (0..size_of::<T>().div_ceil(WORD)).map(|_| AtomicU64::new(0));
            let this = Self(words.collect(), PhantomData);
            this.store(value);
            this
        }

        pub(in crate::seq) fn load(&self) -> T {
            let words = self
                .0
                .iter()
                .map(|word| word.load(load_order()).to_ne_bytes());
            let bytes = words.flatten().take(size_of::<T>()).collect::<Vec<_>>();
            T::read_from_bytes(&bytes).expect("as many bytes as the type has")
        }

        pub(in crate::seq) fn store(&self, mut value: T) {
            for (to, from) in self.0.iter().zip(value.as_mut_bytes().chunks(WORD)) {
                let mut word = [0; WORD];
                word[..from.len()].copy_from_slice(from);
                to.store(u64::from_ne_bytes(word), store_order());
            }
        }
    }
}

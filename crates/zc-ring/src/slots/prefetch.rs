//! Asking the processor for a row.

use super::Slots;

/// A line of the processor's cache.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const LINE: usize = 64;

/// Most lines of one row that are asked for.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const LINES: usize = 4;

impl<T> Slots<T> {
    /// Asks for the row of `sequence`. Reads nothing: neither does it matter what the slot holds, nor who
    /// writes to it meanwhile.
    #[inline]
    pub(crate) fn prefetch(&self, sequence: u64) {
        let _slot = self.peek(sequence);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        for line in (0..size_of::<T>()).step_by(LINE).take(LINES) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let line = _slot.cast::<i8>().wrapping_add(line);
            // SAFETY: the instruction faults on no address, and changes nothing that a program can
            // see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
    }
}

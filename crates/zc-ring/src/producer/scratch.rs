//! [`Scratch`]: where rows are filled while validated copiers may be looking at their slots.
//!
//! A reader that copies loads a slot's words at any moment, so no `&mut T` to the slot may exist
//! then. The rows are filled here and stored into their slots word by word.
//!
//! # Invariants
//!
//! * **I1** Used only while the writer's licence is `shared`, which takes a listed consumer that
//!   copies, which takes rows of plain data: [`Copies::new`](crate::consumer::Copies::new).

use std::mem::MaybeUninit;
use std::ptr;

use zc_core::ledger;

use crate::slots::Slots;

/// A buffer for the rows of one batch.
pub(super) struct Scratch<T> {
    rows: Vec<MaybeUninit<T>>,
}

impl<T> Scratch<T> {
    pub(super) const fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Has `fill` fill the slots of `rows` rows from `first` on.
    ///
    /// # Safety
    /// The caller is the writer of these rows: its licence covers them and is shared (I1), and they
    /// have been announced.
    pub(super) unsafe fn fill(
        &mut self,
        slots: &Slots<T>,
        first: u64,
        rows: usize,
        fill: impl FnOnce(&mut [T]),
    ) {
        self.rows.clear();
        self.rows.reserve_exact(rows);
        let buffer: *mut T = self.rows.as_mut_ptr().cast();
        for index in 0..rows {
            let slot = slots.peek(first.wrapping_add(index as u64));
            // SAFETY: within the capacity just reserved.
            let row = unsafe { buffer.add(index) };
            // SAFETY: both are valid and aligned, and distinct. Nobody writes the slot: the
            // licence is this writer's. Copying the bytes of plain data makes a `T` (I1).
            unsafe { ptr::copy_nonoverlapping(slot, row, 1) };
        }
        // SAFETY: `rows` values have just been written there.
        let staged = unsafe { std::slice::from_raw_parts_mut(buffer, rows) };
        fill(staged);
        for (index, row) in staged.iter().enumerate() {
            // SAFETY: plain data (I1), and the caller's promise.
            unsafe { slots.store(first.wrapping_add(index as u64), row) };
        }
        ledger::copied("ring.publish_shared", rows * size_of::<T>());
    }
}

//! [`Copies`]: rows that a consumer has copied out of the ring and validated.
//!
//! # Invariants
//!
//! * **I1** `T` is plain data: any bytes are a valid `T`, and dropping one does nothing that
//!   matters. Promised at construction.
//! * **I2** `rows[..len]` are initialised; of these, those at or after `sound` are whole rows
//!   `at + index`.

use std::mem::MaybeUninit;

use zc_core::ledger;

use crate::sequencer::Sequencer;
use crate::slots::Slots;

/// How many rows are copied at a time.
const CHUNK: usize = 1024;

/// A consumer's own copies of the rows it reads next.
pub(crate) struct Copies<T> {
    rows: Box<[MaybeUninit<T>]>,
    at: u64,
    len: usize,
    sound: usize,
}

impl<T> Copies<T> {
    /// Room for copies of a ring of `capacity` rows.
    ///
    /// # Safety
    /// `T` is plain data (I1): it implements zerocopy's `FromBytes`, `IntoBytes` and `Immutable`.
    pub(crate) unsafe fn new(capacity: usize) -> Self {
        Self {
            rows: Box::new_uninit_slice(capacity.min(CHUNK)),
            at: 0,
            len: 0,
            sound: 0,
        }
    }

    /// How many whole rows are here from `sequence` on.
    pub(crate) fn held(&self, sequence: u64) -> usize {
        let index = sequence.wrapping_sub(self.at);
        if index >= self.sound as u64 && index < self.len as u64 {
            self.len - index as usize
        } else {
            0
        }
    }

    /// Copies up to `rows` published rows from `first` on. `Err`: the first so many of them were
    /// overwritten meanwhile; those behind may be held all the same.
    pub(crate) fn fill(
        &mut self,
        sequencer: &Sequencer,
        slots: &Slots<T>,
        first: u64,
        rows: usize,
    ) -> Result<(), u64> {
        self.len = 0;
        let missed = overwritten(sequencer, first);
        if missed > 0 {
            return Err(missed);
        }
        let rows = rows.min(self.rows.len());
        for (index, row) in self.rows[..rows].iter_mut().enumerate() {
            // SAFETY: I1; the rows are published, and `first` is not older than this consumer.
            unsafe { slots.load(first.wrapping_add(index as u64), row.as_mut_ptr()) };
        }
        ledger::copied("ring.validated_copy", rows * size_of::<T>());
        let missed = overwritten(sequencer, first);
        self.at = first;
        self.len = rows;
        self.sound = usize::try_from(missed).unwrap_or(usize::MAX).min(rows);
        if missed > 0 { Err(missed) } else { Ok(()) }
    }

    /// `rows` held rows from `sequence` on.
    pub(crate) fn rows(&self, sequence: u64, rows: usize) -> &[T] {
        assert!(rows <= self.held(sequence));
        let index = sequence.wrapping_sub(self.at) as usize;
        let held = &self.rows[index..index + rows];
        // SAFETY: I2, and `MaybeUninit<T>` is laid out as `T`.
        unsafe { &*(std::ptr::from_ref(held) as *const [T]) }
    }
}

/// How many rows from `first` on may have been overwritten.
fn overwritten(sequencer: &Sequencer, first: u64) -> u64 {
    // Signed: `claim` stands still, possibly behind `first`, while nobody copies.
    let ahead = sequencer.claim().wrapping_sub(first) as i64;
    (ahead - sequencer.capacity as i64).max(0) as u64
}

impl<T> std::fmt::Debug for Copies<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copies")
            .field("at", &self.at)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

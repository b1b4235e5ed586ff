//! [`Slots`]: the rows of a [`Ring`](crate::Ring), one contiguous block, each always initialised.
//!
//! # Invariants
//!
//! * **I1** `base` points at `capacity` values of `T` inside `region`, initialised from
//!   construction to drop, aligned for `T`, at an address that never changes.
//! * **I2** A `&mut T` to a slot exists only in the writer's hands, for a sequence in its licence,
//!   for the length of one closure call, before `head` passes it (W1).
//! * **I3** A `&T` to a slot exists only in a batch of a consumer that reads in place, whose cursor
//!   has not passed it (R1), so that no licence covers it.
//! * **I4** Validated copiers touch slots through atomic words only, and then so do writers (W2);
//!   this happens for plain data alone.
//! * **I5** `Slots<T>` is invariant in `T`: what a producer of `&'short str` writes is not read by a
//!   consumer of `&'static str`.
//!
//! ```compile_fail
//! use zc_ring::{ConsumerOptions, Ring};
//!
//! let ring = Ring::<&'static str>::builder(1).build().unwrap();
//! let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
//! {
//!     let short = String::from("gone soon");
//!     let ring: &Ring<&str> = &ring;
//!     ring.producer().unwrap().publish(|slot| *slot = &short);
//! }
//! let dangling: &'static str = consumer.poll(1).rows().unwrap()[0];
//! ```

mod prefetch;
pub(crate) mod words;

use std::fmt;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::NonNull;

use zc_core::Region;
use zc_core::sync::cell::Shadow;

use crate::error::BuildError;

/// Where the slots start on a line of their own, for the processor's pair of lines.
const ALIGN: usize = 128;

/// A block of slots.
pub(crate) struct Slots<T> {
    base: NonNull<T>,
    mask: usize,
    shadow: Shadow,
    #[cfg(any(zc_loom, zc_shuttle))]
    model: words::Model,
    _region: Region,
    _rows: PhantomData<fn(T) -> T>,
}

// SAFETY: the slots own their `T`s; moving the block moves them, which `T: Send` allows. I1.
unsafe impl<T: Send> Send for Slots<T> {}

// SAFETY: the block hands out nothing by itself: all access is by `unsafe` calls under I2 to I4,
// and the handles that make them are `Send` and `Sync` only as far as `T` is.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T: Default> Slots<T> {
    /// `capacity` slots of `T::default()`, in `region` where one is given.
    pub(crate) fn new(capacity: usize, region: Option<Region>) -> Result<Self, BuildError> {
        let Some(needed) = capacity.checked_mul(size_of::<T>()) else {
            return Err(BuildError::Capacity { capacity });
        };
        let region = match region {
            Some(region) => region,
            None => Region::heap(needed, align_of::<T>().max(ALIGN))?,
        };
        if region.len() < needed {
            let len = region.len();
            return Err(BuildError::RegionTooSmall { len, needed });
        }
        let base = region.as_ptr().cast::<T>();
        if !base.is_aligned() {
            let align = align_of::<T>();
            return Err(BuildError::RegionMisaligned { align });
        }
        let mut filled = Filled { base, len: 0 };
        while filled.len < capacity {
            let value = T::default();
            // SAFETY: inside the region (checked above).
            let slot = unsafe { base.add(filled.len) };
            // SAFETY: aligned (checked above), and nobody else has the region.
            unsafe { slot.write(value) };
            filled.len += 1;
        }
        std::mem::forget(filled);
        Ok(Self {
            base,
            mask: capacity - 1,
            shadow: Shadow::new(capacity),
            #[cfg(any(zc_loom, zc_shuttle))]
            model: words::Model::new(capacity),
            _region: region,
            _rows: PhantomData,
        })
    }
}

impl<T> Slots<T> {
    fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// The slot of `sequence`.
    #[inline]
    fn at(&self, sequence: u64) -> NonNull<T> {
        // SAFETY: the mask keeps the index below the capacity (I1).
        unsafe { self.base.add(sequence as usize & self.mask) }
    }

    /// The slots of `first .. first + rows` as two stretches, the second empty unless the range
    /// goes past the end of the block.
    #[inline]
    fn stretches(&self, first: u64, rows: usize) -> [(NonNull<T>, usize); 2] {
        debug_assert!(rows <= self.capacity());
        let index = first as usize & self.mask;
        let before_end = rows.min(self.capacity() - index);
        [(self.at(first), before_end), (self.base, rows - before_end)]
    }

    /// The slot of `sequence`, which the writer may read while it holds a licence for it.
    pub(crate) fn peek(&self, sequence: u64) -> *const T {
        self.at(sequence).as_ptr()
    }

    /// The slots of `first .. first + rows`, to be written.
    ///
    /// # Safety
    /// The caller is the writer, and its licence covers the rows (I2); nobody copies from them
    /// (the licence was not `shared`).
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "exclusive by the licence, not by a borrow"
    )]
    pub(crate) unsafe fn write(&self, first: u64, rows: usize) -> [&mut [T]; 2] {
        (0..rows).for_each(|row| {
            self.shadow
                .write((first as usize).wrapping_add(row) & self.mask)
        });
        self.stretches(first, rows)
            // SAFETY: I1, and I2 by the caller's promise; the two stretches do not overlap.
            .map(|(at, len)| unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), len) })
    }

    /// As [`write`](Self::write), for one row.
    ///
    /// # Safety
    /// As for `write`.
    #[inline(always)]
    #[expect(
        clippy::mut_from_ref,
        reason = "exclusive by the licence, not by a borrow"
    )]
    pub(crate) unsafe fn write_one(&self, sequence: u64) -> &mut T {
        self.shadow.write(sequence as usize & self.mask);
        let mut slot = self.at(sequence);
        // SAFETY: I1, and I2 by the caller's promise.
        unsafe { slot.as_mut() }
    }

    /// The slots of `first .. first + rows`, to be read in place.
    ///
    /// # Safety
    /// The rows are published, and the caller's cursor holds the producer back from them for as
    /// long as the slices are used (I3).
    #[inline]
    pub(crate) unsafe fn read(&self, first: u64, rows: usize) -> [&[T]; 2] {
        (0..rows).for_each(|row| {
            self.shadow
                .read((first as usize).wrapping_add(row) & self.mask)
        });
        self.stretches(first, rows)
            // SAFETY: I1, and I3 by the caller's promise.
            .map(|(at, len)| unsafe { std::slice::from_raw_parts(at.as_ptr(), len) })
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        drop(Filled {
            base: self.base,
            len: self.capacity(),
        });
    }
}

/// Drops the first `len` values: all of them in the end, those that exist if `T::default` panics.
struct Filled<T> {
    base: NonNull<T>,
    len: usize,
}

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        let all = NonNull::slice_from_raw_parts(self.base, self.len);
        // SAFETY: I1: initialised, and dropped here only. The region outlives this call.
        unsafe { all.drop_in_place() };
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

//! Memory from the global allocator.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use crate::error::RegionError;

/// `len` zeroed bytes at a multiple of `align`; a dangling pointer with that alignment for 0.
pub(super) fn allocate(len: usize, align: usize) -> Result<NonNull<u8>, RegionError> {
    let layout =
        Layout::from_size_align(len, align).map_err(|_| RegionError::Layout { len, align })?;
    if len == 0 {
        // `from_size_align` has checked that `align` is a power of two, so not zero.
        return Ok(NonNull::without_provenance(
            NonZeroUsize::new(align).unwrap_or(NonZeroUsize::MIN),
        ));
    }
    // SAFETY: the layout has a size other than zero.
    let ptr = unsafe { alloc_zeroed(layout) };
    NonNull::new(ptr).ok_or(RegionError::OutOfMemory { len })
}

/// # Safety
/// `ptr` came from [`allocate`] with the same `len` and `align` and is not used again.
pub(super) unsafe fn free(ptr: NonNull<u8>, len: usize, align: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: `allocate` has checked this very layout.
    let layout = unsafe { Layout::from_size_align_unchecked(len, align) };
    // SAFETY: the caller's promise.
    unsafe { dealloc(ptr.as_ptr(), layout) };
}

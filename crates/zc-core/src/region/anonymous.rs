//! Pages from the system, private to this process.

use std::io;
use std::ptr::{self, NonNull};

use crate::error::RegionError;

/// Maps `len` zeroed bytes, readable and writable.
pub(super) fn map(len: usize) -> Result<NonNull<u8>, RegionError> {
    if len == 0 || isize::try_from(len).is_err() {
        return Err(RegionError::Layout { len, align: 1 });
    }
    // SAFETY: asks for fresh pages at an address of the system's choice; touches no existing one.
    let ptr = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if ptr == libc::MAP_FAILED {
        let source = io::Error::last_os_error();
        return Err(RegionError::Map { len, source });
    }
    // The system never maps page zero without being asked for it.
    NonNull::new(ptr.cast()).ok_or(RegionError::OutOfMemory { len })
}

/// # Safety
/// `ptr` came from [`map`] with the same `len` and is not used again.
pub(super) unsafe fn unmap(ptr: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::munmap(ptr.as_ptr().cast(), len) };
    debug_assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
}

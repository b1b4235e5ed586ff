//! Pages of the address space, given back when their owner goes. The one file that maps and unmaps.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use crate::error::RegionError;

/// A mapping of this process.
///
/// # Invariants
///
/// * **I1** The `len` bytes at `ptr`, rounded up to whole pages, are mapped, belong to this value
///   alone, and stay where they are until it is dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    ptr: NonNull<u8>,
    len: usize,
}

// SAFETY: I1: an address range, which any thread may use or give back.
unsafe impl Send for Mapping {}

// SAFETY: as above; a shared `Mapping` only tells where it is.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes at an address of the system's choice: of `file` from a position that is a
    /// multiple of the page size, or fresh zeroes.
    pub(super) fn new(
        len: usize,
        protection: i32,
        flags: i32,
        file: Option<(BorrowedFd<'_>, u64)>,
    ) -> Result<Self, RegionError> {
        if len == 0 || isize::try_from(len).is_err() {
            return Err(RegionError::Layout { len, align: 1 });
        }
        let (fd, position) = match file {
            Some((fd, position)) => (fd.as_raw_fd(), position),
            None => (-1, 0),
        };
        let too_far = |_| RegionError::Map {
            len,
            source: io::ErrorKind::InvalidInput.into(),
        };
        let position = libc::off_t::try_from(position).map_err(too_far)?;
        // SAFETY: no fixed address is asked for, so no existing mapping is touched.
        let ptr = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, fd, position) };
        if ptr == libc::MAP_FAILED {
            let source = io::Error::last_os_error();
            return Err(RegionError::Map { len, source });
        }
        // The system never maps page zero without being asked for it.
        let ptr = NonNull::new(ptr.cast()).ok_or(RegionError::OutOfMemory { len })?;
        Ok(Self { ptr, len })
    }

    /// Private zeroes at a multiple of `align`, which is a power of two and at least a page.
    pub(super) fn anonymous(len: usize, align: usize, flags: i32) -> Result<Self, RegionError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        if align <= page_size() {
            return Self::new(len, protection, flags, None);
        }
        // More than needed, of which what stands over on either side goes back.
        let layout = RegionError::Layout { len, align };
        let whole = len.checked_next_multiple_of(page_size());
        let Some(wanted) = whole.and_then(|len| len.checked_add(align)) else {
            return Err(layout);
        };
        let (ptr, mapped) = Self::new(wanted, protection, flags, None)?.into_raw();
        let before = ptr.addr().get().next_multiple_of(align) - ptr.addr().get();
        let keep = wanted - align;
        // SAFETY: `before` is below `align`, so inside of the mapping.
        let aligned = unsafe { ptr.add(before) };
        // SAFETY: as above: `before + keep` is at most `wanted`.
        let end = unsafe { aligned.add(keep) };
        for (part, len) in [(ptr, before), (end, mapped - before - keep)] {
            if len > 0 {
                // SAFETY: whole pages of the mapping that nobody uses and that are not kept.
                unsafe { unmap(part, len) };
            }
        }
        Ok(Self { ptr: aligned, len })
    }

    pub(super) fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn into_raw(self) -> (NonNull<u8>, usize) {
        let this = std::mem::ManuallyDrop::new(self);
        (this.ptr, this.len)
    }

    /// # Safety
    /// Both came from [`into_raw`](Self::into_raw), and are used for this once.
    pub(super) unsafe fn from_raw(ptr: NonNull<u8>, len: usize) -> Self {
        Self { ptr, len }
    }

    /// Tells the system how the pages will be used.
    pub(super) fn advise(&self, advice: i32) -> io::Result<()> {
        // SAFETY: I1. The advices that are given here change no contents.
        let result = unsafe { libc::madvise(self.ptr.as_ptr().cast(), self.len, advice) };
        ok(result)
    }

    /// Makes the first `len` bytes readable and writable.
    pub(super) fn open(&self, len: usize) -> io::Result<()> {
        debug_assert!(len <= self.len);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: I1: inside of the mapping.
        let result = unsafe { libc::mprotect(self.ptr.as_ptr().cast(), len, protection) };
        ok(result)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: I1.
        unsafe { unmap(self.ptr, self.len) };
    }
}

/// # Safety
/// The pages are mapped, and nobody uses them again.
unsafe fn unmap(ptr: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::munmap(ptr.as_ptr().cast(), len) };
    debug_assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
}

fn ok(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: asks for a number.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}

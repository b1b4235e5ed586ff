//! [`Mapping`]: a file's pages, shared with every process that maps it; and [`Cells`], its words.
//!
//! # Invariants
//!
//! * **I1** `start` is a mapping of `len` bytes until the value is dropped. Whether the *file* keeps
//!   its length is up to those who can write to it: if it is truncated, an access is a signal
//!   (SIGBUS), not undefined behaviour.
//! * **I2** Words of the control area are accessed as atomics only, by every process.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use zc_core::sync::atomic::AtomicU64;
use zc_core::sync::{Arc, unmodelled};

use crate::rows::{Memory, Words};

/// A shared mapping of a whole file.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory, accessed atomically (I2, and the invariants of `Words`).
unsafe impl Send for Mapping {}

// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}

#[derive(Debug)]
struct Mapped(#[expect(dead_code, reason = "it holds the mapping")] Arc<Mapping>);

impl Memory for Mapped {}

impl Mapping {
    /// Maps `len` bytes of `file`, to be written to if `writable`.
    pub(crate) fn new(file: &File, len: usize, writable: bool) -> io::Result<Self> {
        Self::map(file.as_raw_fd(), libc::MAP_SHARED, len, writable)
    }

    /// Memory without a file: what models run in, which have one process anyway.
    #[cfg(any(zc_loom, zc_shuttle))]
    pub(crate) fn anonymous(len: usize) -> io::Result<Self> {
        Self::map(-1, libc::MAP_SHARED | libc::MAP_ANONYMOUS, len, true)
    }

    fn map(fd: i32, flags: i32, len: usize, writable: bool) -> io::Result<Self> {
        let access = if writable {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        };
        // SAFETY: a new mapping at an address of the system's choice touches no memory of ours.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrInUse)?;
        Ok(Self { start, len })
    }

    /// `len` words from byte `offset` on.
    ///
    /// # Panics
    /// If they do not lie within the mapping.
    pub(crate) fn words(mapping: &Arc<Self>, offset: usize, len: usize) -> Words {
        let start = mapping.at(offset, len);
        // SAFETY: `at` has checked it (I1); rows are accessed as `Words` by every process.
        unsafe { Words::over(start, len, Box::new(Mapped(Arc::clone(mapping)))) }
    }

    fn at(&self, offset: usize, len: usize) -> NonNull<u64> {
        let end = len.checked_mul(8).and_then(|len| len.checked_add(offset));
        assert!(offset.is_multiple_of(8) && end.is_some_and(|end| end <= self.len));
        // SAFETY: within the mapping, by the assertion.
        unsafe { self.start.add(offset) }.cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: I1: mapped with this length, unmapped once.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0);
    }
}

/// The words of the control area.
#[derive(Debug)]
pub(crate) struct Cells {
    start: NonNull<u64>,
    len: usize,
    _mapping: Arc<Mapping>,
    /// Model checkers' atomics cannot lie over memory; they stand beside it.
    #[cfg(any(zc_loom, zc_shuttle))]
    model: Box<[AtomicU64]>,
}

// SAFETY: the words are atomics (I2) in memory that goes with the value (I1).
unsafe impl Send for Cells {}

// SAFETY: as for `Send`.
unsafe impl Sync for Cells {}

impl Cells {
    /// `len` words from byte `offset` on.
    ///
    /// # Panics
    /// If they do not lie within the mapping.
    pub(crate) fn new(mapping: &Arc<Mapping>, offset: usize, len: usize) -> Self {
        Self {
            start: mapping.at(offset, len),
            len,
            _mapping: Arc::clone(mapping),
            #[cfg(any(zc_loom, zc_shuttle))]
            model: (0..len).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A word of the protocol.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        #[cfg(any(zc_loom, zc_shuttle))]
        return &self.model[index];
        #[cfg(not(any(zc_loom, zc_shuttle)))]
        self.counter(index)
    }

    /// A word that only counts: models leave it out.
    #[inline]
    pub(crate) fn counter(&self, index: usize) -> &unmodelled::AtomicU64 {
        assert!(index < self.len);
        let word = self.start.as_ptr().wrapping_add(index);
        // SAFETY: within the mapping (I1) by the assertion, aligned, and atomic for everybody (I2).
        unsafe { unmodelled::AtomicU64::from_ptr(word) }
    }
}

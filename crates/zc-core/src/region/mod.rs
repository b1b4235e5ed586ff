//! [`Region`]: a stretch of memory with an owner, an address that stays, and a way to give it back.
//!
//! | kind | made by | memory |
//! |---|---|---|
//! | heap | [`Region::heap`] | the global allocator, any alignment |
//! | anonymous | [`Region::anonymous`], [`RegionOptions`] | pages of the system, small or huge, untouched until used or populated (Unix) |
//! | a file's bytes | [`Region::from_file`] | a private copy (Unix) |
//! | pooled | [`RegionPool`] | anonymous pages that were used before |
//! | growing | [`GrowingRegion`] | addresses set aside, memory as needed, never moved (Unix) |
//! | memory file | [`Memfd`], [`SealedMemfd`] | memory with a descriptor, sealed for good (Linux) |
//! | mapped file | [`FileMapping`] | a file's own pages; `unsafe`, and why (Unix) |
//!
//! All of them become a [`Frozen`](crate::Frozen) view. Only the first four can become writable
//! again ([`Frozen::try_into_mut`](crate::Frozen::try_into_mut)); the last two have a file behind
//! them ([`Frozen::file_span`](crate::Frozen::file_span)).
//!
//! # Invariants
//!
//! * **I1** `ptr` is valid for reads and writes of `len` bytes until the region is dropped, and
//!   nothing else owns that memory.
//! * **I2** All `len` bytes are initialised from the start: they begin zero-filled, and a
//!   region from a pool holds whatever its last user left.
//! * **I3** The address never changes, also when the `Region` value is moved.

#[cfg(unix)]
mod file;
mod heap;
#[cfg(unix)]
mod mapping;
#[cfg(target_os = "linux")]
mod memfd;
#[cfg(unix)]
mod options;
mod pool;
#[cfg(unix)]
mod reserved;

use std::fmt;
use std::ptr::NonNull;

use crate::error::RegionError;
#[cfg(unix)]
pub use file::FileMapping;
#[cfg(target_os = "linux")]
pub use memfd::{Memfd, SealedMemfd};
#[cfg(unix)]
pub use options::{HugePages, RegionOptions};
pub use pool::{PoolStats, RegionPool};
#[cfg(unix)]
pub use reserved::GrowingRegion;

#[cfg(unix)]
pub(crate) use mapping::Mapping;

/// Memory of a fixed length at a fixed address, owned by exactly this value.
///
/// A region becomes a [`Frozen`](crate::Frozen) view with `Frozen::from`, which copies nothing.
pub struct Region {
    ptr: NonNull<u8>,
    len: usize,
    backing: Backing,
    home: Option<pool::Home>,
}

/// Where the memory came from, and so how it goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backing {
    Heap {
        align: usize,
    },
    #[cfg(unix)]
    Anonymous,
}

// SAFETY: I1: the memory belongs to this value alone; it is plain bytes, which any thread may
// read, write and free.
unsafe impl Send for Region {}

// SAFETY: a shared `Region` only gives out shared slices and raw pointers; whoever writes through
// those has promised to exclude others.
unsafe impl Sync for Region {}

impl Region {
    /// Zero-filled memory from the global allocator. `len` may be 0, which allocates nothing.
    ///
    /// # Errors
    /// [`RegionError::Layout`] if `align` is no power of two or `len`, rounded up to it, exceeds
    /// `isize::MAX`; [`RegionError::OutOfMemory`] if the allocator has none left.
    pub fn heap(len: usize, align: usize) -> Result<Self, RegionError> {
        let ptr = heap::allocate(len, align)?;
        Ok(Self::new(ptr, len, Backing::Heap { align }))
    }

    /// Zero-filled pages straight from the system, page-aligned; a page costs nothing until it is
    /// touched (and then a fault of about a microsecond).
    ///
    /// # Errors
    /// [`RegionError::Layout`] if `len` is 0 or above `isize::MAX`; [`RegionError::Map`] with the
    /// system's reason if it refuses.
    #[cfg(unix)]
    pub fn anonymous(len: usize) -> Result<Self, RegionError> {
        RegionOptions::new().anonymous(len)
    }

    fn new(ptr: NonNull<u8>, len: usize, backing: Backing) -> Self {
        Self {
            ptr,
            len,
            backing,
            home: None,
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is not a single byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first byte. Good for reads and writes of [`len`](Self::len) bytes while the region
    /// lives; whoever uses it keeps accesses from several threads apart.
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: I1, I2; whoever writes through `as_ptr` excludes readers of what it writes.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The bytes, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: I1, I2, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            return home.take_back(Self::new(self.ptr, self.len, self.backing));
        }
        match self.backing {
            // SAFETY: I1: allocated with this length and alignment, freed once.
            Backing::Heap { align } => unsafe { heap::free(self.ptr, self.len, align) },
            #[cfg(unix)]
            // SAFETY: I1: mapped with this length, unmapped once.
            Backing::Anonymous => drop(unsafe { Mapping::from_raw(self.ptr, self.len) }),
        }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("len", &self.len)
            .field("backing", &self.backing)
            .field("pooled", &self.home.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn heap_is_zeroed_aligned_and_writable() {
        for align in [1, 64, 4096] {
            let mut region = Region::heap(1000, align).unwrap();
            assert_eq!(region.as_ptr().addr().get() % align, 0);
            assert!(region.as_slice().iter().all(|&b| b == 0));
            region.as_mut_slice()[999] = 7;
            assert_eq!(region.as_slice()[999], 7);
        }
    }

    #[test]
    fn an_empty_heap_region_allocates_nothing() {
        let region = Region::heap(0, 64).unwrap();
        assert!(region.is_empty());
        assert_eq!(region.as_slice(), b"");
    }

    #[test]
    fn bad_layouts_are_errors() {
        assert!(matches!(
            Region::heap(8, 3),
            Err(RegionError::Layout { .. })
        ));
        assert!(matches!(
            Region::heap(usize::MAX, 1),
            Err(RegionError::Layout { .. })
        ));
        assert!(matches!(
            Region::heap(isize::MAX as usize, 64),
            Err(RegionError::Layout { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn anonymous_is_zeroed_page_aligned_and_refuses_nonsense() {
        let mut region = Region::anonymous(10_000).unwrap();
        assert_eq!(region.as_ptr().addr().get() % 4096, 0);
        assert_eq!(region.len(), 10_000);
        assert!(region.as_slice().iter().all(|&b| b == 0));
        region.as_mut_slice().fill(1);
        assert!(matches!(
            Region::anonymous(0),
            Err(RegionError::Layout { .. })
        ));
        assert!(matches!(
            Region::anonymous(usize::MAX),
            Err(RegionError::Layout { .. })
        ));
        assert!(matches!(
            Region::anonymous(isize::MAX as usize),
            Err(RegionError::Map { .. })
        ));
    }
}

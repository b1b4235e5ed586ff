//! The one mapping: the whole file, shared, read-only, from open to the last view.
//!
//! Invariants of [`Map`]:
//! - I1: `base` is valid for reads of `len` bytes until the `Map` is dropped, as long as nobody
//!   outside of this process truncates the file.
//! - I2: bytes of an extent change only by this process's `pwrite`, and only while nobody holds a
//!   pin on it (see `index::pin`). A slice over a pinned extent is therefore immutable.

use std::fmt;

use memmap2::{MmapOptions, MmapRaw};

use super::file::CacheFile;
use crate::error::CacheError;

pub(crate) struct Map {
    raw: MmapRaw,
}

impl Map {
    /// Maps `len` bytes of the file.
    pub(crate) fn new(file: &CacheFile, len: u64) -> Result<Self, CacheError> {
        let fail = |error| CacheError::io("mapping", error).at(file.path());
        let len = usize::try_from(len)
            .map_err(|_| fail(std::io::Error::from(std::io::ErrorKind::FileTooLarge)))?;
        let raw = MmapOptions::new()
            .len(len)
            .map_raw_read_only(file.as_file())
            .map_err(fail)?;
        Ok(Self { raw })
    }

    /// The bytes of an extent.
    ///
    /// # Safety
    /// The caller holds a pin on the object whose bytes these are for as long as it uses the
    /// slice.
    #[inline]
    pub(crate) unsafe fn slice(&self, offset: u64, len: u64) -> &[u8] {
        debug_assert!(offset + len <= self.raw.len() as u64);
        // SAFETY: extents lie inside of the file (`Layout`, `Record::decode`), so this stays in
        // the mapping.
        let start = unsafe { self.raw.as_ptr().add(offset as usize) };
        // SAFETY: I1; I2 with the caller's pin.
        unsafe { std::slice::from_raw_parts(start, len as usize) }
    }

    /// The address of `offset`.
    pub(crate) fn address(&self, offset: u64) -> *const u8 {
        debug_assert!(offset <= self.raw.len() as u64);
        self.raw.as_ptr().wrapping_add(offset as usize)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("len", &self.raw.len())
            .finish_non_exhaustive()
    }
}

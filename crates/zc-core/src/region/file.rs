//! Files in memory, and what can go wrong with them.
//!
//! A mapped file is only there while the file is. If it is cut short, by this process or any
//! other, the pages past its new end are gone, and an access to them kills the process with
//! `SIGBUS`; nothing that looks at the length beforehand can exclude that, because the cut may come
//! between the look and the access. If it is written to, the bytes change under a `&[u8]` that
//! promises they will not.
//!
//! | you have | take |
//! |---|---|
//! | any file | [`Region::from_file`]: a private copy, and an error where the file is too short |
//! | data that this program makes | a [`SealedMemfd`](super::SealedMemfd), which cannot be cut or written |
//! | a file that nobody changes (your own lock says so, or it is unlinked, or read-only media) | [`FileMapping::map`], which is `unsafe` for that reason |
//!
//! [`FileMapping::check`] finds out afterwards whether the file was cut short, to find the culprit;
//! it makes nothing safe.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use super::mapping::{Mapping, page_size};
use super::{HugePages, Region, RegionOptions};
use crate::error::RegionError;
use crate::frozen::{Frozen, Source};

impl Region {
    /// The `len` bytes of `file` that start at `position`, copied into an anonymous region (with
    /// transparent huge pages where there are any). What happens to the file later does not matter.
    ///
    /// # Errors
    /// [`RegionError::Truncated`] if the file ends sooner, also while it is read;
    /// [`RegionError::File`] if it cannot be read; else as [`Region::anonymous`].
    pub fn from_file(file: &File, position: u64, len: usize) -> Result<Self, RegionError> {
        let expected = check_length(file, position, len)?;
        let options = RegionOptions::new().huge_pages(HugePages::Advised);
        let mut region = options.anonymous(len)?;
        crate::ledger::copied("core.file_copy", len);
        match file.read_exact_at(region.as_mut_slice(), position) {
            Ok(()) => Ok(region),
            // It was long enough a moment ago.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(RegionError::Truncated {
                    expected,
                    found: length(file)?,
                })
            }
            Err(source) => Err(RegionError::File {
                what: "read a file",
                source,
            }),
        }
    }
}

/// Part of a file, mapped read-only.
///
/// It becomes a [`Frozen`] view with `Frozen::from`, and that knows the file it is of
/// ([`Frozen::file_span`]).
///
/// # Invariants
///
/// * **I1** `memory` maps the file from a page boundary on; the bytes asked for begin `skip` bytes
///   after that and end where it does.
#[derive(Debug)]
pub struct FileMapping {
    file: File,
    memory: Mapping,
    skip: usize,
    position: u64,
}

impl FileMapping {
    /// Maps `len` bytes of `file` from `position` on, which need not be a multiple of anything.
    /// Pages come in when they are touched.
    ///
    /// # Safety
    /// While the mapping or a view of it exists, nobody, in this process or another, writes to
    /// these bytes or cuts the file short of their end.
    ///
    /// # Errors
    /// [`RegionError::Truncated`] if the file ends sooner; [`RegionError::Layout`] if `len` is 0 or
    /// above `isize::MAX`; [`RegionError::File`] or [`RegionError::Map`] with the system's reason.
    pub unsafe fn map(file: File, position: u64, len: usize) -> Result<Self, RegionError> {
        let layout = RegionError::Layout { len, align: 1 };
        if len == 0 {
            return Err(layout);
        }
        check_length(&file, position, len)?;
        // Below the size of a page, so it fits.
        let skip = (position % page_size() as u64) as usize;
        let Some(mapped) = len.checked_add(skip) else {
            return Err(layout);
        };
        let from = Some((file.as_fd(), position - skip as u64));
        let memory = Mapping::new(mapped, libc::PROT_READ, libc::MAP_SHARED, from)?;
        Ok(Self {
            memory,
            skip,
            position,
            file,
        })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: I1.
        let start = unsafe { self.memory.as_ptr().add(self.skip) };
        // SAFETY: I1; that the bytes stay as they are is what the caller of `map` has promised.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.memory.len() - self.skip) }
    }

    /// Whether the file still has all of the bytes.
    ///
    /// # Errors
    /// [`RegionError::Truncated`] if it was cut short: the promise made to [`map`](Self::map) was
    /// broken, and touching the bytes may end the process. [`RegionError::File`] if the file cannot
    /// be asked.
    pub fn check(&self) -> Result<(), RegionError> {
        check_length(&self.file, self.position, self.memory.len() - self.skip).map(drop)
    }
}

impl Source<u8> for FileMapping {
    fn as_slice(&self) -> &[u8] {
        self.as_slice()
    }

    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        Some((self.file.as_fd(), self.position))
    }
}

impl From<FileMapping> for Frozen<u8> {
    fn from(mapping: FileMapping) -> Self {
        Self::from_source(mapping)
    }
}

/// Where the bytes end in the file, if it is as long as that.
fn check_length(file: &File, position: u64, len: usize) -> Result<u64, RegionError> {
    let found = length(file)?;
    let expected = position.saturating_add(len as u64);
    if found < expected {
        return Err(RegionError::Truncated { expected, found });
    }
    Ok(expected)
}

fn length(file: &File) -> Result<u64, RegionError> {
    let metadata = file.metadata().map_err(|source| RegionError::File {
        what: "ask for a file's length",
        source,
    })?;
    Ok(metadata.len())
}

//! Memory files: memory with a descriptor, to be sealed, sent to other processes and to sockets.
//!
//! A descriptor that somebody else can write to, or cut the file short through, makes no safe
//! `&[u8]`: the bytes would change under it, or be gone (`SIGBUS`). So there are two types. A
//! [`Memfd`] is being written and keeps its descriptor to itself. A [`SealedMemfd`] gives it away:
//! the kernel has promised that nobody, this process included, ever writes to the file again,
//! shortens it or takes the seals off.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::mapping::Mapping;
use crate::error::RegionError;
use crate::frozen::{Frozen, Source};

/// A memory file that is still being written.
///
/// ```
/// use zc_core::Frozen;
/// use zc_core::region::Memfd;
///
/// let mut memory = Memfd::create("greeting", 5)?;
/// memory.as_mut_slice().copy_from_slice(b"hello");
/// let view: Frozen<u8> = memory.seal()?.into();
/// let span = view.file_span().unwrap();
/// assert_eq!((span.offset, span.len), (0, 5));
/// # Ok::<(), zc_core::error::RegionError>(())
/// ```
#[derive(Debug)]
pub struct Memfd {
    fd: OwnedFd,
    memory: Mapping,
}

/// A memory file that can never change again.
///
/// # Invariants
///
/// * **I1** The file is sealed against writing and shrinking, and `memory` maps its first bytes.
#[derive(Debug)]
pub struct SealedMemfd {
    fd: OwnedFd,
    memory: Mapping,
}

/// What a view of a memory file needs.
const NEEDED: i32 = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK;

impl Memfd {
    /// A zero-filled memory file of `len` bytes, called `name` in `/proc`.
    ///
    /// # Errors
    /// [`RegionError::Layout`] if `len` is 0 or above `isize::MAX`; [`RegionError::File`] or
    /// [`RegionError::Map`] with the system's reason if it refuses, also for a name with a NUL byte
    /// or of more than 249 bytes.
    pub fn create(name: &str, len: usize) -> Result<Self, RegionError> {
        if len == 0 || isize::try_from(len).is_err() {
            return Err(RegionError::Layout { len, align: 1 });
        }
        let failed = |source| RegionError::File {
            what: "create a memory file",
            source,
        };
        let name = std::ffi::CString::new(name).map_err(|e| failed(e.into()))?;
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: a string that ends with NUL.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
        if fd < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        // SAFETY: a fresh descriptor that nobody else has.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(len as u64).map_err(failed)?;
        let fd = OwnedFd::from(file);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let memory = Mapping::new(len, protection, libc::MAP_SHARED, Some((fd.as_fd(), 0)))?;
        Ok(Self { fd, memory })
    }

    /// Length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped and initialised; the descriptor is this value's own, so nobody else writes
        // or shortens the file.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().as_ptr(), self.memory.len()) }
    }

    /// The bytes, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr().as_ptr(), self.memory.len()) }
    }

    /// Seals the file for good: against writing, shrinking, growing, and other seals. Copies
    /// nothing; the bytes are mapped anew, read-only.
    ///
    /// # Errors
    /// [`RegionError::File`] or [`RegionError::Map`] with the system's reason.
    pub fn seal(self) -> Result<SealedMemfd, RegionError> {
        let Self { fd, memory } = self;
        // There must be no writable mapping left.
        drop(memory);
        let seals = NEEDED | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: changes the seals of a descriptor that is open.
        let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) };
        if result < 0 {
            return Err(RegionError::File {
                what: "seal a memory file",
                source: io::Error::last_os_error(),
            });
        }
        SealedMemfd::open(fd)
    }
}

impl SealedMemfd {
    /// Maps a memory file that somebody, another process perhaps, has made and sealed.
    ///
    /// # Errors
    /// [`RegionError::NotSealed`] if it could still change, or is no memory file at all;
    /// [`RegionError::Layout`] if it is empty; [`RegionError::File`] or [`RegionError::Map`] with
    /// the system's reason.
    pub fn open(fd: OwnedFd) -> Result<Self, RegionError> {
        // SAFETY: asks for the seals of a descriptor that is open.
        let seals = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) };
        // A file that can have no seals gives an error: it has none.
        let seals = seals.max(0);
        for (seal, against) in [
            (libc::F_SEAL_WRITE, "writing"),
            (libc::F_SEAL_SHRINK, "shrinking"),
        ] {
            if seals & seal == 0 {
                return Err(RegionError::NotSealed { against });
            }
        }
        let file = File::from(fd);
        let metadata = file.metadata().map_err(|source| RegionError::File {
            what: "ask for a memory file's length",
            source,
        })?;
        let too_long = |_| RegionError::Layout {
            len: usize::MAX,
            align: 1,
        };
        let len = usize::try_from(metadata.len()).map_err(too_long)?;
        let fd = OwnedFd::from(file);
        // Private, because a shared mapping could be made writable, which the seal forbids; the
        // pages are the file's own all the same.
        let flags = libc::MAP_PRIVATE;
        let memory = Mapping::new(len, libc::PROT_READ, flags, Some((fd.as_fd(), 0)))?;
        Ok(Self { fd, memory })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: I1: mapped, and nobody can change or remove the bytes.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().as_ptr(), self.memory.len()) }
    }
}

impl AsFd for SealedMemfd {
    /// The descriptor, to be sent to another process. Nothing that can be done with it changes the
    /// bytes.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Source<u8> for SealedMemfd {
    fn as_slice(&self) -> &[u8] {
        self.as_slice()
    }

    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        Some((self.fd.as_fd(), 0))
    }
}

impl From<SealedMemfd> for Frozen<u8> {
    fn from(memory: SealedMemfd) -> Self {
        Self::from_source(memory)
    }
}

//! The cache file: positioned reads and writes, its lock, its length.
//!
//! Reads and writes are libc's `pread` and `pwrite`, so that faults can be injected by
//! interposing those two symbols. Short transfers are continued, `EINTR` is repeated; what
//! remains is an error that names the offset.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use crate::error::{CacheError, CacheErrorKind};

/// An open cache file; locked, unless it was opened to be read beside its writer.
#[derive(Debug)]
pub(crate) struct CacheFile {
    file: File,
    path: PathBuf,
}

impl CacheFile {
    /// Takes an open file and locks it for as long as it lives.
    pub(crate) fn lock(file: File, path: &Path) -> Result<Self, CacheError> {
        set_lock(&file, true).map_err(|error| match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => CacheError::new(CacheErrorKind::InUse).at(path),
            _ => CacheError::io("locking", error).at(path),
        })?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }

    /// Takes an open file that somebody else may write.
    pub(crate) fn unlocked(file: File, path: &Path) -> Self {
        Self {
            file,
            path: path.to_path_buf(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> Result<u64, CacheError> {
        match self.file.metadata() {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(CacheError::io("reading the length", error).at(&self.path)),
        }
    }

    /// Fails if the file is shorter than `expected`: somebody truncated it.
    pub(crate) fn check_len(&self, expected: u64) -> Result<(), CacheError> {
        let len = self.len()?;
        if len >= expected {
            return Ok(());
        }
        Err(CacheError::new(CacheErrorKind::Truncated)
            .detail(format!("{len} bytes are left of {expected}"))
            .at(&self.path))
    }

    pub(crate) fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), CacheError> {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            match pread(&self.file, &mut buf[done..], at) {
                Ok(0) => {
                    return Err(CacheError::new(CacheErrorKind::Truncated)
                        .detail(format!("the file ends at or before offset {at}"))
                        .at(&self.path));
                }
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        CacheError::io(format!("reading at offset {at}"), error).at(&self.path)
                    );
                }
            }
        }
        Ok(())
    }

    pub(crate) fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), CacheError> {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            match pwrite(&self.file, &buf[done..], at) {
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::WriteZero);
                    return Err(
                        CacheError::io(format!("writing at offset {at}"), error).at(&self.path)
                    );
                }
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        CacheError::io(format!("writing at offset {at}"), error).at(&self.path)
                    );
                }
            }
        }
        Ok(())
    }

    /// Waits until everything written so far is on the disk.
    pub(crate) fn sync(&self) -> Result<(), CacheError> {
        self.file
            .sync_data()
            .map_err(|error| CacheError::io("syncing", error).at(&self.path))
    }

    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }
}

impl Drop for CacheFile {
    /// Gives the lock up before the file is closed. Closing does that too, but not while a child
    /// process is being started on another thread: until its `exec` it has the descriptor as well,
    /// and whoever opened the file again meanwhile would be told that it is in use.
    fn drop(&mut self) {
        // If it fails the lock goes with the descriptor.
        let _ = set_lock(&self.file, false);
    }
}

impl AsFd for CacheFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn pread(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let offset = file_offset(offset)?;
    // SAFETY: the pointer and length are those of a slice that we may write.
    let n = unsafe { libc::pread(file.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), offset) };
    count(n)
}

fn pwrite(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
    let offset = file_offset(offset)?;
    // SAFETY: the pointer and length are those of a slice that we may read.
    let n = unsafe { libc::pwrite(file.as_raw_fd(), buf.as_ptr().cast(), buf.len(), offset) };
    count(n)
}

fn file_offset(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

fn count(n: isize) -> io::Result<usize> {
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Takes the exclusive lock, or gives it up. It is the open file description's, not the process's: a
/// second open in this process is refused as one in another process is, no stray `close` of the same
/// file gives the lock up, and whoever has none gives up nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_lock(file: &File, exclusive: bool) -> io::Result<()> {
    // SAFETY: all zeros is a valid `flock`, and `l_pid` must be zero for this kind of lock.
    let mut whole_file: libc::flock = unsafe { std::mem::zeroed() };
    let kind = if exclusive {
        libc::F_WRLCK
    } else {
        libc::F_UNLCK
    };
    whole_file.l_type = kind as libc::c_short;
    whole_file.l_whence = libc::SEEK_SET as libc::c_short;
    // SAFETY: the command takes a pointer to a `flock`, which lives across the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const whole_file) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_lock(file: &File, exclusive: bool) -> io::Result<()> {
    let kind = if exclusive {
        libc::LOCK_EX
    } else {
        libc::LOCK_UN
    };
    // SAFETY: takes no pointer.
    match unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

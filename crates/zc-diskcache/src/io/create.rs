//! Opening and making the file.
//!
//! A new file is made under a temporary name beside its place, filled in, and only then linked to
//! its own name, which fails if something is there by now. So the path names either nothing, or a
//! whole cache, or something that is not ours and that we leave alone; a process that is killed
//! meanwhile leaves at most a file `.NAME.new-…` behind.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::file::CacheFile;
use crate::error::{CacheError, CacheErrorKind};

/// Opens and locks the file at `path`; `None` if there is nothing.
pub(crate) fn open_existing(path: &Path) -> Result<Option<CacheFile>, CacheError> {
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Err(CacheError::new(CacheErrorKind::NotACache)
                .detail("it is no regular file")
                .at(path));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheError::io("opening", error).at(path)),
    }
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => CacheFile::lock(file, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CacheError::io("opening", error).at(path)),
    }
}

/// Makes a file of `len` bytes, all of them allocated, lets `fill` write what belongs into it, and
/// gives it its name. `None` if somebody else took the name first.
pub(crate) fn create(
    path: &Path,
    len: u64,
    fill: impl FnOnce(&CacheFile) -> Result<(), CacheError>,
) -> Result<Option<CacheFile>, CacheError> {
    let fail = |doing: &str, error| CacheError::io(doing, error).at(path);
    let temporary = temporary_name(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&temporary)
        .map_err(|error| fail("creating", error))?;
    let _remove = RemoveOnDrop(&temporary);
    allocate(&file, len).map_err(|error| fail("allocating", error))?;
    let file = CacheFile::lock(file, path)?;
    fill(&file)?;
    file.sync()?;
    match std::fs::hard_link(&temporary, path) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(fail("naming", error)),
    }
}

struct RemoveOnDrop<'a>(&'a Path);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        // A leftover is harmless and there is nobody to tell.
        let _ = std::fs::remove_file(self.0);
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = random();
    path.with_file_name(format!(".{name}.new-{unique:016x}"))
}

/// A number nobody can guess, from the standard library's seed for hash maps.
pub(crate) fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(0);
    hasher.finish()
}

/// Every block exists from the start: a full disk shows here, not as a fault in a mapping later.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: &File, len: u64) -> io::Result<()> {
    let len =
        libc::off_t::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        // SAFETY: takes no pointer.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len) } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn allocate(file: &File, len: u64) -> io::Result<()> {
    use std::io::Write;
    let zeros = vec![0; 1 << 20];
    let mut left = len;
    let mut file = file;
    while left > 0 {
        let n = left.min(zeros.len() as u64) as usize;
        file.write_all(&zeros[..n])?;
        left -= n as u64;
    }
    Ok(())
}

/// The identity of this boot of the machine; zeros where there is none. What a killed process
/// wrote is still there as long as this is the same.
pub(crate) fn boot_id() -> [u8; 16] {
    let mut id = [0; 16];
    if let Ok(text) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
    }
    id
}

/// Whether a file system keeps file pages in a page cache that gives them up when asked to, which
/// is how we learn that nobody refers to them any more.
#[cfg(target_os = "linux")]
pub(crate) fn gives_pages_up(file: &CacheFile) -> bool {
    use std::os::fd::AsFd;
    const KNOWN: [u64; 4] = [
        0xef53,      // ext4
        0x5846_5342, // xfs
        0x9123_683e, // btrfs
        0xf2f5_2010, // f2fs
    ];
    // SAFETY: all zeros is a valid `statfs` to be overwritten.
    let mut info: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to that local.
    let result = unsafe { libc::fstatfs(file.as_fd().as_raw_fd(), &raw mut info) };
    result == 0 && KNOWN.contains(&(info.f_type as u64))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn gives_pages_up(_: &CacheFile) -> bool {
    false
}

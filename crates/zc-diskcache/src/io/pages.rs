//! Pages: which are in memory, bringing them in with errors instead of faults, and proving that
//! nobody else in the kernel still refers to them.

use std::io;

use super::file::CacheFile;
use super::map::Map;

/// The granularity of everything here.
pub(crate) fn page_size() -> u64 {
    // SAFETY: takes no pointer; the value never changes.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// `offset .. offset + len`, widened to whole pages.
fn whole_pages(offset: u64, len: u64) -> (u64, usize) {
    let page = page_size();
    let start = offset / page * page;
    let end = (offset + len).next_multiple_of(page);
    (start, (end - start) as usize)
}

/// Whether all the pages of a range are in memory. Says no where it cannot know.
#[cfg(target_os = "linux")]
pub(crate) fn resident(map: &Map, offset: u64, len: u64) -> bool {
    if len == 0 {
        return true;
    }
    let (start, len) = whole_pages(offset, len);
    let mut pages = vec![0_u8; len.div_ceil(page_size() as usize)];
    // SAFETY: the range lies in the mapping and the vector has a byte for each of its pages.
    let result = unsafe {
        libc::mincore(
            map.address(start).cast_mut().cast(),
            len,
            pages.as_mut_ptr().cast(),
        )
    };
    result == 0 && pages.iter().all(|page| page & 1 == 1)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn resident(_: &Map, _: u64, _: u64) -> bool {
    false
}

/// Reads a range into memory and into this process's page table. A page that cannot be read (a
/// bad disk, a truncated file) is an error here, where a plain access would be a fatal signal.
#[cfg(target_os = "linux")]
pub(crate) fn populate(map: &Map, offset: u64, len: u64) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    let (start, len) = whole_pages(offset, len);
    loop {
        // SAFETY: the range lies in the mapping; reading pages in changes no byte.
        let result = unsafe {
            libc::madvise(
                map.address(start).cast_mut().cast(),
                len,
                libc::MADV_POPULATE_READ,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR | libc::EAGAIN) => {}
            // A kernel before 5.14. The length of the file was checked; a bad sector will be a
            // signal, as it is for every program that maps files there.
            Some(libc::EINVAL) => return Ok(()),
            _ => return Err(error),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn populate(_: &Map, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Drops the pages of a range that no pin holds from the page cache, and gives the parts (offset,
/// length) whose pages stayed. A page that something else refers to stays, such as one that still
/// waits in some socket's queue. So what is gone is proved to be in nobody's hands.
///
/// Dirty pages stay too; their writing is started, and the next try will find them clean.
#[cfg(target_os = "linux")]
pub(crate) fn drop_unreferenced(
    file: &CacheFile,
    map: &Map,
    offset: u64,
    len: u64,
) -> Vec<(u64, u64)> {
    use std::os::fd::{AsFd, AsRawFd};

    let everything = || vec![(offset, len)];
    let (start, bytes) = whole_pages(offset, len);
    let address = map.address(start).cast_mut().cast();
    // Our own page table refers to them as well.
    // SAFETY: on a shared file mapping this forgets page table entries and no byte: the next
    // access finds the page again.
    if unsafe { libc::madvise(address, bytes, libc::MADV_DONTNEED) } != 0 {
        return everything();
    }
    let (Ok(from), Ok(length)) = (libc::off_t::try_from(start), libc::off_t::try_from(bytes))
    else {
        return everything();
    };
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: takes no pointer.
    if unsafe { libc::posix_fadvise(fd, from, length, libc::POSIX_FADV_DONTNEED) } != 0 {
        return everything();
    }
    let page = page_size();
    let mut pages = vec![0_u8; bytes.div_ceil(page as usize)];
    // SAFETY: the range lies in the mapping and the vector has a byte for each of its pages.
    if unsafe { libc::mincore(address, bytes, pages.as_mut_ptr().cast()) } != 0 {
        return everything();
    }
    let mut stayed: Vec<(u64, u64)> = Vec::new();
    for (at, _) in (start..)
        .step_by(page as usize)
        .zip(&pages)
        .filter(|(_, page)| *page & 1 == 1)
    {
        match stayed.last_mut() {
            Some((from, len)) if *from + *len == at => *len += page,
            _ => stayed.push((at, page)),
        }
    }
    stayed
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn drop_unreferenced(_: &CacheFile, _: &Map, offset: u64, len: u64) -> Vec<(u64, u64)> {
    vec![(offset, len)]
}

/// Writes the dirty pages of a range to the disk and waits for that. No durability is meant (and
/// none is given): afterwards the pages are clean.
#[cfg(target_os = "linux")]
pub(crate) fn write_back(file: &CacheFile, offset: u64, len: u64) {
    use std::os::fd::{AsFd, AsRawFd};
    let (Ok(from), Ok(len)) = (
        libc::off64_t::try_from(offset),
        libc::off64_t::try_from(len),
    ) else {
        return;
    };
    let all = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // If it fails the pages stay dirty, and their blocks stay where they are.
    // SAFETY: takes no pointer.
    let _ = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), from, len, all) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write_back(_: &CacheFile, _: u64, _: u64) {}

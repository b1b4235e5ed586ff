//! Large cold reads by `io_uring`: in parts, many of them with the disk at once.
//!
//! One `pread` of an object that is not in memory waits for the disk as often as the kernel reads
//! ahead; parts that are submitted together keep its queue full. A ring is made for one read and
//! gone after it, so nothing is shared: making one takes some ten microseconds, which is why small
//! reads do not get here.
//!
//! The kernel writes into the caller's buffer, so no way out of here leaves a part under way: every
//! submitted part is waited for, also after an error.

use crate::builder::IoBackend;
use crate::error::{CacheError, CacheErrorKind};
use crate::io::file::CacheFile;

/// Reads shorter than this are one `pread`.
const PAYS_FROM: usize = 512 << 10;

/// That rings can be made here.
#[derive(Debug)]
pub(crate) struct Ring(());

impl Ring {
    /// Finds out whether the kernel lets us: it may be too old, or forbid it.
    pub(crate) fn probe(backend: IoBackend) -> Result<Option<Self>, CacheError> {
        if backend == IoBackend::Std {
            return Ok(None);
        }
        match imp::probe() {
            Ok(()) => Ok(Some(Self(()))),
            Err(_) if backend == IoBackend::Auto => Ok(None),
            Err(error) => Err(CacheError::new(CacheErrorKind::InvalidConfig)
                .detail(format!("no io_uring here: {error}"))),
        }
    }

    /// Whether a read of so many bytes is worth a ring.
    pub(crate) fn pays_for(&self, len: usize) -> bool {
        len >= PAYS_FROM
    }

    /// As [`CacheFile::read_exact_at`].
    pub(crate) fn read_exact_at(
        &self,
        file: &CacheFile,
        buf: &mut [u8],
        offset: u64,
    ) -> Result<(), CacheError> {
        let all = 0..buf.len();
        let unread = imp::read_parts(file, buf, offset);
        let unread = unread.unwrap_or_else(|_| std::iter::once(all).collect());
        // Parts that came short or failed get the careful way, which names the offset of an error.
        for part in unread {
            let at = offset + part.start as u64;
            file.read_exact_at(&mut buf[part], at)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;
    use std::ops::Range;
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use io_uring::{IoUring, opcode, types};
    use zc_core::sync::thread;

    use crate::io::file::CacheFile;

    /// Bytes of a part.
    const PART: usize = 128 << 10;
    /// Parts under way at once.
    const DEPTH: u32 = 32;

    pub(super) fn probe() -> io::Result<()> {
        let ring = IoUring::new(2)?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if probe.is_supported(opcode::Read::CODE) {
            Ok(())
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Reads `buf` in parts; gives what is still to be read of it.
    pub(super) fn read_parts(
        file: &CacheFile,
        buf: &mut [u8],
        offset: u64,
    ) -> io::Result<Vec<Range<usize>>> {
        let mut ring = IoUring::new(DEPTH)?;
        let fd = types::Fd(file.as_fd().as_raw_fd());
        let len = buf.len();
        let start = buf.as_mut_ptr();
        let part = |number: usize| number * PART..len.min((number + 1) * PART);
        let parts = len.div_ceil(PART);
        let (mut next, mut under_way) = (0, 0_usize);
        let mut unread = Vec::new();
        while next < parts || under_way > 0 {
            while next < parts && under_way < DEPTH as usize {
                let range = part(next);
                let size = u32::try_from(range.len()).unwrap_or(0);
                let read = opcode::Read::new(fd, start.wrapping_add(range.start), size)
                    .offset(offset + range.start as u64)
                    .build()
                    .user_data(next as u64);
                // SAFETY: the part lies in `buf`, which is borrowed until this function returns, and
                // it does not return while the kernel has a part; parts do not overlap. The file is
                // open for as long.
                let pushed = unsafe { ring.submission().push(&read) };
                if pushed.is_err() {
                    break;
                }
                next += 1;
                under_way += 1;
            }
            let waited = ring.submit_and_wait(1);
            for done in ring.completion() {
                under_way -= 1;
                let range = part(done.user_data() as usize);
                let read = usize::try_from(done.result()).unwrap_or(0);
                if read < range.len() {
                    unread.push(range.start + read..range.end);
                }
            }
            match waited {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What the kernel has not taken it never will: the ring is gone then. Closing the
                // ring would not wait for the rest.
                Err(error) if ring.submission().len() == under_way => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
        Ok(unread)
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;
    use std::ops::Range;

    use crate::io::file::CacheFile;

    pub(super) fn probe() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read_parts(_: &CacheFile, _: &mut [u8], _: u64) -> io::Result<Vec<Range<usize>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn parts_are_put_together_and_a_short_file_is_an_error() {
        let Ok(Some(ring)) = Ring::probe(IoBackend::Auto) else {
            assert!(Ring::probe(IoBackend::IoUring).is_err());
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..6_000_000_u32).map(|n| (n / 7 % 251) as u8).collect();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let file = CacheFile::lock(file, &path).unwrap();
        for (offset, len) in [(0, 1), (5, 131_072), (77, 131_073), (3, 5_999_997)] {
            let mut got = vec![0; len];
            ring.read_exact_at(&file, &mut got, offset).unwrap();
            let offset = offset as usize;
            assert!(got == bytes[offset..offset + len], "{len} at {offset}");
        }
        let mut beyond = vec![0; 1_000_000];
        let error = ring.read_exact_at(&file, &mut beyond, 5_500_000);
        assert_eq!(error.unwrap_err().kind(), CacheErrorKind::Truncated);
    }
}

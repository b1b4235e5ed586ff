//! The file behind a view.

#[cfg(unix)]
use std::os::fd::BorrowedFd;

#[cfg(unix)]
use super::view::Frozen;

/// Where in which open file the bytes of a view are, so that they can leave by `sendfile`.
#[cfg(unix)]
#[derive(Clone, Copy, Debug)]
pub struct FileSpan<'a> {
    /// The open file.
    pub fd: BorrowedFd<'a>,
    /// Position of the first byte in the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: usize,
}

/// Where in which open file the bytes of a view are; there are none on this platform.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug)]
pub struct FileSpan<'a> {
    never: std::convert::Infallible,
    _fd: std::marker::PhantomData<&'a ()>,
}

#[cfg(unix)]
impl Frozen<u8> {
    /// The file that holds these very bytes, where there is one.
    #[must_use]
    pub fn file_span(&self) -> Option<FileSpan<'_>> {
        let (fd, offset) = self.owner.as_ref()?.file_at(self.ptr.as_ptr())?;
        Some(FileSpan {
            fd,
            offset,
            len: self.len,
        })
    }
}

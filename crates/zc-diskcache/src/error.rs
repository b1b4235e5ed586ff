//! What can go wrong, and with which key and file it did.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The kind of a [`CacheError`]: what a program decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CacheErrorKind {
    /// Another handle, in this process or another one, has the file open.
    #[error("the cache file is in use")]
    InUse,
    /// The path holds something that is no cache. It was left as it is.
    #[error("not a cache file")]
    NotACache,
    /// The file is a cache of another format version. It was left as it is.
    #[error("the cache file has another format version")]
    Version,
    /// Both copies of the header are damaged. The file was left as it is.
    #[error("the cache header is corrupt")]
    Corrupt,
    /// The file was made with another capacity or block size. It was left as it is.
    #[error("the cache file has another geometry")]
    Geometry,
    /// A builder option has a value that cannot work.
    #[error("invalid configuration")]
    InvalidConfig,
    /// A time to live of zero.
    #[error("a time to live must be longer than zero")]
    InvalidTtl,
    /// The object is larger than this cache accepts. Decided before anything is evicted.
    #[error("the object is too large")]
    TooLarge,
    /// The key is longer than 65,536 bytes.
    #[error("the key is too long")]
    KeyTooLong,
    /// There is no room that is not held by live views. The old value, if any, stays.
    #[error("no room: the rest is pinned by live views")]
    Pinned,
    /// A range that reaches beyond the end of the object, or that ends before it starts.
    #[error("the range is outside of the object")]
    OutOfRange,
    /// The file system has no room for the file.
    #[error("the disk is full")]
    DiskFull,
    /// Somebody made the file shorter than the cache left it.
    #[error("the cache file was truncated by someone else")]
    Truncated,
    /// Reading or writing the file failed.
    #[error("input/output error on the cache file")]
    Io,
    /// The socket failed or its peer went away. [`CacheError::bytes_sent`] says how far it got.
    #[error("sending to the socket failed")]
    Socket,
    /// [`close`](crate::RawDiskCache::close) was called on this cache.
    #[error("the cache is closed")]
    Closed,
    /// The value that an in-place writer or a stream delivered does not have the promised length.
    #[error("the value does not have the promised length")]
    LengthMismatch,
}

/// An error of the cache: a [kind](CacheErrorKind), and what is known of the circumstances.
///
/// Cloning is cheap: all the callers that waited for one fetch are given the same cause.
#[derive(Clone)]
pub struct CacheError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: CacheErrorKind,
    key: Option<Box<[u8]>>,
    path: Option<PathBuf>,
    detail: Option<String>,
    bytes_sent: u64,
    source: Option<Arc<io::Error>>,
}

impl CacheError {
    /// What happened.
    #[must_use]
    pub fn kind(&self) -> CacheErrorKind {
        self.0.kind
    }

    /// The key it happened to, where there is one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    /// The cache file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The operating system's error beneath, where there is one.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_deref()
    }

    /// Bytes that the socket had taken when a send failed; 0 for every other error.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.0.bytes_sent
    }

    pub(crate) fn new(kind: CacheErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            key: None,
            path: None,
            detail: None,
            bytes_sent: 0,
            source: None,
        }))
    }

    /// An I/O error; a full disk is told apart, whatever the caller was doing.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => CacheErrorKind::DiskFull,
            _ => CacheErrorKind::Io,
        };
        let mut error = Self::new(kind).detail(doing);
        error.0.source = Some(Arc::new(source));
        error
    }

    pub(crate) fn socket(source: io::Error, bytes_sent: u64) -> Self {
        let mut error = Self::new(CacheErrorKind::Socket);
        error.0.source = Some(Arc::new(source));
        error.0.bytes_sent = bytes_sent;
        error
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(crate) fn sent(mut self, bytes_sent: u64) -> Self {
        self.0.bytes_sent = bytes_sent;
        self
    }

    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    pub(crate) fn for_key(mut self, key: &[u8]) -> Self {
        self.0.key.get_or_insert_with(|| key.into());
        self
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.kind)?;
        if let Some(detail) = &inner.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(key) = &inner.key {
            // A key may be long and need not be text.
            let head = &key[..key.len().min(64)];
            write!(f, " (key \"{}\"", head.escape_ascii())?;
            if head.len() < key.len() {
                write!(f, "… of {} bytes", key.len())?;
            }
            f.write_str(")")?;
        }
        if let Some(path) = &inner.path {
            write!(f, " in {}", path.display())?;
        }
        if let Some(source) = &inner.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheError({:?}: {self})", self.0.kind)
    }
}

impl std::error::Error for CacheError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

impl From<CacheErrorKind> for CacheError {
    fn from(kind: CacheErrorKind) -> Self {
        Self::new(kind)
    }
}

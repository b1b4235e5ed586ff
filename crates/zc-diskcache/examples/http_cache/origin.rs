//! Where objects come from: a folder of files, as a stand-in for anything that is slow.
//!
//! What HTTP wants to know of an object beside its bytes stands behind them, so that the bytes begin
//! on a page and both are one object of the cache:
//!
//! ```text
//! body … │ content type │ last modified, 8 bytes │ length of the content type, 2 bytes
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use zc_diskcache::Entry;

use crate::answer::Edition;

/// Bytes behind the content type.
const FIXED: usize = 10;

/// A folder of files.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) PathBuf);

impl Origin {
    /// Reads a file, and puts what is known of it behind its bytes.
    pub(crate) async fn fetch(&self, path: &str) -> io::Result<Bytes> {
        let path = self.0.join(path);
        tokio::task::spawn_blocking(move || read(&path)).await?
    }
}

fn read(path: &Path) -> io::Result<Bytes> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let content_type = content_type(path);
    let mut object = std::fs::read(path)?;
    object.reserve_exact(content_type.len() + FIXED);
    object.extend_from_slice(content_type.as_bytes());
    object.extend_from_slice(&modified.unwrap_or_default().as_secs().to_le_bytes());
    object.extend_from_slice(&(content_type.len() as u16).to_le_bytes());
    Ok(object.into())
}

/// What stands behind the body; `None` if this is no object of ours.
pub(crate) fn edition(entry: &Entry) -> Option<Edition> {
    let tail = entry.len().saturating_sub(256)..entry.len();
    let tail = entry.view_range(tail).ok()?;
    let (rest, length) = tail.split_last_chunk::<2>()?;
    let (rest, modified) = rest.split_last_chunk::<8>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let content_type = &rest[rest.len().checked_sub(length)?..];
    Some(Edition {
        etag: format!("\"{:x}-{:x}\"", entry.sequence(), entry.crc32c()),
        modified: u64::from_le_bytes(*modified),
        content_type: String::from_utf8(content_type.to_vec()).ok()?,
        length: entry.len() - (length + FIXED) as u64,
    })
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|name| name.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

//! What the tests share.

#![cfg(not(any(zc_loom, zc_shuttle)))]
#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::allow_attributes,
    reason = "an expectation would fail where all is used"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use zc_diskcache::{CacheBuilder, RawDiskCache};

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

/// A directory of its own, and the path of a cache in it. It lies in the target directory, which
/// is on a real disk: some systems have a memory file system at /tmp.
pub struct Dir(TempDir);

impl Dir {
    pub fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("cache")
    }
}

/// 16 MiB in 4 KiB blocks.
pub fn builder(path: &Path) -> CacheBuilder {
    RawDiskCache::builder(path).capacity(16 * MIB as u64)
}

pub async fn open(path: &Path) -> RawDiskCache {
    builder(path).open().await.unwrap()
}

/// `len` bytes that depend on every bit of `seed`, at every position.
pub fn pattern(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    Bytes::from(out)
}

/// Waits until `done`, with a limit that only a hang reaches.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("still not: {what}");
}

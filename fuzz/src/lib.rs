//! Whatever reads bytes that come from elsewhere: each reader is a [`Target`], a function that takes
//! any bytes and must come back.
//!
//! | run as | does |
//! |---|---|
//! | `cargo test -p zc-fuzz` | the committed corpora, and some thousand mutations of them |
//! | `cargo xtask fuzz` | libFuzzer, led by coverage, under AddressSanitizer |
//!
//! Random bytes end at the first checksum. So each target also mends the checksums of what it was
//! given, and feeds that.

#![forbid(unsafe_code)]

mod block;
mod cache;
pub mod mutate;
mod shared;

/// A reader of bytes.
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads the bytes. Panicking is the defect.
    pub read: fn(&[u8]),
    /// What the real writer writes, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them. The last is the canary, which a guided run must bring down.
pub const TARGETS: &[Target] = &[
    Target {
        name: "block",
        read: block::read,
        seeds: block::seeds,
    },
    Target {
        name: "cache",
        read: cache::read,
        seeds: cache::seeds,
    },
    Target {
        name: "shared",
        read: shared::read,
        seeds: shared::seeds,
    },
    Target {
        name: "canary",
        read: canary,
        seeds: || vec![b"a harmless one".to_vec()],
    },
];

/// Only who is led by coverage gets there: 32 bits by chance would take days.
fn canary(bytes: &[u8]) {
    if let [b'd', rest @ ..] = bytes
        && let [b'e', rest @ ..] = rest
        && let [b'a', rest @ ..] = rest
        && let [b'd', ..] = rest
    {
        panic!("the canary is dead, as it should be");
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// CRC-32C, which both formats use.
fn crc32c(parts: &[&[u8]]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    u32::try_from(digest.finalize()).unwrap_or_default()
}

/// The little-endian number at `at`, if there is one.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(word)).ok()
}

//! A disk cache whose hits are views, not copies.
//!
//! # What it is
//!
//! [`RawDiskCache`] keeps objects in one preallocated file, an index of them in memory, and the
//! whole file in one read-only mapping. A hit is a [`Bytes`](bytes::Bytes) or a
//! [`Frozen<u8>`](zc_core::Frozen) over that mapping: no read, no copy, the same cost for 4 KiB and
//! for 16 MiB. Or it goes from the file to a socket without passing through the process.
//!
//! ```
//! use bytes::Bytes;
//! use std::time::Duration;
//! use zc_diskcache::{CacheError, RawDiskCache};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), CacheError> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cache");
//! let cache = RawDiskCache::builder(&path)
//!     .capacity(64 << 20)
//!     .ttl(Duration::from_secs(3600))
//!     .open()
//!     .await?;
//!
//! cache.store("group/1", Bytes::from(vec![7; 1 << 20])).await?;
//!
//! let view = cache.lookup_zero_copy("group/1").await?.expect("just stored");
//! let again = cache.lookup_zero_copy("group/1").await?.expect("just stored");
//! assert_eq!(view.as_ptr(), again.as_ptr(), "both are the mapping itself");
//!
//! // The view keeps its bytes whatever becomes of the object.
//! cache.store("group/1", Bytes::from_static(b"something else")).await?;
//! assert!(view.iter().all(|byte| *byte == 7));
//!
//! // A part of the object, straight to a socket.
//! let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
//! let sent = cache.send_range_to_socket("group/1", 0..9, &ours).await?;
//! assert_eq!(sent, Some(9));
//! # let mut nine = [0; 9];
//! # std::io::Read::read_exact(&mut theirs, &mut nine).unwrap();
//! # assert_eq!(&nine, b"something");
//! cache.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! *Writing.* A store reserves a run of blocks, writes the value into it with one `pwrite`, then a
//! 128-byte record that says what lies there, then publishes the object in the index. What it
//! replaces is unlinked, its record zeroed. There is no journal and no compaction: the records are
//! the directory, and each change is one write to one of them.
//!
//! *Reading.* A hit hashes the key, probes an open-addressed table of atomic words, pins the slot
//! with one atomic addition, compares the key, and is done. No lock, no system call, no other
//! thread, no other shared word: each thread pins in a lane of its own, so threads that look up the
//! same objects do not slow one another down. The pin is what makes a view safe: eviction,
//! overwriting, removal, expiry unlink the object at once, but its blocks are used again only when
//! the last pin is gone.
//!
//! *Crashes.* All that a killed process has written is in the kernel's page cache, in the order it
//! was written. Opening reads the records (not the values), newest first, and has the cache back:
//! every acknowledged store is a hit, and no acknowledged overwrite or removal comes undone. A
//! crash of the machine can lose what was not flushed; bytes that then do not match their CRC32C
//! are misses.
//!
//! *Verification.* By default an object is compared with its checksum at its first use in each
//! session. That reads every byte once, which costs about what touching them costs.
//!
//! *Room.* S3-FIFO, SIEVE or LRU names a victim. Objects are contiguous, so its neighbours go with
//! it if the new object needs more blocks than the victim had.
//!
//! *Servers.* [`entry`](RawDiskCache::entry) holds one edition of an object, so that the length and
//! the validator that were announced are those of the body that follows. `examples/http_cache` is an
//! HTTP/1.1 server made that way.
//!
//! *Object stores.* With the feature `object-store`, `object_store::CachedObjectStore` puts the cache in
//! front of S3, GCS, Azure, HTTP or any other `ObjectStore`: ranges by parts, each edition apart.
//!
//! *Sockets.* See [`zero_copy`] and, for why a plain `sendfile` out of a cache that reuses its
//! blocks gives slow readers wrong bytes, the guide.
//!
//! # What it is not
//!
//! - Not a database: what was stored may be evicted at any time, and objects are stored whole.
//! - One process has the file and writes it, a second [`RawDiskCache`] on it is
//!   [`InUse`](CacheErrorKind::InUse). Any number of processes read beside it with a
//!   [`CacheReader`](reader::CacheReader), which copies: only the writer sees pins.
//! - Not for millions of tiny objects: each takes at least one block, and in memory 128 bytes for
//!   its slot, 8 for each lane of pins (twice as many as processors, at most 8), and 16 for the
//!   table; the key is kept in memory too.
//! - Not safe against somebody who truncates the file while it is mapped. The lock keeps other
//!   caches away; a length check and populating system calls turn most such cases into
//!   [`Truncated`](CacheErrorKind::Truncated); but touching a view that was verified before can be
//!   a `SIGBUS`, as for every mapping of a file. So can touching one whose page was dropped from
//!   memory and whose sector has gone bad since. [`lookup`](RawDiskCache::lookup) copies with
//!   `pread` and has neither problem.
//! - Linux is tested. Other Unix systems have the same code without `sendfile`, fallocate and page
//!   residency; what cannot be had there is done the portable way. Not Windows.
//!
//! # Time
//!
//! A time to live counts on the monotonic clock while the cache is open and on the wall clock from
//! one opening to the next. It is never early, and late by at most some milliseconds.
//!
//! # Runtimes
//!
//! The futures work under any executor. Under tokio, work that may wait for the disk goes to its
//! pool for blocking work, and a full non-blocking socket is awaited on its reactor; elsewhere both
//! happen on the calling thread.

#[cfg(not(any(zc_loom, zc_shuttle)))]
mod builder;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod cache;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod counters;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod error;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod evict;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod fetch;
#[cfg(any(zc_loom, zc_shuttle))]
pub mod index;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod index;
#[cfg(all(feature = "cli", not(any(zc_loom, zc_shuttle))))]
pub mod inspect;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod io;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod log;
#[cfg(all(feature = "object-store", not(any(zc_loom, zc_shuttle))))]
pub mod object_store;
mod prefetch;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod read;
#[cfg(not(any(zc_loom, zc_shuttle)))]
pub mod reader;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod root;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod runtime;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod shared;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod stats;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod thread_number;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod trace;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod ttl;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod write;
#[cfg(not(any(zc_loom, zc_shuttle)))]
pub mod zero_copy;

#[cfg(not(any(zc_loom, zc_shuttle)))]
pub use self::{
    builder::{CacheBuilder, IoBackend, SyncPolicy, Verify},
    cache::{Entry, RawDiskCache},
    error::{CacheError, CacheErrorKind},
    evict::Eviction,
    fetch::FetchError,
    fetch::admission::Admission,
    stats::CacheStats,
    write::in_place::ObjectWriter,
    zero_copy::{AdaptiveThreshold, ZeroCopyConfig, ZeroCopyManager, ZeroCopyStats},
};

//! [`ChunkedBuffer`]: copy-on-write by chunk. A small write under a living snapshot copies one
//! chunk, not the whole buffer.
//!
//! The elements lie in chunks of equal length, each contiguous and counted. A spine of two levels
//! refers to the full chunks; the last, partial one stands apart, so that appending leaves the
//! spine alone:
//!
//! ```text
//!            root ─┬─▶ branch ─┬─▶ chunk (Frozen<T>, 64 KiB)
//!                  │           ├─▶ chunk
//!                  │           └─▶ … up to 16
//!                  └─▶ branch ─┬─▶ chunk
//!                              └─▶ …                    tail ─▶ the last, partial chunk
//! ```
//!
//! A snapshot is one more reference to the root and to the tail. A writer changes in place what
//! nobody else refers to, and replaces what somebody does: the root, one branch, one chunk.
//!
//! | operation | cost |
//! |---|---|
//! | [`snapshot`](ChunkedBuffer::snapshot), `clone`, either one's drop | two atomic additions |
//! | `from_vec`, `from(Frozen)` | one reference a chunk; no element is copied but those of the tail |
//! | `write_at`, nothing shared | the elements written |
//! | `write_at` under a snapshot | besides: each chunk that is touched in part, the references of its branch (16) and of the root (one for 16 chunks) |
//! | `get`, index | two divisions, three loads |
//! | [`chunks`](ChunkedSnapshot::chunks) | the same once a chunk; inside of it a plain slice |
//!
//! A chunk has 64 KiB; [`with_chunk_len`](ChunkedBuffer::with_chunk_len) sets it.
//!
//! ```
//! use zc_core::ChunkedBuffer;
//!
//! let mut pixels = ChunkedBuffer::from_vec(vec![0_u8; 1 << 20]);
//! let before = pixels.snapshot();
//! pixels.write_at(70_000, b"changed");
//! assert_eq!(before[70_000], 0);
//! assert_eq!(pixels[70_000], b'c');
//!
//! // All chunks but the one that was written are still the same memory.
//! let same = pixels.chunks().zip(before.chunks()).filter(|(a, b)| a.as_ptr() == b.as_ptr());
//! assert_eq!(same.count(), (1 << 20) / (64 << 10) - 1);
//! ```
//!
//! [`ChunkedPublisher`] publishes the versions of such a buffer to readers that never wait, and
//! writes each into chunks that nobody looks at any more.
//!
//! # Limits
//!
//! * A slice of all elements does not exist: readers go chunk by chunk.
//! * Elements are added and changed, not inserted or removed in the middle.
//! * After `from_vec`, the vector's memory is given back when the last chunk that lies in it has
//!   been replaced or dropped: until then a buffer whose every chunk is rewritten takes up to twice
//!   its size.

mod buffer;
mod iter;
mod publisher;
mod snapshot;
mod spares;
mod spine;

pub use buffer::ChunkedBuffer;
pub use iter::{Chunks, Iter};
pub use publisher::{ChunkedDraft, ChunkedPublisher};
pub use snapshot::ChunkedSnapshot;

/// Reads the versions of one [`ChunkedPublisher`], without ever waiting.
pub type ChunkedReader<T> = crate::publish::VersionReader<ChunkedSnapshot<T>>;

/// One version of a [`ChunkedPublisher`], held in place while it is looked at.
pub type ChunkedPinned<'a, T> = crate::publish::PinnedVersion<'a, ChunkedSnapshot<T>>;

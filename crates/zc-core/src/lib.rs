//! One in-memory buffer, many readers, one writer, no copies; and the ground that the other crates
//! of the workspace stand on.
//!
//! # What is here
//!
//! | module | holds |
//! |---|---|
//! | [`shared`] | [`SharedBuffer`]: many readers or one writer over one growable `[T]`, with snapshots |
//! | [`frozen`] | [`Frozen`]: an immutable, counted view that outlives locks and copies nothing |
//! | [`region`] | [`Region`], [`RegionPool`]: memory from the heap, the system, memory files and files; growing, recycled |
//! | [`chunked`] | [`ChunkedBuffer`]: a small write under a snapshot copies one chunk, not the whole |
//! | [`publish`] | [`Publisher`] and [`Reader`]: versions that are read without waiting |
//! | [`seq`] | [`SeqCell`]: a small plain value that readers copy without locking |
//! | [`wait`] | how long to spin, whom to wake: threads and tasks in one list |
//! | [`ledger`] | which payload bytes were copied, where |
//! | [`sync`] | the switch between `std`, loom and shuttle |
//! | [`error`] | every error of the crate |
//!
//! # The one idea
//!
//! Memory has one owner, and any number of [`Frozen`] views: a pointer, a length and a counted
//! reference. Whatever owns the bytes, a vector, a region of a pool, a page of a mapped file, a
//! view of it is three words, is cloned with one atomic addition, is sliced without moving a byte,
//! and becomes `bytes::Bytes` without a copy. A [`SharedBuffer`] keeps its elements in such an
//! owner, so a snapshot of it is one more reference.
//!
//! ```
//! use zc_core::SharedBuffer;
//!
//! let prices: SharedBuffer<u64> = vec![100, 101, 102].into();
//!
//! // Readers see the elements themselves.
//! assert_eq!(prices.read()?[1], 101);
//!
//! // A snapshot outlives every guard. Slicing it moves nothing.
//! let then = prices.snapshot()?.slice(1..);
//! assert_eq!(then.as_ptr(), prices.read()?[1..].as_ptr());
//!
//! // A write copies only because the snapshot is still there.
//! prices.write()?[1] = 7;
//! assert_eq!(*then, [101, 102]);
//! assert_eq!(*prices.read()?, [100, 7, 102]);
//! # Ok::<(), zc_core::error::Poisoned>(())
//! ```
//!
//! # What it is not
//!
//! * The lock costs a read-modify-write on one shared word at each end of a read section. It is
//!   made for sections longer than that; for tiny ones read a [`Frozen`] instead.
//! * A write to a [`SharedBuffer`] under a living snapshot copies the whole buffer once; to a
//!   [`ChunkedBuffer`], a chunk.
//! * Mapping a file is `unsafe`, because another process could cut the file short under the
//!   mapping; a private copy and a sealed memory file are safe (see [`region`]).
//! * No executor, no thread, no global: the crate starts nothing and prints nothing.
//!
//! # Proof
//!
//! Every ordering that carries an edge has a name (see [`sync`]). Models of the waiter list, of
//! the lock and of the counting of views run under loom, each also on a build with a seeded
//! defect that it must find. Miri has not run on this crate; it is written for it (no integer is
//! made a pointer, no reference to shared memory outlives the access it is made for).

pub mod chunked;
pub mod error;
pub mod frozen;
pub mod ledger;
pub mod publish;
pub mod region;
pub mod seq;
pub mod shared;
pub mod sync;
pub mod wait;

pub use chunked::{ChunkedBuffer, ChunkedPublisher, ChunkedReader, ChunkedSnapshot};
pub use error::{
    CapacityError, CastError, Closed, Holder, LockTimeoutError, Poisoned, RegionError,
    TryLockError, WaitError,
};
pub use frozen::{FileSpan, Frozen, FrozenMut};
pub use publish::{Draft, Pinned, Publisher, Reader, Version};
pub use region::{Region, RegionPool};
pub use seq::SeqCell;
pub use shared::{
    MappedReadGuard, MappedWriteGuard, OwnedMappedReadGuard, OwnedMappedWriteGuard, OwnedReadGuard,
    OwnedWriteGuard, ReadGuard, SharedBuffer, WriteGuard,
};
pub use wait::WaitStrategy;

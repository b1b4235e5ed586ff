//! Many writers reserve pieces of one logical byte stream, fill them in place, and commit; one
//! consumer receives large, gap-free, ordered groups. No byte is copied on the way.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use bytes::BufMut;
//! use zc_agent::{BufferError, Manager, Received};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (handle, mut groups, mut failures) = Manager::builder().min_group_commit_size(8).spawn()?;
//!
//! // Reserve: the offsets are fixed now, whoever is done first.
//! let five = NonZeroUsize::new(5).unwrap();
//! let mut hello = handle.reserve_writer(five).await?;
//! let world = handle.reserve_writer(five).await?;
//! let lost = handle.reserve_writer(five).await?;
//!
//! // Fill in place, or hand over `Bytes`, and commit, in any order.
//! world.into_single_agent().submit_bytes("world".into()).await?;
//! hello.put_slice(b"hello");
//! hello.commit()?;
//!
//! // The two crossed the line of 8 bytes: a group, contiguous from the start.
//! let group = groups.recv().await.item().expect("a group");
//! assert_eq!((group.offset, group.chunks().len()), (0, 1));
//! assert_eq!(&*group.into_bytes(), b"helloworld");
//!
//! // What is not committed is reported at once, and can be retried.
//! drop(lost);
//! let failed = failures.recv().await.item().expect("a failure");
//! let again = handle.retry(&failed.failed_reservations[0]).await?;
//! assert_eq!(again.offset(), 10);
//! again.into_single_agent().submit_bytes("again".into()).await?;
//! assert_eq!(groups.recv().await.item().expect("a group").offset, 10);
//!
//! // The end is explicit.
//! let report = handle.finalize().await?;
//! assert!(report.is_empty());
//! assert!(matches!(groups.recv().await, Received::End(_)));
//! # Ok(()) }
//! ```
//!
//! # What it is for
//!
//! Range downloads, log appends, serialised rows: many tasks that each know how many bytes they are
//! about to produce, and a file, an object store or a socket that wants few large writes in order.
//!
//! # How it works
//!
//! There is no actor and no background task. A [`ZeroCopyHandle`] reserves by one compare-and-swap
//! on a cursor that names the open group and how much of it is given away. The agent writes
//! straight into the group's slab, a page-aligned piece of pooled memory. A commit is one addition
//! to the group's progress word. Whoever moves the cursor across `min_group_commit_size` seals the
//! group; whoever settles its last byte hands it to the consumer, as views of the slab. When the
//! consumer drops the last view, the slab goes back to the pool, and its charge to the budget.
//!
//! A lock is taken once for every group that is opened or completed, for failures, and for adopted
//! `Bytes`; never for a reservation that fits the open group, never for its commit. A
//! [`RunWriter`] needs not even an atomic: it owns its run, and who wants to see what is written
//! pays for a process-wide barrier.
//!
//! | what | cost |
//! |---|---|
//! | reserve, where the open group has room | one compare-and-swap, one store; no allocation |
//! | fill | your own writes; `submit_bytes` below `adopt_threshold` copies once |
//! | `submit_bytes` at `adopt_threshold` and above | the lock, no byte touched |
//! | commit | one store, one addition; no allocation |
//! | [`RunWriter::write`] | one copy, two stores, two loads |
//! | a group | the lock twice, one slab from the pool, three small allocations |
//!
//! # Promises
//!
//! * Offsets have no holes but those that are reported, and every byte of the stream comes out
//!   exactly once: in a group, in a failure report, or in the final report.
//! * Nothing is ever sent through a queue that could be full: a slow consumer holds back
//!   reservations, and nothing else.
//! * Every future is cancel-safe. A reservation that was made for a cancelled call is undone.
//! * Memory that nobody filled is never exposed. An agent that was revoked can still write to its
//!   memory, which nobody else is given until it is gone.
//! * The crate starts no thread and no task. It needs tokio for `linger`, `abandon_after` and
//!   deadlines only; everything else runs on any executor, or on none with the `blocking_` calls.
//!
//! # Limits
//!
//! * One consumer. The groups are a queue, not a broadcast.
//! * A reservation has its size from the start. It can be shortened (`commit_partial`), not grown.
//! * In [`Delivery::Ordered`] one idle agent holds up everything behind it, until the budget is
//!   used up or `abandon_after` revokes it.
//! * `linger` and `abandon_after` are minded while somebody waits in [`Groups::recv`] or
//!   [`Failures::recv`]. With nobody waiting, nothing is sealed by time.
//! * A group has at most 4,194,303 reservations and 512 MiB; a reservation at most 1 GiB.
//! * Adopted `Bytes` are charged on top of the slab they stand in for, until the group is complete.
//!
//! # Features
//!
//! * `channel` (on by default): `ChannelSink`, groups into a `zc_channel`.
//! * `object-store`: `MultipartSink`, groups into a multipart upload of an `object_store`.
//! * `ledger`: count every payload byte that is copied or delivered, see [`zc_core::ledger`].

#![deny(missing_docs)]

mod after;
mod agent;
mod biased;
mod budget;
mod builder;
pub mod compat;
mod error;
mod failure;
mod finalize;
mod group;
mod handle;
mod manager;
mod metrics;
mod receive;
mod reserve;
mod sink;
mod timer;
mod types;

pub use agent::{ChunkAgent, RunWriter, SingleAgent, SubmitAgent};
pub use builder::ManagerBuilder;
pub use error::{BufferError, BuildError, CommitError, ManagerError, SubmitError};
pub use failure::{FailedGroupData, FailedReservationInfo};
pub use finalize::FinalizeResult;
pub use group::data::SuccessfulGroupData;
pub use handle::ZeroCopyHandle;
pub use manager::Manager;
pub use metrics::AgentMetrics;
pub use receive::{Failures, Groups};
#[cfg(feature = "channel")]
pub use sink::ChannelSink;
#[cfg(unix)]
pub use sink::FileSink;
#[cfg(feature = "object-store")]
pub use sink::MultipartSink;
pub use sink::{AsyncWriteSink, GroupSink, SinkError};
pub use types::{
    AbsoluteOffset, Delivery, FailReason, FinalizeMode, GroupId, GroupState, Received,
    ReservationId, SealedBy,
};

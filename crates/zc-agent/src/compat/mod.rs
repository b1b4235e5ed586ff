//! The shape of `zc_buffer` 0.1, over this crate: its users move over by changing the crate's
//! name.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use bytes::Bytes;
//! use zc_agent::compat as zc_buffer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let channel_size = NonZeroUsize::new(16).unwrap();
//! let (handle, mut completed, mut failed) =
//!     zc_buffer::spawn_manager!(default, channel_size, &10);
//!
//! let agent = handle.reserve_writer(NonZeroUsize::new(10).unwrap()).await?;
//! agent.into_single_agent().submit_bytes(Bytes::from_static(b"0123456789")).await?;
//! let (offset, merged) = completed.recv().await.unwrap();
//! assert_eq!((offset, &merged[..]), (0, &b"0123456789"[..]));
//!
//! drop(handle.reserve_writer(NonZeroUsize::new(5).unwrap()).await?);
//! let report = handle.finalize().await?;
//! assert!(report.is_empty(), "what failed is received");
//! assert_eq!(failed.recv().await.unwrap().failed_reservations[0].size, 5);
//! assert!(completed.recv().await.is_none() && failed.recv().await.is_none());
//! # Ok(()) }
//! ```
//!
//! # What is the same
//!
//! [`spawn_manager!`](crate::compat::spawn_manager) and [`ManagerActor::spawn`] with one channel
//! size and one commit size; tokio channels of merged `(offset, Box<[u8]>)` groups and of failed
//! groups, one report for each; agents by value; a `finalize` that does not wait for agents.
//!
//! # What is better, and so different
//!
//! * A failed group is reported when it is complete, not only at the end.
//! * Groups arrive in order. A full channel holds back reservations, and nothing else.
//! * `finalize` can be called while channels are full, and by several handles; what nobody can
//!   receive any more is in its report, good groups included.
//! * Memory is bounded: by default to 64 MiB or four groups, where that is more. With that much
//!   reserved and not received, `reserve_writer` waits.
//! * Agents that were alive when the manager finalized are told
//!   [`ManagerFinalizing`](ManagerError::ManagerFinalizing).
//! * Messages are in English. Variants that told of the actor's inner life are gone, and so is the
//!   actor: its components cannot be exchanged.
//!
//! # What it costs
//!
//! A group is copied once, into its box; a task moves the groups into the channels. Without that,
//! and with retries, linger, budgets and the rest: see the rest of this crate.

#![forbid(unsafe_code)]

mod actor;
mod agent;
mod error;
mod handle;
mod pump;
pub mod types;

pub use actor::{DefaultManagerComponents, ManagerActor, ManagerComponents};
pub use agent::{ChunkAgent, SingleAgent, SubmitAgent};
pub use error::{BufferError, ManagerError};
pub use handle::ZeroCopyHandle;
pub use types::{
    FailedGroupData, FailedGroupDataTransmission, FailedReservationInfo, FinalizeResult,
    SuccessfulGroupData,
};

#[doc(inline)]
pub use crate::__spawn_manager as spawn_manager;

pub mod defaults {
    //! Where the original keeps its defaults.

    pub use super::DefaultManagerComponents;
}

pub mod manager {
    //! Where the original keeps its manager.

    pub use super::{ManagerActor, ManagerComponents};
}

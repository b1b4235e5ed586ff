//! Many writers, one ordered stream of groups, no copies.
#![deny(missing_docs)]

mod agent;
mod budget;
mod builder;
mod error;
mod failure;
mod finalize;
mod group;
mod handle;
mod manager;
mod metrics;
mod receive;
mod timer;
mod types;

pub use agent::{ChunkAgent, SingleAgent, SubmitAgent};
pub use builder::ManagerBuilder;
pub use error::{BufferError, BuildError, CommitError, ManagerError, SubmitError};
pub use failure::{FailedGroupData, FailedReservationInfo};
pub use finalize::FinalizeResult;
pub use group::data::SuccessfulGroupData;
pub use handle::ZeroCopyHandle;
pub use manager::Manager;
pub use metrics::AgentMetrics;
pub use receive::{Failures, Groups};
pub use types::{
    AbsoluteOffset, Delivery, FailReason, FinalizeMode, GroupId, GroupState, Received,
    ReservationId, SealedBy,
};

//! Agents: what a writer holds of its reservation.
//!
//! A [`SubmitAgent`] is filled in place; it becomes a [`SingleAgent`] to submit one `Bytes`, or a
//! [`ChunkAgent`] to put it together from pieces. A [`RunWriter`] writes many small pieces into runs
//! that it reserves itself. Whatever is dropped without a commit is
//! reported as failed, at once.

#![forbid(unsafe_code)]

mod chunk;
mod run;
mod single;
mod submit;

pub use chunk::ChunkAgent;
pub(crate) use run::Run;
pub use run::RunWriter;
pub use single::SingleAgent;
pub use submit::SubmitAgent;

use crate::error::ManagerError;
use crate::group::lease::{Lease, Revoked};

#[cold]
fn too_late(revoked: Revoked) -> Box<ManagerError> {
    Box::new(ManagerError::Revoked {
        reservation_id: revoked.id,
        reason: revoked.reason,
    })
}

fn size_mismatch(lease: &Lease, expected: usize, actual: usize) -> Box<ManagerError> {
    Box::new(ManagerError::CommitSizeMismatch {
        reservation_id: lease.id(),
        expected,
        actual,
    })
}

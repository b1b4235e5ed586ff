//! What is reported of reservations that did not become data.

use std::collections::BTreeMap;

use std::sync::Arc;
use zc_core::Frozen;
use zc_core::sync::atomic::AtomicBool;

use crate::budget::Request;
use crate::types::{AbsoluteOffset, FailReason, GroupId, ReservationId};

/// A reservation that did not become data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedReservationInfo {
    /// The reservation.
    pub id: ReservationId,
    /// The group it is in.
    pub group_id: GroupId,
    /// Position of its first missing byte in the stream.
    pub offset: AbsoluteOffset,
    /// How many bytes are missing.
    pub size: usize,
    /// Why.
    pub reason: FailReason,
    /// The manager it belongs to.
    pub(crate) manager: u64,
    /// Whether it has been retried; shared by all clones.
    taken: Arc<AtomicBool>,
}

impl FailedReservationInfo {
    pub(crate) fn new(
        manager: u64,
        id: ReservationId,
        group_id: GroupId,
        offset: AbsoluteOffset,
        size: usize,
        reason: FailReason,
    ) -> Self {
        Self {
            id,
            group_id,
            offset,
            size,
            reason,
            manager,
            taken: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(crate) fn request(&self) -> Request {
        Request::Again {
            id: self.id,
            offset: self.offset,
            size: self.size,
            taken: self.taken.clone(),
        }
    }
}

impl PartialEq for FailedReservationInfo {
    fn eq(&self, other: &Self) -> bool {
        (self.manager, self.id, self.group_id, self.offset, self.size)
            == (
                other.manager,
                other.id,
                other.group_id,
                other.offset,
                other.size,
            )
            && self.reason == other.reason
    }
}

impl Eq for FailedReservationInfo {}

/// What is known of a group with failures: which reservations failed, and which bytes are good all
/// the same.
///
/// The first report of a group comes with its first failure, and has all bytes that were good by
/// then. The others follow, with the next failure or when the group is complete, under the same
/// `group_id`. Every reservation and every byte is in exactly one report. Where the only failures
/// are [`FailReason::Unused`] tails, the reports have no bytes: those are delivered as usual, in
/// pieces that do not span the tail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedGroupData {
    /// The group.
    pub group_id: GroupId,
    /// Good bytes by their position in the stream. Views of the memory that was written; nothing
    /// is copied.
    pub group_chunks: BTreeMap<AbsoluteOffset, Frozen<u8>>,
    /// What failed.
    pub failed_reservations: Vec<FailedReservationInfo>,
}

impl FailedGroupData {
    pub(crate) fn new(
        group_id: GroupId,
        group_chunks: BTreeMap<AbsoluteOffset, Frozen<u8>>,
        failed_reservations: Vec<FailedReservationInfo>,
    ) -> Self {
        Self {
            group_id,
            group_chunks,
            failed_reservations,
        }
    }

    /// Good bytes in this report.
    #[must_use]
    pub fn good_len(&self) -> usize {
        self.group_chunks.values().map(|chunk| chunk.len()).sum()
    }

    /// Missing bytes in this report.
    #[must_use]
    pub fn failed_len(&self) -> usize {
        self.failed_reservations
            .iter()
            .map(|failed| failed.size)
            .sum()
    }
}

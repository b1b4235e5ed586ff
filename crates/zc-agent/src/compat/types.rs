//! Ids, groups and reports, in the original's shape.

use std::collections::BTreeMap;

use bytes::Bytes;
use zc_core::ledger;

use crate::failure;
use crate::group::data;

pub use crate::types::{GroupId, ReservationId};

/// A position in the logical byte stream, in bytes from its start.
pub type AbsoluteOffset = usize;

/// A complete group: where it begins, and its bytes.
pub type SuccessfulGroupData = (AbsoluteOffset, Box<[u8]>);

/// What the channel of failures carries.
pub type FailedGroupDataTransmission = FailedGroupData;

/// A reservation that did not become data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedReservationInfo {
    /// The reservation.
    pub id: ReservationId,
    /// The group it is in.
    pub group_id: GroupId,
    /// Position of its first byte in the stream.
    pub offset: AbsoluteOffset,
    /// Its length in bytes.
    pub size: usize,
}

/// A group with failures: what failed, and what is good all the same.
#[derive(Clone, Debug, Default)]
pub struct FailedGroupData {
    /// The group.
    pub group_id: GroupId,
    /// Good bytes by their position in the stream.
    pub group_chunks: BTreeMap<AbsoluteOffset, Bytes>,
    /// What failed.
    pub failed_reservations: Vec<FailedReservationInfo>,
}

/// What could not be sent to either channel.
#[derive(Clone, Debug, Default)]
pub struct FinalizeResult {
    /// Groups that nobody received; one without failed reservations is a good group.
    pub failed: Vec<FailedGroupData>,
}

impl FinalizeResult {
    /// How many groups there are.
    #[must_use]
    pub fn failed_len(&self) -> usize {
        self.failed.len()
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }
}

impl FailedGroupData {
    /// A good group that nobody received.
    pub(super) fn unreceived(group: data::SuccessfulGroupData) -> Self {
        let mut at = narrow(group.offset);
        let group_id = group.group_id;
        let mut group_chunks = BTreeMap::new();
        for chunk in group.into_chunks() {
            let len = chunk.len();
            group_chunks.insert(at, chunk.into());
            at += len;
        }
        Self {
            group_id,
            group_chunks,
            failed_reservations: Vec::new(),
        }
    }

    /// Takes in one more report of the same group.
    pub(super) fn merge(&mut self, more: failure::FailedGroupData) {
        let chunks = more.group_chunks.into_iter();
        self.group_chunks
            .extend(chunks.map(|(at, chunk)| (narrow(at), chunk.into())));
        let infos = more.failed_reservations.into_iter();
        self.failed_reservations
            .extend(infos.map(|info| FailedReservationInfo {
                id: info.id,
                group_id: info.group_id,
                offset: narrow(info.offset),
                size: info.size,
            }));
    }
}

/// The group's bytes in one box: the one copy of this module, the ledger's `agent.compat_merge`.
pub(super) fn merged(group: &data::SuccessfulGroupData) -> SuccessfulGroupData {
    ledger::copied("agent.compat_merge", group.len);
    let mut all = Vec::with_capacity(group.len);
    group
        .chunks()
        .iter()
        .for_each(|chunk| all.extend_from_slice(chunk));
    (narrow(group.offset), all.into_boxed_slice())
}

/// The original counts offsets in `usize`. Past its end, which takes a 32-bit machine and 4 GiB,
/// this stays there.
pub(super) fn narrow(offset: u64) -> AbsoluteOffset {
    AbsoluteOffset::try_from(offset).unwrap_or(AbsoluteOffset::MAX)
}

//! Two tasks that move what the manager yields into channels, and the account of what they could
//! not.
//!
//! A task takes something from the manager only when the channel has room for it. When the
//! channel's receiver is gone, it closes its end of the manager, and what was queued there is
//! *left over*. `finalize` reports that together with what the manager itself could not deliver:
//! for a receiver that is gone it first waits until the task has seen so, which does not depend on
//! anybody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::types::{FailedGroupData, FinalizeResult, SuccessfulGroupData, merged};
use crate::finalize;
use crate::manager::Shared;
use crate::receive::{Failures, Groups};
use crate::types::{GroupState, Received};

/// What one task left over; `None` while it runs.
type LeftOver = Option<Arc<Vec<FailedGroupData>>>;

/// The account of both tasks.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    completed: mpsc::WeakSender<SuccessfulGroupData>,
    failed: mpsc::WeakSender<FailedGroupData>,
    groups: watch::Sender<LeftOver>,
    failures: watch::Sender<LeftOver>,
}

impl Ends {
    pub(super) fn new(
        completed: &mpsc::Sender<SuccessfulGroupData>,
        failed: &mpsc::Sender<FailedGroupData>,
    ) -> Self {
        Self {
            completed: completed.downgrade(),
            failed: failed.downgrade(),
            groups: watch::Sender::new(None),
            failures: watch::Sender::new(None),
        }
    }

    pub(super) fn groups_end(&self) -> watch::Sender<LeftOver> {
        self.groups.clone()
    }

    pub(super) fn failures_end(&self) -> watch::Sender<LeftOver> {
        self.failures.clone()
    }

    /// What nobody receives any more, once the manager has finalized with `report`.
    pub(super) async fn report(&self, report: &finalize::FinalizeResult) -> FinalizeResult {
        let mut by_group: BTreeMap<_, FailedGroupData> = BTreeMap::new();
        for failed in &report.failed {
            merge(&mut by_group, failed.clone());
        }
        let undelivered = report.undelivered.iter().cloned();
        let mut failed: Vec<_> = undelivered.map(FailedGroupData::unreceived).collect();
        if is_gone(&self.completed) {
            failed.extend(left_over(&self.groups).await);
        }
        if is_gone(&self.failed) {
            failed.extend(left_over(&self.failures).await);
        }
        failed.extend(by_group.into_values());
        FinalizeResult { failed }
    }
}

/// Moves groups, merged, into `completed`.
pub(super) async fn groups(
    mut groups: Groups,
    completed: mpsc::Sender<SuccessfulGroupData>,
    end: watch::Sender<LeftOver>,
) {
    while let Ok(permit) = completed.reserve().await {
        tokio::select! {
            received = groups.recv() => match received {
                Received::Item(group) => permit.send(merged(&group)),
                Received::End(_) => break,
            },
            () = completed.closed() => break,
        }
    }
    let left = groups.close().into_iter();
    let left = left.map(FailedGroupData::unreceived).collect();
    end.send_replace(Some(Arc::new(left)));
}

/// Moves failed groups into `failed`: each once, with all that is known of it.
pub(super) async fn failures(
    mut failures: Failures,
    failed: mpsc::Sender<FailedGroupData>,
    manager: Arc<Shared>,
    end: watch::Sender<LeftOver>,
) {
    // Groups that may have more reports to come, and groups that have none.
    let mut open: BTreeMap<_, FailedGroupData> = BTreeMap::new();
    let mut whole: VecDeque<FailedGroupData> = VecDeque::new();
    let mut has_ended = false;
    while let Ok(permit) = failed.reserve().await {
        if let Some(data) = whole.pop_front() {
            permit.send(data);
            continue;
        }
        drop(permit);
        // A group that is complete before the queue is emptied has all of its reports in it.
        let is_complete = |id: &u64| {
            let state = manager.group_state(*id);
            has_ended || !matches!(state, Some(GroupState::Open | GroupState::Sealed { .. }))
        };
        let complete: Vec<_> = open.keys().copied().filter(is_complete).collect();
        let mut is_news = !complete.is_empty();
        while let Some(Received::Item(report)) = failures.try_recv() {
            merge(&mut open, report);
            is_news = true;
        }
        whole.extend(complete.iter().filter_map(|id| open.remove(id)));
        if is_news {
            continue;
        }
        if has_ended {
            break;
        }
        tokio::select! {
            received = failures.recv() => match received {
                Received::Item(report) => merge(&mut open, report),
                Received::End(_) => has_ended = true,
            },
            () = failed.closed() => break,
        }
    }
    for report in failures.close() {
        merge(&mut open, report);
    }
    whole.extend(open.into_values());
    end.send_replace(Some(Arc::new(whole.into())));
}

fn merge(by_group: &mut BTreeMap<u64, FailedGroupData>, report: crate::FailedGroupData) {
    let group_id = report.group_id;
    let data = by_group.entry(group_id).or_default();
    data.group_id = group_id;
    data.merge(report);
}

fn is_gone<T>(sender: &mpsc::WeakSender<T>) -> bool {
    sender.upgrade().is_none_or(|sender| sender.is_closed())
}

async fn left_over(end: &watch::Sender<LeftOver>) -> Vec<FailedGroupData> {
    let mut end = end.subscribe();
    // `end` itself keeps the channel open, so that this cannot fail.
    let left = end.wait_for(Option::is_some).await;
    left.ok()
        .and_then(|left| left.as_deref().cloned())
        .unwrap_or_default()
}

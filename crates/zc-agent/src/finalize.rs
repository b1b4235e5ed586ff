//! The end: from the first call of `finalize` to the report.
//!
//! ```text
//!   Open ──finalize / last handle dropped──▶ Finalizing ──every group complete──▶ Done(report)
//! ```
//!
//! The state belongs to the manager, not to a call: a `finalize` that is cancelled has begun all
//! the same, another one joins in, and a stronger mode takes over from a weaker one. The report is
//! made once and kept.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{seeded, thread};

use crate::after::After;
use crate::error::BufferError;
use crate::failure::FailedGroupData;
use crate::group::data::SuccessfulGroupData;
use crate::group::side::Side;
use crate::manager::{Core, Shared};
use crate::timer::Timer;
use crate::types::{FailReason, FinalizeMode, SealedBy};

/// The report: everything that could not be delivered. Empty where both receivers are alive and
/// the mode was not [`FinalizeMode::Abort`]: then what is queued can still be received.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FinalizeResult {
    /// Good groups that nobody is there to receive, in order of delivery.
    pub undelivered: Vec<SuccessfulGroupData>,
    /// Failure reports that nobody is there to receive.
    pub failed: Vec<FailedGroupData>,
}

impl FinalizeResult {
    /// Whether everything was delivered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.undelivered.is_empty() && self.failed.is_empty()
    }

    /// How many failure reports are in here.
    #[must_use]
    pub const fn failed_len(&self) -> usize {
        self.failed.len()
    }
}

/// How far the end has come.
#[derive(Debug, Default)]
pub(crate) struct Life {
    stage: Stage,
    waiting: Vec<(u64, Waker)>,
    next_waiter: u64,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Open,
    /// `revoke`: agents that exist are revoked. `abort`: nothing more is delivered.
    Finalizing {
        revoke: bool,
        abort: bool,
    },
    Done(Arc<FinalizeResult>),
}

impl Life {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    pub(crate) fn report(&self) -> Option<Arc<FinalizeResult>> {
        match &self.stage {
            Stage::Done(report) => Some(report.clone()),
            _ => None,
        }
    }

    /// Lets go of the report; nobody can ask for it any more.
    pub(crate) fn take_report(&mut self) -> Option<Arc<FinalizeResult>> {
        match &mut self.stage {
            Stage::Done(report) => Some(std::mem::take(report)),
            _ => None,
        }
    }

    pub(crate) fn aborts(&self) -> bool {
        matches!(self.stage, Stage::Finalizing { abort: true, .. })
    }

    fn revokes(&self) -> bool {
        matches!(self.stage, Stage::Finalizing { revoke: true, .. })
    }
}

impl Shared {
    /// Begins to finalize, or does so with more force than before. With `if_open`, only if nobody
    /// has begun yet.
    pub(crate) fn begin_finalize(self: &Arc<Self>, mode: FinalizeMode, if_open: bool) {
        let (revoke, abort) = match mode {
            FinalizeMode::Drain { .. } => (false, false),
            FinalizeMode::SealNow => (true, false),
            FinalizeMode::Abort => (true, true),
        };
        // The runs first, while the tail of the last one can still go back.
        self.with_core(|core, after| self.publish_all_runs(core, after));
        self.with_core(|core, after| {
            match &mut core.life.stage {
                Stage::Done(_) => return,
                Stage::Finalizing { .. } if if_open => return,
                Stage::Finalizing {
                    revoke: r,
                    abort: a,
                } => {
                    *r |= revoke;
                    *a |= abort;
                }
                stage @ Stage::Open => *stage = Stage::Finalizing { revoke, abort },
            }
            self.seal_open(core, SealedBy::Finalize, after);
            self.closing.store(true, Ordering::Relaxed);
            self.publish_all_runs(core, after);
        });
        // What was written to runs has been committed by now.
        if revoke {
            self.with_core(|core, after| self.revoke_all(core, after));
        }
    }

    /// Revokes what had not been seen when it should have been.
    pub(crate) fn revoke_unseen(self: &Arc<Self>, core: &mut Core, after: &mut After) {
        if std::mem::take(&mut core.unseen) {
            self.revoke_all(core, after);
        }
    }

    fn revoke_all(self: &Arc<Self>, core: &mut Core, after: &mut After) {
        if !core.life.revokes() || seeded("agent.revoke_on_finalize") {
            return;
        }
        for slot in 0..core.sides.len() {
            if core.sides[slot].is_incomplete() {
                self.revoke(core, slot, u32::MAX, &FailReason::Finalized, after);
            }
        }
    }

    /// Makes the report as soon as that is possible.
    pub(crate) fn finish(&self, core: &mut Core, after: &mut After) {
        let Stage::Finalizing { abort, .. } = core.life.stage else {
            return;
        };
        if core.sides.iter().any(Side::is_incomplete) && !seeded("agent.drain_waits") {
            return;
        }
        debug_assert!(core.parked.is_empty(), "every group has had its turn");
        let mut report = FinalizeResult::default();
        if core.groups_gone || abort {
            report.undelivered.extend(core.ready.drain(..));
        }
        if core.failures_gone || abort {
            report.failed.extend(core.failures.drain(..));
            core.unread_failures = 0;
        }
        core.life.stage = Stage::Done(Arc::new(report));
        after.wake(core.groups_waker.take());
        after.wake(core.failures_waker.take());
        for (_, waker) in core.life.waiting.drain(..) {
            if !seeded("agent.wake_finalize") {
                after.wake(Some(waker));
            }
        }
    }

    /// Begins to finalize and waits for the report. Dropping it stops the waiting, not the end.
    pub(crate) async fn finalize(
        self: &Arc<Self>,
        mode: FinalizeMode,
    ) -> Result<Arc<FinalizeResult>, BufferError> {
        let mut timer = Timer::default();
        let mut deadline = None;
        if let FinalizeMode::Drain {
            deadline: Some(after),
        } = mode
        {
            timer.check(&self.config.runtime)?;
            // A deadline past what the clock can tell is none.
            deadline = Instant::now().checked_add(after);
        }
        self.begin_finalize(mode, false);
        let mut waiting = Waiting {
            shared: self,
            id: None,
        };
        poll_fn(|cx| {
            loop {
                if let Some(report) = waiting.look(cx) {
                    return Poll::Ready(Ok(report));
                }
                let Some(at) = deadline else {
                    return Poll::Pending;
                };
                if timer.poll_at(&self.config.runtime, at, cx).is_pending() {
                    return Poll::Pending;
                }
                deadline = None;
                self.begin_finalize(FinalizeMode::SealNow, false);
            }
        })
        .await
    }
}

/// One that waits for the report.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    id: Option<u64>,
}

impl Waiting<'_> {
    fn look(&mut self, cx: &mut Context<'_>) -> Option<Arc<FinalizeResult>> {
        let waker = cx.waker().clone();
        let id = &mut self.id;
        let (report, unseen) = self.shared.with_core(|core, after| {
            let report = core.life.report();
            if report.is_some() {
                after.stale.push(waker);
                return (report, false);
            }
            let life = &mut core.life;
            let key = *id.get_or_insert_with(|| {
                life.next_waiter += 1;
                life.next_waiter
            });
            match life.waiting.iter_mut().find(|(k, _)| *k == key) {
                Some((_, present)) => after.stale.push(std::mem::replace(present, waker)),
                None => life.waiting.push((key, waker)),
            }
            (None, core.unseen)
        });
        if unseen {
            // A writer is between two instructions of a reservation: let it run, and look again.
            thread::yield_now();
            cx.waker().wake_by_ref();
        }
        report
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.with_core(|core, after| {
                let waiting = &mut core.life.waiting;
                if let Some(at) = waiting.iter().position(|(key, _)| *key == id) {
                    after.stale.push(waiting.swap_remove(at).1);
                }
            });
        }
    }
}

//! The receiving ends. They also mind the clock: see [`timer`](crate::timer).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use std::sync::Arc;
use zc_core::ledger;
use zc_core::sync::thread;

use crate::after::After;
use crate::failure::FailedGroupData;
use crate::group::data::SuccessfulGroupData;
use crate::manager::{Core, Shared};
use crate::timer::Timer;
use crate::types::{Received, SealedBy};

/// Receives complete groups. One of a kind; dropping it makes every later reservation fail with
/// [`BufferError::ConsumerGone`](crate::BufferError::ConsumerGone).
///
/// As a `Stream` it yields [`Received::Item`]s, one [`Received::End`], and then `None`.
#[derive(Debug)]
pub struct Groups {
    inbox: Inbox,
}

/// Receives reports of failures. One of a kind; once it is dropped, reports are kept for the final
/// report. While 65,536 failed reservations are unread, nothing new is reserved: reservations wait
/// or, if this end was dropped, fail.
///
/// As a `Stream` it yields [`Received::Item`]s, one [`Received::End`], and then `None`.
#[derive(Debug)]
pub struct Failures {
    inbox: Inbox,
}

impl Groups {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            inbox: Inbox::new(shared),
        }
    }

    /// The next group, or the end: every call after the end gives the end again.
    ///
    /// Cancel-safe: a group is taken out of the queue by the poll that returns it.
    pub async fn recv(&mut self) -> Received<SuccessfulGroupData> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What is there now; `None` if nothing is.
    pub fn try_recv(&mut self) -> Option<Received<SuccessfulGroupData>> {
        self.inbox.look(pop_group, None).0
    }

    /// As [`recv`](Self::recv), for a future that is written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<SuccessfulGroupData>> {
        self.inbox
            .poll(cx, pop_group, |core| &mut core.groups_waker)
    }
}

impl Failures {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            inbox: Inbox::new(shared),
        }
    }

    /// The next report, or the end: every call after the end gives the end again.
    ///
    /// Cancel-safe: a report is taken out of the queue by the poll that returns it.
    pub async fn recv(&mut self) -> Received<FailedGroupData> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What is there now; `None` if nothing is.
    pub fn try_recv(&mut self) -> Option<Received<FailedGroupData>> {
        self.inbox.look(pop_failure, None).0
    }

    /// As [`recv`](Self::recv), for a future that is written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Received<FailedGroupData>> {
        self.inbox
            .poll(cx, pop_failure, |core| &mut core.failures_waker)
    }
}

impl Groups {
    /// Ends the receiving, and gives what is queued. Whatever comes later goes into the report.
    pub(crate) fn close(self) -> Vec<SuccessfulGroupData> {
        let shared = self.inbox.shared.clone();
        shared.with_core(|core, after| {
            self.inbox.leave_groups(core, after);
            core.ready.drain(..).collect()
        })
    }
}

impl Failures {
    /// Ends the receiving, and gives what is queued. Whatever comes later goes into the report.
    pub(crate) fn close(self) -> Vec<FailedGroupData> {
        let shared = self.inbox.shared.clone();
        shared.with_core(|core, after| {
            self.inbox.leave_failures(core, after);
            core.unread_failures = 0;
            core.failures.drain(..).collect()
        })
    }
}

fn pop_group(core: &mut Core) -> Option<SuccessfulGroupData> {
    if core.life.aborts() {
        return None;
    }
    let group = core.ready.pop_front()?;
    core.counters.groups_received += 1;
    core.counters.bytes_received += group.len as u64;
    ledger::delivered(group.len);
    Some(group)
}

fn pop_failure(core: &mut Core) -> Option<FailedGroupData> {
    if core.life.aborts() {
        return None;
    }
    let failed = core.failures.pop_front()?;
    core.unread_failures -= failed.failed_reservations.len();
    let good = failed.good_len();
    core.counters.bytes_salvaged += good as u64;
    ledger::delivered(good);
    Some(failed)
}

impl Drop for Groups {
    fn drop(&mut self) {
        let inbox = &self.inbox;
        inbox
            .shared
            .with_core(|core, after| inbox.leave_groups(core, after));
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        let inbox = &self.inbox;
        inbox
            .shared
            .with_core(|core, after| inbox.leave_failures(core, after));
    }
}

impl Stream for Groups {
    type Item = Received<SuccessfulGroupData>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.inbox.has_ended {
            return Poll::Ready(None);
        }
        self.poll_recv(cx).map(|received| {
            self.inbox.has_ended = received.is_end();
            Some(received)
        })
    }
}

impl Stream for Failures {
    type Item = Received<FailedGroupData>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.inbox.has_ended {
            return Poll::Ready(None);
        }
        self.poll_recv(cx).map(|received| {
            self.inbox.has_ended = received.is_end();
            Some(received)
        })
    }
}

/// What both ends have in common.
#[derive(Debug)]
struct Inbox {
    shared: Arc<Shared>,
    timer: Timer,
    /// Whether the stream has yielded its end.
    has_ended: bool,
}

/// Where an end keeps its waker, and one to put there.
type Register<'a> = (&'a dyn Fn(&mut Core) -> &mut Option<Waker>, Waker);

impl Inbox {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            timer: Timer::default(),
            has_ended: false,
        }
    }

    fn leave_groups(&self, core: &mut Core, after: &mut After) {
        core.groups_gone = true;
        after.stale.extend(core.groups_waker.take());
        // Whoever reserves from now on must come by and be told.
        self.shared.seal_open(core, SealedBy::Finalize, after);
    }

    fn leave_failures(&self, core: &mut Core, after: &mut After) {
        core.failures_gone = true;
        after.stale.extend(core.failures_waker.take());
    }

    /// One look: what is there, and if nothing is, when time will bring something and whether to
    /// look again at once.
    fn look<T>(
        &self,
        pop: impl FnOnce(&mut Core) -> Option<T>,
        register: Option<Register<'_>>,
    ) -> (Option<Received<T>>, Option<std::time::Instant>, bool) {
        self.shared.with_core(|core, after| {
            let alarm = self.shared.tick(core, after);
            if let Some(item) = pop(core) {
                return (Some(Received::Item(item)), None, false);
            }
            if let Some(report) = core.life.report() {
                return (Some(Received::End(report)), None, false);
            }
            if let Some((place, waker)) = register {
                after.stale.extend(place(core).replace(waker));
            }
            (None, alarm, core.unseen)
        })
    }

    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        pop: impl Fn(&mut Core) -> Option<T>,
        place: impl Fn(&mut Core) -> &mut Option<Waker>,
    ) -> Poll<Received<T>> {
        loop {
            // Cloned outside of the lock: a clone is somebody else's code.
            let register: Register<'_> = (&place, cx.waker().clone());
            let (got, alarm, again) = self.look(&pop, Some(register));
            if let Some(received) = got {
                return Poll::Ready(received);
            }
            if again {
                // A writer is between two instructions of a reservation: let it run, and look again.
                thread::yield_now();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(at) = alarm else {
                return Poll::Pending;
            };
            let runtime = &self.shared.config.runtime;
            if self.timer.poll_at(runtime, at, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

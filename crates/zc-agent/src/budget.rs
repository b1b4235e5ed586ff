//! Who may have memory, and in which order: the budget and the line of those who wait for it.
//!
//! A reservation that does not fit the open group needs a new one, and so memory, a slot, and room
//! in the queue of complete groups. Whoever cannot have them waits in one first-in-first-out line.
//! Every change to any of these ends with [`Shared::admit_waiters`], which serves the head of the
//! line for as long as it can: the reservation is made, *then* its owner is woken. A waiter that
//! is cancelled leaves the line; if it was served already, its reservation is undone.
//!
//! Memory can be tied up in runs whose writers are idle (see [`RunWriter`](crate::RunWriter)). While
//! the head of the line waits and the consumer has nothing to receive, the runs that the next group
//! waits for are published, and no others: a run that ends early leaves a hole, and those of later
//! groups would not bring any memory back.
//!
//! A request larger than the whole budget is admitted when nothing else is charged. The line is
//! bounded; past its end there is [`BufferError::Full`].

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use std::sync::Arc;
use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::seeded;

use crate::after::After;
use crate::error::{BufferError, ManagerError};
use crate::group::lease::Lease;
use crate::manager::{Core, Shared};
use crate::types::SealedBy;

/// Most that may wait in line.
pub(crate) const MAX_WAITERS: usize = 1 << 16;

/// Failed reservations that nobody has received, past which nothing new is reserved.
pub(crate) const MAX_UNREAD_FAILURES: usize = 1 << 16;

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// The next `size` bytes of the stream.
    Next { size: usize },
    /// A failed range, again.
    Again {
        id: u64,
        offset: u64,
        size: usize,
        /// Whether somebody has got it. Written under the lock.
        taken: Arc<AtomicBool>,
    },
}

impl Request {
    pub(crate) fn size(&self) -> usize {
        match *self {
            Self::Next { size } | Self::Again { size, .. } => size,
        }
    }
}

/// Those who wait, by ticket, and what those got who have not looked yet.
#[derive(Debug, Default)]
pub(crate) struct Line {
    next_ticket: u64,
    waiting: VecDeque<Waiter>,
    /// In the order of their tickets, which is the order in which they are served.
    served: VecDeque<(u64, Result<Lease, BufferError>)>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    request: Request,
    waker: Option<Waker>,
}

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn take_served(&mut self, ticket: u64) -> Option<Result<Lease, BufferError>> {
        let at = self.served.binary_search_by_key(&ticket, |served| served.0);
        self.served.remove(at.ok()?).map(|(_, result)| result)
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.waiting
            .binary_search_by_key(&ticket, |waiter| waiter.ticket)
            .ok()
    }
}

/// What an attempt came to.
#[derive(Debug)]
pub(crate) enum Attempt {
    Got(Lease),
    /// Not now. The ticket is a place in line, if one was asked for.
    Wait(Option<u64>),
}

impl Shared {
    /// Reserves at once, or with `wait` takes a place in line.
    pub(crate) fn attempt(
        self: &Arc<Self>,
        request: &Request,
        wait: bool,
    ) -> Result<Attempt, BufferError> {
        if let Request::Next { size } = *request {
            let max = self.config.max_reservation;
            if size > max {
                return Err(BufferError::TooLarge { size, max });
            }
            if let Some(lease) = self.reserve_fast(size) {
                return Ok(Attempt::Got(lease));
            }
        }
        self.with_core(|core, after| {
            if core.waiters.is_empty()
                && let Some(lease) = self.admit(core, request, after)?
            {
                return Ok(Attempt::Got(lease));
            }
            // With others in line there is no look at what is possible: only at what is final.
            self.check_open(core)?;
            if !wait {
                return Ok(Attempt::Wait(None));
            }
            let line = &mut core.waiters;
            if line.waiting.len() + line.served.len() >= MAX_WAITERS {
                return Err(self.full(core, request.size()));
            }
            core.counters.waits += 1;
            let ticket = line.next_ticket;
            line.next_ticket += 1;
            line.waiting.push_back(Waiter {
                ticket,
                request: request.clone(),
                waker: None,
            });
            Ok(Attempt::Wait(Some(ticket)))
        })
    }

    /// [`BufferError::Full`] as things stand.
    pub(crate) fn full(&self, core: &Core, size: usize) -> BufferError {
        BufferError::Full {
            size,
            used: core.used,
            budget: self.config.budget,
        }
    }

    /// Serves the line from its head on.
    pub(crate) fn admit_waiters(self: &Arc<Self>, core: &mut Core, after: &mut After) {
        if seeded("agent.admit_waiters") {
            return;
        }
        let was_short = self.is_short.load(Ordering::Relaxed);
        if was_short == core.waiters.is_empty() {
            // Before runs are looked at: one that starts too late for that look finds it set.
            self.is_short.store(!was_short, Ordering::Relaxed);
        }
        while let Some(head) = core.waiters.waiting.front() {
            let request = head.request.clone();
            let result = match self.admit(core, &request, after) {
                Ok(None) => return,
                Ok(Some(lease)) => Ok(lease),
                Err(error) => Err(error),
            };
            if let Some(head) = core.waiters.waiting.pop_front() {
                core.waiters.served.push_back((head.ticket, result));
                after.wake(head.waker);
            }
        }
    }

    /// What the waiter with this ticket got; until then, its waker is noted.
    pub(crate) fn poll_turn(
        self: &Arc<Self>,
        ticket: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Lease, BufferError>> {
        // Cloned outside of the lock: a clone is somebody else's code.
        let waker = cx.waker().clone();
        let served = self.with_core(|core, after| {
            if let Some(served) = core.waiters.take_served(ticket) {
                after.stale.push(waker);
                return Some(served);
            }
            let at = core.waiters.find(ticket)?;
            after
                .stale
                .extend(core.waiters.waiting[at].waker.replace(waker));
            None
        });
        served.map_or(Poll::Pending, Poll::Ready)
    }

    /// Leaves the line, and undoes a reservation that was made meanwhile.
    pub(crate) fn leave_line(self: &Arc<Self>, ticket: u64) {
        self.with_core(|core, after| {
            if let Some(at) = core.waiters.find(ticket) {
                let waiter = core.waiters.waiting.remove(at);
                after.stale.extend(waiter.and_then(|waiter| waiter.waker));
            }
            if !seeded("agent.retire_grant")
                && let Some(Ok(lease)) = core.waiters.take_served(ticket)
            {
                after.retired.push(lease);
            }
        });
    }

    fn check_open(&self, core: &Core) -> Result<(), BufferError> {
        if core.groups_gone || (core.failures_gone && core.unread_failures >= MAX_UNREAD_FAILURES) {
            return Err(BufferError::ConsumerGone);
        }
        if !core.life.is_open() {
            return Err(BufferError::Finalizing);
        }
        Ok(())
    }

    /// Makes the reservation if that is possible now.
    fn admit(
        self: &Arc<Self>,
        core: &mut Core,
        request: &Request,
        after: &mut After,
    ) -> Result<Option<Lease>, BufferError> {
        self.check_open(core)?;
        let (size, again) = match request {
            Request::Next { size } => {
                if let Some(lease) = self.reserve_locked(core, *size, after) {
                    return Ok(Some(lease));
                }
                self.check_end(core, (*size).max(self.limits.slab as usize))?;
                self.seal_open(core, SealedBy::Pressure, after);
                (*size, None)
            }
            Request::Again {
                id,
                offset,
                size,
                taken,
            } => {
                if taken.load(Ordering::Relaxed) {
                    let reservation_id = *id;
                    return Err(ManagerError::AlreadyRetried { reservation_id }.into());
                }
                (*size, Some((*offset, taken)))
            }
        };
        let slab_len = self.limits.slab as usize;
        let is_alone = again.is_some() || size > slab_len;
        let bytes = if is_alone { size } else { slab_len };
        let has_room = core.used == 0 || core.used.saturating_add(bytes) <= self.config.budget;
        if !has_room
            || core.free.is_empty()
            || core.ready.len() >= self.config.queue_depth
            || core.unread_failures >= MAX_UNREAD_FAILURES
        {
            // The memory in the open group, and in runs whose writers are idle, can only come back
            // if it reaches the consumer.
            self.seal_open(core, SealedBy::Pressure, after);
            self.publish_runs_in_way(core, after);
            return Ok(None);
        }
        let slab = self.new_slab(core, bytes)?;
        self.wake_timers(core, after);
        if is_alone {
            if let Some((_, taken)) = again {
                taken.store(true, Ordering::Relaxed);
                core.counters.retried += 1;
            }
            let offset = again.map(|(offset, _)| offset);
            return Ok(Some(self.open_alone(core, slab, size as u32, offset)));
        }
        self.open_group(core, slab);
        Ok(self.reserve_locked(core, size, after))
    }
}

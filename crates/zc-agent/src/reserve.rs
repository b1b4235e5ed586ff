//! The future of a reservation.
//!
//! # States
//!
//! * **fresh**: not polled. Nothing is reserved; dropping it does nothing.
//! * **in line**: the first poll could not have it at once, and holds a place in line. Dropping it
//!   leaves the line, and undoes a reservation that was made meanwhile.
//! * **done**: has given its agent, or the error.
//!
//! Where the open group has room the first poll is all there is. It is inlined into the caller, and
//! so is the drop, so that the agent is born in the caller's registers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::agent::SubmitAgent;
use crate::budget::{Attempt, Request};
use crate::error::BufferError;
use crate::failure::FailedReservationInfo;
use crate::manager::Shared;

/// See the module. Has no field that needs a drop of its own.
#[derive(Debug)]
pub(crate) struct Reserve<'a> {
    shared: &'a Arc<Shared>,
    size: usize,
    /// The range that is wanted again; `None` for the next of the stream.
    again: Option<&'a FailedReservationInfo>,
    /// The place in line.
    ticket: Option<u64>,
}

impl<'a> Reserve<'a> {
    /// The next `size` bytes of the stream.
    #[inline]
    pub(crate) const fn next(shared: &'a Arc<Shared>, size: usize) -> Self {
        Self {
            shared,
            size,
            again: None,
            ticket: None,
        }
    }

    /// A failed range, again.
    pub(crate) const fn again(shared: &'a Arc<Shared>, failed: &'a FailedReservationInfo) -> Self {
        Self {
            shared,
            size: failed.size,
            again: Some(failed),
            ticket: None,
        }
    }

    #[cold]
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<Result<SubmitAgent, BufferError>> {
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => {
                let size = self.size;
                let next = Request::Next { size };
                let request = self.again.map_or(next, FailedReservationInfo::request);
                match self.shared.attempt(&request, true)? {
                    Attempt::Got(lease) => return Poll::Ready(Ok(SubmitAgent::new(lease))),
                    Attempt::Wait(Some(ticket)) => *self.ticket.insert(ticket),
                    Attempt::Wait(None) => {
                        let full = self.shared.peek_core(|core| self.shared.full(core, size));
                        return Poll::Ready(Err(full));
                    }
                }
            }
        };
        let served = ready!(self.shared.poll_turn(ticket, cx));
        self.ticket = None;
        Poll::Ready(served.map(SubmitAgent::new))
    }
}

impl Future for Reserve<'_> {
    type Output = Result<SubmitAgent, BufferError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ticket.is_none()
            && self.again.is_none()
            && let Some(lease) = self.shared.reserve_fast(self.size)
        {
            return Poll::Ready(Ok(SubmitAgent::new(lease)));
        }
        match self.poll_slow(cx) {
            Poll::Ready(Ok(agent)) => Poll::Ready(Ok(agent)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Reserve<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            leave(self.shared, ticket);
        }
    }
}

/// Where a future is dropped its result is there already. If the drop could unwind, the result would
/// have to lie in memory for that, and be stored and loaded again by everybody who never waits. An
/// `extern "C"` function does not unwind: a panic in here, which only the drop of somebody's waker
/// could bring about, aborts.
#[cold]
extern "C" fn leave(shared: &Arc<Shared>, ticket: u64) {
    shared.leave_line(ticket);
}

//! The future of a reservation.
//!
//! # States
//!
//! * **fresh**: not polled. Nothing is reserved; dropping it does nothing.
//! * **in line**: the first poll could not have it at once, and holds a place in line.
//! * **done**: has given its agent, or the error.
//!
//! Where the open group has room the first poll is all there is. It is inlined into the caller, so
//! that the agent is born in the caller's registers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::agent::SubmitAgent;
use crate::budget::{Attempt, Request, Turn};
use crate::error::BufferError;
use crate::manager::Shared;

/// See the module.
#[derive(Debug)]
pub(crate) struct Reserve<'a> {
    shared: &'a Arc<Shared>,
    request: Request,
    turn: Option<Turn>,
}

impl<'a> Reserve<'a> {
    #[inline]
    pub(crate) const fn new(shared: &'a Arc<Shared>, request: Request) -> Self {
        Self {
            shared,
            request,
            turn: None,
        }
    }

    #[cold]
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<Result<SubmitAgent, BufferError>> {
        let turn = match &mut self.turn {
            Some(turn) => turn,
            None => match self.shared.attempt(&self.request, true) {
                Ok(Attempt::Got(lease)) => return Poll::Ready(Ok(SubmitAgent::new(lease))),
                Ok(Attempt::Wait(Some(ticket))) => {
                    self.turn.insert(Turn::new(self.shared.clone(), ticket))
                }
                Ok(Attempt::Wait(None)) => {
                    let size = self.request.size();
                    let full = self.shared.peek_core(|core| self.shared.full(core, size));
                    return Poll::Ready(Err(full));
                }
                Err(error) => return Poll::Ready(Err(error)),
            },
        };
        Pin::new(turn)
            .poll(cx)
            .map(|served| served.map(SubmitAgent::new))
    }
}

impl Future for Reserve<'_> {
    type Output = Result<SubmitAgent, BufferError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let (Request::Next { size }, None) = (&self.request, &self.turn)
            && let Some(lease) = self.shared.reserve_fast(*size)
        {
            return Poll::Ready(Ok(SubmitAgent::new(lease)));
        }
        self.poll_slow(cx)
    }
}

//! [`ReserveFuture`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Permit;
use crate::error::ReserveError;
use crate::shared::Shared;
use crate::wait::LazyWaiter;

pin_project! {
    /// A wait for room; made by [`Sender::reserve`](crate::Sender::reserve).
    ///
    /// Room is taken only in the poll that returns the permit, so dropping this future loses
    /// nothing; a wake-up that it was sent and did not use goes on to the next waiting sender.
    /// Leaking it holds nobody up.
    #[must_use = "futures do nothing unless polled"]
    pub struct ReserveFuture<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: LazyWaiter<'a>,
    }
}

impl<'a, T> ReserveFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            waiter: LazyWaiter::spinning(shared.at_senders()),
        }
    }
}

impl<'a, T> Future for ReserveFuture<'a, T> {
    type Output = Result<Permit<'a, T>, ReserveError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let shared = *this.shared;
        let granted = this.waiter.poll_until(
            cx,
            || shared.core.promises_room(),
            || shared.poll_reserve(1),
        );
        if granted.is_pending() {
            shared.nudge_receivers();
        }
        granted.map(|granted| granted.map(|()| Permit { shared }))
    }
}

impl<T> fmt::Debug for ReserveFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReserveFuture")
            .field("waiter", &self.waiter)
            .finish_non_exhaustive()
    }
}

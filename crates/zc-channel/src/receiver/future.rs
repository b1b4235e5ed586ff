//! [`RecvFuture`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::shared::Shared;
use crate::wait::LazyWaiter;

pin_project! {
    /// A receive that waits for an item; made by [`Receiver::recv`](crate::Receiver::recv).
    ///
    /// An item leaves the queue only in the poll that returns it, so dropping this future loses
    /// nothing; a wake-up that it was sent and did not use goes on to the next waiting receiver.
    /// Leaking it holds nobody up. Polled again after it was ready, it receives the next item.
    #[must_use = "futures do nothing unless polled"]
    pub struct RecvFuture<'a, T> {
        shared: &'a Shared<T>,
        #[pin]
        waiter: LazyWaiter<'a>,
    }
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            waiter: LazyWaiter::spinning(shared.at_receivers()),
        }
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let shared = this.shared;
        let promises = || shared.core.promises_item();
        let received = this.waiter.poll_until(cx, promises, || shared.poll_recv());
        if received.is_pending() {
            shared.nudge_senders();
        }
        received
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFuture")
            .field("waiter", &self.waiter)
            .finish_non_exhaustive()
    }
}

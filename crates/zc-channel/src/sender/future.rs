//! [`SendFuture`].

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::{SendError, SendTimeoutError};
use crate::shared::Shared;
use crate::wait::LazyWaiter;

pin_project! {
    /// A send that waits for room; made by [`Sender::send`](crate::Sender::send).
    ///
    /// Dropping it cancels the send and drops the value, unless it was sent. A wake-up that it was
    /// sent and did not use goes on to the next waiting sender. Leaking it holds nobody up.
    ///
    /// # Panics
    /// If it is polled after it was ready, or after [`take`](Self::take) gave the value back.
    #[must_use = "futures do nothing unless polled"]
    pub struct SendFuture<'a, T> {
        shared: &'a Shared<T>,
        // Ahead of the value, whose `Drop` is the user's: others must not wait for that.
        #[pin]
        waiter: LazyWaiter<'a>,
        value: Option<T>,
    }
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, value: T) -> Self {
        Self {
            shared,
            waiter: LazyWaiter::spinning(shared.at_senders()),
            value: Some(value),
        }
    }

    /// Cancels the send and gives the value back; `None` once it was sent (or taken).
    ///
    /// ```
    /// use std::pin::pin;
    /// let (tx, _rx) = zc_channel::bounded(1);
    /// let mut send = pin!(tx.send(String::from("precious")));
    /// assert_eq!(send.as_mut().take().as_deref(), Some("precious"));
    /// assert_eq!(send.as_mut().take(), None);
    /// assert!(tx.is_empty());
    /// ```
    pub fn take(self: Pin<&mut Self>) -> Option<T> {
        let this = self.project();
        this.waiter.cancel();
        this.value.take()
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (shared, value) = (this.shared, this.value);
        let promises = || shared.core.promises_room();
        match this
            .waiter
            .poll_until(cx, promises, || shared.poll_send(value))
        {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(())) => {
                let value = value.take().expect("a refused value stays");
                Poll::Ready(Err(SendError(value)))
            }
            Poll::Pending => {
                shared.nudge_receivers();
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture")
            .field("waiter", &self.waiter)
            .field("has_value", &self.value.is_some())
            .finish_non_exhaustive()
    }
}

/// Sends `value` unless `timer` is ready first.
pub(super) async fn send_or<T>(
    shared: &Shared<T>,
    value: T,
    timer: impl Future,
) -> Result<(), SendTimeoutError<T>> {
    let mut send = pin!(SendFuture::new(shared, value));
    let mut timer = pin!(timer);
    poll_fn(|cx| {
        if let Poll::Ready(sent) = send.as_mut().poll(cx) {
            return Poll::Ready(sent.map_err(|error| SendTimeoutError::Closed(error.0)));
        }
        timer.as_mut().poll(cx).map(|_| {
            let value = send.as_mut().take().expect("not sent, so it is still here");
            Err(SendTimeoutError::Timeout(value))
        })
    })
    .await
}

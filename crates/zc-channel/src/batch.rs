//! Batches: several items with one claim, one publish and one round of wake-ups.
//!
//! A batch that fits into the free room is contiguous and becomes visible at once. A larger one
//! goes in pieces, each of which does.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use pin_project_lite::pin_project;

use crate::error::{SendError, TryRecvError, TrySendError};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::shared::Shared;
use crate::wait::{self, LazyWaiter};

impl<T> Sender<T> {
    /// Sends all of `items`, waiting asynchronously for room as often as needed.
    ///
    /// The output is an error with the unsent rest if the channel is or becomes closed. A `Vec` is
    /// taken as it is; any other collection is collected first, so that none of its code runs in
    /// the middle of a send.
    ///
    /// *Cancel safety*: dropping the future keeps what was sent, a prefix, and drops the rest; to
    /// have that back, use [`SendManyFuture::take`]. *Forget safety*: a leaked future holds nobody
    /// else up.
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// let (tx, rx) = zc_channel::bounded(4);
    /// tx.send_many(vec![1, 2, 3]).await.unwrap();
    /// let mut got = Vec::new();
    /// assert_eq!(rx.recv_many(&mut got, 32).await, 3);
    /// assert_eq!(got, [1, 2, 3]);
    /// # });
    /// ```
    pub fn send_many(&self, items: impl IntoIterator<Item = T>) -> SendManyFuture<'_, T> {
        SendManyFuture {
            shared: &self.shared,
            waiter: LazyWaiter::new(&self.shared.senders),
            items: owned(items),
        }
    }

    /// As [`send_many`](Self::send_many), blocking the thread.
    ///
    /// # Errors
    /// `SendError` with the unsent rest, if the channel is or becomes closed.
    pub fn send_many_blocking(
        &self,
        items: impl IntoIterator<Item = T>,
    ) -> Result<(), SendError<Vec<T>>> {
        let mut items = owned(items);
        let shared = &*self.shared;
        let mut look = || shared.poll_send_many(&mut items);
        let sent = look().or_else(|| {
            wait::block(
                shared.at_senders(),
                None,
                || shared.core.promises_room(),
                || shared.core.received(),
                look,
                || shared.nudge_receivers(),
            )
        });
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(())) | None => Err(SendError(items.collect())),
        }
    }

    /// Sends as many of `items` as fit now: all of them, or a prefix.
    ///
    /// # Errors
    /// [`TrySendError`] with the unsent rest.
    pub fn try_send_many(
        &self,
        items: impl IntoIterator<Item = T>,
    ) -> Result<(), TrySendError<Vec<T>>> {
        let mut items = owned(items);
        match self.shared.poll_send_many(&mut items) {
            Some(Ok(())) => Ok(()),
            Some(Err(())) => Err(TrySendError::Closed(items.collect())),
            None => Err(TrySendError::Full(items.collect())),
        }
    }
}

impl<T> Receiver<T> {
    /// Waits asynchronously until something is queued, then appends up to `max` items to `into`:
    /// how many that were. 0 at the end (closed, drained, no permit out), and at once if `max` is
    /// 0.
    ///
    /// *Cancel safety*: items leave the queue only in the poll that returns, so dropping the
    /// future loses nothing. *Forget safety*: a leaked future holds nobody else up.
    ///
    /// Allocates only if `into` has not the capacity.
    pub async fn recv_many(&self, into: &mut Vec<T>, max: usize) -> usize {
        let shared = &*self.shared;
        let received = || shared.poll_recv_many(into, max);
        wait::until(&shared.receivers, received, || shared.nudge_senders()).await
    }

    /// As [`recv_many`](Self::recv_many), blocking the thread.
    pub fn recv_many_blocking(&self, into: &mut Vec<T>, max: usize) -> usize {
        let shared = &*self.shared;
        let mut look = || shared.poll_recv_many(into, max);
        let received = look().or_else(|| {
            wait::block(
                shared.at_receivers(),
                None,
                || shared.core.promises_item(),
                || shared.core.received(),
                look,
                || shared.nudge_senders(),
            )
        });
        received.expect("a wait without deadline ends with a result")
    }

    /// Appends up to `max` items to `into`, of those that are queued now: how many that were, at
    /// least one unless `max` is 0.
    ///
    /// # Errors
    /// [`TryRecvError`], if nothing is queued.
    pub fn try_recv_many(&self, into: &mut Vec<T>, max: usize) -> Result<usize, TryRecvError> {
        self.shared.try_recv_many(into, max)
    }
}

impl<T> Shared<T> {
    /// One look of a batch send. `None` if some items are left for which there is no room.
    fn poll_send_many(&self, items: &mut vec::IntoIter<T>) -> Option<Result<(), ()>> {
        loop {
            match self.core.push_batch(items) {
                Ok(0) => return Some(Ok(())),
                Ok(count) => self.published(count, false),
                Err(TrySendError::Closed(())) => return Some(Err(())),
                Err(TrySendError::Full(())) => return None,
            }
            if items.len() == 0 {
                return Some(Ok(()));
            }
        }
    }

    fn try_recv_many(&self, into: &mut Vec<T>, max: usize) -> Result<usize, TryRecvError> {
        let count = self.core.pop_batch(into, max)?;
        if count > 0 {
            self.freed(count);
        }
        Ok(count)
    }

    /// One look of a batch receive: 0 at the end, `None` if there is nothing yet.
    fn poll_recv_many(&self, into: &mut Vec<T>, max: usize) -> Option<usize> {
        match self.try_recv_many(into, max) {
            Ok(count) => Some(count),
            Err(TryRecvError::Closed) => Some(0),
            Err(TryRecvError::Empty) => None,
        }
    }
}

/// A `Vec` passes through without an allocation.
fn owned<T>(items: impl IntoIterator<Item = T>) -> vec::IntoIter<T> {
    items.into_iter().collect::<Vec<_>>().into_iter()
}

pin_project! {
    /// A batch send that waits for room; made by [`Sender::send_many`].
    ///
    /// Dropping it keeps what was sent and drops the rest. A wake-up that it was sent and did not
    /// use goes on to the next waiting sender. Leaking it holds nobody up.
    #[must_use = "futures do nothing unless polled"]
    pub struct SendManyFuture<'a, T> {
        shared: &'a Shared<T>,
        // Ahead of the items, whose `Drop` is the user's: others must not wait for that.
        #[pin]
        waiter: LazyWaiter<'a>,
        items: vec::IntoIter<T>,
    }
}

impl<T> SendManyFuture<'_, T> {
    /// Cancels the send and gives the unsent rest back.
    pub fn take(self: Pin<&mut Self>) -> Vec<T> {
        let this = self.project();
        this.waiter.cancel();
        this.items.by_ref().collect()
    }
}

impl<T> Future for SendManyFuture<'_, T> {
    type Output = Result<(), SendError<Vec<T>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (shared, items) = (this.shared, this.items);
        let sent = this
            .waiter
            .poll_until(cx, || true, || shared.poll_send_many(items));
        if sent.is_pending() {
            shared.nudge_receivers();
        }
        sent.map_err(|()| SendError(items.by_ref().collect()))
    }
}

impl<T> fmt::Debug for SendManyFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendManyFuture")
            .field("waiter", &self.waiter)
            .field("left", &self.items.len())
            .finish_non_exhaustive()
    }
}

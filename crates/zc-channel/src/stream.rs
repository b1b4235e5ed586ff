//! A receiver as a [`Stream`], a sender as a [`Sink`].
//!
//! Both are polled directly, so their waiter lives in the handle and stays in line when a pending
//! poll is not followed by another, as when `select!` drops the future that polled. Streams and
//! sinks therefore wait in lines that are woken as a whole: a stale one takes no wake-up from
//! anybody else.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
use thiserror::Error;

use crate::error::ReserveError;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::wait::OwnedWaiter;

/// Items as they come; `None` at the end. Cancel-safe: an item leaves the queue only in the poll
/// that returns it. The first poll that has to wait allocates the stream's waiter, none after it.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        let waiter = match &mut this.stream {
            Some(waiter) => waiter,
            None => {
                if let Some(received) = this.shared.poll_recv() {
                    return Poll::Ready(received);
                }
                let waiter = OwnedWaiter::new(&this.shared, |shared| &shared.streams);
                this.stream.insert(waiter)
            }
        };
        let received = waiter.poll_until(cx, |shared| shared.poll_recv());
        if received.is_pending() {
            this.shared.nudge_senders();
        }
        received
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

impl<T> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.shared.core.is_at_end()
    }
}

/// The channel of a [`SendSink`] is closed; here is the item, where one had been handed over.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("sending on a closed channel")]
pub struct SinkError<T>(pub Option<T>);

/// A sender as a [`Sink`]; made by [`Sender::into_sink`].
///
/// `poll_ready` waits for a permit, `start_send` uses it, and what was sent is in the channel at
/// once, so flushing has nothing to do. Closing the sink drops its own sender; the channel stays
/// open for the others.
///
/// Cancel-safe: a permit that was granted and not used is kept for the next item, and given back
/// when the sink is closed or dropped.
///
/// ```
/// # zc_core::sync::block_on(async {
/// use futures_util::{SinkExt, StreamExt};
/// let (tx, rx) = zc_channel::bounded(4);
/// let mut sink = tx.into_sink();
/// sink.send(1).await.unwrap();
/// sink.feed(2).await.unwrap();
/// sink.close().await.unwrap();
/// assert_eq!(rx.collect::<Vec<_>>().await, [1, 2]);
/// # });
/// ```
pub struct SendSink<T> {
    waiter: Option<OwnedWaiter<T>>,
    /// Until it is closed.
    sender: Option<Sender<T>>,
    /// Whether `sender` holds a permit for the next item.
    reserved: bool,
}

impl<T> Sender<T> {
    /// This sender as a [`Sink`].
    #[must_use]
    pub fn into_sink(self) -> SendSink<T> {
        SendSink {
            waiter: None,
            sender: Some(self),
            reserved: false,
        }
    }
}

impl<T> SendSink<T> {
    /// The sender inside, until the sink is closed.
    #[must_use]
    pub fn sender(&self) -> Option<&Sender<T>> {
        self.sender.as_ref()
    }

    fn give_back(&mut self) {
        if let Some(sender) = &self.sender
            && mem::take(&mut self.reserved)
        {
            sender.shared.release(1);
        }
    }
}

impl<T> Sink<T> for SendSink<T> {
    type Error = SinkError<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError<T>>> {
        let this = self.get_mut();
        let Some(sender) = &this.sender else {
            return Poll::Ready(Err(SinkError(None)));
        };
        if this.reserved {
            return Poll::Ready(Ok(()));
        }
        let shared = &sender.shared;
        let granted: Result<(), ReserveError> = match &mut this.waiter {
            None if let Some(granted) = shared.poll_reserve(1) => granted,
            waiter => {
                let waiter = waiter
                    .get_or_insert_with(|| OwnedWaiter::new(shared, |shared| &shared.watchers));
                let polled = waiter.poll_until(cx, |shared| shared.poll_reserve(1));
                if polled.is_pending() {
                    shared.nudge_receivers();
                }
                ready!(polled)
            }
        };
        this.reserved = granted.is_ok();
        Poll::Ready(granted.map_err(|_| SinkError(None)))
    }

    /// # Panics
    /// If there is no permit for `item`: every item needs a `poll_ready` that was ready.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), SinkError<T>> {
        let this = self.get_mut();
        let Some(sender) = &this.sender else {
            return Err(SinkError(Some(item)));
        };
        assert!(
            mem::take(&mut this.reserved),
            "start_send without a poll_ready that was ready"
        );
        sender
            .shared
            .try_send_permitted(item)
            .map_err(|item| SinkError(Some(item)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SinkError<T>>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SinkError<T>>> {
        let this = self.get_mut();
        this.give_back();
        this.waiter = None;
        this.sender = None;
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for SendSink<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<T> fmt::Debug for SendSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendSink")
            .field("sender", &self.sender)
            .field("reserved", &self.reserved)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SinkError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "SinkError(Some(..))"
        } else {
            "SinkError(None)"
        })
    }
}

//! [`Sender`]: the end that items go in at.

mod future;

use std::fmt;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

pub use future::SendFuture;

use crate::error::{ForceSendError, SendError, SendTimeoutError, TrySendError};
use crate::shared::{End, Shared, deadline_after};
use crate::state::State;

/// Sends items into a channel; made by [`bounded`](crate::bounded).
///
/// Clones share the channel. When the last sender is dropped the channel is
/// [`Closing`](State::Closing): what was sent can still be received. Every method can be called
/// from threads and from tasks, those named `…_blocking`, `…_timeout` and `…_deadline` block the
/// thread.
pub struct Sender<T> {
    pub(crate) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`, waiting asynchronously while the channel is full.
    ///
    /// The output is `Err(SendError(value))` if the channel is or becomes closed.
    ///
    /// *Cancel safety*: dropping the future drops the value if it was not sent; to have it back,
    /// use [`SendFuture::take`], or wait with [`reserve`](Self::reserve) before there is a value.
    /// *Forget safety*: a leaked future holds nobody else up.
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// let (tx, rx) = zc_channel::bounded(1);
    /// tx.send(1).await?;
    /// assert_eq!(rx.recv().await, Some(1));
    /// # Ok::<(), zc_channel::SendError<i32>>(()) }).unwrap();
    /// ```
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.shared, value)
    }

    /// Sends `value`, blocking the thread while the channel is full.
    ///
    /// # Errors
    /// `SendError(value)` if the channel is or becomes closed.
    #[inline]
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        match self.shared.block_send(value, None) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(value) | SendTimeoutError::Timeout(value)) => {
                Err(SendError(value))
            }
        }
    }

    /// Sends `value` if there is room now. May overtake senders that wait.
    ///
    /// Cost: one compare-exchange, one store and two loads.
    ///
    /// # Errors
    /// [`TrySendError::Full`] only if queued items and permits fill the capacity;
    /// [`TrySendError::Closed`].
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(value)
    }

    /// As [`send_blocking`](Self::send_blocking), for at most `timeout`.
    ///
    /// # Errors
    /// [`SendTimeoutError`], with the value.
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.shared.block_send(value, deadline_after(timeout))
    }

    /// As [`send_blocking`](Self::send_blocking), until `deadline`. There is one attempt even if
    /// that has passed.
    ///
    /// # Errors
    /// [`SendTimeoutError`], with the value.
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.shared.block_send(value, Some(deadline))
    }

    /// As [`send`](Self::send), until `timer` is ready: any future will do, so this works with
    /// every runtime. The value survives.
    ///
    /// # Errors
    /// [`SendTimeoutError`], with the value.
    ///
    /// *Cancel safety*: dropping this future drops the value if it was not sent.
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// use zc_channel::SendTimeoutError;
    /// let (tx, _rx) = zc_channel::bounded(1);
    /// tx.try_send("first").unwrap();
    /// let timer = std::future::ready(()); // tokio::time::sleep(…) in real life
    /// let late = tx.send_timeout_async("second", timer).await;
    /// assert_eq!(late, Err(SendTimeoutError::Timeout("second")));
    /// # });
    /// ```
    pub async fn send_timeout_async(
        &self,
        value: T,
        timer: impl Future,
    ) -> Result<(), SendTimeoutError<T>> {
        future::send_or(&self.shared, value, timer).await
    }

    /// Sends `value` at once: if the channel is full, its oldest item is pushed out and comes back.
    ///
    /// Room that permits hold is never taken. Pushing out is done by one thread at a time; no user
    /// code runs meanwhile. Where a close comes in the middle of it, it counts as a permit that was
    /// out.
    ///
    /// # Errors
    /// [`ForceSendError::Reserved`] if nothing is queued and permits hold all the room;
    /// [`ForceSendError::Closed`].
    ///
    /// ```
    /// let (tx, rx) = zc_channel::bounded(1);
    /// assert_eq!(tx.force_send("old"), Ok(None));
    /// assert_eq!(tx.force_send("new"), Ok(Some("old")));
    /// assert_eq!(rx.try_recv(), Ok("new"));
    /// ```
    pub fn force_send(&self, value: T) -> Result<Option<T>, ForceSendError<T>> {
        self.shared.force_send(value)
    }

    /// Closes the channel for everybody: no send will succeed any more, what was sent before can
    /// still be received. True for the call that did it.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Ready when no send will succeed any more: the channel was closed, or the last receiver was
    /// dropped. Cancel-safe and forget-safe.
    pub async fn closed(&self) {
        let closed = || self.is_closed().then_some(());
        crate::wait::until(&self.shared.closing, closed, || {}).await;
    }

    /// Whether no send will succeed any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.core.is_closed()
    }

    /// Where the channel is in its life.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.core.state()
    }

    /// Items queued, without permits. Exact when nobody is in the middle of an operation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.core.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.core.is_empty()
    }

    /// Whether queued items and permits fill the capacity: a `try_send` would say `Full`.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.core.is_full()
    }

    /// How many items and permits fit together: what was asked for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.core.capacity()
    }

    /// Senders there are, this one included, weak ones not.
    #[must_use]
    pub fn sender_count(&self) -> usize {
        self.shared.count(End::Sender)
    }

    /// Receivers there are, weak ones not included.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.count(End::Receiver)
    }

    /// Whether `other` sends into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.add(End::Sender);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.remove(End::Sender);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("state", &self.state())
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

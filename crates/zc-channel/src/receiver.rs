//! [`Receiver`]: the end that items come out of.

mod future;
mod iter;

use std::fmt;
use std::time::{Duration, Instant};

use zc_core::sync::Arc;

pub use future::RecvFuture;
pub use iter::{Drain, IntoIter, Iter, TryIter};

use crate::error::{RecvTimeoutError, TryRecvError};
use crate::shared::{End, Shared, deadline_after};
use crate::state::State;
use crate::wait::OwnedWaiter;

/// Receives items from a channel; made by [`bounded`](crate::bounded).
///
/// Clones share the channel: each item goes to one of them. When the last receiver is dropped the
/// channel is [`Closed`](State::Closed): what is queued is dropped at once, in that thread, and
/// senders see an error. Every method can be called from threads and from tasks, those named
/// `…_blocking`, `…_timeout` and `…_deadline` block the thread.
pub struct Receiver<T> {
    pub(crate) shared: Arc<Shared<T>>,
    /// Once it had to wait as a stream.
    pub(crate) stream: Option<OwnedWaiter<T>>,
}

impl<T> Receiver<T> {
    /// The handle for a receiver that has been counted.
    pub(crate) const fn counted(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            stream: None,
        }
    }

    /// Receives an item, waiting asynchronously for one. `None` at the end: closed, drained, and
    /// no permit out.
    ///
    /// *Cancel safety*: an item leaves the queue only in the poll that returns it, so dropping the
    /// future loses nothing. *Forget safety*: a leaked future holds nobody else up.
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// let (tx, rx) = zc_channel::bounded(1);
    /// tx.send(1).await.unwrap();
    /// drop(tx);
    /// assert_eq!(rx.recv().await, Some(1));
    /// assert_eq!(rx.recv().await, None);
    /// # });
    /// ```
    pub fn recv(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(&self.shared)
    }

    /// Receives an item, blocking the thread until there is one. `None` at the end.
    #[must_use = "the item is lost if it is not looked at"]
    #[inline]
    pub fn recv_blocking(&self) -> Option<T> {
        self.shared.block_recv_for_ever()
    }

    /// Receives an item if there is one now. May overtake receivers that wait.
    ///
    /// Cost: one compare-exchange, one store and three loads.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] only if nothing is queued; [`TryRecvError::Closed`] only if nothing
    /// will ever be queued again. Both are decided by one atomic word, so nothing can slip in
    /// between two checks.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.try_recv()
    }

    /// As [`recv_blocking`](Self::recv_blocking), for at most `timeout`.
    ///
    /// # Errors
    /// [`RecvTimeoutError`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.shared.block_recv(deadline_after(timeout))
    }

    /// As [`recv_blocking`](Self::recv_blocking), until `deadline`. There is one attempt even if
    /// that has passed.
    ///
    /// # Errors
    /// [`RecvTimeoutError`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.shared.block_recv(Some(deadline))
    }

    /// The items that are queued at this moment, without waiting for more. What is not taken from
    /// the iterator stays queued.
    pub fn drain(&self) -> Drain<'_, T> {
        Drain::new(self)
    }

    /// The items as they come, blocking for each; ends when [`recv_blocking`](Self::recv_blocking)
    /// gives `None`.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// The items until there is none, without waiting. Unlike [`drain`](Self::drain) it goes on
    /// for as long as senders keep up.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// Closes the channel for everybody: no send will succeed any more, what was sent before can
    /// still be received. True for the call that did it.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Whether no send will succeed any more. There may still be items to receive.
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

    /// Whether queued items and permits fill the capacity.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.core.is_full()
    }

    /// How many items and permits fit together: what was asked for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.core.capacity()
    }

    /// Senders there are, weak ones not included.
    #[must_use]
    pub fn sender_count(&self) -> usize {
        self.shared.count(End::Sender)
    }

    /// Receivers there are, this one included, weak ones not.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.count(End::Receiver)
    }

    /// Whether `other` receives from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.add(End::Receiver);
        Self::counted(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.remove(End::Receiver);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("state", &self.state())
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

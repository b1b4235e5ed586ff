//! Weak ends: handles that do not keep the channel open.
//!
//! They keep its memory, not its items: those are dropped with the last receiver.

use std::fmt;

use zc_core::sync::Arc;

use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::shared::{End, Shared};

/// A sender that does not keep the channel open; made by [`Sender::downgrade`].
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

/// A receiver that does not keep the channel open; made by [`Receiver::downgrade`].
pub struct WeakReceiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A handle that does not count as a sender.
    ///
    /// ```
    /// let (tx, _rx) = zc_channel::bounded::<u8>(1);
    /// let weak = tx.downgrade();
    /// assert!(weak.upgrade().is_some_and(|again| again.same_channel(&tx)));
    /// drop(tx);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Receiver<T> {
    /// A handle that does not count as a receiver.
    #[must_use]
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> WeakSender<T> {
    /// A sender, if there still is another one. (The channel may be closed nevertheless.)
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.shared.try_add(End::Sender).then(|| Sender {
            shared: Arc::clone(&self.shared),
        })
    }
}

impl<T> WeakReceiver<T> {
    /// A receiver, if there still is another one.
    #[must_use]
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        let counted = self.shared.try_add(End::Receiver);
        counted.then(|| Receiver::counted(Arc::clone(&self.shared)))
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakReceiver").finish_non_exhaustive()
    }
}

//! How items get out, and who is woken for it.

use std::time::Instant;

use zc_core::sync::seeded;

use super::Shared;
use crate::error::{RecvTimeoutError, TryRecvError};
use crate::wait;

impl<T> Shared<T> {
    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let item = self.core.claim_item()?;
        Ok(item.take_straight(|| self.freed(1)))
    }

    /// One look of a receive that waits: `Some(None)` at the end, `None` if there is nothing yet.
    #[inline]
    pub(crate) fn poll_recv(&self) -> Option<Option<T>> {
        match self.core.claim_item() {
            Ok(item) => {
                let item = item.take();
                self.freed(1);
                Some(Some(item))
            }
            Err(TryRecvError::Closed) => Some(None),
            Err(TryRecvError::Empty) => None,
        }
    }

    #[inline]
    pub(crate) fn block_recv(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        match self.core.claim_item() {
            Ok(item) => Ok(item.take_straight(|| self.freed(1))),
            Err(TryRecvError::Closed) => Err(RecvTimeoutError::Closed),
            Err(TryRecvError::Empty) => self.block_recv_slow(deadline),
        }
    }

    /// As [`block_recv`](Self::block_recv) without a deadline, with the item where it is wanted.
    #[inline]
    pub(crate) fn block_recv_for_ever(&self) -> Option<T> {
        match self.core.claim_item() {
            Ok(item) => Some(item.take_straight(|| self.freed(1))),
            Err(TryRecvError::Closed) => None,
            Err(TryRecvError::Empty) => self.block_recv_slow(None).ok(),
        }
    }

    #[cold]
    fn block_recv_slow(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let look = || self.poll_recv();
        match wait::block(
            self.at_receivers(),
            deadline,
            || self.core.promises_item(),
            || self.core.received(),
            look,
            || self.nudge_senders(),
        ) {
            Some(Some(item)) => Ok(item),
            Some(None) => Err(RecvTimeoutError::Closed),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Room for `count` items has become free.
    #[inline]
    pub(crate) fn freed(&self, count: usize) {
        if !seeded("channel.wake_sender") {
            self.senders.notify_after_rmw(count);
        }
        if !seeded("channel.wake_watchers") {
            self.watchers.notify_after_rmw(usize::MAX);
        }
    }
}

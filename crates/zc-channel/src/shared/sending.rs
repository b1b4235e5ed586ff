//! How items and reservations get in, and who is woken for it.

use std::time::Instant;

use zc_core::sync::seeded;

use super::Shared;
use crate::core::Vacancy;
use crate::error::{ForceSendError, ReserveError, SendTimeoutError, TryReserveError, TrySendError};
use crate::wait::{self, Place};

impl<T> Shared<T> {
    #[inline]
    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.core.claim_vacancy() {
            Ok(vacancy) => {
                self.fill(vacancy, value);
                Ok(())
            }
            Err(refused) => Err(refused.with(value)),
        }
    }

    #[inline]
    fn fill(&self, vacancy: Vacancy<'_, T>, value: T) {
        vacancy.fill(value);
        self.published(1, false);
    }

    /// One look of a send that waits: `Err` at the end, `None` if there is no room. The value goes
    /// only if it is sent.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub(crate) fn poll_send(&self, value: &mut Option<T>) -> Option<Result<(), ()>> {
        assert!(
            value.is_some(),
            "a send is not polled again after it is done"
        );
        match self.core.claim_vacancy() {
            Ok(vacancy) => {
                if let Some(value) = value.take() {
                    self.fill(vacancy, value);
                }
                Some(Ok(()))
            }
            Err(TrySendError::Closed(())) => Some(Err(())),
            Err(TrySendError::Full(())) => None,
        }
    }

    #[inline]
    pub(crate) fn block_send(
        &self,
        value: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        match self.core.claim_vacancy() {
            Ok(vacancy) => {
                self.fill(vacancy, value);
                Ok(())
            }
            Err(TrySendError::Closed(())) => Err(SendTimeoutError::Closed(value)),
            Err(TrySendError::Full(())) => self.block_send_slow(value, deadline),
        }
    }

    #[cold]
    fn block_send_slow(
        &self,
        value: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut value = Some(value);
        let look = || self.poll_send(&mut value);
        let sent = wait::block(
            self.at_senders(),
            deadline,
            || self.core.promises_room(),
            || self.core.received(),
            look,
            || self.nudge_receivers(),
        );
        match (sent, value) {
            (Some(Err(())), Some(value)) => Err(SendTimeoutError::Closed(value)),
            (None, Some(value)) => Err(SendTimeoutError::Timeout(value)),
            (_, _) => Ok(()),
        }
    }

    pub(crate) fn force_send(&self, value: T) -> Result<Option<T>, ForceSendError<T>> {
        match self.core.force_push(value) {
            Ok(forced) => {
                self.published(1, forced.closed);
                Ok(forced.oldest)
            }
            Err(error) => {
                // It may have held the last permit for a moment.
                if error.is_closed() {
                    self.end_of_receives();
                    self.watchers.notify_all();
                }
                Err(error)
            }
        }
    }

    /// Sends `value` with a permit, which is used up.
    #[inline]
    pub(crate) fn send_permitted(&self, value: T) {
        // Without receivers it is dropped at once.
        drop(self.try_send_permitted(value));
    }

    /// As [`send_permitted`](Self::send_permitted); the value comes back if no receiver is left.
    #[inline]
    pub(crate) fn try_send_permitted(&self, value: T) -> Result<(), T> {
        match self.core.claim_permitted() {
            Some((vacancy, closed)) => {
                vacancy.fill(value);
                self.published(1, closed);
                Ok(())
            }
            None => Err(value),
        }
    }

    /// `count` items have become visible.
    #[inline]
    pub(crate) fn published(&self, count: usize, closed: bool) {
        if closed && !seeded("channel.last_permit_use_wakes") {
            self.end_of_receives();
            self.watchers.notify_all();
        } else if !seeded("channel.wake_receiver") {
            self.receivers.notify_after_rmw(count);
            self.streams.notify_after_rmw(usize::MAX);
        }
    }

    /// One look of a wait for `count` permits. `None` if there is not room for all of them.
    pub(crate) fn poll_reserve(&self, count: usize) -> Option<Result<(), ReserveError>> {
        match self.core.try_reserve(count) {
            Ok(()) => Some(Ok(())),
            Err(TryReserveError::Full) => None,
            Err(TryReserveError::Closed) => Some(Err(ReserveError::Closed)),
            Err(TryReserveError::TooMany {
                requested,
                capacity,
            }) => Some(Err(ReserveError::TooMany {
                requested,
                capacity,
            })),
        }
    }

    pub(crate) fn block_reserve(&self, count: usize) -> Result<(), ReserveError> {
        // See the table above: several at once are waited for in a line of their own.
        let list = if count == 1 {
            &self.senders
        } else {
            &self.watchers
        };
        let look = || self.poll_reserve(count);
        if let Some(granted) = look() {
            return granted;
        }
        let granted = wait::block(
            Place {
                list,
                ..self.at_senders()
            },
            None,
            || self.core.promises_room(),
            || self.core.received(),
            look,
            || self.nudge_receivers(),
        );
        granted.expect("a wait without deadline ends with a result")
    }
}

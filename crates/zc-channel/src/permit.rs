//! Permits: room that is set aside before there is something to put into it.
//!
//! A permit is capacity, not a position: a number in the queue's claim word. One that is held for
//! long costs its room and nothing else; items sent after it was granted pass it by. Using it
//! cannot fail and does not wait for room. Dropping it gives the room back.
//!
//! A leaked permit (`mem::forget`) is like a leaked [`Sender`]: its room is gone for good, and
//! after closing, receivers wait for it.

mod future;
mod owned;

use std::fmt;
use std::mem::{self, MaybeUninit};

pub use future::ReserveFuture;
pub use owned::OwnedPermit;

use crate::error::{ReserveError, TryReserveError};
use crate::sender::Sender;
use crate::shared::Shared;

/// Room for one item; made by [`Sender::reserve`] and its kin.
#[must_use = "dropping a permit gives its room back"]
pub struct Permit<'a, T> {
    shared: &'a Shared<T>,
}

/// Room for several items; made by [`Sender::reserve_many`] and its kin.
///
/// Yields [`Permit`]s one by one; dropping it gives back the room of those it has not yielded.
///
/// ```
/// let (tx, rx) = zc_channel::bounded(4);
/// let permits = tx.try_reserve_many(3).unwrap();
/// for (permit, value) in permits.zip([1, 2, 3]) {
///     permit.send(value);
/// }
/// assert_eq!(rx.drain().collect::<Vec<_>>(), [1, 2, 3]);
/// ```
#[must_use = "dropping permits gives their room back"]
pub struct Permits<'a, T> {
    shared: &'a Shared<T>,
    left: usize,
}

impl<T> Sender<T> {
    /// Waits asynchronously for room for one item and sets it aside.
    ///
    /// The output is an error if the channel is or becomes closed.
    ///
    /// *Cancel safety*: dropping the future gives up the place in line, nothing else. *Forget
    /// safety*: a leaked future holds nobody else up (a leaked permit costs its room).
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// let (tx, rx) = zc_channel::bounded(1);
    /// let permit = tx.reserve().await.unwrap();
    /// assert!(tx.try_send("no room").is_err());
    /// permit.send("made once there was room");
    /// assert_eq!(rx.recv().await, Some("made once there was room"));
    /// # });
    /// ```
    pub fn reserve(&self) -> ReserveFuture<'_, T> {
        ReserveFuture::new(&self.shared)
    }

    /// Sets room for one item aside, if there is some now.
    ///
    /// # Errors
    /// [`TryReserveError::Full`] or [`TryReserveError::Closed`].
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TryReserveError> {
        self.shared.core.try_reserve(1)?;
        Ok(Permit {
            shared: &self.shared,
        })
    }

    /// As [`reserve`](Self::reserve), blocking the thread.
    ///
    /// # Errors
    /// [`ReserveError::Closed`].
    pub fn reserve_blocking(&self) -> Result<Permit<'_, T>, ReserveError> {
        self.shared.block_reserve(1)?;
        Ok(Permit {
            shared: &self.shared,
        })
    }

    /// Waits asynchronously for room for `count` items at once and sets it aside: all or none.
    ///
    /// While it waits it holds nothing, so a stream of single sends may keep it waiting. It is
    /// woken by every place that becomes free.
    ///
    /// The output is an error if the channel is or becomes closed, and at once if `count` is above
    /// the capacity.
    ///
    /// *Cancel safety* and *forget safety* as for [`reserve`](Self::reserve).
    pub async fn reserve_many(&self, count: usize) -> Result<Permits<'_, T>, ReserveError> {
        let shared = &*self.shared;
        let granted = || shared.poll_reserve(count);
        crate::wait::until(&shared.watchers, granted, || shared.nudge_receivers()).await?;
        Ok(Permits {
            shared,
            left: count,
        })
    }

    /// As [`reserve_many`](Self::reserve_many), blocking the thread.
    ///
    /// # Errors
    /// [`ReserveError`], at once if `count` is above the capacity.
    pub fn reserve_many_blocking(&self, count: usize) -> Result<Permits<'_, T>, ReserveError> {
        self.shared.block_reserve(count)?;
        Ok(Permits {
            shared: &self.shared,
            left: count,
        })
    }

    /// Sets room for `count` items aside, all or none, if there is room now.
    ///
    /// # Errors
    /// [`TryReserveError`].
    pub fn try_reserve_many(&self, count: usize) -> Result<Permits<'_, T>, TryReserveError> {
        self.shared.core.try_reserve(count)?;
        Ok(Permits {
            shared: &self.shared,
            left: count,
        })
    }

    /// As [`reserve`](Self::reserve), with a permit that borrows nothing: it holds a sender of its
    /// own, and so does the future.
    ///
    /// ```
    /// # zc_core::sync::block_on(async {
    /// let (tx, rx) = zc_channel::bounded(1);
    /// let permit = tx.reserve_owned().await.unwrap();
    /// drop(tx);
    /// std::thread::spawn(move || permit.send(7)).join().unwrap();
    /// assert_eq!(rx.recv().await, Some(7));
    /// # });
    /// ```
    pub fn reserve_owned(
        &self,
    ) -> impl Future<Output = Result<OwnedPermit<T>, ReserveError>> + use<T> {
        let sender = self.clone();
        async move {
            sender.reserve().await.map(mem::forget)?;
            Ok(OwnedPermit::granted(sender))
        }
    }

    /// As [`try_reserve`](Self::try_reserve), with a permit that borrows nothing.
    ///
    /// # Errors
    /// [`TryReserveError::Full`] or [`TryReserveError::Closed`].
    pub fn try_reserve_owned(&self) -> Result<OwnedPermit<T>, TryReserveError> {
        self.shared.core.try_reserve(1)?;
        Ok(OwnedPermit::granted(self.clone()))
    }
}

impl<T> Permit<'_, T> {
    /// Sends `value`. Works on a closed channel as well: whoever got a permit may use it. If no
    /// receiver is left, `value` is dropped at once.
    #[inline]
    pub fn send(self, value: T) {
        let shared = self.shared;
        mem::forget(self);
        shared.send_permitted(value);
    }

    /// Lets `f` write the item: it gets `T::default()`, and what it leaves there is sent.
    ///
    /// `f` runs before the item has a position, so it holds nobody up, however long it takes, and
    /// may use the channel itself. What it wrote then moves into its slot: one copy of
    /// `size_of::<T>()` bytes, which is the price of that. (Where one producer is enough,
    /// [`spsc`](crate::spsc) chunks are written in place.)
    ///
    /// # Panics
    /// If `f` does: the value is dropped and the permit given back.
    pub fn write(self, f: impl FnOnce(&mut T))
    where
        T: Default,
    {
        let mut value = T::default();
        f(&mut value);
        self.send(value);
    }

    /// As [`write`](Self::write), for items that have no default.
    ///
    /// # Safety
    /// When `f` returns, the value must be initialised.
    ///
    /// # Panics
    /// If `f` does: what it has written is leaked and the permit given back.
    pub unsafe fn write_uninit(self, f: impl FnOnce(&mut MaybeUninit<T>)) {
        let mut value = MaybeUninit::uninit();
        f(&mut value);
        // SAFETY: as the caller promises.
        self.send(unsafe { value.assume_init() });
    }
}

impl<'a, T> Permits<'a, T> {
    /// Permits that are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.left
    }

    /// Whether all have been yielded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a, T> Iterator for Permits<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit {
            shared: self.shared,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Permits<'_, T> {}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.shared.release(1);
    }
}

impl<T> Drop for Permits<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.shared.release(self.left);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Permits<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

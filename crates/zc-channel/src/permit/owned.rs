//! [`OwnedPermit`].

use std::fmt;
use std::mem::MaybeUninit;

use crate::sender::Sender;

/// Room for one item, with the sender inside; made by [`Sender::reserve_owned`].
///
/// Counts as a sender: the channel stays open while it is held.
#[must_use = "dropping a permit gives its room back"]
pub struct OwnedPermit<T> {
    /// While the room is not used or given back.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Takes over the room of one permit that was reserved by `sender`.
    pub(super) const fn granted(sender: Sender<T>) -> Self {
        Self {
            sender: Some(sender),
        }
    }

    /// Sends `value` and gives the sender back. Works on a closed channel as well. If no receiver
    /// is left, `value` is dropped at once.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.sender.take().expect("a permit is used once");
        sender.shared.send_permitted(value);
        sender
    }

    /// As [`Permit::write`](super::Permit::write).
    ///
    /// # Panics
    /// If `f` does: the value is dropped and the permit given back.
    pub fn write(self, f: impl FnOnce(&mut T)) -> Sender<T>
    where
        T: Default,
    {
        let mut value = T::default();
        f(&mut value);
        self.send(value)
    }

    /// As [`Permit::write_uninit`](super::Permit::write_uninit).
    ///
    /// # Safety
    /// When `f` returns, the value must be initialised.
    ///
    /// # Panics
    /// If `f` does: what it has written is leaked and the permit given back.
    pub unsafe fn write_uninit(self, f: impl FnOnce(&mut MaybeUninit<T>)) -> Sender<T> {
        let mut value = MaybeUninit::uninit();
        f(&mut value);
        // SAFETY: as the caller promises.
        self.send(unsafe { value.assume_init() })
    }

    /// Gives the room back, and the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.sender.take().expect("a permit is used once");
        sender.shared.release(1);
        sender
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.shared.release(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("sender", &self.sender)
            .finish()
    }
}

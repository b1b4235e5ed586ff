//! zc-channel

mod batch;
mod channel;
mod core;
mod drops;
mod error;
mod permit;
mod receiver;
mod ring_buffer;
mod sender;
mod shared;
mod state;
mod wait;
mod weak;

use zc_core::sync::Arc;

pub use crate::core::MAX_CAPACITY;
pub use batch::SendManyFuture;
pub use channel::{Channel, Closed, Closing, Open};
pub use error::{
    CapacityError, ForceSendError, RecvTimeoutError, ReserveError, SendError, SendTimeoutError,
    TryRecvError, TryReserveError, TrySendError,
};
pub use permit::{OwnedPermit, Permit, Permits, ReserveFuture};
pub use receiver::{Drain, IntoIter, Iter, Receiver, RecvFuture, TryIter};
pub use ring_buffer::RingBuffer;
pub use sender::{SendFuture, Sender};
pub use state::{State, Summary};
pub use weak::{WeakReceiver, WeakSender};

/// A channel for `capacity` items, queued items and permits together. `capacity` is exact.
///
/// Memory: one allocation for the handles and one for the slots, of which there is a power of two,
/// each as large as `T` plus a stamp of 8 bytes. Nothing is allocated after that.
///
/// # Panics
/// If `capacity` is 0, above [`MAX_CAPACITY`], or needs more memory than there is; see
/// [`try_bounded`].
///
/// ```
/// let (tx, rx) = zc_channel::bounded(2);
/// tx.send_blocking("hello").unwrap();
/// assert_eq!(rx.recv_blocking(), Some("hello"));
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match try_bounded(capacity) {
        Ok(ends) => ends,
        Err(error) => panic!("{error}"),
    }
}

/// A channel for `capacity` items, or the reason why there cannot be one.
///
/// # Errors
/// [`CapacityError`]: `capacity` is 0, above [`MAX_CAPACITY`], asks for more than `isize::MAX`
/// bytes, or the allocator has no memory for it.
pub fn try_bounded<T>(capacity: usize) -> Result<(Sender<T>, Receiver<T>), CapacityError> {
    let shared = Arc::new(shared::Shared::new(capacity)?);
    let sender = Sender {
        shared: Arc::clone(&shared),
    };
    Ok((sender, Receiver { shared }))
}

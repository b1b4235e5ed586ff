//! [`Channel`]: the life of a channel, held by the compiler.
//!
//! ```text
//!   Channel<T, Open> ──close──▶ Channel<T, Closing> ──try_finish / finish──▶ Channel<T, Closed>
//!     sender receiver split       drain                                        summary
//! ```
//! Each step consumes the value before it, and each state has only the methods that make sense in
//! it: sending on a channel that is closing or closed is not an error at run time, it does not
//! compile.

use std::fmt;
use std::marker::PhantomData;

use crate::error::CapacityError;
use crate::receiver::{Drain, Receiver};
use crate::sender::Sender;
use crate::shared::End;
use crate::state::{State, Summary};

/// The state of a [`Channel`] that takes items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open;

/// The state of a [`Channel`] that takes no more items and may still hold some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing;

/// The state of a [`Channel`] that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// A channel whose state is part of its type.
///
/// Beside the shared handles, not instead of them: an open one hands out any number of senders and
/// receivers. It counts as one sender and one receiver itself while it is open, as one receiver
/// while it is closing; what it promises of *its* state holds for the whole channel, whoever else
/// may hold handles, because there is no way back.
///
/// ```
/// use zc_channel::{Channel, Open};
/// # zc_core::sync::block_on(async {
/// let channel = Channel::<u32, Open>::bounded(4);
/// let (tx, rx) = (channel.sender(), channel.receiver());
/// tx.send(1).await.unwrap();
/// tx.send(2).await.unwrap();
/// assert_eq!(rx.recv().await, Some(1));
///
/// let channel = channel.close();
/// assert!(tx.send(3).await.is_err());
/// assert_eq!(channel.drain().collect::<Vec<_>>(), [2]);
///
/// let summary = channel.finish().await.summary();
/// assert_eq!((summary.sent, summary.received, summary.dropped), (2, 2, 0));
/// # });
/// ```
///
/// What was closed gives no sender:
/// ```compile_fail,E0599
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4).close();
/// channel.sender();
/// ```
/// nor is it open any more:
/// ```compile_fail,E0382
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4);
/// let closing = channel.close();
/// channel.sender();
/// ```
/// What is open cannot be finished:
/// ```compile_fail,E0599
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4);
/// channel.try_finish();
/// ```
/// nor summed up:
/// ```compile_fail,E0599
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4);
/// channel.summary();
/// ```
/// What is over gives no sender and has nothing to drain:
/// ```compile_fail,E0599
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4).close();
/// channel.try_finish().unwrap().sender();
/// ```
/// ```compile_fail,E0599
/// let channel = zc_channel::Channel::<u32, zc_channel::Open>::bounded(4).close();
/// channel.try_finish().unwrap().drain();
/// ```
pub struct Channel<T, S = Open> {
    /// While open.
    sender: Option<Sender<T>>,
    receiver: Receiver<T>,
    _state: PhantomData<S>,
}

impl<T> Channel<T, Open> {
    /// A channel for `capacity` items.
    ///
    /// # Panics
    /// If `capacity` is 0 or too large, as [`bounded`](crate::bounded).
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        Self::from_ends(crate::bounded(capacity))
    }

    /// A channel for `capacity` items, or the reason why there cannot be one.
    ///
    /// # Errors
    /// [`CapacityError`], as [`try_bounded`](crate::try_bounded).
    pub fn try_bounded(capacity: usize) -> Result<Self, CapacityError> {
        Ok(Self::from_ends(crate::try_bounded(capacity)?))
    }

    fn from_ends((sender, receiver): (Sender<T>, Receiver<T>)) -> Self {
        Self {
            sender: Some(sender),
            receiver,
            _state: PhantomData,
        }
    }

    /// A sender.
    #[must_use]
    pub fn sender(&self) -> Sender<T> {
        self.open_sender().clone()
    }

    /// A receiver.
    #[must_use]
    pub fn receiver(&self) -> Receiver<T> {
        self.receiver.clone()
    }

    /// Gives up the type-state for the two ends that it counted as.
    #[must_use]
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        let sender = self.sender.expect("an open channel has its sender");
        (sender, self.receiver)
    }

    /// Closes the channel for everybody. What was sent before stays to be received.
    #[must_use = "dropping a closing channel drops what is queued if it is the last receiver"]
    pub fn close(mut self) -> Channel<T, Closing> {
        self.open_sender().close();
        self.sender = None;
        self.into_state()
    }

    fn open_sender(&self) -> &Sender<T> {
        self.sender
            .as_ref()
            .expect("an open channel has its sender")
    }
}

impl<T> Channel<T, Closing> {
    /// The items that are queued at this moment. Permits that are still out may bring more.
    pub fn drain(&self) -> Drain<'_, T> {
        self.receiver.drain()
    }

    /// The closed channel, if nothing is left: drained, and no permit out.
    ///
    /// # Errors
    /// The channel itself, if something is.
    pub fn try_finish(self) -> Result<Channel<T, Closed>, Self> {
        if self.state() == State::Closed {
            Ok(self.into_state())
        } else {
            Err(self)
        }
    }

    /// Waits until nothing is left: drained by the other receivers, and no permit out.
    ///
    /// Once this is the only receiver nobody else will take what is left: it is dropped then, and
    /// counted as [`dropped`](Summary::dropped).
    ///
    /// *Cancel safety*: the channel is inside the future and is dropped with it, as any last
    /// receiver is. Forget-safe.
    ///
    /// # Panics
    /// If the `Drop` of a discarded item does.
    pub async fn finish(self) -> Channel<T, Closed> {
        let shared = &self.receiver.shared;
        let finished = || {
            if shared.count(End::Receiver) == 1 {
                crate::drops::drop_each(|| shared.core.pop_discarded());
            }
            (self.state() == State::Closed).then_some(())
        };
        crate::wait::until(&shared.watchers, finished, || {}).await;
        self.into_state()
    }
}

impl<T> Channel<T, Closed> {
    /// What went through: sent = received + dropped.
    ///
    /// The counts wrap where the queue's positions do: beyond 2^50 items at capacity 1024, beyond
    /// 2^32 at the largest capacity.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.receiver.shared.core.summary()
    }
}

impl<T, S> Channel<T, S> {
    /// Where the channel is in its life: at least as far as the type says.
    #[must_use]
    pub fn state(&self) -> State {
        self.receiver.state()
    }

    fn into_state<N>(self) -> Channel<T, N> {
        Channel {
            sender: self.sender,
            receiver: self.receiver,
            _state: PhantomData,
        }
    }
}

impl<T, S> fmt::Debug for Channel<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("state", &self.state())
            .field("len", &self.receiver.len())
            .field("capacity", &self.receiver.capacity())
            .finish_non_exhaustive()
    }
}

//! What can go wrong, and the value back where there is one.
//!
//! The errors that carry a value are exhaustive on purpose: their cases are the contract (`Full` or
//! `Closed`, nothing else), and a caller who takes the value back should not need a wildcard arm.
//! They are `Debug` for every `T`: the value is not shown.

use std::fmt;

use thiserror::Error;

/// The channel is closed; here is the value that was not sent.
///
/// From the sends that wait; a batch gives the unsent rest.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("sending on a closed channel")]
pub struct SendError<T>(pub T);

/// A send that does not wait was refused; here is the value.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError<T> {
    /// Queued items and permits together fill the capacity.
    #[error("sending on a full channel")]
    Full(T),
    /// The channel is closed.
    #[error("sending on a closed channel")]
    Closed(T),
}

/// A send with a time limit failed; here is the value.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum SendTimeoutError<T> {
    /// The time ran out while the channel was full.
    #[error("timed out waiting for room in a full channel")]
    Timeout(T),
    /// The channel is closed.
    #[error("sending on a closed channel")]
    Closed(T),
}

/// [`Sender::force_send`](crate::Sender::force_send) was refused; here is the value.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum ForceSendError<T> {
    /// Nothing is queued that could be overwritten: permits hold all the room.
    #[error("forcing a send into a channel whose whole capacity is reserved by permits")]
    Reserved(T),
    /// The channel is closed.
    #[error("sending on a closed channel")]
    Closed(T),
}

/// A receive that does not wait found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TryRecvError {
    /// Nothing is queued, but something may still come: the channel is open or a permit is out.
    #[error("receiving on an empty channel")]
    Empty,
    /// Closed, drained, and no permit is out: nothing will ever come.
    #[error("receiving on a closed and drained channel")]
    Closed,
}

/// A receive with a time limit got nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum RecvTimeoutError {
    /// The time ran out while the channel was empty.
    #[error("timed out waiting on an empty channel")]
    Timeout,
    /// Closed, drained, and no permit is out: nothing will ever come.
    #[error("receiving on a closed and drained channel")]
    Closed,
}

/// A wait for permits ended without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The channel is closed.
    #[error("reserving on a closed channel")]
    Closed,
    /// More permits were asked for than the channel could ever grant at once.
    #[error("reserving {requested} permits from a channel of capacity {capacity}")]
    TooMany {
        /// How many permits were asked for.
        requested: usize,
        /// The capacity of the channel, in items.
        capacity: usize,
    },
}

/// A reservation that does not wait was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TryReserveError {
    /// There is not room for as many now.
    #[error("reserving more permits than a full channel has room for")]
    Full,
    /// The channel is closed.
    #[error("reserving on a closed channel")]
    Closed,
    /// More permits were asked for than the channel could ever grant at once.
    #[error("reserving {requested} permits from a channel of capacity {capacity}")]
    TooMany {
        /// How many permits were asked for.
        requested: usize,
        /// The capacity of the channel, in items.
        capacity: usize,
    },
}

/// No channel of this capacity can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum CapacityError {
    /// A channel needs room for one item at least; there is no rendezvous.
    #[error("channel capacity must be at least 1, got 0")]
    Zero,
    /// More than [`MAX_CAPACITY`](crate::MAX_CAPACITY) items, or more than `isize::MAX` bytes.
    #[error("channel capacity {capacity} is too large: at most {max} items and isize::MAX bytes")]
    TooLarge {
        /// The capacity asked for, in items.
        capacity: usize,
        /// The largest capacity in items, whatever their size.
        max: usize,
    },
    /// The allocator has no memory for it.
    #[error("no memory for a channel of capacity {capacity} ({bytes} bytes)")]
    OutOfMemory {
        /// The capacity asked for, in items.
        capacity: usize,
        /// The size of the slots, in bytes.
        bytes: usize,
    },
}

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Whether the channel was full.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel was closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl TrySendError<()> {
    /// The same refusal, with the value that was refused.
    pub(crate) fn with<T>(self, value: T) -> TrySendError<T> {
        match self {
            Self::Full(()) => TrySendError::Full(value),
            Self::Closed(()) => TrySendError::Closed(value),
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(value) | Self::Closed(value) => value,
        }
    }

    /// Whether the time ran out.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the channel was closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> ForceSendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Reserved(value) | Self::Closed(value) => value,
        }
    }

    /// Whether the channel was closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

impl From<ReserveError> for TryReserveError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Closed => Self::Closed,
            ReserveError::TooMany {
                requested,
                capacity,
            } => Self::TooMany {
                requested,
                capacity,
            },
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for ForceSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved(_) => "Reserved(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

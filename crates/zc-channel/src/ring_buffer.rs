//! The bare structure: a bounded queue that never waits.

use std::fmt;

use crate::core::Stamped;
use crate::error::{CapacityError, TrySendError};

/// A fixed-size, lock-free multi-producer multi-consumer FIFO.
///
/// The structure under every channel, without its handles, waiting and closing. Slots are
/// `MaybeUninit`: nothing is initialised ahead of time, nothing but the value and an 8-byte stamp
/// is kept per slot, and dropping the buffer drops exactly the items that are queued.
///
/// `capacity()` items fit, at 1 as well: no slot is wasted that the caller could see. Inside, the
/// number of slots is rounded up to a power of two.
///
/// Algorithm: Dmitry Vyukov's bounded MPMC queue. Each operation is one compare-exchange and one
/// store when nobody interferes. An operation that meets a peer in the middle of *its* operation on
/// the same slot waits for it (spin, yield, then sleep): the answers `Err` (full) and `None` (empty)
/// are always true of a moment within the call.
///
/// ```
/// let buffer = zc_channel::RingBuffer::new(2);
/// assert_eq!(buffer.push("a"), Ok(()));
/// assert_eq!(buffer.push("b"), Ok(()));
/// assert_eq!(buffer.push("c"), Err("c")); // full: the value comes back
/// assert_eq!(buffer.pop(), Some("a"));
/// assert_eq!(buffer.len(), 1);
/// ```
pub struct RingBuffer<T> {
    core: Stamped<T>,
}

impl<T> RingBuffer<T> {
    /// A buffer for `capacity` items.
    ///
    /// # Panics
    /// If `capacity` is 0, above [`MAX_CAPACITY`](crate::MAX_CAPACITY) or needs more memory than
    /// there is; see [`try_new`](Self::try_new).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        match Self::try_new(capacity) {
            Ok(buffer) => buffer,
            Err(error) => panic!("{error}"),
        }
    }

    /// A buffer for `capacity` items, or the reason why there cannot be one.
    ///
    /// # Errors
    /// [`CapacityError`], if `capacity` is 0, too large, or the memory is not there.
    pub fn try_new(capacity: usize) -> Result<Self, CapacityError> {
        Ok(Self {
            core: Stamped::new(capacity)?,
        })
    }

    /// Appends `value`.
    ///
    /// # Errors
    /// The value itself, if the buffer is full.
    pub fn push(&self, value: T) -> Result<(), T> {
        self.core.try_push(value).map_err(TrySendError::into_inner)
    }

    /// Takes the oldest item, `None` if there is none.
    pub fn pop(&self) -> Option<T> {
        self.core.try_pop().ok()
    }

    /// Items queued. Exact when nobody is in the middle of an operation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.core.is_empty()
    }

    /// Whether `capacity()` items are queued.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.core.is_full()
    }

    /// How many items fit: what was asked for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.core.capacity()
    }
}

impl<T> fmt::Debug for RingBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingBuffer")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

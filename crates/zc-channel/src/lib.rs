//! A bounded channel for threads and tasks: any number of senders, any number of receivers, and a
//! written answer to what happens when one of them is cancelled, closed, leaked or dropped.
//!
//! ```
//! use std::thread;
//! use zc_channel::{TryRecvError, bounded};
//!
//! let (tx, rx) = bounded(64);
//!
//! // A thread at one end …
//! let producer = thread::spawn(move || {
//!     for i in 0..100 {
//!         tx.send_blocking(i)?;
//!     }
//!     Ok::<(), zc_channel::SendError<i32>>(())
//! }); // … whose sender is dropped here: the channel is closing.
//!
//! // … a task at the other. Any executor will do.
//! let sum = zc_core::sync::block_on(async {
//!     let (mut sum, mut batch) = (0, Vec::with_capacity(16));
//!     while rx.recv_many(&mut batch, 16).await > 0 {
//!         sum += batch.drain(..).sum::<i32>();
//!     }
//!     sum
//! });
//! assert_eq!(sum, 4950);
//! assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
//! producer.join().unwrap().unwrap();
//! ```
//!
//! # What there is
//!
//! * [`bounded`] makes a [`Sender`] and a [`Receiver`]. Both can be cloned; both have every
//!   operation as a future, as a blocking call, with a time limit, and as an attempt that does not
//!   wait.
//! * Batches on both ends: [`Sender::send_many`], [`Receiver::recv_many`]. A batch that fits into
//!   the free room is contiguous and becomes visible at once.
//! * Permits: [`Sender::reserve`] waits for room *before* there is something to send. A permit is
//!   capacity and not a position: an idle one delays nobody.
//! * [`Sender::force_send`] for "the newest matters": it overwrites the oldest.
//! * A receiver is a `Stream`, a sender can be made a `Sink`; [`Select`] lets a thread wait for
//!   several receivers, and any async `select!` will do for tasks.
//! * Weak ends, [`Sender::closed`], iterators.
//! * [`Channel`], the life of a channel in its type: sending on a closed one does not compile.
//! * [`RingBuffer`], the bare lock-free queue, and [`spsc`], the wait-free special case of one
//!   sender and one receiver, with chunks as slices.
//!
//! # States
//!
//! ```text
//!          close(), or the last sender dropped          drained and no permit out
//!   Open ────────────────────────────────────▶ Closing ──────────────────────────▶ Closed
//!     │                                           │                                  ▲
//!     └───────────────────────────────────────────┴── the last receiver dropped ─────┘
//! ```
//! | state | send, reserve | permit already out | receive |
//! |---|---|---|---|
//! | Open | yes | yes | item, or `Empty` |
//! | Closing | no | yes | item, or `Empty` while a permit is out |
//! | Closed | no | its value is dropped at once | `Closed` |
//!
//! # Guarantees
//!
//! 1. A send that returned `Ok` has its value received exactly once or dropped exactly once.
//! 2. Every future may be dropped at any time: no value and no wake-up is lost with it. A value
//!    leaves the queue, or enters it, only in the poll that is ready.
//! 3. Every future and every permit may be leaked without holding up the others.
//! 4. After closing, everything sent before is received, then comes the end. Permits that are out
//!    may still be used, and the end comes after them.
//! 5. `Closed` is said to a receiver only when nothing is left: one atomic word decides.
//! 6. A panicking waker or a panicking `Drop` of an item poisons nothing and loses nothing else.
//! 7. Items of one sender arrive in order; items of several in the order of their claims.
//!    `len` is exact at rest.
//! 8. Nothing is allocated after construction: not per message, not per waiter. (A batch that is
//!    not a `Vec` is collected into one; [`Receiver::recv_many`] grows the `Vec` it is given.)
//! 9. Nobody spins for long: waiting threads pause a few times, yield for about as long as parking
//!    would cost, then park; at once where other programs want the processor. Idle ends cost nothing,
//!    and one processor is enough.
//!
//! # How it works
//!
//! The queue is a ring of slots, each with a stamp that says whose turn it is (Dmitry Vyukov's
//! bounded MPMC queue). One word holds the position of the next send together with the number of
//! permits out and the closed flag. A send, a reservation, the use of a permit and closing are all
//! one compare-exchange on that word; a receive is one on the other end's position. So "full",
//! "empty" and "closed" are each read off one moment, and there is no window between two checks
//! for a value or a wake-up to fall into.
//!
//! Who finds the channel full or empty waits in a line whose nodes live in the waiting futures
//! themselves, so waiting allocates nothing. Wake-ups are hints and never grants: a woken waiter
//! looks again, one that goes away instead passes the hint on.
//!
//! A value goes from its sender into a slot and from the slot to its receiver, never from hand to
//! hand: a receive that was handed one would take it along when it is cancelled or leaked. That is
//! what a task pays for at capacity 1, where every item costs a turn of either end; a capacity of
//! two or more brings the turns down at once.
//!
//! # What it is not
//!
//! * Not unbounded, and no rendezvous: the capacity is at least 1 and at most [`MAX_CAPACITY`].
//! * Not fair: who comes at the right moment may overtake those who wait. A wait for many permits
//!   at once may be starved by single sends.
//! * Not wait-free: between claiming a position and publishing it an operation is a move of the
//!   value and one store. A thread that loses its processor exactly there delays the others, who
//!   yield and then sleep, until it runs again.
//! * Not free of copies: a value moves into the queue and out of it. For large items send a
//!   pointer, such as `zc_core::Frozen`. With the feature `ledger` the moves of items that are their
//!   own payload (those without a `Drop`) are counted, as `channel.send` and `channel.receive`.
//! * A leaked permit costs its place for ever, and after closing the end never comes.

mod batch;
mod channel;
mod core;
mod drops;
mod error;
mod ledger;
mod permit;
mod receiver;
mod ring_buffer;
mod select;
mod sender;
mod shared;
pub mod spsc;
mod state;
mod stream;
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
pub use select::Select;
pub use sender::{SendFuture, Sender};
pub use state::{State, Summary};
pub use stream::{SendSink, SinkError};
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
    Ok((sender, Receiver::counted(shared)))
}

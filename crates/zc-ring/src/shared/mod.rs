//! The ring in shared memory: a [`RowRing`](crate::RowRing) in a file that several processes map
//! (Linux).
//!
//! [`RowRing::create_shared`](crate::RowRing::create_shared) makes the file,
//! [`RowRing::open_shared`](crate::RowRing::open_shared) opens it, and the [`SharedRing`] that both
//! give makes producers and consumers as a ring within a process does, with the same policies.
//! [`SharedMonitor`] and the program `zc-ring-stat` look on without taking part. The format of the
//! file is in `docs/ring-shared-format.md`.
//!
//! # Processes that die
//!
//! Whatever a process holds (the producing side, a consumer's place, a handle) it holds by a
//! *lease* in its own name, which is its id and the time it was started. Nothing is locked, ever, so
//! that there is nothing a process could die with:
//!
//! * A dead consumer is found by the producer that it holds up, a tenth of a second after the ring
//!   filled, or at once.
//! * A dead producer is found by whoever makes the next one. A row it had not published is not
//!   there; one that it was setting is set again by the next producer.
//! * A process that sleeps, swaps, or is stopped is not dead. [`OnLag`](crate::OnLag) is for those.
//!
//! # What it is not
//!
//! * Not a protection from others: every process that may write to the file may write whatever it
//!   likes. What is read from the control area is checked wherever it is used: cursors out of range
//!   are errors ([`PushError::Corrupt`](crate::PushError::Corrupt),
//!   [`SharedConsumer::fault`]), and no number of the file becomes an address. But rows that a
//!   consumer reads in place are the file's own bytes: a process that overwrites them out of turn
//!   makes the slices of a `fixed_bytes` column change under its reader, which Rust does not allow.
//!   Map rings only of those you trust as much as yourself; consumers under `Lossy` and `Evict`
//!   read copies.
//! * Nobody may truncate the file while it is mapped: an access behind its end is a signal (SIGBUS).
//! * Not durable: nothing is flushed. After a crash of the machine the rows are as the file system
//!   left them.
//! * Not for tasks: a waker cannot be woken from another process. `recv_timeout` on a thread of its
//!   own is the way.
//! * One schema for good: no `change_schema`, no `resize`, no groups, no several producers.
//! * A child that was forked must not use the handles of its parent (they are not its): it opens the
//!   ring by itself. Dropping them there gives nothing back.
//!
//! # Why it has a sequencer of its own
//!
//! The in-process one lists its consumers under a mutex, points to them, counts
//! them by `Arc`, and wakes threads and tasks of its own process. None of that can be in memory that
//! another process maps, or outlive the one who held it. Making each of these a parameter would have
//! put two protocols behind one name; as it is, what is proven for one stays so.

mod attachment;
mod batch;
mod consumer;
mod control;
mod error;
mod header;
mod layout;
mod lease;
mod map;
#[cfg(any(zc_loom, zc_shuttle))]
#[doc(hidden)]
pub mod model;
mod monitor;
mod place;
mod process;
mod producer;
mod reader;
mod ring;
mod schema;
mod wait;
mod writer;

pub use batch::SharedBatch;
pub use consumer::SharedConsumer;
pub use error::SharedError;
pub use monitor::SharedMonitor;
pub use producer::SharedProducer;
pub use ring::{SharedOptions, SharedRing};

//! One sender, one receiver, no compare-exchange: the wait-free special case.
//!
//! [`channel`] makes a [`Producer`] and a [`Consumer`]. Neither can be cloned and both work through
//! `&mut self`, so each owns its index and an item costs one store to publish. Besides single items
//! there are *chunks*: several slots as slices, filled or read in place, published or freed at
//! once ([`Producer::write_chunk`], [`Consumer::read_chunk`]).
//!
//! ```
//! let (mut tx, mut rx) = zc_channel::spsc::channel(4);
//! tx.push(1).unwrap();
//!
//! let mut chunk = tx.write_chunk(2).unwrap();
//! let (slots, _wrapped) = chunk.as_mut_slices();
//! slots.copy_from_slice(&[2, 3]);
//! chunk.commit_all();
//!
//! assert_eq!(rx.pop(), Some(1));
//! let chunk = rx.read_chunk(2).unwrap();
//! assert_eq!(chunk.as_slices().0, [2, 3]);
//! chunk.commit_all();
//! ```
//!
//! # States
//!
//! Either end may go first. Without a producer, what is queued can still be popped, then comes the
//! end. Without a consumer, what is queued is dropped at once and every push gives its value back.
//!
//! # Cost
//!
//! A push or pop is a slot access, a load of a line that the other end rarely writes, a store, and
//! a look for a waiter on the other side with the store→load barrier that it needs. The index of
//! the other end is cached and read again only when the cached one says full or empty.

mod chunk;
mod ends;
mod ring;
mod wait;

pub use chunk::{ChunkError, ReadChunk, Taken, WriteChunk, WriteChunkUninit};
pub use ends::{Consumer, Producer, channel, try_channel};

//! A broadcast ring: one producer, or several, publish rows, every consumer sees every row, in order, at its
//! own pace, and nothing unread is overwritten.
//!
//! * [`Ring<T>`] has typed slots, [`RowRing`] rows whose columns are known at run time. Both stand
//!   on the same sequencer.
//! * Consumers join and leave while the ring runs. Each brings its own policy for being slow: the
//!   producer waits for it, it misses rows and is told how many, or it is evicted ([`OnLag`]).
//! * A consumer that panics, or is dropped in whatever way, frees the ring at once; one that is leaked
//!   frees it with the thread that polled it ([`Consumer`](Consumer#leaking-it)).
//! * Consumers may share the rows instead, in turn or by key, and members of such a
//!   [`ConsumerGroup`] come and go too: each row is read by one of them.
//! * Reading gives at most two contiguous slices of rows, or columns.
//! * Both sides wait as you choose, from spinning to parking and async tasks ([`WaitStrategy`]).
//! * Up to 1024 rows seal into a compressed, checksummed [`Block`] that describes itself.
//! * A [`RowRing`] may lie in a file that several processes map, and whose dead are found (`shared`, on Linux).
//! * Counters are always on ([`RingMetrics`]).
//!
//! # Example
//!
//! ```
//! use std::thread;
//! use zc_ring::{Block, ConsumerOptions, DeltaWidth, OnLag, Poll, RowRing, Schema};
//!
//! let schema = Schema::builder()
//!     .i64("ts").delta(DeltaWidth::I32)
//!     .u32("instrument")
//!     .i64("price").delta(DeltaWidth::I32)
//!     .build()?;
//! let ts = schema.column::<i64>("ts")?;
//! let instrument = schema.column::<u32>("instrument")?;
//! let price = schema.column::<i64>("price")?;
//!
//! let ring = RowRing::builder(schema, 1024).build()?;
//! let mut producer = ring.producer()?;
//! let mut bars = ring.consumer(ConsumerOptions { name: "bars", ..Default::default() })?;
//! let mut archive = ring.consumer(ConsumerOptions { name: "archive", ..Default::default() })?;
//! let lossy = ConsumerOptions { name: "monitor", on_lag: OnLag::Lossy, ..Default::default() };
//! let mut monitor = ring.consumer(lossy)?;
//!
//! let feed = thread::spawn(move || {
//!     for n in 0..5000 {
//!         let row = producer.push(|row| {
//!             row.set(ts, 1_700_000_000 + n)?;
//!             row.set(instrument, n as u32 % 6)?;
//!             row.set(price, 6_000_000 + n % 17)
//!         });
//!         row.expect("the row is complete");
//!     }
//! });
//! let bars = thread::spawn(move || {
//!     let mut highest = 0;
//!     loop {
//!         match bars.recv_blocking() {
//!             Poll::Rows(batch) => {
//!                 highest = batch.column(price).iter().fold(highest, i64::max);
//!             }
//!             _ => return highest,
//!         }
//!     }
//! });
//! let archive = thread::spawn(move || {
//!     let mut blocks = Vec::new();
//!     loop {
//!         archive.ready_timeout(std::time::Duration::from_secs(1));
//!         match archive.poll(1024) {
//!             Poll::Rows(batch) => blocks.push(batch.to_block().expect("at most 1024 rows").bytes()),
//!             Poll::Empty => {}
//!             _ => return blocks,
//!         }
//!     }
//! });
//! let metrics = ring.metrics();
//! assert_eq!(metrics.consumers[2].name, "monitor");
//! drop(ring);
//!
//! let (mut seen, mut missed_rows) = (0, 0);
//! loop {
//!     match monitor.recv_blocking() {
//!         Poll::Rows(batch) => seen += batch.len() as u64,
//!         Poll::Lagged { missed } => missed_rows += missed,
//!         _ => break,
//!     }
//! }
//! assert_eq!(seen + missed_rows, 5000);
//! feed.join().unwrap();
//! assert_eq!(bars.join().unwrap(), 6_000_016);
//! let mut next = 1_700_000_000;
//! for bytes in archive.join().unwrap() {
//!     for value in Block::decode(bytes)?.column(ts)? {
//!         assert_eq!(value, next);
//!         next += 1;
//!     }
//! }
//! assert_eq!(next, 1_700_005_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Rows are numbered; row *n* lies in slot *n* modulo the capacity, a power of two. The producer
//! owns one number, the *head*: every row before it may be read. Each consumer owns one number, its
//! *cursor*: the next row it will read. The producer publishes with one store, a consumer commits a
//! batch with one store, and neither ever does a read-modify-write on the other's line.
//!
//! The producer does not look at the consumers for every row. It takes out a *licence* to write up
//! to some row, under a short lock, from the slowest consumer that gates. Whoever joins relies only
//! on rows that the licence does not reach. That is all it takes for consumers to come and go at
//! any time; the invariants stand at the top of the gate's module.
//!
//! Several producers claim rows by compare-and-swap, fill them at the same time, and publish them in the order of the
//! claims; whoever completes the next row publishes those behind it that are complete. One that has been alone for
//! long holds a seat that lets it claim in blocks and publish with plain stores, and loses it to the next that
//! comes, who waits for nobody.
//!
//! Members of a group are such consumers, who pass over the rows of the others. Who reads a row
//! follows from its number or key and from who was a member when it came; nobody has to ask anybody,
//! but for the short while in which somebody joins or leaves.
//!
//! Consumers that do not gate read *copies*: word by word, atomically, and validated afterwards
//! against what the writer had announced, so that no reference to memory that may be overwritten
//! ever exists. While such a consumer is on a [`Ring<T>`], the producer fills rows beside the ring
//! and stores them from there, atomically too; that costs a copy a row. A [`RowRing`] sets rows in
//! place through atomic words in any case.
//!
//! The rows of a [`RowRing`] lie in one *generation's* memory after the other: a change of columns or of
//! the capacity begins a new one between two rows. Consumers read to the end of a generation, find the
//! [`Event`] there, and go on in the next; the sequencer knows nothing of it but where the newest begins.
//!
//! # What it is not
//!
//! * Not a queue: nobody takes a row away from another. Use a channel for that.
//! * Not a log: a row is gone after one lap. Seal blocks and store them.
//! * A [`RowRing`] has no consumer groups and no streams. Its several producers set their rows beside the
//!   ring and pay for a copy and a lock a row; those of a [`Ring<T>`] claim.
//! * A consumer under [`OnLag::Block`] that is leaked while its thread lives on, or together with a
//!   batch, holds the producer back for ever: somebody might still look at the rows. The metrics
//!   name it; [`OnLag::Evict`] bounds it.
//! * Joining, leaving and renewing the licence take a lock, for a few loads and stores. Publishing
//!   and reading within the licence do not.
//! * `Start::Oldest` may leave out up to a 64th of a ring of more than 64 rows ([`Start::Oldest`]).
//! * Sharing rows between threads takes `T: Sync` beside `T: Send`: several consumers may look at
//!   one row at once.
//! * Delta columns make rows smaller (more rows a mebibyte); they do not make them faster.
//!
//! # Features
//!
//! `arrow`: [`Block`]s and batches as Arrow record batches, without a copy where the layout allows it, and back.
//!
//! `cli`: the program `zc-ring-stat`, which looks at a live shared ring.
//!
//! `ledger`: report every payload byte that is copied to [`zc_core::ledger`].
//!
//! `metrics`: [`RingMetrics`] through the `metrics` facade.

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod block;
mod consumer;
pub mod error;
pub mod metrics;
#[cfg(target_os = "linux")]
pub mod place;
mod producer;
mod ring;
pub mod rows;
mod sequencer;
#[cfg(target_os = "linux")]
pub mod shared;
mod slots;

pub use block::{Block, BlockError, Blocks, Encoding};
pub use consumer::{
    Batch, Consumer, ConsumerGroup, ConsumerId, ConsumerOptions, Event, OnLag, Partition, Poll,
    Prefetch, Start,
};
pub use error::{BuildError, Full, JoinError, ProducerError, PublishError, RecvError};
pub use metrics::RingMetrics;
#[cfg(target_os = "linux")]
pub use place::{
    PlaceError, lock_memory, numa_node_of, pin_current_thread, region_on_node,
    set_realtime_priority,
};
pub use producer::{MultiProducer, Producer, SlotsMut};
pub use ring::{AnyRing, Ring, RingBuilder};
pub use rows::{
    ChangeError, Column, ColumnDef, ColumnHandle, ColumnType, DeltaWidth, FixedBytes, PushError,
    Record, RecordData, Records, RowBatch, RowConsumer, RowError, RowIter, RowMultiProducer,
    RowMut, RowProducer, RowRef, RowRing, Schema, SchemaBuilder, SchemaError, Strings,
};
#[cfg(target_os = "linux")]
pub use shared::{
    SharedBatch, SharedConsumer, SharedError, SharedMonitor, SharedOptions, SharedProducer,
    SharedRing,
};
pub use zc_core::wait::WaitStrategy;

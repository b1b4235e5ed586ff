//! zc-ring

pub mod block;
mod consumer;
pub mod error;
pub mod metrics;
mod producer;
mod ring;
pub mod rows;
mod sequencer;
mod slots;

pub use block::{Block, BlockError, Blocks};
pub use consumer::{Batch, Consumer, ConsumerId, ConsumerOptions, OnLag, Poll, Start};
pub use error::{BuildError, Full, JoinError, ProducerError, PublishError, RecvError};
pub use metrics::RingMetrics;
pub use producer::{Producer, SlotsMut};
pub use ring::{AnyRing, Ring, RingBuilder};
pub use rows::{
    Column, ColumnDef, ColumnHandle, ColumnType, DeltaWidth, FixedBytes, PushError, RowBatch,
    RowConsumer, RowError, RowMut, RowProducer, RowRing, Schema, SchemaBuilder, SchemaError,
};
pub use zc_core::wait::WaitStrategy;

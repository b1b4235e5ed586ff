//! zc-ring

pub mod error;
mod consumer;
pub mod metrics;
mod producer;
mod ring;
mod sequencer;
mod slots;

pub use consumer::{Batch, Consumer, ConsumerId, ConsumerOptions, OnLag, Poll, Start};
pub use error::{BuildError, Full, JoinError, ProducerError, PublishError, RecvError};
pub use metrics::RingMetrics;
pub use producer::{Producer, SlotsMut};
pub use ring::{AnyRing, Ring, RingBuilder};
pub use zc_core::wait::WaitStrategy;

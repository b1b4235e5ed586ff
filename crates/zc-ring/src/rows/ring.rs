//! [`RowRing`] and its [builder](RowRingBuilder).

use std::fmt;

use zc_core::sync::Arc;
use zc_core::wait::WaitStrategy;

use super::consumer::RowConsumer;
use super::producer::RowProducer;
use super::schema::Schema;
use super::store::RowStore;
use crate::consumer::{ConsumerOptions, Reader};
use crate::error::{BuildError, JoinError, ProducerError};
use crate::metrics::{self, RingMetrics};
use crate::sequencer::{Sequencer, Source};

/// A broadcast ring of rows whose columns are known at run time.
///
/// As a [`Ring`](crate::Ring), with a [`Schema`] in the place of a row type. Every policy is open to
/// every schema.
///
/// ```
/// use zc_ring::{ConsumerOptions, DeltaWidth, Poll, RowRing, Schema};
///
/// let schema = Schema::builder().i64("ts").delta(DeltaWidth::I32).u32("qty").build()?;
/// let (ts, qty) = (schema.column::<i64>("ts")?, schema.column::<u32>("qty")?);
/// let ring = RowRing::builder(schema, 1024).build()?;
/// let mut consumer = ring.consumer(ConsumerOptions::default())?;
/// let mut producer = ring.producer()?;
///
/// for n in 0..10 {
///     producer.push(|row| {
///         row.set(ts, 1_700_000_000 + n)?;
///         row.set(qty, 1)
///     })?;
/// }
/// let Poll::Rows(batch) = consumer.poll(1024) else { panic!("ten rows are there") };
/// assert_eq!(batch.column(qty).iter().sum::<u32>(), 10);
/// assert_eq!(batch.column(ts).get(9), Some(1_700_000_009));
/// let block = batch.to_block()?;
/// assert_eq!(block.column(ts)?[9], 1_700_000_009);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RowRing {
    sequencer: Arc<Sequencer>,
    store: Arc<RowStore>,
    _source: Source,
}

impl RowRing {
    /// Starts a ring of `capacity` rows, a power of two.
    #[must_use]
    pub fn builder(schema: Schema, capacity: usize) -> RowRingBuilder {
        RowRingBuilder {
            schema,
            capacity,
            initial: 0,
            strategy: WaitStrategy::default(),
        }
    }

    /// Makes the producer.
    ///
    /// # Errors
    /// [`ProducerError::Taken`] while there is one.
    pub fn producer(&self) -> Result<RowProducer, ProducerError> {
        RowProducer::new(&self.sequencer, &self.store)
    }

    /// Adds a consumer, at any time. It sees every row from where it starts.
    ///
    /// # Errors
    /// [`JoinError::SequenceOutOfRange`], [`JoinError::UnknownDependency`].
    pub fn consumer(&self, options: ConsumerOptions<'_>) -> Result<RowConsumer, JoinError> {
        let reader = Reader::join(&self.sequencer, options)?;
        Ok(RowConsumer::new(reader, Arc::clone(&self.store)))
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.store.schema
    }

    /// Number of rows the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.sequencer.capacity
    }

    /// Reads the ring's counters. Takes a lock for as long as it takes to clone the list of
    /// consumers.
    #[must_use]
    pub fn metrics(&self) -> RingMetrics {
        metrics::snapshot(&self.sequencer)
    }
}

/// What a [`RowRing`] is built from.
#[derive(Debug)]
pub struct RowRingBuilder {
    schema: Schema,
    capacity: usize,
    initial: u64,
    strategy: WaitStrategy,
}

impl RowRingBuilder {
    /// How both sides wait; [`WaitStrategy::Adaptive`] unless set.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The sequence of the first row; 0 unless set. Sequences wrap behind `u64::MAX`.
    #[must_use]
    pub fn initial_sequence(mut self, sequence: u64) -> Self {
        self.initial = sequence;
        self
    }

    /// Builds the ring.
    ///
    /// # Errors
    /// [`BuildError::Capacity`] if the capacity is no power of two; [`BuildError::Region`] if there
    /// is no memory.
    pub fn build(self) -> Result<RowRing, BuildError> {
        let sequencer = Sequencer::new(self.capacity, self.initial, self.strategy)?;
        let store = RowStore::new(self.schema, self.capacity, self.initial)?;
        let source = Source::new(&sequencer);
        Ok(RowRing {
            sequencer,
            store,
            _source: source,
        })
    }
}

impl fmt::Debug for RowRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowRing")
            .field("capacity", &self.capacity())
            .field("head", &self.sequencer.head())
            .field("schema", self.schema())
            .finish_non_exhaustive()
    }
}

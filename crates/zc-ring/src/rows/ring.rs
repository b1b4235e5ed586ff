//! [`RowRing`] and its [builder](RowRingBuilder).

use std::fmt;

use zc_core::sync::Arc;
use zc_core::wait::WaitStrategy;

use super::consumer::RowConsumer;
use super::error::ChangeError;
use super::generation::Generation;
use super::multi::{Known, RowMultiProducer};
use super::producer::RowProducer;
use super::schema::Schema;
use super::store::RowStore;
use super::switch::Switch;
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
    switch: Arc<Switch>,
    /// Several producers, while there are some.
    producers: Known,
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
        RowProducer::new(&self.switch)
    }

    /// Makes one of several producers; clone it, or call this again, for more.
    ///
    /// # Panics
    /// While a single [`RowProducer`] lives, or if there is no memory;
    /// [`try_multi_producer`](Self::try_multi_producer) does not.
    #[must_use]
    pub fn multi_producer(&self) -> RowMultiProducer {
        match self.try_multi_producer() {
            Ok(producer) => producer,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`multi_producer`](Self::multi_producer).
    ///
    /// # Errors
    /// [`ProducerError::Taken`] while a single [`RowProducer`] lives; [`ProducerError::NoMemory`].
    pub fn try_multi_producer(&self) -> Result<RowMultiProducer, ProducerError> {
        RowMultiProducer::new(&self.producers, &self.switch)
    }

    /// Adds a consumer, at any time. It sees every row from where it starts.
    ///
    /// # Errors
    /// [`JoinError::SequenceOutOfRange`], [`JoinError::UnknownDependency`].
    pub fn consumer(&self, options: ConsumerOptions<'_>) -> Result<RowConsumer, JoinError> {
        // Where it starts is of the generation that is the newest at that moment.
        let (consumer, _) = self.switch.with_current(|generation| {
            let reader = Reader::join(&self.switch.sequencer, options)?;
            Ok(RowConsumer::new(reader, Arc::clone(generation)))
        });
        consumer
    }

    /// Gives the rows from here on other columns, while producers and consumers go on.
    ///
    /// Consumers read what is there, then find [`Event::SchemaChanged`](crate::Event::SchemaChanged),
    /// once each, then rows of the new schema. Column handles of the earlier schema give
    /// [`PushError::StaleSchema`](crate::PushError::StaleSchema) from the next push on. A push that is
    /// in progress ends as it began, and the change comes right behind its row.
    ///
    /// Waits for nobody. The rows go to memory of their own; that of the earlier ones is freed when
    /// they have been read. A new consumer starts at the first row of the new schema, or later.
    ///
    /// # Errors
    /// [`ChangeError::Build`] if there is no memory, [`ChangeError::TooManyGenerations`].
    pub fn change_schema(&self, schema: Schema) -> Result<(), ChangeError> {
        self.switch.change_schema(schema)
    }

    /// Gives the ring room for `capacity` rows from here on, more or less than before, while producers
    /// and consumers go on.
    ///
    /// Consumers read what is there, then find [`Event::Resized`](crate::Event::Resized), once each.
    /// Otherwise as [`change_schema`](Self::change_schema): a blocked producer has room at once.
    ///
    /// # Errors
    /// [`ChangeError::Build`] if the capacity is no power of two or there is no memory,
    /// [`ChangeError::TooManyGenerations`].
    pub fn resize(&self, capacity: usize) -> Result<(), ChangeError> {
        self.switch.resize(capacity)
    }

    /// The columns of the rows to come. Takes a lock, for a moment.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.switch.schema()
    }

    /// Number of rows the ring has room for. Takes a lock, for a moment.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let capacity = |generation: &Arc<Generation>| generation.store.capacity();
        self.switch.with_current(capacity).0
    }

    /// How many changes of schema and capacity there have been. Takes a lock, for a moment.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.switch.current().1
    }

    /// Reads the ring's counters. Takes a lock for as long as it takes to clone the list of
    /// consumers.
    #[must_use]
    pub fn metrics(&self) -> RingMetrics {
        RingMetrics {
            capacity: self.capacity(),
            ..metrics::snapshot(&self.switch.sequencer)
        }
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
        let mut store = RowStore::new(self.schema, self.capacity, Vec::new())?;
        store.begin_at(self.initial);
        let source = Source::new(&sequencer);
        Ok(RowRing {
            switch: Switch::new(&sequencer, store),
            producers: Known::default(),
            _source: source,
        })
    }
}

impl fmt::Debug for RowRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowRing")
            .field("capacity", &self.capacity())
            .field("head", &self.switch.sequencer.head())
            .field("schema", &self.schema())
            .finish_non_exhaustive()
    }
}

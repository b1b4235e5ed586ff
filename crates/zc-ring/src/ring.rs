//! [`Ring`] and its [builder](RingBuilder).

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use zc_core::Region;
use zc_core::sync::Arc;
use zc_core::wait::WaitStrategy;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::consumer::{Consumer, ConsumerGroup, ConsumerOptions, Copies, OnLag, Partition, Reader};
use crate::error::{BuildError, JoinError, ProducerError};
use crate::metrics::{self, RingMetrics};
use crate::producer::{MultiProducer, Producer};
use crate::sequencer::{Sequencer, Source};
use crate::slots::Slots;

/// A broadcast ring of typed slots: one producer, and consumers who each see every row.
///
/// This is the handle that hands out both ends; it is `Sync`, so it can be shared by reference. The
/// ring's memory lives until the last handle and end are gone. Once this handle and the producer are
/// gone, consumers read what is left and then find [`Poll::Closed`](crate::Poll::Closed).
///
/// What does not depend on the kind of row is on [`AnyRing`], which this dereferences to.
pub struct Ring<T> {
    any: AnyRing<T>,
}

/// What a [`Ring`] of any row type can do. (Rows of plain data can be read by
/// [`OnLag::Lossy`] and [`OnLag::Evict`] consumers as well: [`Ring::consumer`].)
pub struct AnyRing<T> {
    sequencer: Arc<Sequencer>,
    slots: Arc<Slots<T>>,
    _source: Source,
    /// Several threads may look at one row at once.
    _shared: PhantomData<std::sync::Arc<T>>,
}

impl<T: Default + Send> Ring<T> {
    /// Starts a ring of `capacity` slots, a power of two. Every slot starts as `T::default()`.
    ///
    /// ```
    /// use zc_ring::{BuildError, Ring, WaitStrategy};
    ///
    /// let ring = Ring::<[f64; 4]>::builder(1024).wait(WaitStrategy::Park).build()?;
    /// assert_eq!(ring.capacity(), 1024);
    /// assert!(matches!(Ring::<u8>::builder(3).build(), Err(BuildError::Capacity { capacity: 3 })));
    /// # Ok::<(), BuildError>(())
    /// ```
    #[must_use]
    pub fn builder(capacity: usize) -> RingBuilder<T> {
        RingBuilder {
            capacity,
            initial: 0,
            strategy: WaitStrategy::default(),
            region: None,
            _rows: PhantomData,
        }
    }
}

impl<T: FromBytes + IntoBytes + Immutable> Ring<T> {
    /// Adds a consumer, at any time. It sees every row from where it starts.
    ///
    /// For a row type that is not plain data, the call falls back to [`AnyRing::consumer`], which
    /// refuses [`OnLag::Lossy`] and [`OnLag::Evict`].
    ///
    /// # Errors
    /// [`JoinError::SequenceOutOfRange`], [`JoinError::UnknownDependency`].
    pub fn consumer(&self, options: ConsumerOptions<'_>) -> Result<Consumer<T>, JoinError> {
        let copies = (options.on_lag != OnLag::Block).then(|| {
            // SAFETY: the bounds of this impl say that `T` is plain data.
            unsafe { Copies::new(self.capacity()) }
        });
        self.join(options, copies)
    }
}

impl<T> AnyRing<T> {
    /// Adds a consumer, at any time. It sees every row from where it starts.
    ///
    /// # Errors
    /// [`JoinError::NotPlainData`] for any policy but [`OnLag::Block`];
    /// [`JoinError::SequenceOutOfRange`], [`JoinError::UnknownDependency`].
    pub fn consumer(&self, options: ConsumerOptions<'_>) -> Result<Consumer<T>, JoinError> {
        if options.on_lag != OnLag::Block {
            let row = type_name::<T>();
            return Err(JoinError::NotPlainData { row });
        }
        self.join(options, None)
    }

    /// Makes a group of consumers who share the rows from here on: each row is read by one member.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn consumer_group(
        &self,
        name: &str,
        partition: Partition<T>,
    ) -> Result<ConsumerGroup<T>, JoinError> {
        ConsumerGroup::new(&self.sequencer, &self.slots, name, partition)
    }

    /// Makes the one producer, which publishes with plain stores.
    ///
    /// # Errors
    /// [`ProducerError::Taken`] while there is one, or several of the other kind.
    pub fn producer(&self) -> Result<Producer<T>, ProducerError> {
        Producer::new(&self.sequencer, &self.slots)
    }

    /// Makes one of several producers; clone it, or call this again, for more.
    ///
    /// # Panics
    /// While a single [`Producer`] lives; [`try_multi_producer`](Self::try_multi_producer) does
    /// not.
    #[must_use]
    pub fn multi_producer(&self) -> MultiProducer<T> {
        match self.try_multi_producer() {
            Ok(producer) => producer,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`multi_producer`](Self::multi_producer).
    ///
    /// # Errors
    /// [`ProducerError::Taken`] while a single [`Producer`] lives.
    pub fn try_multi_producer(&self) -> Result<MultiProducer<T>, ProducerError> {
        MultiProducer::new(&self.sequencer, &self.slots)
    }

    /// Number of slots.
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

    fn join(
        &self,
        options: ConsumerOptions<'_>,
        copies: Option<Copies<T>>,
    ) -> Result<Consumer<T>, JoinError> {
        let reader = Reader::join(&self.sequencer, options)?;
        Ok(Consumer::new(reader, Arc::clone(&self.slots), copies))
    }
}

impl<T> Deref for Ring<T> {
    type Target = AnyRing<T>;

    fn deref(&self) -> &AnyRing<T> {
        &self.any
    }
}

/// What a [`Ring`] is built from.
pub struct RingBuilder<T> {
    capacity: usize,
    initial: u64,
    strategy: WaitStrategy,
    region: Option<Region>,
    _rows: PhantomData<fn() -> T>,
}

impl<T: Default + Send> RingBuilder<T> {
    /// How both sides wait; [`WaitStrategy::Adaptive`] unless set.
    ///
    /// Under that one an end of a ring spins for about 2 µs, yields up to 64 times (512 while each yield lets
    /// others run) and parks. It begins with yielding where its last yields have let others run. A consumer that keeps
    /// running dry behind a fast producer lets rows gather for about a microsecond; rows that come one by one are
    /// never held up.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The memory for the slots, instead of the heap: at least `capacity * size_of::<T>()` bytes,
    /// aligned for `T`. Its contents are overwritten.
    #[must_use]
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
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
    /// [`BuildError::Capacity`] if the capacity is no power of two; [`BuildError::RegionTooSmall`]
    /// and [`BuildError::RegionMisaligned`] for a region that does not fit;
    /// [`BuildError::Region`] if there is no memory.
    pub fn build(self) -> Result<Ring<T>, BuildError> {
        let sequencer = Sequencer::new(self.capacity, self.initial, self.strategy)?;
        let slots = Slots::new(self.capacity, self.region)?;
        let source = Source::new(&sequencer);
        Ok(Ring {
            any: AnyRing {
                sequencer,
                slots: Arc::new(slots),
                _source: source,
                _shared: PhantomData,
            },
        })
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}

impl<T> fmt::Debug for AnyRing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity())
            .field("head", &self.sequencer.head())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RingBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingBuilder")
            .field("capacity", &self.capacity)
            .field("initial_sequence", &self.initial)
            .field("wait", &self.strategy)
            .finish_non_exhaustive()
    }
}

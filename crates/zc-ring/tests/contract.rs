//! Every name of the contract of typed rings, shared rings, placement and metrics, in the shape that callers
//! use it in. What each does is tested elsewhere; this test is that they are there.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::time::Duration;

use futures_util::StreamExt;
use zc_core::region::{HugePages, Region, RegionOptions};
use zc_core::sync::block_on;
use zc_ring::{
    Batch, BuildError, Consumer, ConsumerGroup, ConsumerId, ConsumerOptions, Full, JoinError,
    MultiProducer, OnLag, Partition, Poll, Prefetch, Producer, ProducerError, PublishError,
    RecvError, Ring, RingMetrics, SlotsMut, Start, WaitStrategy,
};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// Rows that lie in one piece or two.
fn rows(batch: &Batch<'_, u64>) -> Vec<u64> {
    let (first, second): (&[u64], &[u64]) = batch.as_slices();
    [first, second].concat()
}

#[test]
fn rings_are_built_from_a_capacity_a_strategy_and_a_region() -> Result {
    let region: Region = Region::anonymous(64 * 8)?;
    let ring: Ring<u64> = Ring::<u64>::builder(64)
        .wait(WaitStrategy::SpinYield { spins: 10 })
        .region(region)
        .initial_sequence(7)
        .build()?;
    assert_eq!(ring.capacity(), 64);
    let huge = RegionOptions::new().huge_pages(HugePages::Advised);
    Ring::<u64>::builder(64)
        .region(huge.anonymous(4 << 20)?)
        .build()?;
    for none in [0, 3, 65] {
        let built = Ring::<u64>::builder(none).build();
        assert!(matches!(built, Err(BuildError::Capacity { capacity }) if capacity == none));
    }
    for strategy in [
        WaitStrategy::BusySpin,
        WaitStrategy::Park,
        WaitStrategy::Adaptive,
    ] {
        Ring::<u64>::builder(1).wait(strategy).build()?;
    }
    Ok(())
}

#[test]
fn one_producer_publishes_in_every_way() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer: Producer<u64> = ring.producer()?;
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    producer.publish(|slot: &mut u64| *slot = 0);
    let published: std::result::Result<u64, Full> = producer.try_publish(|slot| *slot = 1);
    assert_eq!(published?, 1);
    producer.publish_timeout(Duration::from_secs(5), |slot| *slot = 2)?;
    producer.publish_batch(2, |slots: SlotsMut<'_, u64>| {
        slots.into_iter().zip(3..).for_each(|(slot, n)| *slot = n);
    })?;
    producer.publish_slice(&[5, 6])?;
    block_on(producer.publish_async(|slot| *slot = 7));
    assert!(producer.try_publish(|_| ()).is_err());
    let late = producer.publish_timeout(Duration::from_millis(1), |_| ());
    assert!(late.is_err());
    let large = producer.publish_slice(&[0; 9]);
    assert!(matches!(large, Err(PublishError::BatchTooLarge { .. })));
    producer.publish_batch(0, |_| ())?;
    assert_eq!(producer.sequence(), 8);
    let batch = consumer.poll(usize::MAX).rows().ok_or("no rows")?;
    assert_eq!(rows(&batch), [0, 1, 2, 3, 4, 5, 6, 7]);
    Ok(())
}

#[test]
fn several_producers_publish_in_every_way() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer: MultiProducer<u64> = ring.multi_producer();
    let mut other = producer.clone();
    producer.publish(|slot| *slot = 0);
    other.try_publish(|slot| *slot = 1)?;
    producer.publish_timeout(Duration::from_secs(5), |slot| *slot = 2)?;
    other.publish_batch(2, |slots: SlotsMut<'_, u64>| {
        slots.into_iter().zip(3..).for_each(|(slot, n)| *slot = n);
    })?;
    producer.publish_slice(&[5, 6])?;
    block_on(other.publish_async(|slot| *slot = 7));
    assert!(producer.try_publish(|_| ()).is_err());
    let batch = consumer.poll(usize::MAX).rows().ok_or("no rows")?;
    assert_eq!(rows(&batch), [0, 1, 2, 3, 4, 5, 6, 7]);
    Ok(())
}

#[test]
fn consumers_join_with_every_option() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2])?;
    let first: Consumer<u64> = ring.consumer(ConsumerOptions {
        name: "first",
        from: Start::Oldest,
        on_lag: OnLag::Block,
        depends_on: &[],
    })?;
    let id: ConsumerId = first.id();
    let second = ring.consumer(ConsumerOptions {
        name: "second",
        from: Start::Sequence(1),
        on_lag: OnLag::Lossy,
        depends_on: &[id],
    })?;
    let (rows, after) = (8, Duration::from_millis(1));
    let third = ring.consumer(ConsumerOptions {
        name: "third",
        from: Start::Tail,
        on_lag: OnLag::Evict { rows, after },
        ..Default::default()
    })?;
    assert_eq!(first.name(), "first");
    let all = [first, second, third];
    assert_eq!(all.each_ref().map(Consumer::sequence), [0, 1, 3]);
    assert_eq!(all.each_ref().map(Consumer::lag), [3, 2, 0]);
    let gone = ring.consumer(ConsumerOptions {
        from: Start::Sequence(9),
        ..Default::default()
    });
    assert!(matches!(gone, Err(JoinError::SequenceOutOfRange { .. })));
    Ok(())
}

#[test]
fn consumers_read_in_every_way() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3, 4, 5])?;
    match consumer.poll(2) {
        Poll::Rows(batch) => batch.commit(1),
        Poll::Empty | Poll::Lagged { .. } | Poll::Evicted | Poll::Closed => panic!("no rows"),
        Poll::Event(event) => panic!("{event:?}"),
    }
    assert_eq!((consumer.sequence(), consumer.lag()), (1, 5));
    consumer.recv_blocking().rows().ok_or("no rows")?.commit(1);
    let timeout = Duration::from_secs(5);
    consumer
        .recv_timeout(timeout)
        .rows()
        .ok_or("no rows")?
        .commit(1);
    block_on(consumer.recv_async())
        .rows()
        .ok_or("no rows")?
        .commit(1);
    let next: Option<std::result::Result<u64, RecvError>> = block_on(consumer.next());
    assert!(matches!(next, Some(Ok(4))), "{next:?}");
    assert_eq!(
        consumer.recv_blocking().rows().map(|batch| batch[0]),
        Some(5)
    );
    assert!(matches!(
        consumer.recv_timeout(Duration::from_millis(1)),
        Poll::Empty
    ));
    drop((ring, producer));
    assert!(matches!(consumer.recv_blocking(), Poll::Closed));
    assert!(block_on(consumer.next()).is_none());
    Ok(())
}

#[test]
fn groups_share_rows_in_turn_and_by_key() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let turns: ConsumerGroup<u64> = ring.consumer_group("turns", Partition::RoundRobin)?;
    let keys = ring.consumer_group("keys", Partition::ByKey(|row: &u64| row % 2))?;
    let mut members: Vec<Consumer<u64>> = vec![turns.member()?, turns.member()?];
    members.extend([keys.member()?, keys.member()?]);
    ring.producer()?.publish_slice(&[0, 1, 2, 3])?;
    let mut seen = [0; 4];
    for (member, seen) in members.iter_mut().zip(&mut seen) {
        while let Poll::Rows(batch) = member.poll(8) {
            *seen += batch.len();
        }
    }
    assert_eq!([seen[0] + seen[1], seen[2] + seen[3]], [4, 4]);
    Ok(())
}

#[test]
fn prefetching_is_off_and_changes_nothing_but_the_time() -> Result {
    let ring = Ring::<[u64; 20]>::builder(8).build()?;
    let mut producer = ring.producer()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        for prefetch in [
            Prefetch::Off,
            Prefetch::Ahead(4),
            Prefetch::Stride(3),
            Prefetch::Adaptive,
        ] {
            let mut consumer = ring.consumer(ConsumerOptions {
                on_lag,
                ..Default::default()
            })?;
            assert_eq!(consumer.prefetch(), Prefetch::Off);
            let is_in_place = on_lag == OnLag::Block;
            let expected = if is_in_place { prefetch } else { Prefetch::Off };
            assert_eq!(consumer.set_prefetch(prefetch), expected);
            for round in 0..5 {
                producer.publish_slice(&[[round; 20]; 7])?;
                let mut seen = 0;
                while let Poll::Rows(batch) = consumer.poll(3) {
                    assert!(batch.iter().all(|row| *row == [round; 20]));
                    seen += batch.len();
                }
                assert_eq!(seen, 7);
            }
        }
    }
    Ok(())
}

#[test]
fn metrics_have_every_field() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let _consumer = ring.consumer(ConsumerOptions {
        name: "one",
        ..Default::default()
    })?;
    ring.producer()?.publish_slice(&[1, 2, 3])?;
    let metrics: RingMetrics = ring.metrics();
    assert_eq!((metrics.published, metrics.head), (3, 3));
    assert_eq!(
        (metrics.full_stalls, metrics.time_blocked),
        (0, Duration::ZERO)
    );
    assert_eq!(
        (metrics.batch_size.count(), metrics.latency.count()),
        (1, 0)
    );
    let one = &metrics.consumers[0];
    assert_eq!((one.name.as_str(), one.sequence, one.lag), ("one", 0, 3));
    assert_eq!((one.batches, one.evictions, one.waits), (0, 0, 0));
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use zc_ring::{
        PlaceError, RowRing, Schema, SharedError, numa_node_of, pin_current_thread, region_on_node,
        set_realtime_priority,
    };

    use super::*;

    #[test]
    fn shared_rings_are_created_and_opened() -> Result {
        let path = std::env::temp_dir().join(format!("zc-ring-contract-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let schema = || Schema::builder().i64("ts").build();
        let ring = RowRing::create_shared(&path, schema()?, 64)?;
        let again = RowRing::create_shared(&path, schema()?, 64);
        assert!(matches!(again, Err(SharedError::Exists { .. })));
        let there = RowRing::open_shared(&path)?;
        let ts = there.schema().column::<i64>("ts")?;
        let mut consumer = there.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        producer.push(|row| row.set(ts, 1))?;
        producer.try_push(|row| row.set(ts, 2))?;
        producer.push_timeout(Duration::from_secs(5), |row| row.set(ts, 3))?;
        producer.push_batch(2, |n, row| row.set(ts, 4 + n as i64))?;
        let batch = consumer.recv_timeout(Duration::from_secs(5));
        let batch = batch.rows().ok_or("no rows")?;
        assert!(batch.column(ts).iter().eq(1..=5));
        drop(batch);
        assert_eq!(ring.metrics().consumers[0].lag, 0);
        std::fs::remove_file(path)?;
        let missing = RowRing::open_shared("/no/such/ring");
        assert!(matches!(missing, Err(SharedError::Io { .. })));
        Ok(())
    }

    #[test]
    fn threads_and_memory_are_placed_or_the_reason_given() -> Result {
        let refused = std::thread::spawn(|| {
            let node = numa_node_of(0);
            let placed = node.and_then(|node| region_on_node(64 * 8, node));
            (
                pin_current_thread(0).err(),
                set_realtime_priority(1).err(),
                placed,
            )
        });
        let (_pin, fifo, placed) = refused.join().expect("no panic");
        assert!(matches!(fifo, None | Some(PlaceError::Priority { .. })));
        match placed {
            Ok(region) => {
                assert!(region.as_slice().iter().all(|byte| *byte == 0));
                let ring = Ring::<u64>::builder(64).region(region).build()?;
                ring.producer()?.publish_slice(&[1; 64])?;
            }
            Err(error) => assert!(matches!(error, PlaceError::Place { .. }), "{error}"),
        }
        for none in [1023, 1024, usize::MAX] {
            let error = region_on_node(4096, none).expect_err("there is no such node");
            let names_it = matches!(error, PlaceError::Place { node, .. } if node == none);
            assert!(names_it, "{error}");
        }
        Ok(())
    }
}

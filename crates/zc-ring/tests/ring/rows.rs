//! Rows go in and come out: order, sizes, wrapping, refusals.

use std::time::Duration;

use zc_ring::{BuildError, ConsumerOptions, Full, JoinError, Poll, PublishError, Ring, Start};

use crate::{Result, drain, from, lossy};

#[test]
fn every_consumer_sees_every_row_in_order() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut one = ring.consumer(ConsumerOptions::default())?;
    let mut two = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..8 {
        assert_eq!(producer.publish(|slot| *slot = n * 10), n);
    }
    let expected: Vec<u64> = (0..8).map(|n| n * 10).collect();
    assert_eq!(drain(&mut one), expected);
    assert_eq!(drain(&mut two), expected);
    Ok(())
}

#[test]
fn rows_that_need_drop_are_dropped_once() -> Result {
    let probe = std::sync::Arc::new(());
    #[derive(Clone, Default)]
    struct Row(#[expect(dead_code, reason = "counts")] Option<std::sync::Arc<()>>);
    {
        let ring = Ring::<Row>::builder(4).build()?;
        let mut consumer = ring.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        for _ in 0..10 {
            producer.publish(|slot| *slot = Row(Some(probe.clone())));
            assert_eq!(drain(&mut consumer).len(), 1);
        }
        assert_eq!(std::sync::Arc::strong_count(&probe), 5);
    }
    assert_eq!(std::sync::Arc::strong_count(&probe), 1);
    Ok(())
}

#[test]
fn lossy_is_refused_for_rows_that_are_no_plain_data() -> Result {
    let ring = Ring::<String>::builder(4).build()?;
    let refused = ring.consumer(lossy(Start::Tail));
    assert!(matches!(refused, Err(JoinError::NotPlainData { row }) if row.contains("String")));
    assert!(ring.consumer(from(Start::Tail)).is_ok());
    Ok(())
}

#[test]
fn a_full_ring_refuses_and_goes_on_when_the_slowest_reads() -> Result {
    let ring = Ring::<u32>::builder(2).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[1, 2])?;
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
    let timeout = Duration::from_millis(5);
    let timed_out = producer.publish_timeout(timeout, |_| unreachable!());
    assert_eq!(timed_out, Err(PublishError::TimedOut));
    assert_eq!(ring.metrics().full_stalls, 1);
    if let Poll::Rows(batch) = consumer.poll(1) {
        assert_eq!(batch.as_slices(), (&[1][..], &[][..]));
    }
    assert_eq!(producer.try_publish(|slot| *slot = 3), Ok(2));
    assert_eq!(drain(&mut consumer), [2, 3]);
    Ok(())
}

#[test]
fn a_batch_that_wraps_is_two_slices() -> Result {
    let ring = Ring::<u8>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2])?;
    drain(&mut consumer);
    producer.publish_batch(3, |mut slots| {
        assert_eq!(slots.len(), 3);
        let (first, second) = slots.as_mut_slices();
        assert_eq!((first.len(), second.len()), (1, 2));
        for (row, slot) in slots.iter_mut().enumerate() {
            *slot = 3 + row as u8;
        }
    })?;
    let Poll::Rows(batch) = consumer.poll(usize::MAX) else {
        panic!("three rows are there");
    };
    assert_eq!(batch.as_slices(), (&[3][..], &[4, 5][..]));
    assert_eq!((batch[2], batch.get(3), batch.sequence()), (5, None, 3));
    Ok(())
}

#[test]
fn a_batch_larger_than_the_ring_is_refused_and_an_empty_one_is_nothing() -> Result {
    let ring = Ring::<u8>::builder(4).build()?;
    let mut producer = ring.producer()?;
    let refused = producer.publish_batch(5, |_| unreachable!());
    assert_eq!(
        refused,
        Err(PublishError::BatchTooLarge {
            rows: 5,
            capacity: 4
        })
    );
    let refused = producer.publish_slice(&[0; 6]);
    assert_eq!(
        refused,
        Err(PublishError::BatchTooLarge {
            rows: 6,
            capacity: 4
        })
    );
    assert_eq!(producer.publish_batch(0, |_| unreachable!()), Ok(0));
    assert_eq!(ring.metrics().published, 0);
    assert_eq!(ring.metrics().batch_size.count(), 0);
    Ok(())
}

#[test]
fn capacities_that_are_no_power_of_two_are_refused() {
    for capacity in [0, 3, 1000, usize::MAX, 1 << (usize::BITS - 1)] {
        let refused = Ring::<u8>::builder(capacity).build();
        assert!(matches!(refused, Err(BuildError::Capacity { capacity: c }) if c == capacity));
    }
    assert!(
        Ring::<[u64; 32]>::builder(1 << (usize::BITS - 2))
            .build()
            .is_err()
    );
}

#[test]
fn capacity_one_works() -> Result {
    let ring = Ring::<u64>::builder(1).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..10 {
        assert_eq!(producer.try_publish(|slot| *slot = n), Ok(n));
        assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
        assert_eq!(drain(&mut consumer), [n]);
    }
    Ok(())
}

#[test]
fn rows_of_no_size_work() -> Result {
    let ring = Ring::<()>::builder(4).build()?;
    let mut consumer = ring.consumer(lossy(Start::Tail))?;
    ring.producer()?.publish_slice(&[(); 3])?;
    assert_eq!(drain(&mut consumer).len(), 3);
    Ok(())
}

#[test]
fn sequences_wrap() -> Result {
    let initial = u64::MAX - 5;
    let ring = Ring::<u64>::builder(4).initial_sequence(initial).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut copier = ring.consumer(lossy(Start::Tail))?;
    let mut producer = ring.producer()?;
    for n in 0..20u64 {
        assert_eq!(producer.publish(|slot| *slot = n), initial.wrapping_add(n));
        assert_eq!(consumer.sequence(), initial.wrapping_add(n));
        assert_eq!(drain(&mut consumer), [n]);
        if n % 3 == 0 {
            drain(&mut copier);
        }
    }
    assert_eq!(ring.metrics().published, 20);
    assert_eq!(ring.metrics().head, 14);
    let mut late = ring.consumer(from(Start::Sequence(11)))?;
    assert_eq!(drain(&mut late), [17, 18, 19]);
    Ok(())
}

#[test]
fn without_consumers_publishing_never_blocks() -> Result {
    let ring = Ring::<u64>::builder(2).build()?;
    let mut producer = ring.producer()?;
    for n in 0..1000 {
        producer.publish(|slot| *slot = n);
    }
    let consumer = ring.consumer(ConsumerOptions::default())?;
    producer.publish_slice(&[0, 0])?;
    assert!(producer.try_publish(|_| ()).is_err());
    drop(consumer);
    assert!(producer.try_publish(|_| ()).is_ok());
    Ok(())
}

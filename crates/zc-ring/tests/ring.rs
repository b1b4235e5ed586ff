//! One behaviour of the ring a test, on one thread where that is enough.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use zc_ring::{
    BuildError, Consumer, ConsumerOptions, Full, JoinError, OnLag, Poll, ProducerError,
    PublishError, Ring, Start, WaitStrategy,
};

type Result = std::result::Result<(), Box<dyn Error>>;

fn drain<T: Clone>(consumer: &mut Consumer<T>) -> Vec<T> {
    let mut rows = Vec::new();
    while let Poll::Rows(batch) = consumer.poll(usize::MAX) {
        rows.extend(batch.iter().cloned());
    }
    rows
}

fn from(from: Start) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        ..Default::default()
    }
}

fn lossy(from: Start) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        on_lag: OnLag::Lossy,
        ..Default::default()
    }
}

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
fn joining_at_tail_oldest_and_a_sequence() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut producer = ring.producer()?;
    for n in 0..20 {
        producer.publish(|slot| *slot = n);
    }
    assert_eq!(drain(&mut ring.consumer(from(Start::Tail))?), []);
    assert_eq!(
        drain(&mut ring.consumer(from(Start::Oldest))?),
        [12, 13, 14, 15, 16, 17, 18, 19]
    );
    assert_eq!(drain(&mut ring.consumer(lossy(Start::Oldest))?).len(), 8);
    assert_eq!(
        drain(&mut ring.consumer(from(Start::Sequence(18)))?),
        [18, 19]
    );
    assert_eq!(drain(&mut ring.consumer(from(Start::Sequence(20)))?), []);
    for requested in [11, 21] {
        let refused = ring.consumer(from(Start::Sequence(requested))).unwrap_err();
        assert_eq!(
            refused,
            JoinError::SequenceOutOfRange {
                requested,
                oldest: 12,
                head: 20
            }
        );
    }
    Ok(())
}

#[test]
fn oldest_never_goes_before_the_first_row() -> Result {
    let ring = Ring::<u64>::builder(8).initial_sequence(100).build()?;
    ring.producer()?.publish_slice(&[1, 2, 3])?;
    let mut consumer = ring.consumer(from(Start::Oldest))?;
    assert_eq!(consumer.sequence(), 100);
    assert_eq!(drain(&mut consumer), [1, 2, 3]);
    Ok(())
}

#[test]
fn a_consumer_that_joins_a_full_ring_gates_too() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut first = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let mut second = ring.consumer(from(Start::Oldest))?;
    drain(&mut first);
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(drain(&mut second), [0, 1, 2, 3]);
    assert!(producer.try_publish(|slot| *slot = 4).is_ok());
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

#[test]
fn a_lossy_consumer_is_told_exactly_what_it_missed() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(lossy(Start::Tail))?;
    let mut producer = ring.producer()?;
    for n in 0..20 {
        producer.publish(|slot| *slot = n);
    }
    assert!(matches!(consumer.poll(100), Poll::Lagged { missed: 12 }));
    assert_eq!(drain(&mut consumer), (12..20).collect::<Vec<_>>());
    assert!(matches!(consumer.poll(100), Poll::Empty));
    let metrics = ring.metrics();
    assert_eq!(
        (metrics.consumers[0].missed, metrics.consumers[0].lag),
        (12, 0)
    );
    Ok(())
}

#[test]
fn commit_counts_only_what_it_says() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        ring.producer()?.publish_slice(&[0, 1, 2, 3, 4])?;
        consumer.poll(4).rows().unwrap().commit(3);
        assert_eq!(drain(&mut consumer), [3, 4]);
        ring.producer()?.publish_slice(&[5])?;
        let too_many = catch_unwind(AssertUnwindSafe(|| {
            consumer.poll(1).rows().unwrap().commit(2);
        }));
        assert!(too_many.is_err());
        assert_eq!(drain(&mut consumer), [5]);
    }
    Ok(())
}

#[test]
fn a_panic_with_a_batch_in_hand_commits_nothing() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    ring.producer()?.publish_slice(&[0, 1, 2])?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _batch = consumer.poll(2).rows();
        panic!("mid-batch");
    }));
    assert!(outcome.is_err());
    assert_eq!(drain(&mut consumer), [0, 1, 2]);
    Ok(())
}

#[test]
fn a_forgotten_batch_counts_as_read_and_comes_once() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    std::mem::forget(consumer.poll(2));
    assert_eq!(consumer.sequence(), 2);
    assert!(producer.try_publish(|_| ()).is_err());
    assert_eq!(consumer.poll(1).rows().unwrap()[0], 2);
    assert_eq!(drain(&mut consumer), [3]);
    assert!(producer.try_publish(|_| ()).is_ok());
    Ok(())
}

#[test]
fn a_panic_in_a_publish_closure_publishes_nothing() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut producer = ring.producer()?;
        producer.publish(|slot| *slot = 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            producer.publish(|slot| {
                *slot = 2;
                panic!("half way");
            })
        }));
        assert!(outcome.is_err());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            producer.publish_batch(3, |_| panic!("half way")).is_ok()
        }));
        assert!(outcome.is_err());
        producer.publish(|slot| *slot = 3);
        assert_eq!(drain(&mut consumer), [1, 3]);
    }
    Ok(())
}

#[test]
fn a_slot_spoilt_by_a_panic_is_not_offered_as_an_old_row() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let spoil = catch_unwind(AssertUnwindSafe(|| {
        producer.publish_batch(2, |mut slots| {
            slots.iter_mut().for_each(|slot| *slot = 99);
            panic!("half way");
        })
    }));
    assert!(spoil.is_err());
    drop(producer);
    assert_eq!(drain(&mut ring.consumer(from(Start::Oldest))?), [2, 3]);
    assert_eq!(drain(&mut ring.consumer(lossy(Start::Oldest))?), [2, 3]);
    Ok(())
}

#[test]
fn consumers_drain_and_then_find_the_ring_closed() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    producer.publish_slice(&[1, 2])?;
    drop(producer);
    assert!(matches!(consumer.poll(1), Poll::Rows(_)));
    drop(ring.producer()?);
    drop(ring);
    assert!(matches!(consumer.poll(1), Poll::Rows(_)));
    assert!(matches!(consumer.poll(1), Poll::Closed));
    assert!(matches!(consumer.recv_blocking(), Poll::Closed));
    Ok(())
}

#[test]
fn an_empty_ring_is_empty_while_a_handle_lives() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    assert!(matches!(consumer.poll(1), Poll::Empty));
    assert!(matches!(consumer.poll(0), Poll::Empty));
    assert!(matches!(
        consumer.recv_timeout(Duration::from_millis(2)),
        Poll::Empty
    ));
    assert!(matches!(consumer.recv_timeout(Duration::ZERO), Poll::Empty));
    Ok(())
}

#[test]
fn a_new_producer_goes_on_where_the_last_one_stopped() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    for n in 0..10 {
        assert_eq!(ring.producer()?.publish(|slot| *slot = n), n);
        assert_eq!(drain(&mut consumer), [n]);
    }
    Ok(())
}

#[test]
fn a_consumer_reads_after_those_it_depends_on() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut first = ring.consumer(ConsumerOptions::default())?;
    let after = ConsumerOptions {
        depends_on: &[first.id()],
        ..Default::default()
    };
    let mut second = ring.consumer(after)?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    assert!(matches!(second.poll(9), Poll::Empty));
    first.poll(3).rows().unwrap().commit(2);
    assert_eq!(drain(&mut second), [0, 1]);
    drop(first);
    assert_eq!(drain(&mut second), [2, 3]);
    let gone = ring.consumer(after).unwrap_err();
    assert!(matches!(gone, JoinError::UnknownDependency { .. }));
    Ok(())
}

#[test]
fn a_consumer_past_its_policy_is_evicted_and_told() -> Result {
    let ring = Ring::<u64>::builder(4).wait(WaitStrategy::Park).build()?;
    let on_lag = OnLag::Evict {
        rows: 4,
        after: Duration::from_millis(20),
    };
    let mut slow = ring.consumer(ConsumerOptions {
        name: "slow",
        on_lag,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(slow.poll(2).rows().unwrap()[1], 1);
    producer.publish_slice(&[4, 5])?;
    producer.publish(|slot| *slot = 6);
    assert!(matches!(slow.poll(2), Poll::Evicted));
    assert!(matches!(slow.recv_blocking(), Poll::Evicted));
    let metrics = ring.metrics();
    assert_eq!(
        (
            metrics.consumers[0].name.as_str(),
            metrics.consumers[0].evictions
        ),
        ("slow", 1)
    );
    drop(slow);
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn a_consumer_that_lags_less_than_its_policy_says_is_not_evicted() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let on_lag = OnLag::Evict {
        rows: 5,
        after: Duration::ZERO,
    };
    let mut slow = ring.consumer(ConsumerOptions {
        on_lag,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let refused = producer.publish_timeout(Duration::from_millis(10), |_| unreachable!());
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(drain(&mut slow), [0, 1, 2, 3]);
    Ok(())
}

#[test]
fn metrics_count() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions {
        name: "one",
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0; 5])?;
    producer.publish(|_| ());
    assert_eq!(consumer.poll(4).rows().unwrap().len(), 4);
    let metrics = ring.metrics();
    assert_eq!(
        (metrics.published, metrics.head, metrics.capacity),
        (6, 6, 8)
    );
    assert_eq!(
        metrics.batch_size.buckets().collect::<Vec<_>>(),
        [(1, 1), (7, 1)]
    );
    assert_eq!(metrics.batch_size.quantile(1.0), 7);
    let one = &metrics.consumers[0];
    assert_eq!(
        (one.name.as_str(), one.sequence, one.lag, one.batches),
        ("one", 4, 2, 1)
    );
    assert_eq!((one.missed, one.evictions, one.waits), (0, 0, 0));
    Ok(())
}

#[test]
fn several_producers_and_one_exclude_each_other() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let single = ring.producer()?;
    assert!(matches!(
        ring.try_multi_producer(),
        Err(ProducerError::Taken)
    ));
    drop(single);
    let mut several = ring.multi_producer();
    let mut more = several.clone();
    let mut again = ring.multi_producer();
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    assert_eq!(several.publish(|slot| *slot = 0), 0);
    assert_eq!(more.publish_slice(&[1, 2])?, 1);
    assert_eq!(again.try_publish(|slot| *slot = 3), Ok(3));
    assert_eq!(again.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(
        several.try_publish_batch(2, |_| unreachable!()),
        Err(PublishError::Full)
    );
    let timeout = Duration::from_millis(2);
    assert_eq!(
        more.publish_timeout(timeout, |_| unreachable!()),
        Err(PublishError::TimedOut)
    );
    let too_large = PublishError::BatchTooLarge {
        rows: 5,
        capacity: 4,
    };
    assert_eq!(more.publish_batch(5, |_| unreachable!()), Err(too_large));
    assert_eq!(more.publish_batch(0, |_| unreachable!()), Ok(4));
    assert_eq!(drain(&mut consumer), [0, 1, 2, 3]);
    drop((several, more, again));
    assert_eq!(ring.producer()?.publish(|slot| *slot = 4), 4);
    assert_eq!(drain(&mut consumer), [4]);
    assert_eq!(ring.metrics().published, 5);
    Ok(())
}

#[test]
fn a_panic_after_a_claim_leaves_no_row_and_the_ring_usable() -> Result {
    for (on_lag, initial) in [
        (OnLag::Block, 0),
        (OnLag::Lossy, 0),
        (OnLag::Block, u64::MAX - 2),
    ] {
        let ring = Ring::<u64>::builder(4).initial_sequence(initial).build()?;
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut producer = ring.multi_producer();
        let mut next = 0;
        for lap in 0..10 {
            producer.publish(|slot| *slot = lap);
            let rows = lap as usize % 2 + 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                producer.publish_batch(rows, |mut slots| {
                    slots[0] = 99;
                    panic!("half way");
                })
            }));
            assert!(outcome.is_err());
            if lap % 3 == 0 {
                producer.publish(|slot| *slot = lap + 100);
                assert_eq!(drain(&mut consumer), [lap, lap + 100]);
                next += 1;
            } else {
                assert_eq!(drain(&mut consumer), [lap]);
            }
            next += 1;
            assert!(matches!(consumer.poll(1), Poll::Empty));
            assert_eq!((consumer.lag(), ring.metrics().published), (0, next));
        }
    }
    Ok(())
}

#[test]
fn several_producers_go_on_where_one_has_panicked() -> Result {
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let ring = Ring::<u64>::builder(4).build()?;
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut single = ring.producer()?;
        single.publish(|slot| *slot = 0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            single.publish_batch(2, |_| panic!("half way"))
        }));
        assert!(outcome.is_err());
        drop(single);
        let mut several = ring.multi_producer();
        assert_eq!(several.try_publish(|slot| *slot = 1), Ok(1));
        assert_eq!(several.publish_slice(&[2, 3])?, 2);
        assert_eq!(drain(&mut consumer), [0, 1, 2, 3]);
    }
    Ok(())
}

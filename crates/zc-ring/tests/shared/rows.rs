//! What a ring within a process does, a shared one does too.

use std::time::Duration;

use zc_ring::{JoinError, ProducerError, PushError, SharedMonitor, SharedOptions};

use super::*;

#[test]
fn every_consumer_sees_every_row_through_every_handle() -> Result {
    let path = Temp::new();
    let ring = create(&path, 64);
    let there = RowRing::open_shared(&path)?;
    let mut near = ring.consumer(ConsumerOptions::default())?;
    let mut far = there.consumer(ConsumerOptions::default())?;
    let mut producer = there.producer()?;
    for round in 0..10 {
        publish(&mut producer, 50);
        assert_eq!(read(&mut near, 30) + read(&mut near, 30), 50, "{round}");
        assert_eq!(read(&mut far, 100), 50, "{round}");
    }
    assert_eq!(far.sequence(), 500);
    Ok(())
}

#[test]
fn nothing_unread_is_overwritten() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut slow = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 8);
    let schema = schema();
    assert_eq!(
        producer.try_push(|row| fill(row, &schema)),
        Err(PushError::Full)
    );
    let waited = producer.push_timeout(Duration::from_millis(10), |row| fill(row, &schema));
    assert_eq!(waited, Err(PushError::TimedOut));
    assert_eq!(slow.lag(), 8);
    assert_eq!(read(&mut slow, 3), 3);
    publish(&mut producer, 3);
    assert_eq!(
        producer.try_push(|row| fill(row, &schema)),
        Err(PushError::Full)
    );
    // What it had seen before, and what has come since.
    assert_eq!((read(&mut slow, 100), read(&mut slow, 100)), (8, 0));
    // Without consumers nothing blocks.
    drop(slow);
    publish(&mut producer, 100);
    Ok(())
}

#[test]
fn a_batch_is_published_whole_or_not_at_all() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let schema = schema();
    // Two laps, so that batches lie across the end.
    for first in [0, 5, 10, 15] {
        assert_eq!(
            producer.push_batch(5, |_, row| fill(row, &schema)),
            Ok(first)
        );
        assert_eq!(read(&mut consumer, 8), 5);
    }
    let broken = producer.push_batch(5, |index, row| match index {
        4 => Err(RowError::ForeignHandle),
        _ => fill(row, &schema),
    });
    assert_eq!(broken, Err(PushError::Rejected(RowError::ForeignHandle)));
    let torn = producer.push_batch(2, |_, _| Ok::<_, RowError>(()));
    assert!(
        matches!(torn, Err(PushError::Incomplete { .. })),
        "{torn:?}"
    );
    assert_eq!(read(&mut consumer, 8), 0);
    let large = producer.push_batch(9, |_, row| fill(row, &schema));
    let (rows, capacity) = (9, 8);
    assert_eq!(large, Err(PushError::BatchTooLarge { rows, capacity }));
    assert_eq!(producer.push_batch(0, |_, row| fill(row, &schema)), Ok(20));
    assert_eq!(
        producer.try_push_batch(8, |_, row| fill(row, &schema)),
        Ok(20)
    );
    let full = producer.try_push_batch(1, |_, row| fill(row, &schema));
    assert_eq!(full, Err(PushError::Full));
    assert_eq!(read(&mut consumer, 8), 8);
    Ok(())
}

#[test]
fn sequences_wrap() -> Result {
    for before in [1, 5, 64, 2000] {
        let path = Temp::new();
        let options = SharedOptions::default().initial_sequence(u64::MAX - before);
        let ring = options.create(&path, schema(), 32)?;
        let mut consumer = ring.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        let mut seen = 0;
        for _ in 0..150 {
            publish(&mut producer, 20);
            let again = RowRing::open_shared(&path)?;
            drop(again);
            seen += read(&mut consumer, 100);
        }
        assert_eq!(seen, 3000);
        assert_eq!(ring.metrics().published, 3000);
    }
    Ok(())
}

#[test]
fn joining_at_tail_oldest_and_a_sequence_while_full() -> Result {
    let path = Temp::new();
    let ring = create(&path, 16);
    let mut slow = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 16);
    let join = |from| ring.consumer(options("", from, OnLag::Block));
    let mut tail = join(Start::Tail)?;
    let mut oldest = join(Start::Oldest)?;
    let mut middle = join(Start::Sequence(5))?;
    assert_eq!(tail.sequence(), 16);
    assert_eq!(read(&mut tail, 100), 0);
    assert_eq!(read(&mut oldest, 100), 16);
    assert_eq!(read(&mut middle, 100), 11);
    for wrong in [17, u64::MAX] {
        let error = join(Start::Sequence(wrong)).unwrap_err();
        assert_eq!(
            error,
            JoinError::SequenceOutOfRange {
                requested: wrong,
                oldest: 0,
                head: 16
            }
        );
    }
    assert_eq!(read(&mut slow, 4), 4);
    publish(&mut producer, 4);
    assert!(matches!(
        join(Start::Sequence(3)),
        Err(JoinError::SequenceOutOfRange { oldest: 4, .. })
    ));
    assert_eq!(ring.metrics().consumers.len(), 4);
    Ok(())
}

#[test]
fn a_lossy_consumer_is_told_exactly_what_it_missed() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut lossy = ring.consumer(options("lossy", Start::Tail, OnLag::Lossy))?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 5);
    assert_eq!(read(&mut lossy, 2), 2);
    publish(&mut producer, 20);
    // What was copied is read; then what came meanwhile.
    let mut seen = 2;
    let mut missed_rows = 0;
    loop {
        match lossy.poll(100) {
            Poll::Rows(batch) => seen += batch.len() as u64,
            Poll::Lagged { missed } => missed_rows += missed,
            _ => break,
        }
    }
    assert_eq!(seen + missed_rows, 25);
    assert!(missed_rows >= 12);
    assert_eq!(ring.metrics().consumers[0].missed, missed_rows);
    Ok(())
}

#[test]
fn eviction_waits_for_its_conditions() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let after = Duration::from_millis(30);
    let policy = OnLag::Evict { rows: 4, after };
    let mut slow = ring.consumer(options("slow", Start::Tail, policy))?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 8);
    let schema = schema();
    assert_eq!(
        producer.try_push(|row| fill(row, &schema)),
        Err(PushError::Full)
    );
    producer.push_timeout(Duration::from_secs(10), |row| fill(row, &schema))?;
    assert!(matches!(slow.poll(8), Poll::Evicted));
    assert_eq!(ring.metrics().consumers[0].evictions, 1);
    publish(&mut producer, 20);
    drop(slow);
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn a_dependant_reads_behind_until_the_other_leaves() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut first = ring.consumer(options("first", Start::Tail, OnLag::Block))?;
    let depends_on = [first.id()];
    let second = ConsumerOptions {
        depends_on: &depends_on,
        ..Default::default()
    };
    let mut second = ring.consumer(second)?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 5);
    assert_eq!(read(&mut second, 10), 0);
    assert_eq!(read(&mut first, 2), 2);
    assert_eq!(read(&mut second, 10), 2);
    drop(first);
    assert_eq!(read(&mut second, 10), 3);
    let gone = ConsumerOptions {
        depends_on: &depends_on,
        ..Default::default()
    };
    assert!(matches!(
        ring.consumer(gone),
        Err(JoinError::UnknownDependency { .. })
    ));
    Ok(())
}

#[test]
fn a_ring_is_closed_when_the_last_handle_goes_and_open_again_with_the_next() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    publish(&mut producer, 3);
    drop(ring);
    assert_eq!(read(&mut consumer, 2), 2);
    drop(producer);
    assert_eq!(read(&mut consumer, 2), 1);
    assert!(matches!(consumer.poll(2), Poll::Closed));
    assert!(matches!(consumer.recv_blocking(), Poll::Closed));
    let ring = RowRing::open_shared(&path)?;
    assert!(matches!(consumer.poll(2), Poll::Empty));
    publish(&mut ring.producer()?, 1);
    assert_eq!(read(&mut consumer, 2), 1);
    Ok(())
}

#[test]
fn one_producer_at_a_time_and_the_next_goes_on() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    publish(&mut producer, 3);
    drop(producer);
    publish(&mut RowRing::open_shared(&path)?.producer()?, 3);
    assert_eq!(read(&mut consumer, 10), 6);
    Ok(())
}

#[test]
fn a_row_that_is_refused_incomplete_or_panics_is_not_there() -> Result {
    let path = Temp::new();
    let ring = create(&path, 4);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let schema = schema();
    let (n, ..) = columns(&schema);
    assert_eq!(producer.push(|_| Err("no")), Err(PushError::Rejected("no")));
    let incomplete = producer.push(|row| row.set(n, 1));
    assert_eq!(incomplete, Err(PushError::Incomplete { column: 1 }));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        producer.push(|row| {
            row.set(n, 7)?;
            if row.sequence() == 0 {
                panic!("on purpose");
            }
            Ok::<(), RowError>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(read(&mut consumer, 10), 0);
    publish(&mut producer, 4);
    assert_eq!(read(&mut consumer, 10), 4);
    Ok(())
}

#[test]
fn batches_are_committed_abandoned_and_forgotten() -> Result {
    let path = Temp::new();
    let ring = create(&path, 16);
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    publish(&mut ring.producer()?, 10);
    let Poll::Rows(batch) = consumer.poll(6) else {
        panic!("rows")
    };
    batch.commit(2);
    assert_eq!(consumer.sequence(), 2);
    let Poll::Rows(batch) = consumer.poll(3) else {
        panic!("rows")
    };
    std::mem::forget(batch);
    assert_eq!(consumer.sequence(), 5);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _batch = consumer.poll(2);
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(consumer.sequence(), 5);
    let Poll::Rows(batch) = consumer.poll(100) else {
        panic!("rows")
    };
    let block = batch.to_block()?;
    assert_eq!(block.column(columns(batch.schema()).0)?, [5, 6, 7, 8, 9]);
    Ok(())
}

#[test]
fn delta_columns_keep_their_values_across_producers() -> Result {
    use zc_ring::DeltaWidth;
    let path = Temp::new();
    let schema = Schema::builder().i64("d").delta(DeltaWidth::I8).build()?;
    let d = schema.column::<i64>("d")?;
    let ring = RowRing::create_shared(&path, schema, 64)?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let value = |n: u64| {
        if n % 700 < 600 {
            n as i64 % 100
        } else {
            i64::MAX - n as i64
        }
    };
    for round in 0..100 {
        let mut producer = ring.producer()?;
        for n in round * 40..(round + 1) * 40 {
            producer.push(|row| row.set(d, value(n)))?;
        }
        let failed =
            |row: &mut zc_ring::RowMut<'_>| row.set(d, i64::MIN).and(Err(RowError::ForeignHandle));
        assert!(producer.push(failed).is_err());
        let Poll::Rows(batch) = consumer.poll(100) else {
            panic!("rows")
        };
        for (row, found) in batch.column(d).iter().enumerate() {
            assert_eq!(found, value(round * 40 + row as u64));
        }
    }
    Ok(())
}

#[test]
fn limits_of_names_and_places() -> Result {
    let path = Temp::new();
    let ring = create(&path, 8);
    let long = "n".repeat(65);
    let error = ring
        .consumer(options(&long, Start::Tail, OnLag::Block))
        .unwrap_err();
    assert_eq!(error, JoinError::NameTooLong { len: 65, limit: 64 });
    let name = &long[..64];
    let all: Vec<_> = (0..64)
        .map(|_| {
            ring.consumer(options(name, Start::Tail, OnLag::Block))
                .unwrap()
        })
        .collect();
    let error = ring.consumer(ConsumerOptions::default()).unwrap_err();
    assert_eq!(error, JoinError::TooManyConsumers { limit: 64 });
    assert_eq!(ring.metrics().consumers[63].name, name);
    drop(all);
    let handles: Vec<_> = (1..64)
        .map(|_| RowRing::open_shared(&path).unwrap())
        .collect();
    let error = RowRing::open_shared(&path).unwrap_err();
    assert!(
        matches!(error, zc_ring::SharedError::TooManyHandles { limit: 64 }),
        "{error}"
    );
    drop(handles);
    RowRing::open_shared(&path)?;
    Ok(())
}

#[test]
fn the_monitor_sees_what_the_metrics_say() -> Result {
    let path = Temp::new();
    let ring = create(&path, 4096);
    let monitor = SharedMonitor::open(&path)?;
    let mut consumer = ring.consumer(options("reads", Start::Tail, OnLag::Block))?;
    let _idle = ring.consumer(options("idle", Start::Tail, OnLag::Lossy))?;
    let mut producer = ring.producer()?;
    assert!(monitor.has_producer());
    publish(&mut producer, 3000);
    assert_eq!(read(&mut consumer, 2500), 2500);
    let metrics = monitor.metrics();
    assert_eq!(
        (metrics.published, metrics.head, metrics.capacity),
        (3000, 3000, 4096)
    );
    assert_eq!(metrics.batch_size.count(), 3000);
    // Rows 0, 1024 and 2048 are sampled; a batch counts the last of them that it has.
    assert_eq!(metrics.latency.count(), 1);
    let seen = &metrics.consumers[0];
    assert_eq!(
        (seen.name.as_str(), seen.lag, seen.batches),
        ("reads", 500, 1)
    );
    assert_eq!(metrics.consumers[1].lag, 3000);
    assert_eq!(metrics.consumers[1].on_lag, OnLag::Lossy);
    assert!(!seen.thread_ended);
    drop(producer);
    assert!(!monitor.has_producer());
    Ok(())
}

/// Both sides wait, in every way there is, with threads of this process on two mappings.
#[test]
fn both_sides_wait_and_are_woken() -> Result {
    use zc_ring::WaitStrategy;
    let spin_yield = WaitStrategy::SpinYield { spins: 10 };
    for strategy in [WaitStrategy::Park, spin_yield, WaitStrategy::Adaptive] {
        let path = Temp::new();
        let options = SharedOptions::default().wait(strategy);
        let ring = options.create(&path, schema(), 4)?;
        let there = options.open(&path)?;
        let mut consumers = Vec::new();
        for _ in 0..2 {
            let mut consumer = there.consumer(ConsumerOptions::default())?;
            consumers.push(std::thread::spawn(move || {
                let mut seen = 0;
                loop {
                    match consumer.recv_blocking() {
                        Poll::Rows(batch) => seen += batch.len() as u64,
                        _ => return seen,
                    }
                }
            }));
        }
        drop(there);
        let mut producer = ring.producer()?;
        let schema = schema();
        for n in 0..2000 {
            producer.push(|row| fill(row, &schema))?;
            if n % 500 == 0 {
                // Long enough for the others to fall asleep.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        drop((producer, ring));
        for consumer in consumers {
            assert_eq!(consumer.join().unwrap(), 2000);
        }
    }
    Ok(())
}

//! Threads and tasks at once: every policy, every wait strategy, consumers that come and go, more
//! threads than cores, panics and leaks.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use zc_core::sync::block_on;
use zc_ring::{Consumer, ConsumerOptions, OnLag, Poll, RecvError, Ring, Start, WaitStrategy};

type Result = std::result::Result<(), Box<dyn Error>>;

const LONG: Duration = Duration::from_secs(60);

/// Reads to the end and checks that row `n` is `n`. Returns (rows seen, rows missed).
fn read_to_end(mut consumer: Consumer<u64>) -> (u64, u64) {
    let (mut seen, mut lost, mut next) = (0, 0, consumer.sequence());
    loop {
        match consumer.recv_timeout(LONG) {
            Poll::Rows(batch) => {
                for row in &batch {
                    assert_eq!(*row, next);
                    next += 1;
                }
                seen += batch.len() as u64;
            }
            Poll::Lagged { missed } => {
                lost += missed;
                next += missed;
            }
            Poll::Closed => return (seen, lost),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn more_threads_than_cores_under_every_wait_strategy() -> Result {
    const ROWS: u64 = 5_000;
    for strategy in [
        WaitStrategy::BusySpin,
        WaitStrategy::SpinYield { spins: 20 },
        WaitStrategy::Park,
        WaitStrategy::Adaptive,
    ] {
        let ring = Ring::<u64>::builder(64).wait(strategy).build()?;
        let policies = [OnLag::Block, OnLag::Block, OnLag::Block, OnLag::Lossy];
        let readers: Vec<_> = policies
            .iter()
            .map(|&on_lag| {
                let consumer = ring.consumer(ConsumerOptions {
                    on_lag,
                    ..Default::default()
                });
                consumer.map(|consumer| thread::spawn(move || read_to_end(consumer)))
            })
            .collect::<std::result::Result<_, _>>()?;
        let mut producer = ring.producer()?;
        drop(ring);
        let mut next = 0;
        while next < ROWS {
            let rows = (next % 7 + 1).min(ROWS - next);
            producer.publish_batch(rows as usize, |slots| {
                for (slot, n) in slots.into_iter().zip(next..) {
                    *slot = n;
                }
            })?;
            next += rows;
        }
        drop(producer);
        for (reader, on_lag) in readers.into_iter().zip(policies) {
            let (seen, missed) = reader.join().unwrap();
            assert_eq!(seen + missed, ROWS);
            assert!(missed == 0 || on_lag == OnLag::Lossy);
        }
    }
    Ok(())
}

#[test]
fn consumers_come_and_go_while_the_producer_runs() -> Result {
    const ROWS: u64 = 20_000;
    let ring = Ring::<u64>::builder(32).build()?;
    let mut producer = ring.producer()?;
    thread::scope(|scope| {
        for kind in 0..3 {
            let ring = &ring;
            scope.spawn(move || {
                let mut rounds = 0;
                while ring.metrics().head < ROWS && rounds < 2_000 {
                    rounds += 1;
                    let from = if kind == 0 {
                        Start::Oldest
                    } else {
                        Start::Tail
                    };
                    let on_lag = if kind == 2 {
                        OnLag::Lossy
                    } else {
                        OnLag::Block
                    };
                    let options = ConsumerOptions {
                        from,
                        on_lag,
                        ..Default::default()
                    };
                    let mut consumer = ring.consumer(options).unwrap();
                    for _ in 0..3 {
                        let mut next = consumer.sequence();
                        if let Poll::Rows(batch) = consumer.recv_timeout(Duration::from_millis(1)) {
                            for row in &batch {
                                assert_eq!(*row, next);
                                next += 1;
                            }
                        }
                    }
                }
            });
        }
        for n in 0..ROWS {
            producer.publish(|slot| *slot = n);
        }
    });
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn consumer_panics_mid_batch() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let reader = thread::spawn(move || {
        let _batch = consumer.poll(2).rows();
        panic!("mid-batch, on purpose");
    });
    // Blocks until the panic has dropped the consumer.
    assert_eq!(producer.publish_timeout(LONG, |slot| *slot = 4), Ok(4));
    assert!(reader.join().is_err());
    Ok(())
}

#[test]
fn the_slowest_leaves_while_the_producer_is_blocked() -> Result {
    let ring = Ring::<u64>::builder(2).wait(WaitStrategy::Park).build()?;
    let slow = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1])?;
    let publisher = thread::spawn(move || producer.publish_timeout(LONG, |slot| *slot = 2));
    while ring.metrics().full_stalls == 0 {
        thread::yield_now();
    }
    drop(slow);
    assert_eq!(publisher.join().unwrap(), Ok(2));
    Ok(())
}

#[test]
fn a_blocked_producer_evicts_a_consumer_that_never_reads() -> Result {
    let ring = Ring::<u64>::builder(4).wait(WaitStrategy::Park).build()?;
    let on_lag = OnLag::Evict {
        rows: 1,
        after: Duration::from_millis(5),
    };
    let leaked = ring.consumer(ConsumerOptions {
        name: "leaked",
        on_lag,
        ..Default::default()
    })?;
    std::mem::forget(leaked);
    let mut producer = ring.producer()?;
    for n in 0..20 {
        assert_eq!(producer.publish_timeout(LONG, |slot| *slot = n), Ok(n));
    }
    assert_eq!(ring.metrics().consumers[0].evictions, 1);

    let on_lag = OnLag::Evict {
        rows: 1,
        after: Duration::from_millis(5),
    };
    let mut late = ring.consumer(ConsumerOptions {
        on_lag,
        ..Default::default()
    })?;
    block_on(async {
        for n in 20..30 {
            assert_eq!(producer.publish_async(|slot| *slot = n).await, n);
        }
    });
    assert!(matches!(late.poll(1), Poll::Evicted));
    assert_eq!(block_on(late.next()), Some(Err(RecvError::Evicted)));
    assert_eq!(block_on(late.next()), None);
    Ok(())
}

#[test]
fn one_thread_both_produces_and_consumes() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let (mut next, mut seen) = (0, 0);
    while seen < 10_000 {
        while producer.try_publish(|slot| *slot = next).is_ok() {
            next += 1;
        }
        while let Poll::Rows(batch) = consumer.poll(3) {
            for row in &batch {
                assert_eq!(*row, seen);
                seen += 1;
            }
        }
    }
    Ok(())
}

#[test]
fn handles_are_dropped_in_every_order() -> Result {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let ring = Ring::<String>::builder(2).build()?;
        let mut producer = Some(ring.producer()?);
        let mut consumer = Some(ring.consumer(ConsumerOptions::default())?);
        let mut ring = Some(ring);
        producer
            .as_mut()
            .unwrap()
            .publish(|slot| *slot = "row".into());
        for handle in order {
            match handle {
                0 => drop(ring.take()),
                1 => drop(producer.take()),
                _ => drop(consumer.take()),
            }
            if let Some(consumer) = &mut consumer
                && let Poll::Rows(batch) = consumer.poll(1)
            {
                assert_eq!(batch[0], "row");
            }
        }
    }
    Ok(())
}

#[test]
fn tasks_on_both_sides() -> Result {
    const ROWS: u64 = 2_000;
    let ring = Ring::<u64>::builder(4).build()?;
    let mut producer = ring.producer()?;
    let consumer = ring.consumer(ConsumerOptions::default())?;
    let stream = ring.consumer(ConsumerOptions::default())?;
    drop(ring);
    let publisher = thread::spawn(move || {
        block_on(async {
            for n in 0..ROWS {
                producer.publish_async(|slot| *slot = n).await;
            }
        });
    });
    let reader = thread::spawn(move || {
        let (mut consumer, mut next) = (consumer, 0);
        block_on(async {
            while let Poll::Rows(batch) = consumer.recv_async().await {
                for row in &batch {
                    assert_eq!(*row, next);
                    next += 1;
                }
            }
        });
        next
    });
    let rows: Vec<_> = block_on(stream.collect());
    assert_eq!(rows, (0..ROWS).map(Ok).collect::<Vec<_>>());
    assert_eq!(reader.join().unwrap(), ROWS);
    publisher.join().unwrap();
    Ok(())
}

#[test]
fn a_future_that_is_dropped_or_leaked_takes_nothing() -> Result {
    let ring = Ring::<u64>::builder(1).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut waiting = Box::pin(consumer.recv_async());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        std::mem::forget(waiting);
    }
    {
        let waiting = pin!(consumer.recv_async());
        assert!(waiting.poll(&mut cx).is_pending());
    }
    producer.publish(|slot| *slot = 0);
    {
        let waiting = pin!(producer.publish_async(|_| unreachable!()));
        assert!(waiting.poll(&mut cx).is_pending());
    }
    assert_eq!(consumer.poll(1).rows().unwrap()[0], 0);
    assert!(producer.try_publish(|slot| *slot = 1).is_ok());
    assert_eq!(block_on(consumer.recv_async()).rows().unwrap()[0], 1);
    Ok(())
}

#[test]
fn a_stream_goes_on_behind_rows_it_missed() -> Result {
    let ring = Ring::<u64>::builder(2).build()?;
    let mut stream = ring.consumer(ConsumerOptions {
        on_lag: OnLag::Lossy,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    for n in 0..5 {
        producer.publish(|slot| *slot = n);
    }
    drop((producer, ring));
    let rows: Vec<_> = block_on(stream.by_ref().collect());
    assert_eq!(rows, [Err(RecvError::Lagged { missed: 3 }), Ok(3), Ok(4)]);
    Ok(())
}

#[test]
fn several_producers_keep_each_its_own_order() -> Result {
    const PRODUCERS: u64 = 3;
    const ROWS: u64 = 3_000;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let ring = Ring::<u64>::builder(16).build()?;
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let producer = ring.multi_producer();
        drop(ring);
        let publishers: Vec<_> = (0..PRODUCERS)
            .map(|id| {
                let mut producer = producer.clone();
                thread::spawn(move || {
                    for n in 0..ROWS {
                        if n % 100 == 99 {
                            let fail = std::panic::AssertUnwindSafe(|| {
                                producer.publish(|_| std::panic::resume_unwind(Box::new(())))
                            });
                            assert!(std::panic::catch_unwind(fail).is_err());
                        }
                        producer.publish(|slot| *slot = id * ROWS + n);
                    }
                })
            })
            .collect();
        drop(producer);
        let (mut next, mut seen, mut lost) = ([0; PRODUCERS as usize], 0, 0);
        loop {
            match consumer.recv_timeout(LONG) {
                Poll::Rows(batch) => {
                    for row in &batch {
                        let (id, n) = ((row / ROWS) as usize, row % ROWS);
                        assert!(n == next[id] || (lost > 0 && n > next[id]));
                        next[id] = n + 1;
                        seen += 1;
                    }
                }
                Poll::Lagged { missed } => lost += missed,
                Poll::Closed => break,
                other => panic!("{other:?}"),
            }
        }
        for publisher in publishers {
            publisher.join().unwrap();
        }
        match on_lag {
            OnLag::Block => assert_eq!((seen, lost), (PRODUCERS * ROWS, 0)),
            // Voids among the rows it missed count too.
            _ => assert!(seen + lost >= PRODUCERS * ROWS),
        }
    }
    Ok(())
}

//! Faults that rings are known to hang or lose rows on, those that no other file of tests is about.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::thread;

use zc_ring::{Consumer, ConsumerOptions, MultiProducer, Poll, Producer, Ring, WaitStrategy};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

const STRATEGIES: [WaitStrategy; 4] = [
    WaitStrategy::BusySpin,
    WaitStrategy::SpinYield { spins: 20 },
    WaitStrategy::Park,
    WaitStrategy::Adaptive,
];

fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// Reads to the end; the sum of the rows and how many there were.
fn read_to_end(mut consumer: Consumer<u64>) -> (u64, u64) {
    let (mut sum, mut rows) = (0, 0);
    loop {
        match consumer.recv_blocking() {
            Poll::Rows(batch) => {
                rows += batch.len() as u64;
                sum += batch.iter().sum::<u64>();
            }
            Poll::Closed => return (sum, rows),
            other => panic!("{other:?}"),
        }
    }
}

fn readers(ring: &Ring<u64>, count: usize) -> Vec<thread::JoinHandle<(u64, u64)>> {
    let read = |_| {
        let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        thread::spawn(move || read_to_end(consumer))
    };
    (0..count).map(read).collect()
}

#[test]
fn twice_as_many_consumers_as_cores_under_every_wait_strategy() -> Result {
    const ROWS: u64 = 2_000;
    for strategy in STRATEGIES {
        let ring = Ring::<u64>::builder(64).wait(strategy).build()?;
        let readers = readers(&ring, 2 * cores());
        let mut producer = ring.producer()?;
        (0..ROWS).for_each(|n| {
            producer.publish(|slot| *slot = n);
        });
        drop((producer, ring));
        for reader in readers {
            assert_eq!(reader.join().unwrap(), (ROWS * (ROWS - 1) / 2, ROWS));
        }
    }
    Ok(())
}

#[test]
fn twice_as_many_producers_as_cores_under_every_wait_strategy() -> Result {
    const ROWS: u64 = 500;
    for strategy in STRATEGIES {
        let ring = Ring::<u64>::builder(16).wait(strategy).build()?;
        let readers = readers(&ring, 1);
        let count = 2 * cores() as u64;
        let publish = |_| {
            let mut producer = ring.multi_producer();
            thread::spawn(move || {
                (0..ROWS).for_each(|n| {
                    producer.publish(|slot| *slot = n);
                });
            })
        };
        let producers: Vec<_> = (0..count).map(publish).collect();
        drop(ring);
        for producer in producers {
            producer.join().unwrap();
        }
        for reader in readers {
            let sum = count * (ROWS * (ROWS - 1) / 2);
            assert_eq!(reader.join().unwrap(), (sum, count * ROWS));
        }
    }
    Ok(())
}

/// What is dropped, in one order or another.
enum Handle {
    Ring(Ring<u64>),
    Producer(Producer<u64>),
    MultiProducer(MultiProducer<u64>),
    Consumer(Consumer<u64>),
}

/// Every order of the numbers below `n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1).into_iter();
    let longer = shorter.flat_map(|order| {
        (0..n).map(move |at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    });
    longer.collect()
}

#[test]
fn handles_dropped_in_every_order_close_the_ring_behind_its_last_row() -> Result {
    for is_multi in [false, true] {
        for order in orders(5) {
            let ring = Ring::<u64>::builder(4).build()?;
            let consumers = [(); 2].map(|()| ring.consumer(ConsumerOptions::default()));
            let [first, second] = consumers.map(|joined| Some(Handle::Consumer(joined.unwrap())));
            let (one, other) = if is_multi {
                let mut producer = ring.multi_producer();
                producer.publish(|slot| *slot = 7);
                let other = producer.clone();
                let [one, other] = [producer, other].map(Handle::MultiProducer);
                (Some(one), Some(other))
            } else {
                let mut producer = ring.producer()?;
                producer.publish(|slot| *slot = 7);
                (Some(Handle::Producer(producer)), None)
            };
            let mut handles = [Some(Handle::Ring(ring)), one, other, first, second];
            let mut seen = [0; 2];
            for dropped in &order {
                handles[*dropped] = None;
                let is_open = handles[..3].iter().any(Option::is_some);
                for (handle, seen) in handles[3..].iter_mut().zip(&mut seen) {
                    let Some(Handle::Consumer(consumer)) = handle else {
                        continue;
                    };
                    if let Poll::Rows(batch) = consumer.poll(8) {
                        assert_eq!(batch[0], 7);
                        *seen += batch.len();
                    }
                    assert_eq!(*seen, 1, "{order:?}");
                    match consumer.poll(8) {
                        Poll::Empty => assert!(is_open, "{order:?}"),
                        Poll::Closed => assert!(!is_open, "{order:?}"),
                        other => panic!("{other:?}"),
                    }
                }
                // What can still publish is not held up by those who have gone.
                if handles[3..].iter().all(Option::is_none) {
                    for handle in handles[..3].iter_mut().flatten() {
                        for n in 0..10 {
                            match handle {
                                Handle::Producer(producer) => {
                                    producer.publish(|slot| *slot = n);
                                }
                                Handle::MultiProducer(producer) => {
                                    producer.publish(|slot| *slot = n);
                                }
                                Handle::Ring(ring) => assert_eq!(ring.capacity(), 4),
                                Handle::Consumer(_) => unreachable!("those are gone"),
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn shutdown_before_a_consumer_has_started_loses_nothing() -> Result {
    for strategy in STRATEGIES {
        let ring = Ring::<u64>::builder(16).wait(strategy).build()?;
        let consumer = ring.consumer(ConsumerOptions::default())?;
        let mut producer = ring.producer()?;
        producer.publish_slice(&[1, 2, 3])?;
        drop((producer, ring));
        let reader = thread::spawn(move || read_to_end(consumer));
        assert_eq!(reader.join().unwrap(), (6, 3));
    }
    Ok(())
}

#[test]
fn one_thread_produces_by_several_handles_and_consumes() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producers = [(); 3].map(|()| ring.multi_producer());
    let (mut next, mut seen) = (0_u64, 0);
    while seen < 5_000 {
        while producers[next as usize % 3]
            .try_publish(|slot| *slot = next)
            .is_ok()
        {
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
fn sequences_wrap_under_several_producers_and_consumers() -> Result {
    const ROWS: u64 = 4_000;
    for before in [0, 1, 63, 1000] {
        let ring = Ring::<u64>::builder(64)
            .initial_sequence(u64::MAX - before)
            .build()?;
        let readers = readers(&ring, 2);
        let publish = |_| {
            let mut producer = ring.multi_producer();
            thread::spawn(move || {
                (0..ROWS / 2).for_each(|_| {
                    producer.publish(|slot| *slot = 1);
                });
            })
        };
        let producers = [0, 1].map(publish);
        drop(ring);
        for producer in producers {
            producer.join().unwrap();
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), (ROWS, ROWS));
        }
    }
    Ok(())
}

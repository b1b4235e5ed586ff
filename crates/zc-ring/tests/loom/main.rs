//! Exhaustive models of the ring. Each is named after the edge or the race it proves; `seeds.txt`
//! names the defects that must make it fail.

#![cfg(zc_loom)]

mod generations;
#[cfg(target_os = "linux")]
mod shared;

use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::{Arc, block_on, model, thread};
use zc_ring::{
    Consumer, ConsumerOptions, OnLag, Partition, Poll, Ring, RowError, RowRing, Schema, Start,
    WaitStrategy,
};

fn ring(capacity: usize) -> Ring<u64> {
    Ring::builder(capacity)
        .wait(WaitStrategy::Park)
        .build()
        .unwrap()
}

fn options(from: Start, on_lag: OnLag) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        on_lag,
        ..Default::default()
    }
}

/// Reads what is there; rows carry their own sequence, plus 10.
fn read(consumer: &mut Consumer<u64>) -> u64 {
    match consumer.poll(2) {
        Poll::Rows(batch) => {
            for (n, row) in batch.iter().enumerate() {
                assert_eq!(*row, batch.sequence() + n as u64 + 10);
            }
            batch.len() as u64
        }
        Poll::Lagged { missed } => missed,
        _ => 0,
    }
}

#[test]
fn publish_then_consume() {
    model(|| {
        let ring = ring(2);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        let publisher = thread::spawn(move || {
            for _ in 0..2 {
                let n = producer.sequence();
                producer.try_publish(|slot| *slot = n + 10).unwrap();
            }
        });
        let early = read(&mut consumer);
        publisher.join().unwrap();
        assert_eq!(early + read(&mut consumer), 2);
    });
}

#[test]
fn the_producer_never_overwrites_an_unread_row() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || producer.try_publish(|slot| *slot = 11).is_ok());
        let mut seen = read(&mut consumer);
        seen += read(&mut consumer);
        let published = publisher.join().unwrap();
        seen += read(&mut consumer);
        assert_eq!(seen, 1 + u64::from(published));
    });
}

#[test]
fn two_consumers_both_gate() {
    model(|| {
        let ring = ring(1);
        let mut consumers = [0; 2].map(|_| ring.consumer(ConsumerOptions::default()).unwrap());
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let [first, second] = &mut consumers;
        read(first);
        let publisher = thread::spawn(move || producer.try_publish(|slot| *slot = 11).is_ok());
        assert_eq!(read(second), 1);
        publisher.join().unwrap();
    });
}

#[test]
fn a_consumer_leaves_while_the_producer_is_blocked() {
    model(|| {
        let ring = ring(1);
        let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || producer.publish(|slot| *slot = 11));
        drop(consumer);
        assert_eq!(publisher.join().unwrap(), 1);
    });
}

#[test]
fn a_consumer_joins_while_the_producer_publishes() {
    model(|| {
        let ring = ring(2);
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        producer.publish(|slot| *slot = 11);
        let publisher = thread::spawn(move || producer.try_publish(|slot| *slot = 12).is_ok());
        let mut consumer = ring.consumer(options(Start::Oldest, OnLag::Block)).unwrap();
        let start = consumer.sequence();
        let mut seen = read(&mut consumer);
        let published = publisher.join().unwrap();
        while let more @ 1.. = read(&mut consumer) {
            seen += more;
        }
        assert_eq!(start + seen, 2 + u64::from(published));
    });
}

#[test]
fn a_parked_consumer_is_woken() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        let reader = thread::spawn(move || {
            let batch = consumer.recv_blocking().rows().unwrap();
            assert_eq!(batch[0], 10);
        });
        producer.publish(|slot| *slot = 10);
        reader.join().unwrap();
    });
}

#[test]
fn a_waiting_task_is_woken() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        let publisher = thread::spawn(move || producer.publish(|slot| *slot = 10));
        block_on(async {
            assert_eq!(consumer.recv_async().await.rows().unwrap()[0], 10);
        });
        publisher.join().unwrap();
    });
}

#[test]
fn a_blocked_producer_is_woken() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || producer.publish(|slot| *slot = 11));
        assert_eq!(read(&mut consumer), 1);
        assert_eq!(publisher.join().unwrap(), 1);
        assert_eq!(read(&mut consumer), 1);
    });
}

#[test]
fn the_last_row_is_read_before_the_ring_is_closed() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        drop(ring);
        let publisher = thread::spawn(move || {
            producer.publish(|slot| *slot = 10);
        });
        let mut seen = 0;
        loop {
            match consumer.recv_blocking() {
                Poll::Rows(batch) => seen += batch[0],
                Poll::Closed => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, 10);
        publisher.join().unwrap();
    });
}

#[test]
fn whoever_closes_the_ring_hands_on_what_others_published() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        let publisher = thread::spawn(move || {
            producer.publish(|slot| *slot = 10);
        });
        let closer = thread::spawn(move || drop(ring));
        let mut seen = 0;
        for _ in 0..3 {
            match consumer.poll(1) {
                Poll::Rows(batch) => seen += batch[0],
                Poll::Closed => assert_eq!(seen, 10),
                _ => thread::yield_now(),
            }
        }
        publisher.join().unwrap();
        closer.join().unwrap();
    });
}

#[test]
fn a_lossy_copy_is_whole_or_counted_as_missed() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(options(Start::Tail, OnLag::Lossy)).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || {
            producer.publish(|slot| *slot = 11);
        });
        let mut seen = read(&mut consumer);
        publisher.join().unwrap();
        while let more @ 1.. = read(&mut consumer) {
            seen += more;
        }
        assert_eq!(seen, 2);
    });
}

#[test]
fn a_late_reader_is_evicted_and_reads_nothing_torn() {
    model(|| {
        let ring = ring(1);
        let evict = OnLag::Evict {
            rows: 1,
            after: std::time::Duration::ZERO,
        };
        let mut consumer = ring.consumer(options(Start::Tail, evict)).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let publisher = thread::spawn(move || {
            producer.try_publish(|slot| *slot = 11).unwrap();
        });
        read(&mut consumer);
        publisher.join().unwrap();
        let at = consumer.sequence();
        match consumer.poll(1) {
            Poll::Rows(batch) => assert_eq!((at, batch[0]), (1, 11)),
            Poll::Evicted => assert!(at <= 1),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_follower_is_woken_by_the_one_it_follows() {
    model(|| {
        let ring = ring(1);
        let mut first = ring.consumer(ConsumerOptions::default()).unwrap();
        let after = ConsumerOptions {
            depends_on: &[first.id()],
            ..Default::default()
        };
        let mut second = ring.consumer(after).unwrap();
        ring.producer().unwrap().publish(|slot| *slot = 10);
        let follower = thread::spawn(move || {
            assert_eq!(second.recv_blocking().rows().unwrap()[0], 10);
        });
        assert_eq!(read(&mut first), 1);
        follower.join().unwrap();
    });
}

#[test]
fn a_lossy_row_is_whole_or_counted_as_missed() {
    model(|| {
        let schema = Schema::builder().u64("a").u64("b").build().unwrap();
        let (a, b) = (
            schema.column::<u64>("a").unwrap(),
            schema.column::<u64>("b").unwrap(),
        );
        let ring = RowRing::builder(schema, 1).build().unwrap();
        let mut consumer = ring.consumer(options(Start::Tail, OnLag::Lossy)).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut push = move |value| {
            producer.push(|row| {
                row.set(a, value)?;
                row.set(b, value)?;
                Ok::<(), RowError>(())
            })
        };
        push(10).unwrap();
        let publisher = thread::spawn(move || push(11).unwrap());
        if let Poll::Rows(batch) = consumer.poll(1) {
            let row = (
                batch.column(a).get(0).unwrap(),
                batch.column(b).get(0).unwrap(),
            );
            let expected = batch.sequence() + 10;
            assert_eq!(row, (expected, expected));
        }
        publisher.join().unwrap();
    });
}

#[test]
fn two_producers_publish_in_the_order_of_their_claims() {
    model(|| {
        let ring = ring(2);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        let other = thread::spawn(move || two.try_publish(|slot| *slot = 20).unwrap());
        let mine = one.try_publish(|slot| *slot = 10).unwrap();
        let theirs = other.join().unwrap();
        let batch = consumer.poll(2).rows().unwrap();
        assert_eq!(batch.len(), 2);
        assert_eq!((batch[mine as usize], batch[theirs as usize]), (10, 20));
    });
}

#[test]
fn a_consumer_reads_what_two_producers_publish() {
    model(|| {
        let ring = ring(2);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        let publish = |producer: &mut zc_ring::MultiProducer<u64>| {
            producer.try_publish(|slot| *slot = 10).unwrap();
        };
        let other = thread::spawn(move || publish(&mut two));
        let another = thread::spawn(move || publish(&mut one));
        let mut seen = 0;
        if let Poll::Rows(batch) = consumer.poll(2) {
            assert!(batch.iter().all(|row| *row == 10));
            seen = batch.len();
        }
        other.join().unwrap();
        another.join().unwrap();
        let rest = consumer.poll(2).rows().map_or(0, |batch| batch.len());
        assert_eq!(seen + rest, 2);
    });
}

#[test]
fn two_producers_never_claim_a_slot_twice() {
    model(|| {
        let ring = ring(1);
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        // Nobody reads: only the head holds them back.
        let other = thread::spawn(move || two.publish(|slot| *slot += 1));
        one.publish(|slot| *slot += 1);
        other.join().unwrap();
        let mut late = ring.consumer(options(Start::Oldest, OnLag::Block)).unwrap();
        assert_eq!(late.poll(1).rows().unwrap()[0], 2);
    });
}

#[test]
fn a_claimer_sees_what_the_one_who_renewed_the_licence_saw() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        one.publish(|slot| *slot = 10);
        // Either may claim what the other's look at the consumer has made free.
        let mine = thread::spawn(move || one.try_publish(|slot| *slot = 11).is_ok());
        let theirs = thread::spawn(move || two.try_publish(|slot| *slot = 11).is_ok());
        assert_eq!(read(&mut consumer), 1);
        let (mine, theirs) = (mine.join().unwrap(), theirs.join().unwrap());
        assert!(!(mine && theirs));
        assert_eq!(read(&mut consumer), u64::from(mine || theirs));
    });
}

#[test]
fn a_leaked_consumer_frees_the_ring_when_its_thread_ends() {
    model(|| {
        let ring = ring(1);
        let mut leaky = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        // Not dropped before the producer is done: loom would call a leaked one a defect.
        let leaky = thread::spawn(move || {
            assert!(matches!(leaky.poll(0), Poll::Empty));
            leaky
        });
        // Blocked until the thread has ended.
        assert_eq!(producer.publish(|slot| *slot = 11), 1);
        drop(leaky.join().unwrap());
    });
}

#[test]
fn a_consumer_changes_threads_while_the_producer_is_blocked() {
    model(|| {
        let ring = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        let first = thread::spawn(move || {
            assert!(matches!(consumer.poll(0), Poll::Empty));
            consumer
        });
        let publisher = thread::spawn(move || producer.try_publish(|slot| *slot = 11).is_ok());
        let mut consumer = first.join().unwrap();
        // It has either lost the race and is told, or reads what it would have read.
        let at = consumer.sequence();
        match consumer.poll(1) {
            Poll::Rows(batch) => assert_eq!((at, batch[0]), (0, 10)),
            Poll::Evicted => {}
            other => panic!("{other:?}"),
        }
        publisher.join().unwrap();
    });
}

/// Reads all there is, and says which rows.
fn read_rows(member: &mut Consumer<u64>) -> Vec<u64> {
    let mut rows = Vec::new();
    while let Poll::Rows(batch) = member.poll(1) {
        assert_eq!(batch[0], batch.sequence() + 10);
        rows.push(batch.sequence());
    }
    rows
}

#[test]
fn two_members_share_the_rows() {
    model(|| {
        let ring = ring(2);
        let group = ring.consumer_group("", Partition::RoundRobin).unwrap();
        let (mut one, mut two) = (group.member().unwrap(), group.member().unwrap());
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        producer.publish(|slot| *slot = 11);
        let other = thread::spawn(move || (read_rows(&mut two), two));
        let mut rows = read_rows(&mut one);
        let (more, two) = other.join().unwrap();
        rows.extend(more);
        rows.sort_unstable();
        assert_eq!(rows, [0, 1]);
        drop((one, two));
    });
}

#[test]
fn a_member_leaves_while_another_reads() {
    model(|| {
        let ring = ring(2);
        let group = ring.consumer_group("", Partition::RoundRobin).unwrap();
        let (mut one, two) = (group.member().unwrap(), group.member().unwrap());
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        producer.publish(|slot| *slot = 11);
        let other = thread::spawn(move || drop(two));
        let mut rows = read_rows(&mut one);
        other.join().unwrap();
        rows.extend(read_rows(&mut one));
        rows.sort_unstable();
        assert_eq!(rows, [0, 1]);
    });
}

#[test]
fn a_member_joins_while_the_producer_publishes() {
    model(|| {
        let ring = ring(2);
        let group = ring.consumer_group("", Partition::RoundRobin).unwrap();
        let mut one = group.member().unwrap();
        let mut producer = ring.producer().unwrap();
        let publisher = thread::spawn(move || {
            producer.publish(|slot| *slot = 10);
            producer.publish(|slot| *slot = 11);
        });
        let mut rows = read_rows(&mut one);
        let mut two = group.member().unwrap();
        rows.extend(read_rows(&mut two));
        publisher.join().unwrap();
        // Each waits for the other at the beginning of the new epoch.
        for _ in 0..2 {
            rows.extend(read_rows(&mut one));
            rows.extend(read_rows(&mut two));
        }
        rows.sort_unstable();
        assert_eq!(rows, [0, 1]);
    });
}

#[test]
fn rows_after_a_change_wait_for_those_before_it() {
    model(|| {
        let ring = ring(4);
        let group = ring.consumer_group("", Partition::RoundRobin).unwrap();
        let mut one = group.member().unwrap();
        let mut producer = ring.producer().unwrap();
        producer.publish(|slot| *slot = 10);
        // From here on the rows are shared: 1 is for the first member, 2 for the second.
        let mut two = group.member().unwrap();
        producer.publish(|slot| *slot = 11);
        producer.publish(|slot| *slot = 12);
        let before = Arc::new(AtomicBool::new(false));
        let read = Arc::clone(&before);
        let first = thread::spawn(move || {
            let batch = one.poll(1).rows().unwrap();
            assert_eq!(batch[0], 10);
            read.store(true, Ordering::Relaxed);
            drop(batch);
            one
        });
        if let Poll::Rows(batch) = two.poll(1) {
            // Or row 1, where the other's thread has ended and left that to this one.
            assert_ne!(batch[0], 10);
            assert!(before.load(Ordering::Relaxed));
        }
        drop(first.join().unwrap());
    });
}

#[test]
fn a_waiting_member_is_woken_by_one_that_leaves() {
    model(|| {
        let ring = ring(1);
        let group = ring.consumer_group("", Partition::RoundRobin).unwrap();
        let (one, mut two) = (group.member().unwrap(), group.member().unwrap());
        ring.producer().unwrap().publish(|slot| *slot = 10);
        let heir = thread::spawn(move || {
            assert_eq!(two.recv_blocking().rows().unwrap()[0], 10);
        });
        drop(one);
        heir.join().unwrap();
    });
}

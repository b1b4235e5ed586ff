//! Exhaustive models of the way from one generation of rows to the next. Each is named after the edge
//! or the race it proves; `seeds.txt` names the defects that must make it fail.

use zc_core::sync::{model, thread};
use zc_ring::{
    ColumnHandle, ConsumerOptions, Event, Poll, RowConsumer, RowProducer, RowRing, Schema, Start,
    WaitStrategy,
};

fn ring(capacity: usize) -> (RowRing, ColumnHandle<i64>) {
    let schema = Schema::builder().i64("n").build().unwrap();
    let n = schema.column::<i64>("n").unwrap();
    let ring = RowRing::builder(schema, capacity)
        .wait(WaitStrategy::Park)
        .build()
        .unwrap();
    (ring, n)
}

/// Rows carry their own sequence, plus 10.
fn push(producer: &mut RowProducer, n: ColumnHandle<i64>) -> bool {
    producer
        .try_push(|row| row.set(n, row.sequence() as i64 + 10))
        .is_ok()
}

/// What is there now: the number of rows, and after how many the event came.
fn read(consumer: &mut RowConsumer, n: ColumnHandle<i64>, found: &mut (u64, Vec<u64>)) {
    loop {
        match consumer.poll(4) {
            Poll::Rows(batch) => {
                for (row, value) in batch.column(n).iter().enumerate() {
                    assert_eq!(value, (batch.sequence() + row as u64) as i64 + 10);
                }
                found.0 += batch.len() as u64;
            }
            Poll::Event(Event::Resized) => found.1.push(found.0),
            _ => return,
        }
    }
}

#[test]
fn a_change_comes_between_two_pushes() {
    model(|| {
        let (ring, n) = ring(2);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        let pusher = thread::spawn(move || {
            // There is room for two of them in either generation.
            let pushed = [(); 2].map(|()| push(&mut producer, n));
            assert_eq!(pushed, [true; 2]);
        });
        ring.resize(2).unwrap();
        pusher.join().unwrap();
        assert_eq!(ring.generation(), 1);
        let mut found = (0, Vec::new());
        read(&mut consumer, n, &mut found);
        assert_eq!((found.0, found.1.len()), (2, 1));
    });
}

#[test]
fn a_consumer_reads_to_the_end_and_finds_the_event_once() {
    model(|| {
        let (ring, n) = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        assert!(push(&mut producer, n));
        let changer = thread::spawn(move || {
            ring.resize(2).unwrap();
            assert!(push(&mut producer, n));
            ring
        });
        let mut found = (0, Vec::new());
        read(&mut consumer, n, &mut found);
        let ring = changer.join().unwrap();
        read(&mut consumer, n, &mut found);
        assert_eq!(found, (2, vec![1]));
        drop(ring);
        assert!(matches!(consumer.poll(1), Poll::Closed));
    });
}

#[test]
fn a_waiting_consumer_is_woken_by_a_change() {
    model(|| {
        let (ring, _) = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let reader = thread::spawn(move || {
            assert!(matches!(
                consumer.recv_blocking(),
                Poll::Event(Event::Resized)
            ));
        });
        ring.resize(2).unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_blocked_producer_is_woken_by_a_change() {
    model(|| {
        let (ring, n) = ring(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        assert!(push(&mut producer, n));
        let pusher = thread::spawn(move || {
            producer.push(|row| row.set(n, 11)).unwrap();
        });
        ring.resize(2).unwrap();
        pusher.join().unwrap();
        let mut found = (0, Vec::new());
        read(&mut consumer, n, &mut found);
        assert_eq!(found, (2, vec![1]));
    });
}

#[test]
fn whoever_joins_and_leaves_meanwhile_reads_rows_of_the_right_generation() {
    model(|| {
        let (ring, n) = ring(1);
        let mut producer = ring.producer().unwrap();
        let pusher = thread::spawn(move || {
            assert!(push(&mut producer, n));
            push(&mut producer, n)
        });
        let ring = std::sync::Arc::new(ring);
        let joiner = {
            let ring = std::sync::Arc::clone(&ring);
            thread::spawn(move || {
                let options = ConsumerOptions {
                    from: Start::Oldest,
                    ..Default::default()
                };
                let mut consumer = ring.consumer(options).unwrap();
                let mut found = (0, Vec::new());
                read(&mut consumer, n, &mut found);
                assert!(found.1.len() as u64 <= 1);
                consumer.generation() >= found.1.len() as u64
            })
        };
        ring.resize(2).unwrap();
        pusher.join().unwrap();
        assert!(joiner.join().unwrap());
    });
}

#[test]
fn a_blocked_producer_drops_while_a_change_is_made() {
    model(|| {
        let (ring, n) = ring(1);
        let mut producer = ring.producer().unwrap();
        let pusher = thread::spawn(move || assert!(push(&mut producer, n)));
        ring.resize(2).unwrap();
        pusher.join().unwrap();
        // The licence that was given back is one of the newest generation.
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        assert!(push(&mut producer, n) && push(&mut producer, n));
        assert!(!push(&mut producer, n));
        let mut found = (0, Vec::new());
        read(&mut consumer, n, &mut found);
        assert_eq!(found, (2, vec![]));
    });
}

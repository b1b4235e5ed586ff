//! Rings in shared memory, whose processes end in the middle of things.

use zc_ring::shared::model::Machine;
use zc_ring::{ColumnHandle, ProducerError, PushError, SharedConsumer, SharedProducer};

use super::*;

fn machine(capacity: usize) -> (Arc<Machine>, ColumnHandle<u64>) {
    let schema = Schema::builder().u64("n").build().unwrap();
    let n = schema.column("n").unwrap();
    (Arc::new(Machine::new(schema, capacity)), n)
}

fn push(producer: &mut SharedProducer, n: ColumnHandle<u64>) -> bool {
    let sequence = producer.sequence();
    producer.try_push(|row| row.set(n, sequence + 10)).is_ok()
}

/// Reads what is there; rows carry their own sequence, plus 10.
fn read(consumer: &mut SharedConsumer, n: ColumnHandle<u64>) -> u64 {
    match consumer.poll(2) {
        Poll::Rows(batch) => {
            for (row, value) in batch.column(n).iter().enumerate() {
                assert_eq!(value, batch.sequence() + row as u64 + 10);
            }
            batch.len() as u64
        }
        Poll::Lagged { missed } => missed,
        _ => 0,
    }
}

#[test]
fn a_consumer_joins_a_shared_ring_while_the_producer_publishes() {
    model(|| {
        let (machine, n) = machine(1);
        let ring = machine.process(1);
        let mut producer = ring.producer().unwrap();
        assert!(push(&mut producer, n));
        let publisher = thread::spawn(move || {
            let pushed = push(&mut producer, n);
            (u64::from(pushed), producer)
        });
        let from = options(Start::Oldest, OnLag::Block);
        let mut consumer = ring.consumer(from).unwrap();
        let first = consumer.sequence();
        // The row it starts at, if there is one, must not be one that is being overwritten.
        let seen = read(&mut consumer, n);
        let (pushed, mut producer) = publisher.join().unwrap();
        let more = read(&mut consumer, n);
        assert_eq!(first + seen + more, 1 + pushed);
        assert!(push(&mut producer, n));
        assert!(!push(&mut producer, n), "an unread row was overwritten");
    });
}

#[test]
fn a_consumer_joins_a_shared_ring_with_the_roles_swapped() {
    model(|| {
        let (machine, n) = machine(1);
        let ring = machine.process(1);
        let mut producer = ring.producer().unwrap();
        assert!(push(&mut producer, n));
        let joiner = thread::spawn(move || {
            let from = options(Start::Oldest, OnLag::Block);
            let mut consumer = ring.consumer(from).unwrap();
            let first = consumer.sequence();
            (first + read(&mut consumer, n), consumer)
        });
        let pushed = u64::from(push(&mut producer, n));
        let (seen, mut consumer) = joiner.join().unwrap();
        assert_eq!(seen + read(&mut consumer, n), 1 + pushed);
        assert!(push(&mut producer, n));
        assert!(!push(&mut producer, n), "an unread row was overwritten");
    });
}

/// Whoever counts a consumer finds its place: a look at the places that has missed it must be followed
/// by another one before the oldest row is overwritten.
#[test]
fn a_consumer_that_is_counted_is_seen() {
    model(|| {
        let (machine, n) = machine(2);
        let ring = machine.process(1);
        let mut producer = ring.producer().unwrap();
        // So that the next row needs a look at the places, and the one after it would not.
        assert!(push(&mut producer, n) && push(&mut producer, n));
        let joiner = thread::spawn(move || {
            let from = options(Start::Oldest, OnLag::Block);
            let consumer = ring.consumer(from).unwrap();
            (consumer, ring)
        });
        let pushed = [(); 2].map(|()| u64::from(push(&mut producer, n)));
        let (mut consumer, _ring) = joiner.join().unwrap();
        let first = consumer.sequence();
        let seen = first + read(&mut consumer, n);
        assert_eq!(seen, 2 + pushed[0] + pushed[1]);
    });
}

/// Whoever sees a lease finds the cursor that belongs to it, and not that of whoever had the place
/// before: that would be a corrupt ring.
#[test]
fn a_place_that_gates_has_its_own_cursor() {
    model(|| {
        let (machine, n) = machine(1);
        let ring = machine.process(1);
        let mut producer = ring.producer().unwrap();
        drop(ring.consumer(ConsumerOptions::default()).unwrap());
        assert!(push(&mut producer, n) && push(&mut producer, n));
        let joiner =
            thread::spawn(move || (ring.consumer(ConsumerOptions::default()).unwrap(), ring));
        let pushed = producer.try_push(|row| row.set(n, 12));
        assert!(matches!(pushed, Ok(2) | Err(PushError::Full)), "{pushed:?}");
        let (mut consumer, _ring) = joiner.join().unwrap();
        let first = consumer.sequence();
        let seen = read(&mut consumer, n);
        assert_eq!(first + seen, producer.sequence());
    });
}

/// The same, with the one who joins in the other role: an exchange that comes before another thread's
/// load is tried only from here.
#[test]
fn a_place_that_gates_has_its_own_cursor_with_the_roles_swapped() {
    model(|| {
        let (machine, n) = machine(1);
        let ring = machine.process(1);
        let mut producer = ring.producer().unwrap();
        drop(ring.consumer(ConsumerOptions::default()).unwrap());
        assert!(push(&mut producer, n) && push(&mut producer, n));
        let pusher = thread::spawn(move || {
            let pushed = producer.try_push(|row| row.set(n, 12));
            assert!(matches!(pushed, Ok(2) | Err(PushError::Full)), "{pushed:?}");
            producer
        });
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let producer = pusher.join().unwrap();
        let first = consumer.sequence();
        assert_eq!(first + read(&mut consumer, n), producer.sequence());
    });
}

#[test]
fn shared_rows_are_read_whole_and_not_overwritten_unread() {
    model(|| {
        let (machine, n) = machine(1);
        let (one, two) = (machine.process(1), machine.process(2));
        let mut consumer = two.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = one.producer().unwrap();
        assert!(push(&mut producer, n));
        let publisher = thread::spawn(move || u64::from(push(&mut producer, n)));
        let mut seen = read(&mut consumer, n);
        seen += read(&mut consumer, n);
        let published = publisher.join().unwrap();
        assert_eq!(seen + read(&mut consumer, n), 1 + published);
    });
}

#[test]
fn a_dead_consumer_is_reaped_by_two_while_another_joins_in_its_place() {
    model(|| {
        let (machine, n) = machine(1);
        let (one, two) = (machine.process(1), machine.process(2));
        let mut producer = one.producer().unwrap();
        let _dead = (two.consumer(ConsumerOptions::default()).unwrap(), two);
        assert!(push(&mut producer, n));
        machine.end(2);
        let joiner = thread::spawn(move || {
            // The producer has no room before the dead one's place is free.
            let from = options(Start::Oldest, OnLag::Block);
            let mut consumer = one.consumer(from).unwrap();
            let first = consumer.sequence();
            (first + read(&mut consumer, n), consumer)
        });
        // The first finds no room and reaps, the second has it, unless the joiner is in the way.
        let mut pushed = u64::from(push(&mut producer, n));
        pushed += u64::from(push(&mut producer, n));
        let (seen, mut consumer) = joiner.join().unwrap();
        assert_eq!(seen + read(&mut consumer, n), 1 + pushed);
        assert!(push(&mut producer, n));
        assert!(
            !push(&mut producer, n),
            "the joiner was reaped in the dead one's stead"
        );
    });
}

#[test]
fn two_take_over_from_a_dead_producer_and_one_succeeds() {
    model(|| {
        let (machine, n) = machine(2);
        let (dead, one, two) = (machine.process(3), machine.process(1), machine.process(2));
        let mut consumer = one.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = dead.producer().unwrap();
        assert!(push(&mut producer, n));
        // It ends with a row half set.
        assert!(
            producer
                .try_push(|row| row.set(n, 99).and(Err(RowError::ForeignHandle)))
                .is_err()
        );
        let _dead = (dead, producer);
        machine.end(3);
        let other = thread::spawn(move || match two.producer() {
            Ok(mut producer) => u64::from(push(&mut producer, n)),
            Err(error) => {
                assert_eq!(error, ProducerError::Taken);
                0
            }
        });
        let mut pushed = one
            .producer()
            .map_or(0, |mut producer| u64::from(push(&mut producer, n)));
        pushed += other.join().unwrap();
        assert!(pushed >= 1, "both were refused");
        // With room for one row more than the first, the second of two finds the ring full.
        let seen = read(&mut consumer, n);
        assert_eq!(seen + read(&mut consumer, n), 2);
    });
}

#[test]
fn a_shared_ring_is_closed_after_its_last_row() {
    model(|| {
        let (machine, n) = machine(1);
        let ring = machine.process(1);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut producer = ring.producer().unwrap();
        drop(ring);
        let publisher = thread::spawn(move || assert!(push(&mut producer, n)));
        let mut seen = 0;
        for _ in 0..2 {
            match consumer.poll(1) {
                Poll::Rows(batch) => seen += batch.len(),
                Poll::Closed => assert_eq!(seen, 1, "closed before its last row"),
                _ => {}
            }
        }
        publisher.join().unwrap();
    });
}

//! One of several producers that claims in blocks because it has been alone, and another one that comes. (A
//! model's producer sits down before its second claim, in rings of eight rows, and claims two rows at a time.)

use zc_ring::MultiProducer;

use super::*;

fn publish(producer: &mut MultiProducer<u64>, value: u64) -> (u64, u64) {
    let sequence = producer.try_publish(|slot| *slot = value);
    (sequence.unwrap(), value)
}

/// All that was published is there, each row where its producer was told.
fn check(consumer: &mut Consumer<u64>, published: &[(u64, u64)]) {
    let batch = consumer.poll(8).rows().unwrap();
    assert_eq!(batch.len(), published.len(), "rows are missing");
    for (sequence, value) in published {
        assert_eq!(batch[*sequence as usize], *value);
    }
}

#[test]
fn the_sole_producer_and_another_never_take_one_row_twice() {
    model(|| {
        let ring = ring(8);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        // Then the third takes what is left of the block that the second has claimed.
        let mut rows = vec![publish(&mut one, 10), publish(&mut one, 11)];
        let other = thread::spawn(move || (publish(&mut two, 20), two));
        rows.push(publish(&mut one, 12));
        let (row, _two) = other.join().unwrap();
        rows.push(row);
        check(&mut consumer, &rows);
    });
}

#[test]
fn the_sole_producer_claims_a_block_while_another_comes() {
    model(|| {
        let ring = ring(8);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        // Neither has the seat, and `one` is about to take it.
        let mut rows = vec![publish(&mut one, 10)];
        let other = thread::spawn(move || (publish(&mut two, 20), two));
        rows.push(publish(&mut one, 11));
        let (row, _two) = other.join().unwrap();
        rows.push(row);
        rows.push(publish(&mut one, 12));
        check(&mut consumer, &rows);
    });
}

#[test]
fn the_sole_producer_leaves_while_another_comes() {
    model(|| {
        let ring = ring(8);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        let mut two = one.clone();
        let mut rows = vec![publish(&mut one, 10), publish(&mut one, 11)];
        let other = thread::spawn(move || (publish(&mut two, 20), two));
        drop(one);
        let (row, two) = other.join().unwrap();
        rows.push(row);
        check(&mut consumer, &rows);
        // Nothing of the block is left behind.
        drop(two);
        assert_eq!(ring.producer().unwrap().sequence(), 3);
    });
}

#[test]
fn a_consumer_reads_what_the_sole_producer_publishes() {
    model(|| {
        let ring = ring(8);
        let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
        let mut one = ring.multi_producer();
        publish(&mut one, 10);
        let publisher = thread::spawn(move || {
            publish(&mut one, 11);
            publish(&mut one, 12);
            one
        });
        let seen = read(&mut consumer) + read(&mut consumer);
        let _one = publisher.join().unwrap();
        assert_eq!(seen + read(&mut consumer) + read(&mut consumer), 3);
    });
}

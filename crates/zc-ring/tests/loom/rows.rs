//! Rows from one producer to consumers in place, to the end.

use super::*;

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

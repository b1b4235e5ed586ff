//! Consumers that join, leave, are leaked or change threads.

use super::*;

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

//! Nobody sleeps through what he waits for.

use super::*;

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

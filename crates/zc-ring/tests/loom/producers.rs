//! Several producers.

use super::*;

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

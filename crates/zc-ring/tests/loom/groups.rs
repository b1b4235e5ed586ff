//! Members of a group, who share the rows.

use super::*;

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

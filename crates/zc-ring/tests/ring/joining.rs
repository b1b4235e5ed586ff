//! Where a consumer starts, and after whom it reads.

use zc_ring::{ConsumerOptions, Full, JoinError, Poll, Ring, Start};

use crate::{Result, drain, from, lossy};

#[test]
fn joining_at_tail_oldest_and_a_sequence() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut producer = ring.producer()?;
    for n in 0..20 {
        producer.publish(|slot| *slot = n);
    }
    assert_eq!(drain(&mut ring.consumer(from(Start::Tail))?), []);
    assert_eq!(
        drain(&mut ring.consumer(from(Start::Oldest))?),
        [12, 13, 14, 15, 16, 17, 18, 19]
    );
    assert_eq!(drain(&mut ring.consumer(lossy(Start::Oldest))?).len(), 8);
    assert_eq!(
        drain(&mut ring.consumer(from(Start::Sequence(18)))?),
        [18, 19]
    );
    assert_eq!(drain(&mut ring.consumer(from(Start::Sequence(20)))?), []);
    for requested in [11, 21] {
        let refused = ring.consumer(from(Start::Sequence(requested))).unwrap_err();
        assert_eq!(
            refused,
            JoinError::SequenceOutOfRange {
                requested,
                oldest: 12,
                head: 20
            }
        );
    }
    Ok(())
}

#[test]
fn oldest_never_goes_before_the_first_row() -> Result {
    let ring = Ring::<u64>::builder(8).initial_sequence(100).build()?;
    ring.producer()?.publish_slice(&[1, 2, 3])?;
    let mut consumer = ring.consumer(from(Start::Oldest))?;
    assert_eq!(consumer.sequence(), 100);
    assert_eq!(drain(&mut consumer), [1, 2, 3]);
    Ok(())
}

#[test]
fn a_consumer_that_joins_a_full_ring_gates_too() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut first = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let mut second = ring.consumer(from(Start::Oldest))?;
    drain(&mut first);
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(drain(&mut second), [0, 1, 2, 3]);
    assert!(producer.try_publish(|slot| *slot = 4).is_ok());
    Ok(())
}

#[test]
fn a_consumer_reads_after_those_it_depends_on() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut first = ring.consumer(ConsumerOptions::default())?;
    let after = ConsumerOptions {
        depends_on: &[first.id()],
        ..Default::default()
    };
    let mut second = ring.consumer(after)?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    assert!(matches!(second.poll(9), Poll::Empty));
    first.poll(3).rows().unwrap().commit(2);
    assert_eq!(drain(&mut second), [0, 1]);
    drop(first);
    assert_eq!(drain(&mut second), [2, 3]);
    let gone = ring.consumer(after).unwrap_err();
    assert!(matches!(gone, JoinError::UnknownDependency { .. }));
    Ok(())
}

//! Ends that go, and ends that come back.

use std::time::Duration;

use zc_ring::{ConsumerOptions, Poll, ProducerError, Ring};

use crate::{Result, drain};

#[test]
fn consumers_drain_and_then_find_the_ring_closed() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    producer.publish_slice(&[1, 2])?;
    drop(producer);
    assert!(matches!(consumer.poll(1), Poll::Rows(_)));
    drop(ring.producer()?);
    drop(ring);
    assert!(matches!(consumer.poll(1), Poll::Rows(_)));
    assert!(matches!(consumer.poll(1), Poll::Closed));
    assert!(matches!(consumer.recv_blocking(), Poll::Closed));
    Ok(())
}

#[test]
fn an_empty_ring_is_empty_while_a_handle_lives() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    assert!(matches!(consumer.poll(1), Poll::Empty));
    assert!(matches!(consumer.poll(0), Poll::Empty));
    assert!(matches!(
        consumer.recv_timeout(Duration::from_millis(2)),
        Poll::Empty
    ));
    assert!(matches!(consumer.recv_timeout(Duration::ZERO), Poll::Empty));
    Ok(())
}

#[test]
fn a_new_producer_goes_on_where_the_last_one_stopped() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    for n in 0..10 {
        assert_eq!(ring.producer()?.publish(|slot| *slot = n), n);
        assert_eq!(drain(&mut consumer), [n]);
    }
    Ok(())
}

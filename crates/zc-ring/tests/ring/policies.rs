//! Consumers that are slow.

use std::time::Duration;

use zc_ring::{ConsumerOptions, Full, OnLag, Poll, PublishError, Ring, Start, WaitStrategy};

use crate::{Result, drain, lossy};

#[test]
fn a_lossy_consumer_is_told_exactly_what_it_missed() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(lossy(Start::Tail))?;
    let mut producer = ring.producer()?;
    for n in 0..20 {
        producer.publish(|slot| *slot = n);
    }
    assert!(matches!(consumer.poll(100), Poll::Lagged { missed: 12 }));
    assert_eq!(drain(&mut consumer), (12..20).collect::<Vec<_>>());
    assert!(matches!(consumer.poll(100), Poll::Empty));
    let metrics = ring.metrics();
    assert_eq!(
        (metrics.consumers[0].missed, metrics.consumers[0].lag),
        (12, 0)
    );
    Ok(())
}

#[test]
fn a_consumer_past_its_policy_is_evicted_and_told() -> Result {
    let ring = Ring::<u64>::builder(4).wait(WaitStrategy::Park).build()?;
    let on_lag = OnLag::Evict {
        rows: 4,
        after: Duration::from_millis(20),
    };
    let mut slow = ring.consumer(ConsumerOptions {
        name: "slow",
        on_lag,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(slow.poll(2).rows().unwrap()[1], 1);
    producer.publish_slice(&[4, 5])?;
    producer.publish(|slot| *slot = 6);
    assert!(matches!(slow.poll(2), Poll::Evicted));
    assert!(matches!(slow.recv_blocking(), Poll::Evicted));
    let metrics = ring.metrics();
    assert_eq!(
        (
            metrics.consumers[0].name.as_str(),
            metrics.consumers[0].evictions
        ),
        ("slow", 1)
    );
    drop(slow);
    assert!(ring.metrics().consumers.is_empty());
    Ok(())
}

#[test]
fn a_consumer_that_lags_less_than_its_policy_says_is_not_evicted() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let on_lag = OnLag::Evict {
        rows: 5,
        after: Duration::ZERO,
    };
    let mut slow = ring.consumer(ConsumerOptions {
        on_lag,
        ..Default::default()
    })?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let refused = producer.publish_timeout(Duration::from_millis(10), |_| unreachable!());
    assert_eq!(refused, Err(PublishError::TimedOut));
    assert_eq!(drain(&mut slow), [0, 1, 2, 3]);
    Ok(())
}

//! Several producers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use zc_ring::{ConsumerOptions, Full, OnLag, Poll, ProducerError, PublishError, Ring};

use crate::{Result, drain};

#[test]
fn several_producers_and_one_exclude_each_other() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let single = ring.producer()?;
    assert!(matches!(
        ring.try_multi_producer(),
        Err(ProducerError::Taken)
    ));
    drop(single);
    let mut several = ring.multi_producer();
    let mut more = several.clone();
    let mut again = ring.multi_producer();
    assert!(matches!(ring.producer(), Err(ProducerError::Taken)));
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    assert_eq!(several.publish(|slot| *slot = 0), 0);
    assert_eq!(more.publish_slice(&[1, 2])?, 1);
    assert_eq!(again.try_publish(|slot| *slot = 3), Ok(3));
    assert_eq!(again.try_publish(|_| unreachable!()), Err(Full));
    assert_eq!(
        several.try_publish_batch(2, |_| unreachable!()),
        Err(PublishError::Full)
    );
    let timeout = Duration::from_millis(2);
    assert_eq!(
        more.publish_timeout(timeout, |_| unreachable!()),
        Err(PublishError::TimedOut)
    );
    let too_large = PublishError::BatchTooLarge {
        rows: 5,
        capacity: 4,
    };
    assert_eq!(more.publish_batch(5, |_| unreachable!()), Err(too_large));
    assert_eq!(more.publish_batch(0, |_| unreachable!()), Ok(4));
    assert_eq!(drain(&mut consumer), [0, 1, 2, 3]);
    drop((several, more, again));
    assert_eq!(ring.producer()?.publish(|slot| *slot = 4), 4);
    assert_eq!(drain(&mut consumer), [4]);
    assert_eq!(ring.metrics().published, 5);
    Ok(())
}

#[test]
fn a_panic_after_a_claim_leaves_no_row_and_the_ring_usable() -> Result {
    for (on_lag, initial) in [
        (OnLag::Block, 0),
        (OnLag::Lossy, 0),
        (OnLag::Block, u64::MAX - 2),
    ] {
        let ring = Ring::<u64>::builder(4).initial_sequence(initial).build()?;
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut producer = ring.multi_producer();
        let mut next = 0;
        for lap in 0..10 {
            producer.publish(|slot| *slot = lap);
            let rows = lap as usize % 2 + 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                producer.publish_batch(rows, |mut slots| {
                    slots[0] = 99;
                    panic!("half way");
                })
            }));
            assert!(outcome.is_err());
            if lap % 3 == 0 {
                producer.publish(|slot| *slot = lap + 100);
                assert_eq!(drain(&mut consumer), [lap, lap + 100]);
                next += 1;
            } else {
                assert_eq!(drain(&mut consumer), [lap]);
            }
            next += 1;
            assert!(matches!(consumer.poll(1), Poll::Empty));
            assert_eq!((consumer.lag(), ring.metrics().published), (0, next));
        }
    }
    Ok(())
}

#[test]
fn several_producers_go_on_where_one_has_panicked() -> Result {
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let ring = Ring::<u64>::builder(4).build()?;
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut single = ring.producer()?;
        single.publish(|slot| *slot = 0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            single.publish_batch(2, |_| panic!("half way"))
        }));
        assert!(outcome.is_err());
        drop(single);
        let mut several = ring.multi_producer();
        assert_eq!(several.try_publish(|slot| *slot = 1), Ok(1));
        assert_eq!(several.publish_slice(&[2, 3])?, 2);
        assert_eq!(drain(&mut consumer), [0, 1, 2, 3]);
    }
    Ok(())
}

//! What becomes of a batch: committed, dropped, forgotten, unwound.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zc_ring::{ConsumerOptions, OnLag, Ring};

use crate::{Result, drain};

#[test]
fn commit_counts_only_what_it_says() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        ring.producer()?.publish_slice(&[0, 1, 2, 3, 4])?;
        consumer.poll(4).rows().unwrap().commit(3);
        assert_eq!(drain(&mut consumer), [3, 4]);
        ring.producer()?.publish_slice(&[5])?;
        let too_many = catch_unwind(AssertUnwindSafe(|| {
            consumer.poll(1).rows().unwrap().commit(2);
        }));
        assert!(too_many.is_err());
        assert_eq!(drain(&mut consumer), [5]);
    }
    Ok(())
}

#[test]
fn a_panic_with_a_batch_in_hand_commits_nothing() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    ring.producer()?.publish_slice(&[0, 1, 2])?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _batch = consumer.poll(2).rows();
        panic!("mid-batch");
    }));
    assert!(outcome.is_err());
    assert_eq!(drain(&mut consumer), [0, 1, 2]);
    Ok(())
}

#[test]
fn a_forgotten_batch_counts_as_read_and_comes_once() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    std::mem::forget(consumer.poll(2));
    assert_eq!(consumer.sequence(), 2);
    assert!(producer.try_publish(|_| ()).is_err());
    assert_eq!(consumer.poll(1).rows().unwrap()[0], 2);
    assert_eq!(drain(&mut consumer), [3]);
    assert!(producer.try_publish(|_| ()).is_ok());
    Ok(())
}

#[test]
fn a_poll_gives_all_that_is_there() -> Result {
    let ring = Ring::<u64>::builder(8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2])?;
    // What this look has seen is not all that the next one finds.
    assert_eq!(consumer.poll(1).rows().unwrap().len(), 1);
    producer.publish_slice(&[3, 4])?;
    assert_eq!(consumer.poll(usize::MAX).rows().unwrap().len(), 4);
    Ok(())
}

//! Closures of the one producer that panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zc_ring::{ConsumerOptions, OnLag, Ring, Start};

use crate::{Result, drain, from, lossy};

#[test]
fn a_panic_in_a_publish_closure_publishes_nothing() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut producer = ring.producer()?;
        producer.publish(|slot| *slot = 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            producer.publish(|slot| {
                *slot = 2;
                panic!("half way");
            })
        }));
        assert!(outcome.is_err());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            producer.publish_batch(3, |_| panic!("half way")).is_ok()
        }));
        assert!(outcome.is_err());
        producer.publish(|slot| *slot = 3);
        assert_eq!(drain(&mut consumer), [1, 3]);
    }
    Ok(())
}

#[test]
fn a_slot_spoilt_by_a_panic_is_not_offered_as_an_old_row() -> Result {
    let ring = Ring::<u64>::builder(4).build()?;
    let mut producer = ring.producer()?;
    producer.publish_slice(&[0, 1, 2, 3])?;
    let spoil = catch_unwind(AssertUnwindSafe(|| {
        producer.publish_batch(2, |mut slots| {
            slots.iter_mut().for_each(|slot| *slot = 99);
            panic!("half way");
        })
    }));
    assert!(spoil.is_err());
    drop(producer);
    assert_eq!(drain(&mut ring.consumer(from(Start::Oldest))?), [2, 3]);
    assert_eq!(drain(&mut ring.consumer(lossy(Start::Oldest))?), [2, 3]);
    Ok(())
}

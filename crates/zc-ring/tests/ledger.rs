//! What the ring copies, and what it does not. In a process of its own, because the ledger counts
//! for the whole process.

#![cfg(all(feature = "ledger", not(any(zc_loom, zc_shuttle))))]

use std::error::Error;

use zc_core::ledger;
use zc_ring::{Block, ConsumerOptions, OnLag, RowRing, Schema};

#[test]
fn rows_are_set_and_read_in_place_and_sealed_with_one_copy() -> Result<(), Box<dyn Error>> {
    let schema = Schema::builder().i64("ts").u64("n").build()?;
    let (ts, n) = (schema.column::<i64>("ts")?, schema.column::<u64>("n")?);
    let ring = RowRing::builder(schema, 128).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let lossy = ConsumerOptions {
        on_lag: OnLag::Lossy,
        ..Default::default()
    };
    let mut monitor = ring.consumer(lossy)?;
    let mut producer = ring.producer()?;
    let start = ledger::snapshot();
    for row in 0..100 {
        producer.push(|to| {
            to.set(ts, row)?;
            to.set(n, row as u64)
        })?;
    }
    let batch = consumer.poll(100).rows().ok_or("100 rows are there")?;
    assert_eq!(batch.column(ts).iter().sum::<i64>(), 4950);
    assert_eq!(ledger::snapshot().since(&start).copied(), 0);

    let sealed = batch.to_block()?;
    let bytes = sealed.bytes();
    assert!(bytes.ptr_eq(&sealed.bytes()));
    assert!(Block::decode(bytes.clone())?.bytes().ptr_eq(&bytes));
    let after = ledger::snapshot().since(&start);
    assert_eq!((after.copied(), after.copied_at("ring.seal")), (1600, 1600));

    assert_eq!(monitor.poll(100).rows().map(|batch| batch.len()), Some(100));
    let after = ledger::snapshot().since(&start);
    assert_eq!(after.copied_at("ring.validated_copy"), 1600);
    Ok(())
}

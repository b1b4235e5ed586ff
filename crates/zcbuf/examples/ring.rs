//! Typed rows, broadcast to two consumers that go at their own pace.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zcbuf::ring::{ConsumerOptions, DeltaWidth, OnLag, Poll, RowError, RowRing, Schema};

fn main() -> Result<(), Box<dyn Error>> {
    let schema = Schema::builder()
        .i64("ts")
        .delta(DeltaWidth::I32)
        .u32("instrument")
        .i64("price")
        .build()?;
    let (ts, instrument, price) = (
        schema.column::<i64>("ts")?,
        schema.column::<u32>("instrument")?,
        schema.column::<i64>("price")?,
    );

    let ring = RowRing::builder(schema, 1024).build()?;
    let mut producer = ring.producer()?;
    let mut sum = ring.consumer(ConsumerOptions {
        name: "sum",
        ..Default::default()
    })?;
    let mut glance = ring.consumer(ConsumerOptions {
        name: "glance",
        on_lag: OnLag::Lossy,
        ..Default::default()
    })?;
    // Consumers end when the handle and the producer are gone and everything is read.
    drop(ring);

    let feed = thread::spawn(move || {
        for i in 0..10_000_i64 {
            producer
                .push(|row| {
                    row.set(ts, 1_700_000_000 + i)?;
                    row.set(instrument, (i % 3) as u32)?;
                    row.set(price, 100 + i % 7)?;
                    Ok::<(), RowError>(())
                })
                .expect("the row is complete and of the right types");
        }
    });

    let mut total = 0;
    loop {
        match sum.recv_timeout(Duration::from_secs(1)) {
            Poll::Rows(batch) => total += batch.column(price).iter().sum::<i64>(),
            Poll::Closed => break,
            other => println!("{other:?}"),
        }
    }
    feed.join().expect("the producer does not panic");
    println!("sum of all prices: {total}");

    // The lossy one held nobody up; it is told exactly what it missed.
    loop {
        match glance.poll(usize::MAX) {
            Poll::Lagged { missed } => println!("missed {missed} rows"),
            Poll::Rows(batch) => println!("saw {} rows from {} on", batch.len(), batch.sequence()),
            _ => return Ok(()),
        }
    }
}

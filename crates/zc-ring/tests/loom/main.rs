//! Exhaustive models of the ring. Each is named after the edge or the race it proves; `seeds.txt`
//! names the defects that must make it fail.

#![cfg(zc_loom)]

mod coming;
mod generations;
mod groups;
mod policies;
mod producers;
mod rows;
#[cfg(target_os = "linux")]
mod shared;
mod sole;
mod waking;

use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_core::sync::{Arc, block_on, model, thread};
use zc_ring::{
    Consumer, ConsumerOptions, OnLag, Partition, Poll, Ring, RowError, RowRing, Schema, Start,
    WaitStrategy,
};

fn ring(capacity: usize) -> Ring<u64> {
    Ring::builder(capacity)
        .wait(WaitStrategy::Park)
        .build()
        .unwrap()
}

fn options(from: Start, on_lag: OnLag) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        on_lag,
        ..Default::default()
    }
}

/// Reads what is there; rows carry their own sequence, plus 10.
fn read(consumer: &mut Consumer<u64>) -> u64 {
    match consumer.poll(2) {
        Poll::Rows(batch) => {
            for (n, row) in batch.iter().enumerate() {
                assert_eq!(*row, batch.sequence() + n as u64 + 10);
            }
            batch.len() as u64
        }
        Poll::Lagged { missed } => missed,
        _ => 0,
    }
}

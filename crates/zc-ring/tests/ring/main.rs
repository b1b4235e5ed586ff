//! One behaviour of the ring a test, on one thread where that is enough; a subject a file.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod batches;
mod closing;
mod groups;
mod joining;
mod leases;
mod metrics;
mod panics;
mod policies;
mod producers;
mod rows;
mod sole;

use std::error::Error;

use zc_ring::{Consumer, ConsumerOptions, OnLag, Poll, Start};

type Result = std::result::Result<(), Box<dyn Error>>;

fn drain<T: Clone>(consumer: &mut Consumer<T>) -> Vec<T> {
    let mut rows = Vec::new();
    while let Poll::Rows(batch) = consumer.poll(usize::MAX) {
        rows.extend(batch.iter().cloned());
    }
    rows
}

fn from(from: Start) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        ..Default::default()
    }
}

fn lossy(from: Start) -> ConsumerOptions<'static> {
    ConsumerOptions {
        from,
        on_lag: OnLag::Lossy,
        ..Default::default()
    }
}

//! Batches of 32 through a channel of 1024: what an item costs where it does not travel alone.
//!
//! No peer has batches on both ends, so each does what it can: one by one at one end or at both.

use std::process::ExitCode;
use std::time::Duration;

use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};

const CAPACITY: usize = 1024;
const BATCH: usize = 32;

fn main() -> ExitCode {
    Bench::main("channel_batch", |bench| {
        for (senders, receivers) in [(1, 1), (4, 1), (4, 4)] {
            let name = format!("batch={BATCH} u64 cap={CAPACITY} {senders}x{receivers}");
            let cell = bench
                .cell(name, Unit::NsPerOp, 1000)
                .goal(6.0)
                .ours(move |n| ours(n, senders, receivers))
                .peer("crossbeam, one by one", move |n| {
                    crossbeam_single(n, senders, receivers)
                });
            #[cfg(feature = "peers")]
            let cell = cell.peer("kanal, received in batches", move |n| {
                kanal_drained(n, senders, receivers)
            });
            cell.run();
        }
    })
}

/// The numbers below `n` that sender `first` sends, in batches.
fn batches(first: usize, senders: usize, n: u64) -> impl Iterator<Item = Vec<u64>> + Send {
    let mut numbers = (first as u64..n).step_by(senders);
    std::iter::from_fn(move || {
        let batch: Vec<u64> = numbers.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

/// Runs senders and receivers against each other; what was received must be every number once.
fn run<'a>(
    n: u64,
    senders: Vec<Box<dyn FnOnce() -> Result<(), String> + Send + 'a>>,
    receivers: Vec<Box<dyn FnOnce() -> (u64, u64) + Send + 'a>>,
) -> Result<Duration, String> {
    let mut sums = vec![(0, 0); receivers.len()];
    let mut tasks: Vec<Task<'_>> = senders.into_iter().map(|s| s as Task<'_>).collect();
    for (receive, sum) in receivers.into_iter().zip(&mut sums) {
        tasks.push(Box::new(move || {
            *sum = receive();
            Ok(())
        }));
    }
    let elapsed = together(tasks)?;
    let (count, sum) = sums.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    expect("items received", count, n)?;
    expect("their sum", sum, n * n.saturating_sub(1) / 2)?;
    Ok(elapsed)
}

fn ours(n: u64, senders: usize, receivers: usize) -> Result<Duration, String> {
    let (tx, rx) = zc_channel::bounded::<u64>(CAPACITY);
    let mut send: Vec<Task<'_>> = Vec::new();
    for (first, tx) in vec![tx; senders].into_iter().enumerate() {
        send.push(Box::new(move || {
            for batch in batches(first, senders, n) {
                expect("sent", tx.send_many_blocking(batch).is_ok(), true)?;
            }
            Ok(())
        }));
    }
    let mut receive: Vec<Box<dyn FnOnce() -> (u64, u64) + Send>> = Vec::new();
    for rx in vec![rx; receivers] {
        receive.push(Box::new(move || {
            let (mut count, mut sum, mut batch) = (0, 0, Vec::with_capacity(BATCH));
            while rx.recv_many_blocking(&mut batch, BATCH) > 0 {
                count += batch.len() as u64;
                sum += batch.drain(..).sum::<u64>();
            }
            (count, sum)
        }));
    }
    run(n, send, receive)
}

fn crossbeam_single(n: u64, senders: usize, receivers: usize) -> Result<Duration, String> {
    let (tx, rx) = crossbeam::channel::bounded::<u64>(CAPACITY);
    let mut send: Vec<Task<'_>> = Vec::new();
    for (first, tx) in vec![tx; senders].into_iter().enumerate() {
        send.push(Box::new(move || {
            for item in batches(first, senders, n).flatten() {
                expect("sent", tx.send(item).is_ok(), true)?;
            }
            Ok(())
        }));
    }
    let mut receive: Vec<Box<dyn FnOnce() -> (u64, u64) + Send>> = Vec::new();
    for rx in vec![rx; receivers] {
        receive.push(Box::new(move || {
            rx.iter()
                .fold((0, 0), |(count, sum), item| (count + 1, sum + item))
        }));
    }
    run(n, send, receive)
}

#[cfg(feature = "peers")]
fn kanal_drained(n: u64, senders: usize, receivers: usize) -> Result<Duration, String> {
    let (tx, rx) = kanal::bounded::<u64>(CAPACITY);
    let mut send: Vec<Task<'_>> = Vec::new();
    for (first, tx) in vec![tx; senders].into_iter().enumerate() {
        send.push(Box::new(move || {
            for item in batches(first, senders, n).flatten() {
                expect("sent", tx.send(item).is_ok(), true)?;
            }
            Ok(())
        }));
    }
    let mut receive: Vec<Box<dyn FnOnce() -> (u64, u64) + Send>> = Vec::new();
    for rx in vec![rx; receivers] {
        receive.push(Box::new(move || {
            let (mut count, mut sum, mut batch) = (0, 0, Vec::with_capacity(CAPACITY));
            while let Ok(item) = rx.recv() {
                batch.push(item);
                // An error comes again, from the next receive.
                let _more = rx.drain_into(&mut batch);
                count += batch.len() as u64;
                sum += batch.drain(..).sum::<u64>();
            }
            (count, sum)
        }));
    }
    run(n, send, receive)
}

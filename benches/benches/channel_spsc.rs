//! One sender and one receiver, each on a thread of its own, against the ring that is known for it.
//!
//! Whoever finds the ring full or empty pauses, and yields now and then, in both contestants alike:
//! what is measured is the ring. `chunk` writes and reads 32 items in place at a time.

use std::process::ExitCode;
use std::time::Duration;

use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::wait::WaitStrategy;

const CHUNK: usize = 32;

fn main() -> ExitCode {
    Bench::main("channel_spsc", |bench| {
        for capacity in [64, 1024] {
            bench
                .cell(format!("single u64 cap={capacity}"), Unit::NsPerOp, 1000)
                .ours(move |n| {
                    let (mut tx, mut rx) = zc_channel::spsc::channel(capacity);
                    run(n, move |v| tx.push(v).is_ok(), move || rx.pop())
                })
                .peer("rtrb", move |n| {
                    let (mut tx, mut rx) = rtrb::RingBuffer::new(capacity);
                    run(n, move |v| tx.push(v).is_ok(), move || rx.pop().ok())
                })
                .run();
            bench
                .cell(
                    format!("chunk={CHUNK} u64 cap={capacity}"),
                    Unit::NsPerOp,
                    1024,
                )
                .ours(move |n| ours_chunks(capacity, n))
                .peer("rtrb", move |n| rtrb_chunks(capacity, n))
                .run();
            bench
                .cell(format!("blocking u64 cap={capacity}"), Unit::NsPerOp, 1000)
                .ours(move |n| {
                    let (mut tx, mut rx) = zc_channel::spsc::channel(capacity);
                    let send = move |v| tx.push_blocking(v).is_ok();
                    run(n, send, move || rx.pop_blocking())
                })
                .peer("std", move |n| {
                    let (tx, rx) = std::sync::mpsc::sync_channel(capacity);
                    run(n, move |v| tx.send(v).is_ok(), move || rx.recv().ok())
                })
                .run();
        }
    })
}

/// Passes the time of one turn that was in vain.
fn until<T>(mut step: impl FnMut() -> Option<T>) -> T {
    let mut spinner = WaitStrategy::SpinYield { spins: 200 }.spinner();
    loop {
        if let Some(done) = step() {
            return done;
        }
        spinner.spin();
    }
}

/// The numbers below `n`, in order, one by one.
fn run(
    n: u64,
    mut push: impl FnMut(u64) -> bool + Send,
    mut pop: impl FnMut() -> Option<u64> + Send,
) -> Result<Duration, String> {
    let sender: Task<'_> = Box::new(move || {
        (0..n).for_each(|v| until(|| push(v).then_some(())));
        Ok(())
    });
    let receiver: Task<'_> =
        Box::new(move || (0..n).try_for_each(|v| expect("received", until(&mut pop), v)));
    together(vec![sender, receiver])
}

/// The numbers below `n` rounded down to chunks, in order.
fn run_chunks(
    n: u64,
    mut write: impl FnMut(u64) -> Option<()> + Send,
    mut read: impl FnMut() -> Option<u64> + Send,
) -> Result<Duration, String> {
    let chunks = n / CHUNK as u64;
    let sender: Task<'_> = Box::new(move || {
        (0..chunks).for_each(|c| until(|| write(c * CHUNK as u64)));
        Ok(())
    });
    let receiver: Task<'_> = Box::new(move || {
        let sum = (0..chunks).map(|_| until(&mut read)).sum::<u64>();
        let count = chunks * CHUNK as u64;
        expect("sum", sum, count * count.saturating_sub(1) / 2)
    });
    together(vec![sender, receiver])
}

fn ours_chunks(capacity: usize, n: u64) -> Result<Duration, String> {
    let (mut tx, mut rx) = zc_channel::spsc::channel::<u64>(capacity);
    let write = move |first: u64| {
        let chunk = tx.write_chunk_uninit(CHUNK).ok()?;
        chunk.fill_from_iter(first..first + CHUNK as u64);
        Some(())
    };
    let read = move || {
        let chunk = rx.read_chunk(CHUNK).ok()?;
        let (a, b) = chunk.as_slices();
        let sum = a.iter().sum::<u64>() + b.iter().sum::<u64>();
        chunk.commit_all();
        Some(sum)
    };
    run_chunks(n, write, read)
}

fn rtrb_chunks(capacity: usize, n: u64) -> Result<Duration, String> {
    let (mut tx, mut rx) = rtrb::RingBuffer::<u64>::new(capacity);
    let write = move |first: u64| {
        let chunk = tx.write_chunk_uninit(CHUNK).ok()?;
        chunk.fill_from_iter(first..first + CHUNK as u64);
        Some(())
    };
    let read = move || {
        let chunk = rx.read_chunk(CHUNK).ok()?;
        let (a, b) = chunk.as_slices();
        let sum = a.iter().sum::<u64>() + b.iter().sum::<u64>();
        chunk.commit_all();
        Some(sum)
    };
    run_chunks(n, write, read)
}

//! Small writes into 16 MiB that two readers scan all the time, on two cores: the writer wakes up
//! once a millisecond and takes one of them from a reader.
//!
//! The limit does what has to be done to one chunk and nothing else, with nobody to tell: a copy into
//! memory that is there, beside the same readers.
//!
//! What is slow here is the copy (4 of 4.3 µs in the middle), and at first the memory for it: readers
//! hold on to the first versions, and what the writer had to get fresh meanwhile took twice as long by
//! its page faults. Those few writes were the p99; since the publisher gets that memory beforehand it is
//! that of the copy. left-right copies nothing, and is faster as long as no reader is still inside from before the
//! last write; where one is, it waits for it: its p99 is 2 µs or some milliseconds by chance, hence
//! the second cell.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::ChunkedPublisher;

use super::scan::{scattered, scattered_vecs};
use super::{FEW, WORDS, place};

pub(crate) fn cells(bench: &mut Bench) {
    for (rank, percent, goal) in [
        ("p99", 99, 10_000.0),
        ("the slowest of 400", 100, 100_000.0),
    ] {
        let name =
            format!("write 64 B of 16 MiB while 2 readers scan it, 1000 writes a second, {rank}");
        let cell = bench.cell(name, Unit::Latency { ops: 400 }, 5);
        let cell = cell
            .goal(goal)
            .ours(move |ops| chunked(ops, percent))
            .peer("parking_lot RwLock", move |ops| locked(ops, percent))
            .peer("arc-swap, whole copy", move |ops| copied(ops, percent))
            .limit(move |ops| bare(ops, percent));
        #[cfg(feature = "peers")]
        let cell = cell.peer("left-right", move |ops| left_right(ops, percent));
        cell.run();
    }
}

/// Two readers scan until `ops` writes are done, one each millisecond; the time that `percent`
/// of those keep to. Every write leaves the sum of its place as it was.
fn under_scans<R, W>(
    ops: u64,
    percent: usize,
    reader: impl Fn() -> R,
    mut write: W,
) -> Result<Duration, String>
where
    R: FnMut() -> u64 + Send,
    W: FnMut(usize, [u64; FEW]) + Send,
{
    let (stop, stopped) = [(); 2]
        .map(|()| channel::<()>())
        .into_iter()
        .unzip::<_, _, Vec<_>, Vec<_>>();
    let mut times = Vec::new();
    {
        let times = &mut times;
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for stopped in stopped {
            let mut scan = reader();
            tasks.push(Box::new(move || {
                while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    expect("sum", black_box(scan()), WORDS as u64)?;
                }
                Ok(())
            }));
        }
        tasks.push(Box::new(move || {
            for i in 0..ops {
                std::thread::sleep(Duration::from_millis(1));
                let (at, more) = (place(i), i % 1000);
                let few = [1 + more, 1_u64.wrapping_sub(more), 1, 1, 1, 1, 1, 1];
                let begin = Instant::now();
                write(at, few);
                times.push(begin.elapsed());
            }
            drop(stop);
            Ok(())
        }));
        together(tasks)?;
    }
    times.sort_unstable();
    let at = times.len() * percent / 100;
    times
        .get(at)
        .or(times.last())
        .copied()
        .ok_or_else(|| "no writes".to_owned())
}

fn wrapping_sum(elements: &[u64]) -> u64 {
    elements.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

fn chunked(ops: u64, percent: usize) -> Result<Duration, String> {
    let mut publisher = ChunkedPublisher::new(scattered());
    let first = publisher.reader();
    let reader = || {
        let mut reader = first.clone();
        move || {
            let chunks = reader.load();
            chunks.chunks().map(wrapping_sum).fold(0, u64::wrapping_add)
        }
    };
    under_scans(ops, percent, reader, |at, few| {
        publisher.write_at(at, &few);
    })
}

fn locked(ops: u64, percent: usize) -> Result<Duration, String> {
    let buffer = &parking_lot::RwLock::new(vec![1_u64; WORDS]);
    let reader = || move || wrapping_sum(&buffer.read());
    under_scans(ops, percent, reader, move |at, few| {
        buffer.write()[at..at + FEW].copy_from_slice(&few);
    })
}

fn copied(ops: u64, percent: usize) -> Result<Duration, String> {
    let buffer = &ArcSwap::new(Arc::new(vec![1_u64; WORDS]));
    let reader = || move || wrapping_sum(&buffer.load());
    under_scans(ops, percent, reader, move |at, few| {
        let mut copy = buffer.load().to_vec();
        copy[at..at + FEW].copy_from_slice(&few);
        buffer.store(Arc::new(copy));
    })
}

fn bare(ops: u64, percent: usize) -> Result<Duration, String> {
    let scanned = &vec![1_u64; WORDS];
    let reader = || move || wrapping_sum(scanned);
    let mut vecs = scattered_vecs();
    let mut spare = vecs[0].clone();
    under_scans(ops, percent, reader, move |at, few| {
        let (vec, at) = (at / spare.len(), at % spare.len());
        spare.copy_from_slice(&vecs[vec]);
        spare[at..at + FEW].copy_from_slice(&few);
        std::mem::swap(&mut vecs[vec], &mut spare);
    })
}

#[cfg(feature = "peers")]
fn left_right(ops: u64, percent: usize) -> Result<Duration, String> {
    #[derive(Clone)]
    struct Words(Vec<u64>);
    struct Write(usize, [u64; FEW]);
    impl left_right::Absorb<Write> for Words {
        fn absorb_first(&mut self, Write(at, few): &mut Write, _: &Self) {
            self.0[*at..*at + FEW].copy_from_slice(few);
        }

        fn sync_with(&mut self, first: &Self) {
            self.0.copy_from_slice(&first.0);
        }
    }
    let (mut writer, first) = left_right::new_from_empty(Words(vec![1; WORDS]));
    let factory = first.factory();
    let reader = || {
        let reader = factory.handle();
        move || reader.enter().map_or(0, |words| wrapping_sum(&words.0))
    };
    under_scans(ops, percent, reader, |at, few| {
        writer.append(Write(at, few));
        writer.publish();
    })
}

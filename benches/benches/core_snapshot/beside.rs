//! Small writes into 16 MiB that two readers scan all the time, on two cores: the writer wakes up
//! once a millisecond and takes one of them from a reader.
//!
//! The limit does what has to be done to one chunk and nothing else, with nobody to tell: a copy into
//! memory that is there, beside the same readers.

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
    let cell = bench.cell(
        "write 64 B of 16 MiB while 2 readers scan it, 1000 writes a second, p99",
        Unit::Latency { ops: 400 },
        5,
    );
    let cell = cell
        .goal(10_000.0)
        .ours(chunked)
        .peer("parking_lot RwLock", locked)
        .peer("arc-swap, whole copy", copied)
        .limit(bare);
    #[cfg(feature = "peers")]
    let cell = cell.peer("left-right", left_right);
    cell.run();
}

/// Two readers scan until `ops` writes are done, one each millisecond; the p99 of those. Every
/// write leaves the sum of its place as it was.
fn under_scans<R, W>(ops: u64, reader: impl Fn() -> R, mut write: W) -> Result<Duration, String>
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
    let at = times.len() * 99 / 100;
    times.get(at).copied().ok_or_else(|| "no writes".to_owned())
}

fn wrapping_sum(elements: &[u64]) -> u64 {
    elements.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

fn chunked(ops: u64) -> Result<Duration, String> {
    let mut publisher = ChunkedPublisher::new(scattered());
    let first = publisher.reader();
    let reader = || {
        let mut reader = first.clone();
        move || {
            let chunks = reader.load();
            chunks.chunks().map(wrapping_sum).fold(0, u64::wrapping_add)
        }
    };
    under_scans(ops, reader, |at, few| {
        publisher.write_at(at, &few);
    })
}

fn locked(ops: u64) -> Result<Duration, String> {
    let buffer = &parking_lot::RwLock::new(vec![1_u64; WORDS]);
    let reader = || move || wrapping_sum(&buffer.read());
    under_scans(ops, reader, move |at, few| {
        buffer.write()[at..at + FEW].copy_from_slice(&few);
    })
}

fn copied(ops: u64) -> Result<Duration, String> {
    let buffer = &ArcSwap::new(Arc::new(vec![1_u64; WORDS]));
    let reader = || move || wrapping_sum(&buffer.load());
    under_scans(ops, reader, move |at, few| {
        let mut copy = buffer.load().to_vec();
        copy[at..at + FEW].copy_from_slice(&few);
        buffer.store(Arc::new(copy));
    })
}

fn bare(ops: u64) -> Result<Duration, String> {
    let scanned = &vec![1_u64; WORDS];
    let reader = || move || wrapping_sum(scanned);
    let mut vecs = scattered_vecs();
    let mut spare = vecs[0].clone();
    under_scans(ops, reader, move |at, few| {
        let (vec, at) = (at / spare.len(), at % spare.len());
        spare.copy_from_slice(&vecs[vec]);
        spare[at..at + FEW].copy_from_slice(&few);
        std::mem::swap(&mut vecs[vec], &mut spare);
    })
}

#[cfg(feature = "peers")]
fn left_right(ops: u64) -> Result<Duration, String> {
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
    under_scans(ops, reader, |at, few| {
        writer.append(Write(at, few));
        writer.publish();
    })
}

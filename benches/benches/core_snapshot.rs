//! What a snapshot costs, and what a write costs while one lives: 16 MiB, of which 64 B change or
//! all do. Contents are checked after every repetition.
//!
//! The chunked buffer that is scanned has been written to all over first, so that no two of its
//! chunks are neighbours in memory any more.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::{ChunkedBuffer, ChunkedPublisher, Frozen, Publisher};

const BYTES: usize = 16 << 20;
const WORDS: usize = BYTES / 8;
/// What a small write changes: 64 B.
const FEW: usize = 8;

fn main() -> ExitCode {
    Bench::main("core_snapshot", |bench| {
        bench
            .cell("clone and drop a handle", Unit::NsPerOp, 1000)
            .goal(13.0)
            .ours(|ops| clones(ops, &Frozen::from_vec(vec![7_u8; 64])))
            .peer("std Arc", |ops| clones(ops, &Arc::new(vec![7_u8; 64])))
            .peer("bytes", |ops| {
                clones(ops, &bytes::Bytes::from_owner(vec![7_u8; 64]))
            })
            .run();
        bench
            .cell("to Bytes and drop", Unit::NsPerOp, 1000)
            .goal(27.0)
            .ours(to_bytes)
            .peer("Bytes::from_owner(Arc<Vec>)", from_owner)
            .run();
        bench
            .cell(
                "write 64 B of 16 MiB under a snapshot, taken and dropped each time",
                Unit::NsPerOp,
                10,
            )
            .goal(2_500.0)
            .ours(chunked_write)
            .peer("std Arc::make_mut", arc_write)
            .run();
        bench
            .cell(
                "scan 16 MiB",
                Unit::GigabytesPerSecond {
                    bytes: BYTES as u64,
                },
                1,
            )
            .ours(chunked_scan)
            .peer("contiguous", contiguous_scan)
            .run();
        bench
            .cell(
                "write 64 B of 16 MiB while 2 readers scan it, 1000 writes a second, p99",
                Unit::Latency { ops: 400 },
                5,
            )
            .goal(10_000.0)
            .ours(chunked_under_scans)
            .peer("parking_lot RwLock", locked_under_scans)
            .peer("arc-swap, whole copy", copied_under_scans)
            .run();
        bench
            .cell(
                "rewrite 16 MiB under a snapshot, taken and dropped each time",
                Unit::NsPerOp,
                2,
            )
            .ours(draft_rewrite)
            .peer("std Arc::make_mut", arc_rewrite)
            .limit(in_place_rewrite)
            .run();
    })
}

/// A place for the `i`th small write, all over the buffer.
fn place(i: u64) -> usize {
    let spread = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    usize::try_from(spread).unwrap_or(0) % (WORDS / FEW) * FEW
}

fn clones<H: Clone>(ops: u64, handle: &H) -> Result<Duration, String> {
    let begin = Instant::now();
    for _ in 0..ops {
        drop(black_box(black_box(handle).clone()));
    }
    Ok(begin.elapsed())
}

fn to_bytes(ops: u64) -> Result<Duration, String> {
    let view = Frozen::from_vec(vec![7_u8; 64]);
    let begin = Instant::now();
    for _ in 0..ops {
        let bytes = bytes::Bytes::from(black_box(&view).clone());
        drop(black_box(bytes));
    }
    let elapsed = begin.elapsed();
    expect(
        "the same memory",
        bytes::Bytes::from(view.clone()).as_ptr(),
        view.as_ptr(),
    )?;
    Ok(elapsed)
}

fn from_owner(ops: u64) -> Result<Duration, String> {
    #[derive(Clone)]
    struct Shared(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let view = Shared(Arc::new(vec![7_u8; 64]));
    let begin = Instant::now();
    for _ in 0..ops {
        let bytes = bytes::Bytes::from_owner(black_box(&view).clone());
        drop(black_box(bytes));
    }
    Ok(begin.elapsed())
}

fn chunked_write(ops: u64) -> Result<Duration, String> {
    let mut buffer = ChunkedBuffer::from_vec(vec![0_u64; WORDS]);
    let begin = Instant::now();
    for i in 0..ops {
        let snapshot = buffer.snapshot();
        buffer.write_at(place(i), &[i; FEW]);
        drop(black_box(snapshot));
    }
    let elapsed = begin.elapsed();
    expect("the last write", buffer[place(ops - 1)], ops - 1)?;
    Ok(elapsed)
}

fn arc_write(ops: u64) -> Result<Duration, String> {
    let mut buffer = Arc::new(vec![0_u64; WORDS]);
    let begin = Instant::now();
    for i in 0..ops {
        let snapshot = buffer.clone();
        let at = place(i);
        Arc::make_mut(&mut buffer)[at..at + FEW].fill(i);
        drop(black_box(snapshot));
    }
    let elapsed = begin.elapsed();
    expect("the last write", buffer[place(ops - 1)], ops - 1)?;
    Ok(elapsed)
}

/// A buffer of ones whose chunks have all been replaced, in no order.
fn scattered() -> ChunkedBuffer<u64> {
    let mut buffer = ChunkedBuffer::from_vec(vec![0_u64; WORDS]);
    let chunk_len = buffer.chunk_len();
    let chunks = WORDS / chunk_len;
    for i in 0..chunks {
        let snapshot = buffer.snapshot();
        buffer.write_at(i * 619 % chunks * chunk_len, &vec![1; chunk_len]);
        drop(snapshot);
    }
    buffer
}

fn chunked_scan(ops: u64) -> Result<Duration, String> {
    let buffer = scattered();
    scans(ops, || buffer.chunks().map(sum).sum())
}

fn contiguous_scan(ops: u64) -> Result<Duration, String> {
    let buffer = vec![1_u64; WORDS];
    scans(ops, || sum(&buffer))
}

fn sum(elements: &[u64]) -> u64 {
    elements.iter().sum()
}

fn scans(ops: u64, scan: impl Fn() -> u64) -> Result<Duration, String> {
    let begin = Instant::now();
    let mut all = 0;
    for _ in 0..ops {
        all += black_box(scan());
    }
    let elapsed = begin.elapsed();
    expect("sum", all, ops * WORDS as u64)?;
    Ok(elapsed)
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

fn chunked_under_scans(ops: u64) -> Result<Duration, String> {
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

fn locked_under_scans(ops: u64) -> Result<Duration, String> {
    let buffer = &parking_lot::RwLock::new(vec![1_u64; WORDS]);
    let reader = || move || wrapping_sum(&buffer.read());
    under_scans(ops, reader, move |at, few| {
        buffer.write()[at..at + FEW].copy_from_slice(&few);
    })
}

fn copied_under_scans(ops: u64) -> Result<Duration, String> {
    let buffer = &ArcSwap::new(Arc::new(vec![1_u64; WORDS]));
    let reader = || move || wrapping_sum(&buffer.load());
    under_scans(ops, reader, move |at, few| {
        let mut copy = buffer.load().to_vec();
        copy[at..at + FEW].copy_from_slice(&few);
        buffer.store(Arc::new(copy));
    })
}

fn draft_rewrite(ops: u64) -> Result<Duration, String> {
    let mut publisher = Publisher::new(vec![0_u64; WORDS]);
    // The memory that is recycled is there from the start.
    for _ in 0..3 {
        publisher.draft().commit();
    }
    rewrites(ops, |i| {
        let snapshot = publisher.current();
        let mut draft = publisher.draft();
        draft.fill(i);
        draft.commit();
        drop(black_box(snapshot));
        publisher.current()[WORDS - 1]
    })
}

fn arc_rewrite(ops: u64) -> Result<Duration, String> {
    let mut buffer = Arc::new(vec![0_u64; WORDS]);
    rewrites(ops, |i| {
        let snapshot = buffer.clone();
        Arc::make_mut(&mut buffer).fill(i);
        drop(black_box(snapshot));
        buffer[WORDS - 1]
    })
}

fn in_place_rewrite(ops: u64) -> Result<Duration, String> {
    let mut buffer = vec![0_u64; WORDS];
    rewrites(ops, |i| {
        black_box(&mut buffer).fill(i);
        buffer[WORDS - 1]
    })
}

fn rewrites(ops: u64, mut rewrite: impl FnMut(u64) -> u64) -> Result<Duration, String> {
    let begin = Instant::now();
    for i in 0..ops {
        expect("the last element", rewrite(i), i)?;
    }
    Ok(begin.elapsed())
}

//! All of 16 MiB is looked at. The buffer has been written to all over first, so that no two of its
//! chunks are neighbours in memory any more; the limit goes over such chunks with no code of ours.
//!
//! Everybody adds up slices with the same function, which does not know how long they are: that the
//! contiguous one has a length known beforehand is worth a tenth.
//!
//! What was tried and lost: bringing the first lines of the next chunk nearer, or of each of its
//! pages, when a chunk is handed out (nothing); doing so page by page inside of `fold` (the joints
//! it makes between pages cost more than those between chunks); chunks of 32 KiB (0.92 of the
//! contiguous rate, and no code can do better).

use std::hint::black_box;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::ChunkedBuffer;

use super::{BYTES, WORDS};

pub(crate) fn cells(bench: &mut Bench) {
    let unit = Unit::GigabytesPerSecond {
        bytes: BYTES as u64,
    };
    bench
        .cell("scan 16 MiB of scattered chunks, by elements", unit, 1)
        .goal_times(0.95, "contiguous")
        .ours(by_elements)
        .peer("contiguous", contiguous)
        .limit(bare)
        .run();
    bench
        .cell("scan 16 MiB of scattered chunks, by slices", unit, 1)
        .goal_times(0.95, "contiguous")
        .ours(by_slices)
        .peer("contiguous", contiguous)
        .limit(bare)
        .run();
}

/// The place of the `i`th chunk that is written.
fn shuffled(i: usize, chunks: usize) -> usize {
    i * 619 % chunks
}

/// A buffer of ones whose chunks have all been replaced, in no order.
pub(crate) fn scattered() -> ChunkedBuffer<u64> {
    let mut buffer = ChunkedBuffer::from_vec(vec![0_u64; WORDS]);
    let chunk_len = buffer.chunk_len();
    let chunks = WORDS / chunk_len;
    for i in 0..chunks {
        let snapshot = buffer.snapshot();
        buffer.write_at(shuffled(i, chunks) * chunk_len, &vec![1; chunk_len]);
        drop(snapshot);
    }
    buffer
}

/// The same in plain vectors.
pub(crate) fn scattered_vecs() -> Vec<Vec<u64>> {
    let chunk_len = ChunkedBuffer::from_vec(vec![0_u64; WORDS]).chunk_len();
    let chunks = WORDS / chunk_len;
    let mut vecs = vec![Vec::new(); chunks];
    for i in 0..chunks {
        vecs[shuffled(i, chunks)] = vec![1; chunk_len];
    }
    vecs
}

fn by_elements(ops: u64) -> Result<Duration, String> {
    #[inline(never)]
    fn sum(buffer: &ChunkedBuffer<u64>) -> u64 {
        buffer.iter().sum()
    }
    let buffer = scattered();
    scans(ops, || sum(black_box(&buffer)))
}

fn by_slices(ops: u64) -> Result<Duration, String> {
    let buffer = scattered();
    scans(ops, || black_box(&buffer).chunks().map(sum).sum())
}

fn bare(ops: u64) -> Result<Duration, String> {
    let vecs = scattered_vecs();
    scans(ops, || black_box(&vecs).iter().map(|vec| sum(vec)).sum())
}

fn contiguous(ops: u64) -> Result<Duration, String> {
    let buffer = vec![1_u64; WORDS];
    scans(ops, || sum(black_box(&buffer)))
}

#[inline(never)]
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

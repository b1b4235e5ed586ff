//! What a snapshot costs, and what a write costs while one lives: 16 MiB, of which 64 B change or
//! all do. Contents are checked after every repetition.

mod beside;
mod rewrite;
mod scan;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::{ChunkedBuffer, Frozen};

const BYTES: usize = 16 << 20;
const WORDS: usize = BYTES / 8;
/// What a small write changes: 64 B.
const FEW: usize = 8;

fn main() -> ExitCode {
    Bench::main("core_snapshot", |bench| {
        let cell = bench.cell("clone and drop a handle", Unit::NsPerOp, 1000);
        let cell = cell
            .goal(13.0)
            .ours(|ops| clones(ops, &Frozen::from_vec(vec![7_u8; 64])))
            .peer("std Arc", |ops| clones(ops, &Arc::new(vec![7_u8; 64])))
            .peer("bytes", |ops| {
                clones(ops, &bytes::Bytes::from_owner(vec![7_u8; 64]))
            });
        #[cfg(feature = "peers")]
        let cell = cell.peer("arrow-buffer", |ops| {
            clones(ops, &arrow_buffer::Buffer::from_vec(vec![7_u8; 64]))
        });
        cell.run();
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
        scan::cells(bench);
        beside::cells(bench);
        rewrite::cells(bench);
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

//! Everything is overwritten while a snapshot lives, which takes memory for two.
//!
//! The limit overwrites two plain buffers in turn: what the caches hold of one they need not hold
//! of two, and no code can change that. "In place" has one buffer and no snapshot. With 256 KiB both
//! fit into the nearest cache that is not shared.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::Publisher;

pub(crate) fn cells(bench: &mut Bench) {
    for (size, bytes, smoke) in [("16 MiB", 16 << 20, 2), ("256 KiB", 256 << 10, 20)] {
        let words: usize = bytes / 8;
        let name = format!("rewrite {size} under a snapshot, taken and dropped each time");
        bench
            .cell(name, Unit::NsPerOp, smoke)
            .goal_times(1.05, "in place")
            .ours(move |ops| draft(ops, words))
            .peer("std Arc::make_mut", move |ops| arc(ops, words))
            .peer("in place", move |ops| in_place(ops, words))
            .limit(move |ops| in_turn(ops, words))
            .run();
    }
}

fn draft(ops: u64, words: usize) -> Result<Duration, String> {
    let mut publisher = Publisher::new(vec![0_u64; words]);
    // The memory that is recycled is there from the start.
    for _ in 0..3 {
        publisher.draft().commit();
    }
    rewrites(ops, |i| {
        let snapshot = publisher.current();
        let mut draft = publisher.draft();
        fill(&mut draft, i);
        draft.commit();
        drop(black_box(snapshot));
        publisher.current()[words - 1]
    })
}

fn arc(ops: u64, words: usize) -> Result<Duration, String> {
    let mut buffer = Arc::new(vec![0_u64; words]);
    rewrites(ops, |i| {
        let snapshot = buffer.clone();
        let writable = Arc::make_mut(&mut buffer);
        fill(writable, i);
        drop(black_box(snapshot));
        buffer[words - 1]
    })
}

fn in_place(ops: u64, words: usize) -> Result<Duration, String> {
    let mut buffer = vec![0_u64; words];
    rewrites(ops, |i| {
        fill(&mut buffer, i);
        buffer[words - 1]
    })
}

fn in_turn(ops: u64, words: usize) -> Result<Duration, String> {
    let (mut new, mut old) = (vec![0_u64; words], vec![0_u64; words]);
    fill(&mut old, 1);
    rewrites(ops, |i| {
        fill(&mut new, i);
        std::mem::swap(&mut new, &mut old);
        old[words - 1]
    })
}

/// The same for everybody.
#[inline(never)]
fn fill(words: &mut [u64], value: u64) {
    words.fill(value);
}

fn rewrites(ops: u64, mut rewrite: impl FnMut(u64) -> u64) -> Result<Duration, String> {
    let begin = Instant::now();
    for i in 0..ops {
        expect("the last element", rewrite(i), i)?;
    }
    Ok(begin.elapsed())
}

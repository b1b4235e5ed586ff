//! What memory costs before it is used: 16 MiB are obtained and filled. A draft is the same through
//! a publisher whose last versions are all still looked at, so that nothing can be recycled.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::region::{HugePages, RegionOptions};
use zc_core::{Publisher, Region, RegionPool};

const BYTES: usize = 16 << 20;

fn main() -> ExitCode {
    Bench::main("core_region", |bench| {
        let thp = RegionOptions::new().huge_pages(HugePages::Advised);
        bench
            .cell(
                "obtain and fill 16 MiB, transparent huge pages",
                Unit::NsPerOp,
                2,
            )
            .goal(1_800_000.0)
            .ours(move |ops| fills(ops, || thp.anonymous(BYTES)))
            .peer("small pages", |ops| fills(ops, || Region::anonymous(BYTES)))
            .peer("small pages, populated", |ops| {
                let populated = RegionOptions::new().populate(true);
                fills(ops, || populated.anonymous(BYTES))
            })
            .limit(warm)
            .run();
        bench
            .cell("obtain and fill 16 MiB, pooled", Unit::NsPerOp, 2)
            .goal(700_000.0)
            .ours(|ops| {
                let pool = RegionPool::new(BYTES);
                drop(pool.acquire(BYTES));
                let mut region = pool.acquire(BYTES).map_err(|e| e.to_string())?;
                region.as_mut_slice().fill(1);
                drop(region);
                fills(ops, || pool.acquire(BYTES))
            })
            .peer("std Vec", vec)
            .limit(warm)
            .run();
        bench
            .cell(
                "cold draft of 16 MiB, filled, transparent huge pages",
                Unit::NsPerOp,
                2,
            )
            .goal(1_800_000.0)
            .ours(move |ops| drafts(ops, RegionPool::new(0).with_options(thp)))
            .peer("small pages", |ops| drafts(ops, RegionPool::new(0)))
            .limit(warm)
            .run();
        bench
            .cell("draft of 16 MiB, filled, from a pool", Unit::NsPerOp, 2)
            .goal(700_000.0)
            .ours(|ops| drafts(ops, RegionPool::new(4 * BYTES)))
            .limit(warm)
            .run();
        bench
            .cell(
                "acquire and drop a pooled 4 KiB region",
                Unit::NsPerOp,
                1000,
            )
            .ours(|ops| {
                let pool = RegionPool::new(BYTES);
                acquire(ops, || pool.acquire(4096).map_err(|e| e.to_string()))
            })
            .peer("std alloc_zeroed", |ops| {
                acquire(ops, || Ok(vec![0_u8; 4096]))
            })
            .peer("fresh mapping", |ops| {
                acquire(ops, || Region::anonymous(4096).map_err(|e| e.to_string()))
            })
            .run();
    })
}

fn fills<E: std::fmt::Display>(
    ops: u64,
    obtain: impl Fn() -> Result<Region, E>,
) -> Result<Duration, String> {
    let begin = Instant::now();
    for i in 0..ops {
        let mut region = obtain().map_err(|e| e.to_string())?;
        let byte = i as u8;
        black_box(region.as_mut_slice()).fill(byte);
        expect("the last byte", region.as_slice()[BYTES - 1], byte)?;
    }
    Ok(begin.elapsed())
}

fn vec(ops: u64) -> Result<Duration, String> {
    let begin = Instant::now();
    for i in 0..ops {
        let filled = black_box(vec![i as u8 | 1; BYTES]);
        expect("the last byte", filled[BYTES - 1], i as u8 | 1)?;
    }
    Ok(begin.elapsed())
}

/// The memory is there and has been used.
fn warm(ops: u64) -> Result<Duration, String> {
    let mut memory = vec![1_u8; BYTES];
    let begin = Instant::now();
    for i in 0..ops {
        black_box(&mut memory).fill(i as u8);
        expect("the last byte", memory[BYTES - 1], i as u8)?;
    }
    Ok(begin.elapsed())
}

/// Versions of which views live until the pool must provide new memory.
fn drafts(ops: u64, pool: RegionPool) -> Result<Duration, String> {
    let mut elapsed = Duration::ZERO;
    let mut publisher = Publisher::with_pool(vec![0_u8; BYTES], pool.clone());
    for i in 0..ops + 3 {
        // A publisher recycles by itself; a fresh one has nothing to recycle.
        let last = publisher.current();
        publisher = Publisher::with_pool(last, pool.clone());
        let begin = Instant::now();
        let mut draft = publisher.draft();
        black_box(&mut draft[..]).fill(i as u8);
        if i >= 3 {
            elapsed += begin.elapsed();
        }
        draft.commit();
        expect("the last byte", publisher.current()[BYTES - 1], i as u8)?;
    }
    Ok(elapsed)
}

fn acquire<M>(ops: u64, obtain: impl Fn() -> Result<M, String>) -> Result<Duration, String> {
    let begin = Instant::now();
    for _ in 0..ops {
        drop(black_box(obtain()?));
    }
    Ok(begin.elapsed())
}

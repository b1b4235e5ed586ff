//! Publishing and reading versions: what a load, a cached look and a publication cost, and a read of
//! a small plain value. Each value that is read is checked.
//!
//! What was tried and lost: a lock around the list of readers (one more locked instruction pair for
//! each publication), a fresh node for each version (an allocation), a barrier of its own behind the
//! exchange (5 to 8 ns; on x86 the exchange is one).

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::{Frozen, Publisher, SeqCell};

#[cfg(feature = "peers")]
mod peers;

fn main() -> ExitCode {
    Bench::main("core_publish", |bench| {
        let cell = bench.cell("load and look at 64 B", Unit::NsPerOp, 1000);
        let cell = cell.goal(8.0).ours(load).peer("arc-swap", arc_swap_load);
        let cell = cell.peer("crossbeam-epoch", epoch_load);
        #[cfg(feature = "peers")]
        let cell = cell.peer("hazarc", peers::hazarc_load);
        cell.run();

        let cell = bench.cell("cached latest, nothing new", Unit::NsPerOp, 1000);
        let cell = cell.goal(0.5).ours(latest).limit(bare);
        let cell = cell.peer("arc-swap Cache", arc_swap_cached);
        #[cfg(feature = "peers")]
        let cell = cell.peer("hazarc Cache", peers::hazarc_cached);
        cell.run();

        let cell = bench.cell("publish a counted view", Unit::NsPerOp, 1000);
        let cell = cell.goal(40.0).ours(publish);
        let cell = cell.peer("arc-swap", arc_swap_store);
        #[cfg(feature = "peers")]
        let cell = cell.peer("hazarc", peers::hazarc_store);
        cell.run();

        for readers in [1, 2] {
            let name = format!("SeqCell: read 64 B, {readers} readers");
            let unit = Unit::MillionsPerSecond {
                steps: readers as u64,
            };
            let cell = bench.cell(name, unit, 1000);
            let cell = cell.ours(move |ops| seq_cell(readers, ops));
            #[cfg(feature = "peers")]
            let cell = cell
                .goal_times(0.95, "seqlock (racy)")
                .peer("seqlock (racy)", move |ops| peers::seqlock(readers, ops));
            cell.run();
        }
    })
}

fn elements() -> Vec<u64> {
    (0..8).collect()
}

/// Times `ops` looks, of which each gives the element it was asked for.
fn looks(ops: u64, mut look: impl FnMut(usize) -> u64) -> Result<Duration, String> {
    let mut wrong = 0_u64;
    let begin = Instant::now();
    for i in 0..ops {
        let at = (i % 8) as usize;
        wrong += u64::from(black_box(look(black_box(at))) != at as u64);
    }
    let elapsed = begin.elapsed();
    expect("wrong elements", wrong, 0)?;
    Ok(elapsed)
}

fn load(ops: u64) -> Result<Duration, String> {
    let publisher = Publisher::new(elements());
    let mut reader = publisher.reader();
    looks(ops, |at| reader.load()[at])
}

fn arc_swap_load(ops: u64) -> Result<Duration, String> {
    let current = ArcSwap::new(Arc::new(elements()));
    looks(ops, |at| current.load()[at])
}

fn epoch_load(ops: u64) -> Result<Duration, String> {
    use crossbeam::epoch;
    use std::sync::atomic::Ordering::Acquire;

    let current = epoch::Atomic::new(elements());
    let result = looks(ops, |at| {
        let guard = epoch::pin();
        let now = current.load(Acquire, &guard);
        // SAFETY: never null, and what the pin has seen is not freed under it.
        let elements = unsafe { now.deref() };
        elements[at]
    });
    // SAFETY: nobody else has it any more.
    drop(unsafe { current.into_owned() });
    result
}

fn latest(ops: u64) -> Result<Duration, String> {
    let publisher = Publisher::new(elements());
    let mut reader = publisher.reader();
    looks(ops, |at| reader.latest()[at])
}

/// A vector that nobody replaces.
fn bare(ops: u64) -> Result<Duration, String> {
    let elements = elements();
    looks(ops, |at| black_box(&elements)[at])
}

fn arc_swap_cached(ops: u64) -> Result<Duration, String> {
    let current = ArcSwap::new(Arc::new(elements()));
    let mut cache = arc_swap::Cache::new(&current);
    looks(ops, |at| cache.load()[at])
}

fn publish(ops: u64) -> Result<Duration, String> {
    let views = [Frozen::from_vec(elements()), Frozen::from_vec(elements())];
    let mut publisher = Publisher::new(views[0].clone());
    let mut reader = publisher.reader();
    let begin = Instant::now();
    for i in 0..ops {
        publisher.publish(views[(i % 2) as usize].clone());
    }
    let elapsed = begin.elapsed();
    let last = &views[((ops + 1) % 2) as usize];
    expect("is the last", reader.load().to_frozen().ptr_eq(last), true)?;
    Ok(elapsed)
}

fn arc_swap_store(ops: u64) -> Result<Duration, String> {
    let views = [Arc::new(elements()), Arc::new(elements())];
    let current = ArcSwap::new(views[0].clone());
    let begin = Instant::now();
    for i in 0..ops {
        current.store(views[(i % 2) as usize].clone());
    }
    let elapsed = begin.elapsed();
    let last = &views[((ops + 1) % 2) as usize];
    expect("is the last", Arc::ptr_eq(&current.load(), last), true)?;
    Ok(elapsed)
}

/// `ops` reads by each of `readers` threads; each is checked.
fn reads<R: Fn() -> [u64; 8] + Sync>(
    readers: usize,
    ops: u64,
    read: R,
) -> Result<Duration, String> {
    let read = &read;
    let one = |_| -> Task<'_> {
        Box::new(move || {
            let mut wrong = 0_u64;
            for _ in 0..ops {
                let value = black_box(read());
                wrong += u64::from(value[0] != 7 || value[7] != 7);
            }
            expect("wrong values", wrong, 0)
        })
    };
    together((0..readers).map(one).collect())
}

fn seq_cell(readers: usize, ops: u64) -> Result<Duration, String> {
    let cell = SeqCell::new([7_u64; 8]);
    reads(readers, ops, || cell.load())
}

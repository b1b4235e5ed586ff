//! How long a writer waits for readers that come again and again, and what a refusal costs.
//!
//! Four readers of 64-byte sections on two cores, and a writer that wakes up once a millisecond:
//! it takes a core from a reader that may be inside, so that what is measured is how soon that one
//! runs again. The figure is the 99th percentile of a repetition.

#[path = "core_sections/mod.rs"]
mod sections;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zc_core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crossbeam::sync::ShardedLock;
use sections::{Question, Sections, locks, versions};
use zc_benches::{Bench, Unit};
use zc_core::SharedBuffer;
use zc_core::error::{LockTimeoutError, TryLockError};

const READERS: usize = 4;
const EVERY: Duration = Duration::from_millis(1);
/// Reads between two looks at whether it is over.
const LOOKS: u64 = 50_000;

fn main() -> ExitCode {
    Bench::main("core_write_latency", |bench| {
        let unit = Unit::Latency { ops: 500 };
        let name = "p99 of a write each 1 ms under a lock, 4 readers of 64 B";
        locks(bench.cell(name, unit, 20).goal(200_000.0), WriteLatency).run();
        let name = "p99 of a write each 1 ms published, 4 readers of 64 B";
        versions(bench.cell(name, unit, 20).goal(2_000.0), WriteLatency).run();

        bench
            .cell("try_write refused, a reader is inside", Unit::NsPerOp, 1000)
            .goal(1.0)
            .ours(refused)
            .peer("std RwLock", refused_std)
            .peer("parking_lot RwLock", refused_parking_lot)
            .peer("crossbeam ShardedLock", refused_sharded)
            .run();
        bench
            .cell(
                "write_timeout of 1 ms beside a leaked read guard",
                Unit::NsPerOp,
                3,
            )
            .goal(2_000_000.0)
            .ours(timed_out)
            .peer("parking_lot RwLock", timed_out_parking_lot)
            .run();
    })
}

#[derive(Clone, Copy)]
struct WriteLatency;

impl Question for WriteLatency {
    fn ask<S: Sections>(self, ops: u64) -> Result<Duration, String> {
        let (sections, done) = (S::new(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..READERS)
                .map(|_| {
                    scope.spawn(|| {
                        while !done.load(Relaxed) {
                            sections.read(LOOKS)?;
                        }
                        Ok::<(), String>(())
                    })
                })
                .collect();
            let mut latencies: Vec<Duration> = (1..=ops)
                .map(|value| {
                    std::thread::sleep(EVERY);
                    let asked = Instant::now();
                    sections.write(value);
                    asked.elapsed()
                })
                .collect();
            done.store(true, Relaxed);
            for reader in readers {
                reader.join().map_err(|_| "a reader panicked")??;
            }
            latencies.sort_unstable();
            Ok(latencies[latencies.len() * 99 / 100])
        })
    }
}

fn refused(ops: u64) -> Result<Duration, String> {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    // The second guard is one of those that readers have while nobody writes.
    drop(buffer.read());
    let _inside = buffer.read().map_err(|e| e.to_string())?;
    timed(ops, || {
        matches!(buffer.try_write(), Err(TryLockError::WouldBlock(_)))
    })
}

#[expect(clippy::disallowed_types, reason = "it is the peer")]
fn refused_std(ops: u64) -> Result<Duration, String> {
    let lock = std::sync::RwLock::new([0_u64; 8]);
    let _inside = lock.read().map_err(|e| e.to_string())?;
    timed(ops, || lock.try_write().is_err())
}

fn refused_parking_lot(ops: u64) -> Result<Duration, String> {
    let lock = parking_lot::RwLock::new([0_u64; 8]);
    let _inside = lock.read();
    timed(ops, || lock.try_write().is_none())
}

fn refused_sharded(ops: u64) -> Result<Duration, String> {
    let lock = ShardedLock::new([0_u64; 8]);
    let _inside = lock.read().map_err(|e| e.to_string())?;
    timed(ops, || lock.try_write().is_err())
}

fn timed_out(ops: u64) -> Result<Duration, String> {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 8]);
    std::mem::forget(buffer.read());
    timed(ops, || {
        matches!(
            buffer.write_timeout(Duration::from_millis(1)),
            Err(LockTimeoutError::Timeout)
        )
    })
}

fn timed_out_parking_lot(ops: u64) -> Result<Duration, String> {
    let lock = parking_lot::RwLock::new([0_u64; 8]);
    std::mem::forget(lock.read());
    timed(ops, || {
        lock.try_write_for(Duration::from_millis(1)).is_none()
    })
}

/// `ops` attempts, each of which must be refused.
fn timed(ops: u64, attempt: impl Fn() -> bool) -> Result<Duration, String> {
    let start = Instant::now();
    for _ in 0..ops {
        if !black_box(attempt()) {
            return Err("an attempt succeeded".to_owned());
        }
    }
    Ok(start.elapsed())
}

//! What a read costs, and how it scales with readers, with and without a writer: one read takes the
//! guard, looks at all of a 64-byte section, and lets go.
//!
//! With the writer, which is asked for a write every 10 µs and spins in between, there is one
//! thread more than readers; on two cores two readers and the writer share them.

#[path = "core_sections/mod.rs"]
mod sections;

use std::process::ExitCode;
use std::time::{Duration, Instant};
use zc_core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sections::{Question, Sections, locks, versions};
use zc_benches::threads::{Task, together};
use zc_benches::{Bench, Cell, Unit};

/// The writer of some cells is asked for a write this often.
const EVERY: Duration = Duration::from_micros(10);
/// 95 % of what it is asked for, as the time for one write.
const SERVED: f64 = 10_000.0 / 0.95;
/// Reads between two looks at whether it is over.
const LOOKS: u64 = 50_000;

fn main() -> ExitCode {
    Bench::main("core_read_scaling", |bench| {
        let one = Read { readers: 1 };
        let name = "read lock and unlock, 1 thread";
        locks(bench.cell(name, Unit::NsPerOp, 1000).goal(8.0), one).run();
        let name = "load of a published version, 1 thread";
        versions(bench.cell(name, Unit::NsPerOp, 1000).goal(8.0), one).run();

        for readers in [2, 4] {
            let unit = Unit::MillionsPerSecond { steps: readers };
            let name = format!("{readers} readers of 64 B under a lock, no writer");
            let cell = with_goal(
                bench.cell(name, unit, 1000),
                (readers == 2).then_some(300.0),
            );
            locks(cell, Read { readers }).run();
            let name = format!("{readers} readers of 64 B published, no writer");
            versions(bench.cell(name, unit, 1000), Read { readers }).run();

            let name = format!("{readers} readers of 64 B under a lock, a write each 10 µs");
            let cell = with_goal(
                bench.cell(name, unit, 1000),
                (readers == 2).then_some(150.0),
            );
            locks(cell, ReadBesideWriter { readers }).run();
            let name = format!("{readers} readers of 64 B published, a write each 10 µs");
            let cell = with_goal(
                bench.cell(name, unit, 1000),
                (readers == 2).then_some(120.0),
            );
            versions(cell, ReadBesideWriter { readers }).run();

            let name = format!("a write each 10 µs under a lock, beside {readers} readers");
            let cell = bench.cell(name, Unit::NsPerOp, 100).goal(SERVED);
            locks(cell, WriteBesideReaders { readers }).run();
            let name = format!("a write each 10 µs published, beside {readers} readers");
            let cell = bench.cell(name, Unit::NsPerOp, 100).goal(SERVED);
            versions(cell, WriteBesideReaders { readers }).run();
        }
    })
}

fn with_goal(cell: Cell<'_>, goal: Option<f64>) -> Cell<'_> {
    match goal {
        Some(goal) => cell.goal(goal),
        None => cell,
    }
}

/// Each reader reads `ops` times.
#[derive(Clone, Copy)]
struct Read {
    readers: u64,
}

impl Question for Read {
    fn ask<S: Sections>(self, ops: u64) -> Result<Duration, String> {
        let sections = S::new();
        let reader = |_| -> Task<'_> { Box::new(|| sections.read(ops)) };
        together((0..self.readers).map(reader).collect())
    }
}

/// The same while a writer is asked for a write every 10 µs.
#[derive(Clone, Copy)]
struct ReadBesideWriter {
    readers: u64,
}

impl Question for ReadBesideWriter {
    fn ask<S: Sections>(self, ops: u64) -> Result<Duration, String> {
        let (sections, done) = (S::new(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut schedule = Schedule::new();
                while !done.load(Relaxed) {
                    schedule.next_write(&sections);
                }
            });
            let reader = |_| -> Task<'_> { Box::new(|| sections.read(ops)) };
            let elapsed = together((0..self.readers).map(reader).collect());
            done.store(true, Relaxed);
            writer.join().map_err(|_| "the writer panicked")?;
            elapsed
        })
    }
}

/// `ops` writes, one asked for every 10 µs, while readers read all the time.
#[derive(Clone, Copy)]
struct WriteBesideReaders {
    readers: u64,
}

impl Question for WriteBesideReaders {
    fn ask<S: Sections>(self, ops: u64) -> Result<Duration, String> {
        let (sections, done) = (S::new(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..self.readers)
                .map(|_| {
                    scope.spawn(|| {
                        while !done.load(Relaxed) {
                            sections.read(LOOKS)?;
                        }
                        Ok::<(), String>(())
                    })
                })
                .collect();
            let mut schedule = Schedule::new();
            for _ in 0..ops {
                schedule.next_write(&sections);
            }
            let elapsed = schedule.start.elapsed();
            done.store(true, Relaxed);
            for reader in readers {
                reader.join().map_err(|_| "a reader panicked")??;
            }
            Ok(elapsed)
        })
    }
}

/// Writes when they are due, and at once where they are overdue.
struct Schedule {
    start: Instant,
    written: u32,
}

impl Schedule {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            written: 0,
        }
    }

    fn next_write(&mut self, sections: &impl Sections) {
        self.written += 1;
        while self.start.elapsed() < EVERY * self.written {
            std::hint::spin_loop();
        }
        sections.write(self.written.into());
    }
}

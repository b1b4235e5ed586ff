//! Pieces written by some tasks into one ordered stream of groups of a mebibyte, from the first
//! reservation to the last group received and the report. What it costs in time, in allocations, and
//! (with the feature `ledger`) in copied bytes.
//!
//! Tried, and lost:
//!
//! * A mutex around each run: two locked instructions a piece, 15 ns where the whole piece now takes
//!   less. Making runs known to the manager one by one: a lock for every 4 KiB.
//! * One by one, the agent handed through an `async fn`: its parts are stored one by one and loaded
//!   in pairs, and the processor waits for that. 75 ns with a lease of 80 bytes, 42 with one of 32.
//! * One by one with several writers: asking for the cursor's line to write to before reading it,
//!   backing off for a few pauses after a swap that failed, stepping aside after a commit that found
//!   others in between: all 120 to 175 ns a piece. Stepping aside for microseconds after a swap that
//!   failed: 43 ns, and the same with 4 and with 16 writers.
//!
//! * One by one: asking for the line of the piece eight ahead to write to: no difference. The error in a
//!   box: none either. What counts is whether the lease lies in memory on its way: 38 ns where it was
//!   returned by a call, 37 where that was inlined, 34 where nothing in between could drop it in a panic,
//!   25 since neither can the drop of the future that gave it.
//! * Slabs of 130 MiB on small pages: 4 to 5 GB/s for the original's benchmark copied, where two bare
//!   threads that copy into such memory reach no more; on huge ones both are two to three times as fast.
//!
//! Several writers one by one have two speeds, some 30 and some 7 million a second, and change between them
//! within a run: the second is that of two threads that reserve at the same time. Stepping aside for eight
//! and for thirty-two times as long has not changed it.
//!
//! What limits one writer one by one: a third of its time is spent in the addition that commits. Like
//! every locked instruction it waits until the stores before it, which fill fresh lines, are done.

mod agent;
mod counting;

use std::process::ExitCode;
use std::time::Duration;

use agent::ours::How;
use agent::{Outcome, Shape, ours, peers};
use zc_benches::{Bench, Cell, Unit};

/// The original's own benchmark: 28 pieces of 10 MiB, in groups of 13.
const SEED_PIECE: usize = 10 << 20;
const SEED_WRITERS: usize = 28;
const SEED_GROUP: usize = 13 * SEED_PIECE;

fn main() -> ExitCode {
    Bench::main("agent_throughput", |bench| {
        if cfg!(feature = "ledger") {
            return copies(bench);
        }
        for (writers, goal) in [(1, 30.0), (4, 9.0), (16, 9.0)] {
            pieces(bench, "one by one", How::OneByOne, 64, writers, goal);
        }
        for writers in [1, 4, 16] {
            pieces(
                bench,
                "in runs of 4 KiB",
                How::Runs(4 << 10),
                64,
                writers,
                100.0,
            );
        }
        for (writers, goal) in [(1, 16.0), (4, 12.0), (16, 12.0)] {
            let how = How::Runs(64 << 10);
            pieces(bench, "in runs of 64 KiB", how, 1024, writers, goal);
        }
        large(bench);
        seed(bench);
        for size in [64, 1024, 65536] {
            allocations(bench, size);
        }
    })
}

/// A work that writes pieces of `size` bytes with `writers` writers.
fn with(
    size: usize,
    writers: usize,
    work: impl Fn(Shape) -> Outcome + Send + Sync + 'static,
) -> impl Fn(u64) -> Outcome + Send + Sync + 'static {
    move |pieces| {
        work(Shape {
            size,
            writers,
            pieces,
        })
    }
}

/// Adds the peers that copy their pieces.
fn against(cell: Cell<'_>, size: usize, writers: usize) -> Cell<'_> {
    let cell = cell
        .peer("Mutex<Vec> and swap", with(size, writers, peers::mutex_vec))
        .peer(
            "tokio mpsc of Bytes, coalesced",
            with(size, writers, |shape| peers::mpsc_bytes(shape, false)),
        );
    #[cfg(feature = "peers")]
    {
        let cell = cell.peer("zc_buffer", with(size, writers, peers::zc_buffer));
        if writers > 1 {
            return cell;
        }
        cell.peer("bbqueue", with(size, 1, peers::bbqueue)).peer(
            "object_store WriteMultipart",
            with(size, 1, peers::write_multipart),
        )
    }
    #[cfg(not(feature = "peers"))]
    cell
}

fn pieces(bench: &mut Bench, name: &str, how: How, size: usize, writers: usize, millions: f64) {
    let name = format!("{size} B {name}, {writers} writers");
    let cell = bench
        .cell(name, Unit::MillionsPerSecond { steps: 1 }, 256)
        .goal(millions)
        .ours(with(size, writers, move |shape| ours::run(how, shape)));
    let cell = match (how, writers) {
        (How::OneByOne, 1) => cell.limit(with(size, 1, ours::bare_steps)),
        _ => cell,
    };
    against(cell, size, writers).run();
}

fn large(bench: &mut Bench) {
    let size = 64 << 10;
    let bytes = size as u64;
    let cell = bench
        .cell(
            "64 KiB from a slice, 1 writer",
            Unit::GigabytesPerSecond { bytes },
            64,
        )
        .goal(20.0)
        .ours(with(size, 1, |shape| ours::run(How::OneByOne, shape)));
    against(cell, size, 1).run();
    let cell = bench
        .cell(
            "64 KiB of Bytes, kept as they are, 1 writer",
            Unit::MillionsPerSecond { steps: 1 },
            64,
        )
        .goal(2.0)
        .ours(with(size, 1, |shape| ours::run(How::Adopted, shape)))
        .peer(
            "tokio mpsc of Bytes, not coalesced",
            with(size, 1, |shape| peers::mpsc_bytes(shape, true)),
        );
    #[cfg(feature = "peers")]
    let cell = cell.peer("zc_buffer", with(size, 1, peers::zc_buffer));
    cell.run();
}

fn seed(bench: &mut Bench) {
    let bytes = SEED_PIECE as u64;
    for (name, adopt, goal) in [
        ("kept as they are", true, 32.2),
        ("copied into slabs", false, 7.0),
    ] {
        let name = format!("28 writers of 10 MiB of Bytes {name}, groups of 130 MiB");
        let work = with(SEED_PIECE, SEED_WRITERS, move |shape| {
            ours::rounds(shape, SEED_GROUP, adopt)
        });
        let cell = bench
            .cell(name, Unit::GigabytesPerSecond { bytes }, 2)
            .goal(goal)
            .ours(work);
        let cell = if adopt {
            cell
        } else {
            let bare = |shape| ours::bare_copy(shape, SEED_GROUP);
            cell.limit(with(SEED_PIECE, SEED_WRITERS, bare))
        };
        #[cfg(feature = "peers")]
        let cell = cell.peer(
            "zc_buffer",
            with(SEED_PIECE, SEED_WRITERS, |shape| {
                peers::zc_buffer_rounds(shape, SEED_GROUP)
            }),
        );
        cell.run();
    }
}

/// Allocations while pieces are written, those of the start and the end included.
fn allocations(bench: &mut Bench, size: usize) {
    /// The count of a work in place of its time.
    fn counted(
        work: impl Fn(u64) -> Outcome + Send + Sync + 'static,
    ) -> impl Fn(u64) -> Outcome + Send + Sync + 'static {
        move |pieces| {
            let (worked, count) = counting::during(|| work(pieces));
            worked.map(|_| Duration::from_nanos(count))
        }
    }
    let what = "allocations per piece";
    let how = if size < 65536 {
        How::OneByOne
    } else {
        How::Adopted
    };
    let cell = bench
        .cell(
            format!("allocations, {size} B, 4 writers"),
            Unit::PerOp { what, ops: 1 << 16 },
            256,
        )
        .goal(if size < 65536 { 0.01 } else { 1.5 })
        .ours(counted(with(size, 4, move |shape| ours::run(how, shape))))
        .peer(
            "Mutex<Vec> and swap",
            counted(with(size, 4, peers::mutex_vec)),
        )
        .peer(
            "tokio mpsc of Bytes, coalesced",
            counted(with(size, 4, |shape| peers::mpsc_bytes(shape, false))),
        );
    #[cfg(feature = "peers")]
    let cell = cell.peer("zc_buffer", counted(with(size, 4, peers::zc_buffer)));
    cell.run();
}

/// Bytes that we copy for each byte delivered. Filling in place is the writer's own doing, and no
/// copy; the other ways copy from what they are given.
fn copies(bench: &mut Bench) {
    let what = "bytes copied per byte delivered";
    let ways = [
        ("64 B in place", How::OneByOne, 64, 0.0),
        ("64 B in runs", How::Runs(4 << 10), 64, 1.01),
        ("64 KiB of Bytes", How::Adopted, 64 << 10, 0.0),
    ];
    for (name, how, size, goal) in ways {
        let work = with(size, 4, move |shape| {
            let before = zc_core::ledger::snapshot();
            ours::run(how, shape)?;
            let copied = zc_core::ledger::snapshot().since(&before).copied();
            Ok(Duration::from_nanos(copied / shape.size as u64))
        });
        let cell = bench.cell(
            format!("copies, {name}"),
            Unit::PerOp { what, ops: 1 << 16 },
            256,
        );
        cell.goal(goal).ours(work).run();
    }
}

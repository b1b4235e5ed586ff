//! What a hit costs: as a view, with every byte read, awaited, on two threads; and the two tables of
//! the document this crate began with, both as handles and with every byte read.
//!
//! A view whose bytes nobody reads costs the same at every size, so gigabytes a second of untouched
//! views would say nothing; cells without "every byte" are in nanoseconds and look at one byte.
//!
//! Threads pin in lanes of their own. With one pin word a slot two threads took 1.9 times as long as
//! one (132 ns after 70), since each found the word in the other's cache; now 0.9 to 1.06 times. That,
//! and slots of 128 bytes where they took 256 by mistake, put 16,384 objects ahead of every peer
//! (130 ns, foyer's memory tier 200, LMDB behind that; 360 ns for both when the machine is busy).
//! A median far above its minimum with two threads is both of them on one processor for a while.
//!
//! A first hit compares; what is in memory is not populated before that, which made it cost
//! twice the reading of the bytes (79 µs for 1 MiB; 30 now, where reading alone takes 29).
//!
//! Out of reach here: 520 ns for 4 KiB of which every byte is read, since without cache and pin it
//! takes 543 (every object misses the caches and the TLB); a thousand times the seed's own way as
//! handles of 1 MiB, which takes 70 µs on this machine and not 144, so it is 830 (1,400 of 2 MiB; 3
//! where every byte is read).
//!
//! Tried: a counted share in the cache for each view, and counters with locked additions, cost some
//! 25 ns of a hit; pins alone and counters of one's own thread do not. Left in a hit: the hash, the pin
//! and its return, one allocation and its return. LMDB inside of one long transaction is faster where
//! all fits into the processor's caches, because it pins nothing: that transaction keeps every page
//! that is replaced meanwhile. Of 16,384 objects of 4 KiB, ours misses the caches once more than a
//! bare map does, for the slot; and a locked instruction waits for the object's first byte, where a
//! bare map goes on to the next lookup.

mod files;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use zc_benches::{Bench, Unit, lazily};
use zc_diskcache::Verify;

use crate::files::{ManyFiles, OneFile};
use crate::ours::Ours;
use crate::work::{Plan, Set, Use};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn main() -> ExitCode {
    Bench::main("diskcache_lookup", |bench| {
        // Of 16,384 objects every lookup misses the processor's caches in the key, the index and
        // the object itself; the limit shows what is left to win there.
        views(bench, "4 KiB", Set::hot(4 * KIB));
        for (size, length) in [
            ("4 KiB", 4 * KIB),
            ("64 KiB", 64 * KIB),
            ("1 MiB", MIB),
            ("16 MiB", 16 * MIB),
        ] {
            views(bench, size, Set::of(length));
        }
        every_byte(bench);
        checksummed(bench);
        seed_tables(bench);
    })
}

/// Files go to the target directory: it lies on a disk, where /tmp may be memory.
fn folder() -> Result<TempDir, String> {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())
}

/// One contestant's work: its preparation, and what it does with that.
fn work<T: Send + Sync + 'static>(
    made: &(impl Fn() -> Result<Arc<T>, String> + Clone + Send + Sync + 'static),
    plan: Plan,
    go: fn(&T, Plan, u64) -> Result<Duration, String>,
) -> impl Fn(u64) -> Result<Duration, String> + Send + Sync + 'static {
    let made = made.clone();
    move |ops| go(&*made()?, plan, ops)
}

fn views(bench: &mut Bench, size: &str, set: Set) {
    let plan = Plan {
        set,
        threads: 1,
        use_: Use::First,
    };
    let two = Plan { threads: 2, ..plan };
    let ours = lazily(move || Ours::new(set, Verify::FirstRead));
    let one_file = lazily(move || OneFile::new(set));
    let many_files = lazily(move || ManyFiles::new(set));
    #[cfg(feature = "peers")]
    let (lmdb, redb, moka, foyer, cacache) = (
        lazily(move || peers::Lmdb::new(set)),
        lazily(move || peers::Redb::new(set)),
        lazily(move || Ok(peers::Moka::new(set))),
        lazily(move || Ok(peers::Foyer::new(set))),
        lazily(move || peers::Cacache::new(set)),
    );
    let objects = set.objects;
    let cell = bench
        .cell(
            format!("hit to a view, {size}, {objects} objects, 1 thread"),
            Unit::NsPerOp,
            64,
        )
        .goal(100.0)
        .ours(work(&ours, plan, Ours::view))
        .limit(work(&one_file, plan, OneFile::bare));
    #[cfg(feature = "peers")]
    let cell = cell
        .peer(
            "LMDB, a transaction a get",
            work(&lmdb, plan, peers::Lmdb::transaction_a_get),
        )
        .peer(
            "LMDB, one transaction",
            work(&lmdb, plan, peers::Lmdb::one_transaction),
        )
        .peer("redb", work(&redb, plan, peers::Redb::get))
        .peer("moka", work(&moka, plan, peers::Moka::get))
        .peer("foyer, memory", work(&foyer, plan, peers::Foyer::get));
    cell.run();

    // The goal is 1.15 times what one thread needs, as measured in the cell above.
    let cell = bench
        .cell(
            format!("hit to a view, {size}, {objects} objects, 2 threads, one step of both"),
            Unit::NsPerOp,
            64,
        )
        .ours(work(&ours, two, Ours::view))
        .limit(work(&one_file, two, OneFile::bare));
    #[cfg(feature = "peers")]
    let cell = cell
        .peer(
            "LMDB, a transaction a get",
            work(&lmdb, two, peers::Lmdb::transaction_a_get),
        )
        .peer("moka", work(&moka, two, peers::Moka::get))
        .peer("foyer, memory", work(&foyer, two, peers::Foyer::get));
    cell.run();

    bench
        .cell(
            format!("hit to Bytes, {size}, {objects} objects, 1 thread"),
            Unit::NsPerOp,
            64,
        )
        .goal(160.0)
        .ours(work(&ours, plan, Ours::bytes))
        .run();

    let cell = bench
        .cell(
            format!("hit awaited, {size}, {objects} objects, 1 thread"),
            Unit::NsPerOp,
            64,
        )
        .goal(150.0)
        .ours(work(&ours, plan, Ours::polled))
        .peer("read a file", work(&many_files, plan, ManyFiles::read));
    #[cfg(feature = "peers")]
    let cell = cell
        .peer(
            "tokio, read a file",
            work(&many_files, plan, ManyFiles::read_with_tokio),
        )
        .peer("cacache, xxh3", work(&cacache, plan, peers::Cacache::get));
    cell.run();
}

fn every_byte(bench: &mut Bench) {
    for (size, length, goal) in [("4 KiB", 4 * KIB, Some(520.0)), ("1 MiB", MIB, None)] {
        let set = Set::of(length);
        let plan = Plan {
            set,
            threads: 1,
            use_: Use::Sum,
        };
        let ours = lazily(move || Ours::new(set, Verify::FirstRead));
        let one_file = lazily(move || OneFile::new(set));
        let mut cell = bench
            .cell(
                format!("hit, every byte read, {size}, 1 thread"),
                Unit::NsPerOp,
                64,
            )
            .ours(work(&ours, plan, Ours::view))
            .peer(
                "pread into one buffer",
                work(&one_file, plan, OneFile::read),
            )
            .limit(work(&one_file, plan, OneFile::bare));
        if let Some(goal) = goal {
            cell = cell.goal(goal);
        }
        #[cfg(feature = "peers")]
        let cell = cell.peer(
            "LMDB, a transaction a get",
            work(
                &lazily(move || peers::Lmdb::new(set)),
                plan,
                peers::Lmdb::transaction_a_get,
            ),
        );
        cell.run();
    }
}

/// A first hit is one that compares; so is every hit of a cache that always does.
fn checksummed(bench: &mut Bench) {
    let set = Set::of(MIB);
    let ends = Plan {
        set,
        threads: 1,
        use_: Use::First,
    };
    let sum = Plan {
        use_: Use::Sum,
        ..ends
    };
    let ours = lazily(move || Ours::new(set, Verify::Always));
    let one_file = lazily(move || OneFile::new(set));
    // The limit reads every byte and compares nothing; the goal is 1.15 times as much.
    bench
        .cell("hit with CRC32C, 1 MiB, 1 thread", Unit::NsPerOp, 64)
        .ours(work(&ours, ends, Ours::view))
        .limit(work(&one_file, sum, OneFile::bare))
        .run();
}

fn seed_tables(bench: &mut Bench) {
    for (objects, length) in [(50, MIB), (20, 2 * MIB)] {
        let set = Set { length, objects };
        let ours = lazily(move || Ours::new(set, Verify::FirstRead));
        let one_file = lazily(move || OneFile::new(set));
        for (what, use_) in [("handles", Use::First), ("every byte read", Use::Sum)] {
            let plan = Plan {
                set,
                threads: 1,
                use_,
            };
            bench
                .cell(
                    format!(
                        "the seed's table, {objects} x {} MiB random, {what}",
                        length / MIB
                    ),
                    Unit::NsPerOp,
                    64,
                )
                .ours(work(&ours, plan, Ours::bytes))
                .peer(
                    "map, copy, unmap, checksum",
                    work(&one_file, plan, OneFile::map_and_copy),
                )
                .peer(
                    "pread into one buffer",
                    work(&one_file, plan, OneFile::read),
                )
                .run();
        }
    }
}

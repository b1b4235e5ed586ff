//! What opening costs after a kill, for each object that is there: the cache is dropped without a
//! close, so everything is read back from the records. The limit reads the same records and decodes
//! nothing.
//!
//! The goal, ten million objects in a second, is missed by a factor of some four. Of the time for an object
//! a quarter goes to page faults for what is made (the decoded records, the found objects, the
//! slots), a sixth to the table and the eviction policy, a tenth to reading and checking the
//! records; the rest is moving 128-byte records through memory, three times.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;
use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::sync::block_on;
use zc_diskcache::{CacheBuilder, RawDiskCache};

const OBJECTS: u64 = 100_000;
/// Bytes of one record of the format, and where the first one is.
const RECORD: u64 = 128;
const RECORDS: u64 = 12_288;

fn main() -> ExitCode {
    Bench::main("diskcache_recovery", |bench| {
        let folder: Arc<OnceLock<Result<TempDir, String>>> = Arc::default();
        let again = Arc::clone(&folder);
        let filled = move |folder: &OnceLock<Result<TempDir, String>>| {
            let made = folder.get_or_init(fill).as_ref();
            made.map(|folder| folder.path().join("cache"))
                .map_err(Clone::clone)
        };
        // Ten million objects in a second.
        bench
            .cell(
                format!("reopening after a kill, {OBJECTS} objects, for each object"),
                Unit::NsPerOp,
                OBJECTS,
            )
            .goal(100.0)
            .ours(move |ops| {
                let path = filled(&folder)?;
                rounds(ops, || {
                    let cache = block_on(builder(&path).open()).map_err(text)?;
                    expect("objects", cache.len() as u64, OBJECTS)
                })
            })
            .limit(move |ops| {
                let path = filled(&again)?;
                let file = File::open(path).map_err(text)?;
                let mut records = vec![0; 1 << 20];
                rounds(ops, || {
                    let mut at = RECORDS;
                    while at < RECORDS + OBJECTS * RECORD {
                        file.read_exact_at(&mut records, at).map_err(text)?;
                        at += records.len() as u64;
                    }
                    expect("a record", &records[..0], b"")
                })
            })
            .run();
    })
}

/// Opens as often as fits `ops` objects, at least once; the time is that for `ops`.
fn rounds(ops: u64, mut open: impl FnMut() -> Result<(), String>) -> Result<Duration, String> {
    let rounds = (ops / OBJECTS).max(1);
    let begin = Instant::now();
    for _ in 0..rounds {
        open()?;
    }
    Ok(begin
        .elapsed()
        .mul_f64(ops as f64 / (rounds * OBJECTS) as f64))
}

fn builder(path: &std::path::Path) -> CacheBuilder {
    RawDiskCache::builder(path)
        .block_size(512)
        .capacity(512 * (OBJECTS + OBJECTS / 8))
}

fn fill() -> Result<TempDir, String> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(text)?;
    let cache = block_on(builder(&folder.path().join("cache")).open()).map_err(text)?;
    for number in 0..OBJECTS {
        let data = Bytes::from(vec![7; 100]);
        block_on(cache.store(format!("object/{number}"), data)).map_err(text)?;
    }
    Ok(folder)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

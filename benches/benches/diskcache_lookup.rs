//! What a hit costs, by size of the object: the file is warm, and each object is looked at where
//! it begins and where it ends. The limit is a map in memory.

use std::collections::HashMap;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_core::sync::block_on;
use zc_diskcache::RawDiskCache;

const OBJECTS: usize = 32;

fn main() -> ExitCode {
    Bench::main("diskcache_lookup", |bench| {
        for kibibytes in [64, 1024] {
            let length = kibibytes << 10;
            bench
                .cell(
                    format!("hit, {kibibytes} KiB, {OBJECTS} objects, 1 thread"),
                    Unit::NsPerOp,
                    64,
                )
                .ours(move |ops| ours(length, ops))
                .peer("read into a buffer", move |ops| pread(length, ops))
                .limit(move |ops| in_memory(length, ops))
                .run();
        }
    })
}

fn object(number: usize, length: usize) -> Bytes {
    let byte = u8::try_from(number).unwrap_or(0);
    Bytes::from(vec![byte; length])
}

fn keys() -> Vec<String> {
    (0..OBJECTS).map(|n| format!("group/{n}")).collect()
}

/// Looks the objects up in turn, each of which must be itself.
fn lookups(
    ops: u64,
    length: usize,
    mut lookup: impl FnMut(&str, usize) -> Result<Bytes, String>,
) -> Result<Duration, String> {
    let keys = keys();
    let mut step = |number: usize| {
        let got = lookup(&keys[number], number)?;
        let ends = (got.len(), got.first().copied(), got.last().copied());
        let byte = u8::try_from(number).ok();
        expect("an object", black_box(ends), (length, byte, byte))
    };
    // The first use of each is apart: it verifies, and brings pages in.
    for number in 0..OBJECTS {
        step(number)?;
    }
    let begin = Instant::now();
    for op in 0..ops {
        step(usize::try_from(op).map_err(|e| e.to_string())? % OBJECTS)?;
    }
    Ok(begin.elapsed())
}

fn ours(length: usize, ops: u64) -> Result<Duration, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let capacity = (2 * OBJECTS * (length + 4096)) as u64;
    let builder = RawDiskCache::builder(folder.path().join("cache")).capacity(capacity);
    let cache = block_on(builder.open()).map_err(|e| e.to_string())?;
    for (number, key) in keys().iter().enumerate() {
        block_on(cache.store(key, object(number, length))).map_err(|e| e.to_string())?;
    }
    lookups(ops, length, |key, _| {
        let found = cache
            .lookup_zero_copy_sync(key)
            .map_err(|e| e.to_string())?;
        found.ok_or_else(|| format!("{key} is not there"))
    })
}

/// The usual way: an index in memory, and the bytes read from the file into a new buffer.
fn pread(length: usize, ops: u64) -> Result<Duration, String> {
    let file = tempfile::tempfile().map_err(|e| e.to_string())?;
    let mut index = HashMap::new();
    for (number, key) in keys().into_iter().enumerate() {
        let offset = (number * length) as u64;
        file.write_all_at(&object(number, length), offset)
            .map_err(|e| e.to_string())?;
        index.insert(key, offset);
    }

    lookups(ops, length, |key, _| {
        let offset = index
            .get(key)
            .ok_or_else(|| format!("{key} is not there"))?;
        let mut buffer = vec![0; length];
        file.read_exact_at(&mut buffer, *offset)
            .map_err(|e| e.to_string())?;
        Ok(buffer.into())
    })
}

fn in_memory(length: usize, ops: u64) -> Result<Duration, String> {
    let objects = keys().into_iter().enumerate();
    let map: HashMap<String, Bytes> = objects.map(|(n, key)| (key, object(n, length))).collect();
    lookups(ops, length, |key, _| {
        map.get(key)
            .cloned()
            .ok_or_else(|| format!("{key} is not there"))
    })
}

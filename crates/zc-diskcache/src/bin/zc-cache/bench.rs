//! `zc-cache bench`: what a cache costs in this folder, on this machine.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zc_core::sync::block_on;
use zc_diskcache::{CacheError, RawDiskCache};

use crate::say;

/// Bytes of the objects of one size.
const SET: usize = 64 << 20;
const SIZES: [usize; 3] = [4 << 10, 64 << 10, 1 << 20];
/// How long hits are counted.
const LASTS: Duration = Duration::from_millis(200);

/// Makes a cache in `folder`, measures, and takes it away again.
pub(crate) fn bench(folder: &Path) -> Result<(), String> {
    let path = folder.join(format!("zc-cache-bench-{}", std::process::id()));
    for size in SIZES {
        let figures = one_size(&path, size).map_err(|error| error.to_string());
        // Of a cache that could not be made nothing is there.
        let _ = std::fs::remove_file(&path);
        say(format_args!("{}", figures?))?;
    }
    Ok(())
}

fn one_size(path: &Path, size: usize) -> Result<String, CacheError> {
    let objects = SET / size;
    let builder = RawDiskCache::builder(path).capacity(2 * SET as u64);
    let cache = block_on(builder.open())?;
    let data = Bytes::from(vec![7; size]);
    let key = |number: usize| (number % objects).to_le_bytes();

    let begin = Instant::now();
    (0..objects).try_for_each(|n| block_on(cache.store(key(n), data.clone())))?;
    let stored = begin.elapsed();

    let begin = Instant::now();
    for number in 0..objects {
        black_box(cache.get_frozen(key(number))?);
    }
    let first = begin.elapsed();

    let (mut hits, begin) = (0, Instant::now());
    while begin.elapsed() < LASTS {
        for _ in 0..1024 {
            let view = cache.get_frozen(key(hits))?;
            black_box(view.map(|view| view[0]));
            hits += 1;
        }
    }
    let hit = begin.elapsed();

    let begin = Instant::now();
    for number in 0..objects {
        let view = cache.get_frozen(key(number))?;
        let sum = |view: &[u8]| view.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        black_box(view.map(|view| sum(&view)));
    }
    let read = begin.elapsed();

    let each = |time: Duration, many: usize| time.as_nanos() / many.max(1) as u128;
    let rate = |time: Duration| (objects * size) as f64 / time.as_secs_f64() / 1e9;
    Ok(format!(
        "{:>5} KiB x {objects:<6} store {:>7} ns ({:.2} GB/s)  first hit {:>7} ns  hit {:>4} ns  \
         every byte read {:.2} GB/s",
        size >> 10,
        each(stored, objects),
        rate(stored),
        each(first, objects),
        each(hit, hits),
        rate(read),
    ))
}

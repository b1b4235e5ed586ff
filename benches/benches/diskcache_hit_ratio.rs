//! How many lookups are hits, at equal capacity in objects: Zipf with three exponents, and Zipf with
//! scans between. What is not there is stored. The traces are the same for everybody and in every run.

use std::process::ExitCode;

use bytes::Bytes;
use zc_benches::{Bench, Count};
use zc_core::sync::block_on;
use zc_diskcache::{Eviction, RawDiskCache};

const OBJECTS: usize = 20_000;
const CAPACITY: usize = OBJECTS / 10;
/// Bytes of an object and of a block.
const BLOCK: usize = 512;

fn main() -> ExitCode {
    Bench::main("diskcache_hit_ratio", |bench| {
        for (name, exponent, scans) in [
            ("Zipf 0.7", 0.7, false),
            ("Zipf 0.9", 0.9, false),
            ("Zipf 1.1", 1.1, false),
            ("Zipf 0.9 with scans", 0.9, true),
        ] {
            let name = format!("hits of {name}, {OBJECTS} objects, room for {CAPACITY}");
            let on_trace = move |count: fn(&[u32]) -> Result<f64, String>| -> Count<'static> {
                Box::new(move |short| {
                    let requests = if short { 5_000 } else { 300_000 };
                    count(&trace(exponent, scans, requests))
                })
            };
            let contestants = vec![
                ("ours, S3-FIFO", on_trace(|t| ours(Eviction::S3Fifo, t))),
                ("ours, SIEVE", on_trace(|t| ours(Eviction::Sieve, t))),
                ("ours, LRU", on_trace(|t| ours(Eviction::Lru, t))),
                #[cfg(feature = "peers")]
                ("moka, TinyLFU", on_trace(moka)),
                #[cfg(feature = "peers")]
                ("foyer, S3-FIFO", on_trace(foyer)),
            ];
            bench.counted(&name, "%", contestants);
        }
    })
}

/// Object numbers in the order of their requests; every 10,000 requests a scan of as many objects as
/// there is room for, none of which is asked for again.
fn trace(exponent: f64, scans: bool, requests: usize) -> Vec<u32> {
    let mut sums = Vec::with_capacity(OBJECTS);
    let mut sum = 0.0;
    for rank in 1..=OBJECTS {
        sum += (rank as f64).powf(-exponent);
        sums.push(sum);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut scanned = OBJECTS as u32;
    let mut trace = Vec::with_capacity(requests);
    while trace.len() < requests {
        if scans && trace.len() % 10_000 == 9_999 {
            trace.extend(scanned..scanned + CAPACITY as u32);
            scanned += CAPACITY as u32;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        let rank = sums.partition_point(|sum| *sum < at).min(OBJECTS - 1);
        // Popular objects are not neighbours.
        trace.push((rank * 7919 % OBJECTS) as u32);
    }
    trace
}

/// Per cent of the requests that were hits.
fn ratio(trace: &[u32], mut hit: impl FnMut(u32) -> Result<bool, String>) -> Result<f64, String> {
    let mut hits = 0;
    for number in trace {
        hits += u64::from(hit(*number)?);
    }
    Ok(hits as f64 * 100.0 / trace.len() as f64)
}

fn ours(policy: Eviction, trace: &[u32]) -> Result<f64, String> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(text)?;
    let builder = RawDiskCache::builder(folder.path().join("cache"))
        .block_size(BLOCK)
        .capacity((CAPACITY * BLOCK) as u64)
        .eviction(policy);
    let cache = block_on(builder.open()).map_err(text)?;
    let data = Bytes::from(vec![7; BLOCK]);
    ratio(trace, |number| {
        let key = number.to_le_bytes();
        if cache.get_frozen(key).map_err(text)?.is_some() {
            return Ok(true);
        }
        block_on(cache.store(key, data.clone())).map_err(text)?;
        Ok(false)
    })
}

#[cfg(feature = "peers")]
fn moka(trace: &[u32]) -> Result<f64, String> {
    let cache = moka::sync::Cache::new(CAPACITY as u64);
    ratio(trace, |number| {
        let hit = cache.get(&number).is_some();
        if !hit {
            cache.insert(number, ());
        }
        // It evicts when it finds time to; here it always does.
        cache.run_pending_tasks();
        Ok(hit)
    })
}

#[cfg(feature = "peers")]
fn foyer(trace: &[u32]) -> Result<f64, String> {
    let cache: foyer::Cache<u32, ()> = foyer::CacheBuilder::new(CAPACITY)
        .with_shards(1)
        .with_eviction_config(foyer::S3FifoConfig::default())
        .build();
    ratio(trace, |number| {
        let hit = cache.get(&number).is_some();
        if !hit {
            cache.insert(number, ());
        }
        Ok(hit)
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! Small against large objects, regular against zero-copy lookups, a mixed workload, statistics.
//!
//! Two comparisons, because one alone misleads: handles (what it costs to be given the object) and
//! bytes (what it costs to be given it and read every byte of it). The first is what "zero-copy is
//! N times faster" usually means, the second is what a program that uses the data gets.
//!
//! `cargo run --release -p zc-diskcache --example zero_copy`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zc_diskcache::{CacheError, RawDiskCache};

const MIB: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("cache");
    let cache = RawDiskCache::new(&path, 96 * MIB as u64, 4096, Duration::from_secs(3600)).await?;
    println!("zero-copy available: {}\n", cache.is_zero_copy_available());

    small_and_large(&cache).await?;
    compare(&cache, "50 objects of 1 MiB", 50, MIB).await?;
    compare(&cache, "20 objects of 2 MiB", 20, 2 * MIB).await?;
    compare(
        &cache,
        "2000 objects of 4 KiB (views, below the threshold)",
        2000,
        4096,
    )
    .await?;
    mixed(&cache).await?;
    statistics(&cache).await;
    cache.close().await?;
    Ok(())
}

/// Below the threshold a lookup copies, from it on it gives a view.
async fn small_and_large(cache: &RawDiskCache) -> Result<(), CacheError> {
    cache.store("small", random(1, 4 << 10)).await?;
    cache.store("large", random(2, MIB)).await?;
    for key in ["small", "large"] {
        let first = cache.lookup_zero_copy(key).await?.unwrap_or_default();
        let second = cache.lookup_zero_copy(key).await?.unwrap_or_default();
        let same = first.as_ptr() == second.as_ptr();
        println!(
            "{key}: {} bytes, {}",
            first.len(),
            if same { "a view" } else { "a copy" }
        );
    }
    println!();
    Ok(())
}

async fn compare(
    cache: &RawDiskCache,
    title: &str,
    objects: u64,
    size: usize,
) -> Result<(), CacheError> {
    cache.clear().await?;
    let keys: Vec<String> = (0..objects).map(|n| format!("object{n}")).collect();
    for (key, n) in keys.iter().zip(0..) {
        cache.store(key, random(n, size)).await?;
    }
    // Once, so that every object is verified and in memory.
    for key in &keys {
        cache.get_frozen(key)?;
    }
    let mut copied = [Duration::MAX; 2];
    let mut viewed = [Duration::MAX; 2];
    for _ in 0..9 {
        for (read, (copied, viewed)) in [false, true]
            .into_iter()
            .zip(copied.iter_mut().zip(&mut viewed))
        {
            let start = Instant::now();
            for key in &keys {
                let bytes = cache.lookup(key).await?.unwrap_or_default();
                touch(&bytes, read);
            }
            *copied = start.elapsed().min(*copied);
            let start = Instant::now();
            for key in &keys {
                if let Some(bytes) = cache.get_frozen(key)? {
                    touch(&bytes, read);
                }
            }
            *viewed = start.elapsed().min(*viewed);
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / objects as f64;
    println!("{title}, best of 9, ns an object");
    println!("                  regular     zero-copy   ratio");
    for (what, n) in [("handle only", 0), ("every byte read", 1)] {
        let (regular, zero_copy) = (each(copied[n]), each(viewed[n]));
        println!(
            "{what:16} {regular:>10.0} {zero_copy:>12.0} {:>8.1} x",
            regular / zero_copy
        );
    }
    let rate = (objects as usize * size) as f64 / viewed[1].as_secs_f64() / 1e9;
    println!("bytes really read through views: {rate:.1} GB/s\n");
    Ok(())
}

fn touch(bytes: &[u8], all: bool) {
    if all {
        let words = bytes.as_chunks::<8>().0.iter();
        black_box(words.fold(0, |sum: u64, word| {
            sum.wrapping_add(u64::from_le_bytes(*word))
        }));
    } else {
        black_box(bytes.first());
    }
}

/// Sizes from 1 KiB to 4 MiB, more than the cache holds, read by popularity.
async fn mixed(cache: &RawDiskCache) -> Result<(), CacheError> {
    cache.clear().await?;
    let before = cache.stats();
    for n in 0..2000_u64 {
        let n = (n * n) % 499;
        let key = format!("mixed{n}");
        if cache.lookup_zero_copy(&key).await?.is_none() {
            cache.store(&key, random(n, 1024 << (n % 13))).await?;
        }
    }
    let after = cache.stats();
    println!(
        "mixed workload: {} hits, {} misses, {} evictions, {} objects, {:.0} % of the free bytes scattered\n",
        after.hits - before.hits,
        after.misses - before.misses,
        after.evictions - before.evictions,
        after.objects,
        after.fragmentation * 100.0
    );
    Ok(())
}

async fn statistics(cache: &RawDiskCache) {
    let stats = cache.zero_copy_stats().await;
    println!(
        "mmap reads:    {} ({} MiB)",
        stats.mmap_reads,
        stats.mmap_bytes >> 20
    );
    println!("mmap skipped:  {}", stats.mmap_skipped);
    println!(
        "sent:          {} ({} bytes)",
        stats.sendfile_transfers, stats.sendfile_bytes
    );
    println!("efficiency:    {:.1} %", stats.efficiency() * 100.0);
}

/// Random bytes: no compression, no page that equals another.
fn random(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    Bytes::from(out)
}

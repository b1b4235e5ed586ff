//! Eviction under held views: many threads store, overwrite, remove, hold views and send, in a cache
//! that is far too small, and every byte that anybody holds stays what it was.
//!
//! It takes 3 seconds; `ZC_STRESS` times as long if that is set, or `ZC_STRESS_SECONDS`.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Dir, KIB, eventually, pattern};
use zc_core::Frozen;
use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::block_on;
use zc_diskcache::{CacheErrorKind, Eviction, RawDiskCache};

const CAPACITY: u64 = 2 << 20;
const KEYS: u64 = 64;
/// Views that each holder keeps.
const HELD: usize = 12;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn key(n: u64) -> String {
    format!("key{}", n % KEYS)
}

/// A value that says itself what it is.
fn value(key: u64, edition: u64) -> Bytes {
    let seed = (key % KEYS) << 48 | edition & 0xffff_ffff_ffff;
    let len = [40, 3000, 20_000, 90_000][(edition % 4) as usize];
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(&pattern(seed, len));
    Bytes::from(bytes)
}

/// Whether `bytes` is a whole value of `key`.
fn assert_whole(bytes: &[u8], key: u64) {
    let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(seed >> 48, key % KEYS, "the bytes of another key");
    assert!(*bytes == value(key, seed & 0xffff_ffff_ffff), "a torn view");
}

fn stored(cache: &RawDiskCache, key_number: u64, edition: u64) -> bool {
    match block_on(cache.store(key(key_number), value(key_number, edition))) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), CacheErrorKind::Pinned, "{error}");
            false
        }
    }
}

fn store_and_remove(cache: &RawDiskCache, random: &mut Random, done: &AtomicU64) {
    let n = random.next();
    if random.next().is_multiple_of(8) {
        block_on(cache.remove(key(n))).unwrap();
    } else if stored(cache, n, random.next()) {
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn hold(
    cache: &RawDiskCache,
    random: &mut Random,
    held: &mut VecDeque<(u64, Frozen<u8>)>,
    done: &AtomicU64,
) {
    let n = random.next();
    if let Some(view) = cache.get_frozen(key(n)).unwrap() {
        assert_whole(&view, n);
        held.push_back((n, view));
        done.fetch_add(1, Ordering::Relaxed);
    }
    if held.len() > HELD {
        // It was let go of by the cache long ago, most likely.
        let (n, view) = held.pop_front().unwrap();
        assert_whole(&view, n);
    }
}

fn send(cache: &RawDiskCache, random: &mut Random, done: &AtomicU64) {
    let n = random.next();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        all
    });
    let sent = block_on(cache.sendfile_to_socket(key(n), &ours)).unwrap();
    drop(ours);
    let all = reader.join().unwrap();
    if sent.is_some() {
        assert_whole(&all, n);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn eviction_under_held_views() {
    let number = |name| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is a number")),
        )
    };
    let times = number("ZC_STRESS").unwrap_or(1);
    let seconds = number("ZC_STRESS_SECONDS").unwrap_or(3 * times);
    let policies = [Eviction::S3Fifo, Eviction::Sieve, Eviction::Lru];
    let each = Duration::from_millis(seconds * 1000 / policies.len() as u64);
    for policy in policies {
        let dir = Dir::new();
        let builder = RawDiskCache::builder(dir.path())
            .capacity(CAPACITY)
            .eviction(policy);
        let cache = block_on(builder.open()).unwrap();
        let [stores, holds, sends] = [const { AtomicU64::new(0) }; 3];
        let end = Instant::now() + each;
        std::thread::scope(|scope| {
            let (cache, stores, holds, sends) = (&cache, &stores, &holds, &sends);
            for thread in 1..=2_u64 {
                scope.spawn(move || {
                    let mut random = Random(thread);
                    while Instant::now() < end {
                        store_and_remove(cache, &mut random, stores);
                    }
                });
                scope.spawn(move || {
                    let (mut random, mut held) = (Random(thread + 10), VecDeque::new());
                    while Instant::now() < end {
                        hold(cache, &mut random, &mut held, holds);
                    }
                    for (n, view) in held {
                        assert_whole(&view, n);
                    }
                });
            }
            scope.spawn(move || {
                let mut random = Random(99);
                while Instant::now() < end {
                    send(cache, &mut random, sends);
                }
            });
        });
        let stats = cache.stats();
        let done = [stores, holds, sends].map(|n| n.load(Ordering::Relaxed));
        assert!(done.iter().all(|n| *n > 0), "{policy:?}: {done:?}");
        assert!(stats.evictions > 0, "{policy:?}: nothing was evicted");
        assert_eq!(stats.corrupt, 0, "{policy:?}: {stats:?}");
        assert_eq!(stats.pinned_bytes, 0, "{policy:?}: a pin leaked");
        block_on(cache.clear()).unwrap();
        eventually("all of it is free again", || {
            let stats = cache.stats();
            stats.free_bytes + stats.lent_bytes == CAPACITY
        });
    }
}

/// The smallest form of it: one extent, one view, every way to lose the object while it is read.
#[test]
fn a_view_of_the_only_extent() {
    let dir = Dir::new();
    let builder = RawDiskCache::builder(dir.path()).capacity(100 * KIB as u64);
    let cache = block_on(builder.open()).unwrap();
    for edition in 0..40 {
        assert!(stored(&cache, 1, 4 * edition + 3));
        let view = cache.get_frozen(key(1)).unwrap().unwrap();
        assert!(!stored(&cache, 2, 3), "there is no room beside the view");
        assert_whole(&view, 1);
        drop(view);
    }
}

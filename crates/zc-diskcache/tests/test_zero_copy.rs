//! The eight tests that the cache was first described with, by their topics.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Dir, KIB, MIB, pattern};
use zc_diskcache::RawDiskCache;

async fn cache(dir: &Dir) -> RawDiskCache {
    RawDiskCache::new(dir.path(), 64 * MIB as u64, 4096, Duration::from_secs(3600))
        .await
        .unwrap()
}

#[tokio::test]
async fn test_zero_copy_small_file() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    let data = pattern(1, 4 * KIB);
    cache.store("small", data.clone()).await.unwrap();
    assert_eq!(cache.lookup_zero_copy("small").await.unwrap(), Some(data));
    let stats = cache.zero_copy_stats().await;
    assert_eq!((stats.mmap_reads, stats.mmap_skipped), (0, 1));
}

#[tokio::test]
async fn test_zero_copy_large_file() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    let data = pattern(2, MIB);
    cache.store("large", data.clone()).await.unwrap();
    assert_eq!(cache.lookup_zero_copy("large").await.unwrap(), Some(data));
    let stats = cache.zero_copy_stats().await;
    assert_eq!((stats.mmap_reads, stats.mmap_skipped), (1, 0));
    assert_eq!(stats.mmap_bytes, MIB as u64);
}

#[tokio::test]
async fn test_zero_copy_multiple_lookups() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    let sizes = [
        KIB,
        32 * KIB,
        64 * KIB - 1,
        64 * KIB,
        128 * KIB,
        MIB,
        3 * MIB,
    ];
    for (n, size) in sizes.iter().enumerate() {
        cache
            .store(format!("key{n}"), pattern(n as u64, *size))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        for (n, size) in sizes.iter().enumerate() {
            let found = cache.lookup_zero_copy(format!("key{n}")).await.unwrap();
            assert_eq!(found, Some(pattern(n as u64, *size)));
        }
    }
    let stats = cache.zero_copy_stats().await;
    assert_eq!((stats.mmap_reads, stats.mmap_skipped), (12, 9));
}

#[tokio::test]
async fn test_zero_copy_vs_regular_lookup() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    let data = pattern(3, 512 * KIB);
    cache.store("key", data.clone()).await.unwrap();
    let regular = cache.lookup("key").await.unwrap().unwrap();
    let zero_copy = cache.lookup_zero_copy("key").await.unwrap().unwrap();
    let again = cache.lookup_zero_copy("key").await.unwrap().unwrap();
    assert_eq!(regular, data);
    assert_eq!(zero_copy, data);
    assert_eq!(
        zero_copy.as_ptr(),
        again.as_ptr(),
        "two views are one piece of memory"
    );
    assert_ne!(zero_copy.as_ptr(), regular.as_ptr(), "a copy is another");
}

#[tokio::test]
async fn test_zero_copy_checksum_verification() {
    let dir = Dir::new();
    let data = pattern(4, 256 * KIB);
    let cache1 = cache(&dir).await;
    cache1.store("key", data.clone()).await.unwrap();
    assert_eq!(cache1.lookup_zero_copy("key").await.unwrap(), Some(data));
    assert_eq!(cache1.stats().verified_hits, 1);
    // The second hit trusts the first.
    cache1.lookup_zero_copy("key").await.unwrap().unwrap();
    assert_eq!(cache1.stats().verified_hits, 1);
    cache1.close().await.unwrap();
    drop(cache1);
    // A byte changes on the disk: a miss, counted, and never wrong bytes.
    let bytes = std::fs::read(dir.path()).unwrap();
    let wanted = pattern(4, 256 * KIB);
    let at = bytes
        .windows(64)
        .position(|window| *window == wanted[..64])
        .unwrap();
    let mut bytes = bytes;
    bytes[at + 100_000] ^= 1;
    std::fs::write(dir.path(), bytes).unwrap();
    let cache2 = cache(&dir).await;
    assert_eq!(cache2.lookup_zero_copy("key").await.unwrap(), None);
    assert_eq!(cache2.stats().corrupt, 1);
    assert!(!cache2.contains("key").unwrap());
}

#[tokio::test]
async fn test_zero_copy_availability() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    assert!(cache.is_zero_copy_available());
    assert!(cache.zero_copy_manager().is_sendfile_enabled());
}

#[tokio::test]
async fn test_sendfile_availability() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    let data = pattern(5, 128 * KIB);
    cache.store("key", data.clone()).await.unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        all
    });
    let sent = cache.sendfile_to_socket("key", &ours).await.unwrap();
    assert_eq!(sent, Some(128 * KIB as u64));
    assert_eq!(
        cache.sendfile_to_socket("missing", &ours).await.unwrap(),
        None
    );
    drop(ours);
    assert_eq!(reader.join().unwrap(), data);
    let stats = cache.zero_copy_stats().await;
    assert_eq!(
        (stats.sendfile_transfers, stats.sendfile_bytes),
        (1, 128 * KIB as u64)
    );
}

#[tokio::test]
async fn test_zero_copy_performance() {
    let dir = Dir::new();
    let cache = cache(&dir).await;
    const OBJECTS: u64 = 30;
    for n in 0..OBJECTS {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
    }
    for n in 0..OBJECTS {
        cache
            .lookup_zero_copy(format!("key{n}"))
            .await
            .unwrap()
            .unwrap();
    }
    let start = Instant::now();
    for n in 0..OBJECTS {
        let found: Bytes = cache.lookup(format!("key{n}")).await.unwrap().unwrap();
        assert_eq!(found.len(), MIB);
    }
    let regular = start.elapsed();
    let start = Instant::now();
    for n in 0..OBJECTS {
        let found = cache
            .lookup_zero_copy(format!("key{n}"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.len(), MIB);
    }
    let zero_copy = start.elapsed();
    // Three orders of magnitude apart on an idle machine; only the direction is asserted.
    assert!(zero_copy < regular, "{zero_copy:?} against {regular:?}");
}

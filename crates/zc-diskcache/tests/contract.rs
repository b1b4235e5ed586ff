//! The calls, one by one: what they give, what they refuse.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Dir, KIB, MIB, builder, eventually, open, pattern};
use zc_diskcache::{CacheErrorKind, Eviction, RawDiskCache, SyncPolicy, Verify};

#[tokio::test]
async fn what_is_stored_is_found_at_every_size() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    for size in [0, 1, 63, 4095, 4096, 4097, 65_535, 65_536, MIB, 5 * MIB] {
        let key = format!("size{size}");
        cache.store(&key, pattern(size as u64, size)).await.unwrap();
        let wanted = pattern(size as u64, size);
        let found = cache.lookup(&key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&wanted));
        let found = cache.lookup_zero_copy(&key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&wanted));
        let found = cache.lookup_zero_copy_sync(&key).unwrap();
        assert_eq!(found.as_ref(), Some(&wanted));
        let frozen = cache.get_frozen(&key).unwrap().unwrap();
        assert!(frozen[..] == wanted[..]);
        assert!(cache.contains(&key).unwrap());
    }
    assert_eq!(cache.len(), 10);
    assert_eq!(cache.lookup("missing").await.unwrap(), None);
    assert!(cache.get_frozen("missing").unwrap().is_none());
}

#[tokio::test]
async fn keys_of_every_length() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    for len in [0, 1, 46, 47, 56, 57, 4096, 65_535, 65_536] {
        let key = pattern(len as u64 + 1, len);
        cache.store(&key, pattern(len as u64, 1000)).await.unwrap();
        assert_eq!(
            cache.lookup(&key).await.unwrap(),
            Some(pattern(len as u64, 1000))
        );
    }
    let long = pattern(0, 65_537);
    for error in [
        cache.store(&long, Bytes::new()).await.unwrap_err(),
        cache.lookup(&long).await.unwrap_err(),
        cache.remove(&long).await.unwrap_err(),
        cache.contains(&long).unwrap_err(),
    ] {
        assert_eq!(error.kind(), CacheErrorKind::KeyTooLong);
        assert_eq!(error.key(), Some(&long[..]));
    }
    // They are all found again.
    drop(cache);
    let cache = open(&dir.path()).await;
    assert_eq!(cache.len(), 9);
    for len in [0, 1, 46, 47, 56, 57, 4096, 65_535, 65_536] {
        let key = pattern(len as u64 + 1, len);
        assert_eq!(
            cache.lookup(&key).await.unwrap(),
            Some(pattern(len as u64, 1000))
        );
    }
    let mut keys: Vec<usize> = cache.iter_keys().map(|key| key.len()).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, 46, 47, 56, 57, 4096, 65_535, 65_536]);
}

#[tokio::test]
async fn too_large_is_decided_before_anything_is_evicted() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        .max_object(2 * MIB as u64)
        .open()
        .await
        .unwrap();
    for n in 0..16 {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
    }
    let error = cache
        .store("large", pattern(0, 2 * MIB + 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::TooLarge);
    assert!(error.to_string().contains("2097152"), "{error}");
    assert_eq!(cache.len(), 16);
    drop(cache);
    let cache = open(&dir.path()).await;
    let error = cache
        .store("large", pattern(0, 16 * MIB + 1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::TooLarge);
    assert_eq!(cache.len(), 16);
    // As large as the whole cache is not too large.
    cache.store("large", pattern(0, 16 * MIB)).await.unwrap();
    assert_eq!(
        cache.lookup("large").await.unwrap(),
        Some(pattern(0, 16 * MIB))
    );
    assert_eq!(cache.len(), 1);
}

#[tokio::test]
async fn ranges_are_views_and_are_checked() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let data = pattern(1, 100_000);
    cache.store("key", data.clone()).await.unwrap();
    for range in [
        0..0,
        0..100_000,
        5..6,
        4096..8192,
        99_999..100_000,
        100_000..100_000,
    ] {
        let found = cache.lookup_range("key", range.clone()).unwrap().unwrap();
        assert_eq!(found, data[range.start as usize..range.end as usize]);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is the case under test")]
    for range in [0..100_001, 100_001..100_001, 7..5, 0..u64::MAX] {
        let error = cache.lookup_range("key", range).unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::OutOfRange);
    }
    assert_eq!(cache.lookup_range("missing", 0..1).unwrap(), None);
}

#[tokio::test]
async fn every_object_has_its_own_time_to_live() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("for ever", pattern(1, 100)).await.unwrap();
    cache
        .store_with("short", Duration::from_millis(800), pattern(2, 100))
        .await
        .unwrap();
    cache
        .store_with("long", Duration::from_secs(3600), pattern(3, 100))
        .await
        .unwrap();
    cache
        .store_with("max", Duration::MAX, pattern(4, 100))
        .await
        .unwrap();
    assert!(cache.contains("short").unwrap(), "never early");
    eventually("expired", || {
        cache.lookup_zero_copy_sync("short").unwrap().is_none()
    });
    assert_eq!(cache.len(), 3);
    assert_eq!(cache.stats().expired, 1);
    let error = cache
        .store_with("zero", Duration::ZERO, Bytes::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::InvalidTtl);
    let other = Dir::new();
    let error = builder(&other.path())
        .ttl(Duration::ZERO)
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::InvalidTtl);
    assert!(!other.path().exists());
}

#[tokio::test]
async fn touch_starts_the_time_to_live_anew() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        .ttl(Duration::from_secs(2))
        .open()
        .await
        .unwrap();
    cache.store("touched", pattern(1, 100)).await.unwrap();
    cache.store("left", pattern(2, 100)).await.unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    assert!(cache.touch("touched").await.unwrap());
    assert!(!cache.touch("missing").await.unwrap());
    eventually("expired", || !cache.contains("left").unwrap());
    assert!(cache.contains("touched").unwrap());
    eventually("expired too", || !cache.contains("touched").unwrap());
}

#[tokio::test]
async fn a_time_to_live_goes_on_across_a_reopening() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache
        .store_with("short", Duration::from_millis(150), pattern(1, 100))
        .await
        .unwrap();
    cache
        .store_with("long", Duration::from_secs(3600), pattern(2, 100))
        .await
        .unwrap();
    drop(cache);
    std::thread::sleep(Duration::from_millis(200));
    let cache = open(&dir.path()).await;
    assert!(!cache.contains("short").unwrap());
    assert!(cache.contains("long").unwrap());
    assert_eq!(cache.stats().expired, 1);
}

#[tokio::test]
async fn lru_evicts_what_was_used_longest_ago() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        .eviction(Eviction::Lru)
        .open()
        .await
        .unwrap();
    for n in 0..16 {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
    }
    for n in [0, 3, 5] {
        cache.lookup(format!("key{n}")).await.unwrap().unwrap();
    }
    for n in 16..20 {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
    }
    let mut gone: Vec<u64> = (0..20)
        .filter(|n| !cache.contains(format!("key{n}")).unwrap())
        .collect();
    gone.sort_unstable();
    assert_eq!(gone, [1, 2, 4, 6]);
    assert_eq!(cache.stats().evictions, 4);
}

#[tokio::test]
async fn sieve_and_s3_fifo_spare_what_was_hit() {
    for eviction in [Eviction::Sieve, Eviction::S3Fifo] {
        let dir = Dir::new();
        let cache = builder(&dir.path())
            .eviction(eviction)
            .open()
            .await
            .unwrap();
        for n in 0..15 {
            cache
                .store(format!("key{n}"), pattern(n, MIB))
                .await
                .unwrap();
        }
        // Hot through a scan over four times the capacity.
        for n in 0..64 {
            for hot in [2, 7, 9] {
                let found = cache.lookup_zero_copy(format!("key{hot}")).await.unwrap();
                assert_eq!(found, Some(pattern(hot, MIB)), "{eviction:?} in round {n}");
            }
            cache
                .store(format!("scan{n}"), pattern(n, MIB))
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn objects_of_many_sizes_find_room_beside_each_other() {
    for eviction in [Eviction::S3Fifo, Eviction::Sieve, Eviction::Lru] {
        let dir = Dir::new();
        let cache = builder(&dir.path())
            .eviction(eviction)
            .open()
            .await
            .unwrap();
        let sizes = [
            100,
            5 * KIB,
            60 * KIB,
            300 * KIB,
            2 * MIB,
            9 * MIB,
            16 * MIB,
        ];
        // Every key twice.
        for n in 0..82 {
            let size = sizes[(n * 7 % 13 % 7) as usize];
            cache
                .store(format!("key{}", n % 41), pattern(n, size))
                .await
                .unwrap();
            let found = cache.lookup(format!("key{}", n % 41)).await.unwrap();
            assert_eq!(found, Some(pattern(n, size)));
        }
        let stats = cache.stats();
        assert!(stats.bytes <= stats.capacity);
        assert!((0.0..=1.0).contains(&stats.fragmentation));
    }
}

#[tokio::test]
async fn every_verification_and_sync_policy_gives_right_bytes() {
    for verify in [
        Verify::OnStore,
        Verify::FirstRead,
        Verify::Always,
        Verify::Never,
    ] {
        for sync in [
            SyncPolicy::Never,
            SyncPolicy::OnFlush,
            SyncPolicy::EachStore,
        ] {
            let dir = Dir::new();
            let options = || builder(&dir.path()).verify(verify).sync(sync);
            let cache = options().open().await.unwrap();
            cache.store("key", pattern(1, 100_000)).await.unwrap();
            for _ in 0..2 {
                assert_eq!(
                    cache.lookup_zero_copy("key").await.unwrap(),
                    Some(pattern(1, 100_000))
                );
            }
            let verified = match verify {
                Verify::Always => 2,
                Verify::FirstRead => 1,
                _ => 0,
            };
            assert_eq!(cache.stats().verified_hits, verified, "{verify:?}");
            cache.flush().await.unwrap();
            cache.close().await.unwrap();
            drop(cache);
            let cache = options().open().await.unwrap();
            assert_eq!(
                cache.lookup("key").await.unwrap(),
                Some(pattern(1, 100_000))
            );
        }
    }
}

#[tokio::test]
async fn counters_tell_hits_apart() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("small", pattern(1, 100)).await.unwrap();
    cache.store("large", pattern(2, MIB)).await.unwrap();
    cache.lookup("small").await.unwrap();
    cache.lookup("large").await.unwrap();
    cache.lookup_zero_copy("small").await.unwrap();
    cache.lookup_zero_copy("large").await.unwrap();
    cache.lookup("missing").await.unwrap();
    cache.set_mmap_threshold(1);
    cache.lookup_zero_copy("small").await.unwrap();
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.view_hits, stats.copied_hits), (5, 2, 3));
    assert_eq!((stats.misses, stats.stores), (1, 2));
    assert_eq!((stats.objects, stats.bytes), (2, MIB as u64 + 100));
    assert_eq!(stats.verified_hits, 2);
    let zero_copy = cache.zero_copy_stats().await;
    assert_eq!((zero_copy.mmap_reads, zero_copy.mmap_skipped), (2, 1));
    assert_eq!(zero_copy.mmap_bytes, MIB as u64 + 100);
}

#[tokio::test]
async fn all_clones_are_one_cache_and_can_be_sent_around() {
    fn usable_anywhere<T: Clone + Send + Sync + 'static>(_: &T) {}
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    usable_anywhere(&cache);
    let other = cache.clone();
    tokio::spawn(async move { other.store("key", pattern(1, 70_000)).await })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(1, 70_000)));
}

#[test]
fn a_cache_needs_no_runtime() {
    let dir = Dir::new();
    zc_core::sync::block_on(async {
        let cache = open(&dir.path()).await;
        cache.store("key", pattern(1, MIB)).await.unwrap();
        assert_eq!(
            cache.lookup_zero_copy("key").await.unwrap(),
            Some(pattern(1, MIB))
        );
        assert_eq!(
            cache.lookup_zero_copy_sync("key").unwrap(),
            Some(pattern(1, MIB))
        );
        cache.close().await.unwrap();
    });
}

#[tokio::test]
async fn a_warm_hit_is_never_pending() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, MIB)).await.unwrap();
    cache.lookup_zero_copy("key").await.unwrap();
    let mut lookup = std::pin::pin!(cache.lookup_zero_copy("key"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(
        lookup.as_mut().poll(&mut cx),
        Poll::Ready(Ok(Some(_)))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_store_and_read_the_same_few_keys() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        .capacity(2 * MIB as u64)
        .open()
        .await
        .unwrap();
    let tasks: Vec<_> = (0..16_u64)
        .map(|task| {
            let cache: RawDiskCache = cache.clone();
            tokio::spawn(async move {
                let mut stored = 0;
                for n in 0..60_u64 {
                    let key = format!("key{}", (task + n) % 9);
                    // The value names its own seed, so any complete value can be checked.
                    let seed = task << 32 | n;
                    let len = 1000 + (seed % 7) as usize * 40_000;
                    let mut value = seed.to_le_bytes().to_vec();
                    value.extend_from_slice(&pattern(seed, len));
                    match cache.store(&key, Bytes::from(value)).await {
                        Ok(()) => stored += 1,
                        // The views of the other tasks may well hold all there is.
                        Err(error) => assert_eq!(error.kind(), CacheErrorKind::Pinned, "{error}"),
                    }
                    if let Some(found) = cache.get_frozen(&key).unwrap() {
                        tokio::task::yield_now().await;
                        let seed = u64::from_le_bytes(found[..8].try_into().unwrap());
                        let len = 1000 + (seed % 7) as usize * 40_000;
                        assert!(found[8..] == pattern(seed, len)[..], "torn view");
                    }
                    if n % 17 == 0 {
                        cache.remove(&key).await.unwrap();
                    }
                }
                stored
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += task.await.unwrap();
    }
    let stats = cache.stats();
    assert_eq!(stats.stores, stored);
    assert!(stored > 100, "only {stored} of 960");
    assert_eq!(stats.corrupt, 0);
    assert_eq!(stats.pinned_bytes, 0);
    assert_eq!(cache.iter_keys().count(), cache.len());
}

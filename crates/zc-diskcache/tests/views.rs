//! Views keep their bytes whatever becomes of the object and of the cache.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Dir, KIB, MIB, builder, eventually, open, pattern};
use zc_core::Frozen;
use zc_diskcache::{CacheErrorKind, Eviction, RawDiskCache};

const SIZE: usize = 256 * KIB;

/// Churns through the whole cache a few times. Each object is hit once: what was never hit does
/// not push out what was, with SIEVE.
async fn churn(cache: &RawDiskCache, salt: u64) {
    for n in 0..200 {
        let key = format!("churn{salt}-{n}");
        cache.store(&key, pattern(n + salt, SIZE)).await.unwrap();
        assert!(cache.get_frozen(&key).unwrap().is_some());
    }
}

async fn view(cache: &RawDiskCache) -> (Bytes, Frozen<u8>, Bytes) {
    cache.store("held", pattern(99, SIZE)).await.unwrap();
    (
        cache.lookup_zero_copy("held").await.unwrap().unwrap(),
        cache.get_frozen("held").unwrap().unwrap(),
        cache.lookup_range("held", 1000..9000).unwrap().unwrap(),
    )
}

fn assert_whole((bytes, frozen, range): &(Bytes, Frozen<u8>, Bytes)) {
    let wanted = pattern(99, SIZE);
    assert!(*bytes == wanted);
    assert!(frozen[..] == wanted[..]);
    assert!(*range == wanted[1000..9000]);
}

#[tokio::test]
async fn a_view_survives_the_eviction_of_its_object() {
    for eviction in [Eviction::S3Fifo, Eviction::Sieve, Eviction::Lru] {
        let dir = Dir::new();
        let cache = builder(&dir.path())
            .eviction(eviction)
            .open()
            .await
            .unwrap();
        cache.store("held", pattern(99, SIZE)).await.unwrap();
        // One hit only: more would make it an object that S3-FIFO keeps through a scan.
        let held = cache.get_frozen("held").unwrap().unwrap();
        churn(&cache, 0).await;
        churn(&cache, 1000).await;
        assert!(
            !cache.contains("held").unwrap(),
            "{eviction:?}: evicted although pinned"
        );
        assert!(held[..] == pattern(99, SIZE)[..]);
        assert_eq!(cache.stats().unlinked_pinned_bytes, SIZE as u64);
        drop(held);
        assert_eq!(cache.stats().unlinked_pinned_bytes, 0);
    }
}

#[tokio::test]
async fn a_view_survives_the_removal_of_its_object() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let held = view(&cache).await;
    assert!(cache.remove("held").await.unwrap());
    assert!(!cache.remove("held").await.unwrap());
    churn(&cache, 0).await;
    assert_whole(&held);
}

#[tokio::test]
async fn a_view_survives_clear() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let held = view(&cache).await;
    cache.clear().await.unwrap();
    assert_eq!(cache.len(), 0);
    churn(&cache, 0).await;
    assert_whole(&held);
}

#[tokio::test]
async fn a_view_survives_the_overwriting_of_its_object() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let held = view(&cache).await;
    for n in 0..200 {
        cache.store("held", pattern(n, SIZE)).await.unwrap();
    }
    assert_eq!(
        cache.lookup("held").await.unwrap(),
        Some(pattern(199, SIZE))
    );
    assert_whole(&held);
    assert_eq!(cache.len(), 1);
}

#[tokio::test]
async fn a_view_survives_the_expiry_of_its_object() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        // Long enough to look it up in time on a busy machine.
        .ttl(Duration::from_millis(500))
        .open()
        .await
        .unwrap();
    let held = view(&cache).await;
    eventually("expired", || !cache.contains("held").unwrap());
    assert_eq!(cache.lookup_zero_copy("held").await.unwrap(), None);
    churn(&cache, 0).await;
    assert_whole(&held);
}

#[tokio::test]
async fn a_view_survives_close_and_drop_and_keeps_the_lock() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let held = view(&cache).await;
    cache.close().await.unwrap();
    assert_whole(&held);
    let error = cache.lookup("held").await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Closed);
    drop(cache);
    assert_whole(&held);
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(
        error.kind(),
        CacheErrorKind::InUse,
        "the views still have the file"
    );
    drop(held);
    let cache = open(&dir.path()).await;
    assert_eq!(cache.lookup("held").await.unwrap(), Some(pattern(99, SIZE)));
}

#[tokio::test]
async fn two_lookups_are_one_piece_of_memory() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let (bytes, frozen, range) = view(&cache).await;
    assert_eq!(bytes.as_ptr(), frozen.as_ptr());
    assert_eq!(range.as_ptr(), bytes[1000..].as_ptr());
    let again = cache.get_frozen("held").unwrap().unwrap();
    assert_eq!(frozen.as_ptr(), again.as_ptr());
}

#[tokio::test]
async fn a_cache_full_of_pinned_objects_refuses_and_loses_nothing() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let mut held = Vec::new();
    for n in 0..16 {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
        held.push(cache.get_frozen(format!("key{n}")).unwrap().unwrap());
    }
    for key in ["new", "key3"] {
        let error = cache.store(key, pattern(77, MIB)).await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::Pinned, "{error}");
        assert_eq!(error.key(), Some(key.as_bytes()));
    }
    assert_eq!(cache.len(), 16, "nothing was evicted in vain");
    for n in 0..16 {
        let found = cache.lookup(format!("key{n}")).await.unwrap();
        assert_eq!(found, Some(pattern(n, MIB)), "the old value stays");
    }
    assert_eq!(cache.stats().pinned_bytes, 16 * MIB as u64);
    held.swap_remove(5);
    cache.store("new", pattern(77, MIB)).await.unwrap();
    assert_eq!(cache.lookup("new").await.unwrap(), Some(pattern(77, MIB)));
    // One unpinned object made room; at most one pinned one left because it was its turn.
    assert!((15..=16).contains(&cache.len()));
}

#[tokio::test]
async fn views_that_are_never_dropped_cost_no_more_than_the_budget() {
    let dir = Dir::new();
    let budget = 2 * MIB as u64;
    let cache = builder(&dir.path())
        .pinned_budget(budget)
        .open()
        .await
        .unwrap();
    let mut held = Vec::new();
    for n in 0..200 {
        cache
            .store(format!("key{n}"), pattern(n, SIZE))
            .await
            .unwrap();
        if n % 8 == 0 {
            held.push((n, cache.get_frozen(format!("key{n}")).unwrap().unwrap()));
        }
        assert!(cache.stats().unlinked_pinned_bytes <= budget);
    }
    for (n, view) in &held {
        assert!(view[..] == pattern(*n, SIZE)[..]);
    }
    let file = std::fs::metadata(dir.path()).unwrap().len();
    assert!(file < 17 * MIB as u64, "the file never grows");
}

#[tokio::test]
async fn a_view_can_go_to_another_thread_and_outlive_everything() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let held = view(&cache).await;
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        assert_whole(&held);
    });
    cache.remove("held").await.unwrap();
    drop(cache);
    thread.join().unwrap();
}

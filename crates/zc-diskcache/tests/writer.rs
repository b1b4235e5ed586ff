//! Values that come in pieces.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::Write;

use bytes::Bytes;
use common::{Dir, KIB, MIB, open, pattern};
use futures_util::stream;
use zc_diskcache::{CacheErrorKind, FetchError};

#[tokio::test]
async fn pieces_become_one_object() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let data = pattern(1, 300_000);
    cache.store("key", pattern(9, 10)).await.unwrap();
    let mut writer = cache.writer("key", 300_000).await.unwrap();
    for piece in data.chunks(77_777) {
        writer.write_all(piece).unwrap();
        let found = cache.lookup("key").await.unwrap();
        assert_eq!(found, Some(pattern(9, 10)), "not there yet");
    }
    assert_eq!((writer.written(), writer.remaining()), (300_000, 0));
    writer.commit().await.unwrap();
    let found = cache.lookup_zero_copy("key").await.unwrap();
    assert_eq!(found.as_ref(), Some(&data));
    assert_eq!(cache.len(), 1);
    drop((found, cache));
    let cache = open(&dir.path()).await;
    assert_eq!(cache.lookup("key").await.unwrap(), Some(data));
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_everything_as_it_was() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(9, 10)).await.unwrap();
    let free = cache.stats().free_bytes;
    let mut writer = cache.writer("key", MIB as u64).await.unwrap();
    writer.write_piece(&pattern(1, 1000)).unwrap();
    assert!(cache.stats().free_bytes < free);
    drop(writer);
    assert_eq!(cache.stats().free_bytes, free);
    assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(9, 10)));
}

#[tokio::test]
async fn the_promised_length_is_kept() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let mut writer = cache.writer("key", 1000).await.unwrap();
    writer.write_piece(&pattern(1, 999)).unwrap();
    let error = writer.write_piece(&pattern(2, 2)).unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::LengthMismatch);
    let error = writer.commit().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::LengthMismatch);
    assert!(cache.is_empty());
    let error = cache.writer("key", 17 * MIB as u64).await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::TooLarge);
    let empty = cache.writer("empty", 0).await.unwrap();
    empty.commit().await.unwrap();
    assert_eq!(cache.lookup("empty").await.unwrap(), Some(Bytes::new()));
}

#[tokio::test]
async fn an_open_writer_pins_its_extent_and_makes_nobody_wait() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let writer = cache.writer("key", 10 * MIB as u64).await.unwrap();
    let error = cache
        .store("other", pattern(1, 10 * MIB))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Pinned);
    cache.close().await.unwrap();
    drop(writer);
}

#[tokio::test]
async fn a_writer_does_not_outlast_a_close() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let mut writer = cache.writer("key", 10).await.unwrap();
    writer.write_piece(&pattern(1, 10)).unwrap();
    cache.close().await.unwrap();
    let error = writer.commit().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Closed);
    drop(cache);
    assert!(open(&dir.path()).await.is_empty());
}

#[tokio::test]
async fn a_stream_is_stored_without_collecting_it() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let data = pattern(1, MIB);
    let pieces = |data: &Bytes| {
        let pieces = data.chunks(100 * KIB);
        let pieces = pieces.map(|piece| Ok(Bytes::copy_from_slice(piece)));
        pieces.collect::<Vec<Result<Bytes, String>>>()
    };
    let size = MIB as u64;
    let stored = cache
        .store_stream("key", size, stream::iter(pieces(&data)))
        .await;
    stored.unwrap();
    assert_eq!(cache.lookup("key").await.unwrap().as_ref(), Some(&data));
    // Too few bytes, too many, and a source that fails: the old one stays.
    for len in [size - 1, size + 1] {
        let other = stream::iter(pieces(&pattern(2, MIB)));
        match cache.store_stream("key", len, other).await.unwrap_err() {
            FetchError::Cache(error) => assert_eq!(error.kind(), CacheErrorKind::LengthMismatch),
            FetchError::Fetch(cause) => panic!("{cause}"),
        }
    }
    let mut broken = pieces(&pattern(2, MIB));
    broken[4] = Err("the source broke".to_owned());
    match cache
        .store_stream("key", size, stream::iter(broken))
        .await
        .unwrap_err()
    {
        FetchError::Fetch(cause) => assert_eq!(*cause, "the source broke"),
        FetchError::Cache(error) => panic!("{error}"),
    }
    assert_eq!(cache.lookup("key").await.unwrap(), Some(data));
    assert_eq!(cache.len(), 1);
}

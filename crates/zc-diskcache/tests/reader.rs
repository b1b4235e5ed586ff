//! One cache for several processes: one writes, the others read beside it.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Dir, KIB, MIB, builder, open, pattern};
use zc_diskcache::reader::CacheReader;
use zc_diskcache::{CacheErrorKind, RawDiskCache};

#[tokio::test]
async fn a_reader_sees_what_the_writer_does() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let long = "a key longer than a record can hold ".repeat(9);
    cache.store("key", pattern(1, 5000)).await.unwrap();
    cache.store(&long, pattern(2, 300 * KIB)).await.unwrap();
    cache.store("empty", Bytes::new()).await.unwrap();
    // The writer has it locked; a reader does not mind.
    let reader = CacheReader::open(dir.path()).await.unwrap();
    assert_eq!((reader.len(), reader.is_empty()), (3, false));
    assert_eq!(reader.path(), dir.path());
    assert_eq!(
        reader.lookup("key").await.unwrap().unwrap(),
        pattern(1, 5000)
    );
    assert_eq!(
        reader.lookup(&long).await.unwrap().unwrap(),
        pattern(2, 300 * KIB)
    );
    assert!(reader.lookup("empty").await.unwrap().unwrap().is_empty());
    assert!(reader.lookup("missing").await.unwrap().is_none());

    reader.set_interval(Duration::ZERO);
    cache.store("new", pattern(3, 100)).await.unwrap();
    assert_eq!(
        reader.lookup("new").await.unwrap().unwrap(),
        pattern(3, 100)
    );
    cache.store("key", pattern(4, 6000)).await.unwrap();
    assert_eq!(
        reader.lookup("key").await.unwrap().unwrap(),
        pattern(4, 6000)
    );
    assert!(cache.remove("key").await.unwrap());
    assert!(reader.lookup("key").await.unwrap().is_none());
    assert!(!reader.contains("key").await.unwrap());
    assert!(reader.contains("new").await.unwrap());
    cache.clear().await.unwrap();
    assert!(reader.lookup("new").await.unwrap().is_none());
    let stats = reader.stats();
    assert_eq!((stats.hits, stats.misses, stats.corrupt), (5, 3, 0));
}

#[tokio::test]
async fn a_range_is_part_of_one_object() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let value = pattern(1, 100 * KIB);
    cache.store("key", value.clone()).await.unwrap();
    let reader = CacheReader::open(dir.path()).await.unwrap();
    for (start, end) in [(0, 1), (99, 70_000), (100 * KIB, 100 * KIB), (0, 100 * KIB)] {
        let range = start as u64..end as u64;
        let found = reader.lookup_range("key", range).await.unwrap().unwrap();
        assert_eq!(found, value[start..end]);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let backwards = 5..4;
    for range in [0..100 * KIB as u64 + 1, backwards, u64::MAX..u64::MAX] {
        let error = reader.lookup_range("key", range).await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::OutOfRange);
        assert_eq!(error.key(), Some(&b"key"[..]));
    }
    assert!(
        reader
            .lookup_range("missing", 0..1)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn misses_do_not_look_at_all_records_each_time() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 100)).await.unwrap();
    let reader = CacheReader::open(dir.path()).await.unwrap();
    for _ in 0..100 {
        assert!(reader.lookup("missing").await.unwrap().is_none());
    }
    // The first look was too close to the store to be sure of having seen it.
    assert!(reader.stats().refreshes <= 2, "{:?}", reader.stats());
    reader.set_interval(Duration::from_secs(3600));
    cache.store("new", pattern(2, 100)).await.unwrap();
    assert!(reader.lookup("new").await.unwrap().is_none(), "not due yet");
    reader.refresh().await.unwrap();
    assert!(reader.lookup("new").await.unwrap().is_some());
}

#[tokio::test]
async fn an_expired_object_is_a_miss_for_readers_too() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let ttl = Duration::from_millis(200);
    cache.store_with("key", ttl, pattern(1, 100)).await.unwrap();
    cache.store("stays", pattern(2, 100)).await.unwrap();
    let stored = Instant::now();
    let reader = CacheReader::open(dir.path()).await.unwrap();
    if reader.lookup("key").await.unwrap().is_none() {
        assert!(stored.elapsed() >= ttl, "never early");
    }
    tokio::time::sleep(ttl + Duration::from_millis(50)).await;
    assert!(reader.lookup("key").await.unwrap().is_none());
    assert!(reader.lookup("stays").await.unwrap().is_some());
}

#[tokio::test]
async fn damaged_bytes_are_a_miss_whole_or_in_part() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 50 * KIB)).await.unwrap();
    let offset = {
        let view = cache.get_frozen("key").unwrap().unwrap();
        view.file_span().unwrap().offset
    };
    cache.close().await.unwrap();
    drop(cache);
    let file = fs::OpenOptions::new().write(true).open(dir.path()).unwrap();
    file.write_all_at(b"something else", offset + 40_000)
        .unwrap();
    let reader = CacheReader::open(dir.path()).await.unwrap();
    // The range itself is as it was; nobody could know.
    assert!(reader.lookup_range("key", 0..100).await.unwrap().is_none());
    assert!(reader.lookup("key").await.unwrap().is_none());
    assert_eq!(reader.stats().corrupt, 2);
}

#[tokio::test]
async fn what_is_no_cache_is_refused_and_stays_as_it_is() {
    let dir = Dir::new();
    let kind = |found: Result<CacheReader, zc_diskcache::CacheError>| found.unwrap_err().kind();
    let missing = CacheReader::open(dir.path()).await;
    assert_eq!(kind(missing), CacheErrorKind::Io);
    let folder = CacheReader::open(dir.path().parent().unwrap()).await;
    assert_eq!(kind(folder), CacheErrorKind::NotACache);
    fs::write(dir.path(), vec![7; 20_000]).unwrap();
    let other = CacheReader::open(dir.path()).await;
    assert_eq!(kind(other), CacheErrorKind::NotACache);
    assert_eq!(fs::read(dir.path()).unwrap(), vec![7; 20_000]);
}

#[tokio::test]
async fn a_file_cut_short_is_an_error_and_no_signal() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 5000)).await.unwrap();
    cache.close().await.unwrap();
    drop(cache);
    let reader = CacheReader::open(dir.path()).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(dir.path()).unwrap();
    file.set_len(50_000).unwrap();
    for error in [
        reader.refresh().await.unwrap_err(),
        reader.lookup("key").await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), CacheErrorKind::Truncated);
    }
    let again = CacheReader::open(dir.path()).await;
    assert_eq!(again.unwrap_err().kind(), CacheErrorKind::Truncated);
}

const WRITER: &str = "ZC_READER_WRITER";
const KEYS: u64 = 24;

/// Says itself which key and edition it is.
fn value(key: u64, edition: u64) -> Bytes {
    let seed = key << 40 | edition;
    let len = [40, 5 * KIB, 90 * KIB][(seed.wrapping_mul(0x9e37_79b9) % 3) as usize];
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(&pattern(seed, len));
    Bytes::from(bytes)
}

/// Half of what is stored fits: every store evicts, and extents are used again at once.
fn small(path: &Path) -> zc_diskcache::CacheBuilder {
    builder(path).capacity(MIB as u64 / 2)
}

fn start_writer(path: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "readers_beside_a_writer_that_is_killed_get_no_wrong_bytes",
        ])
        .env(WRITER, path)
        .env("ZC_READER_SEED", seed.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn write_for_ever(path: &Path, seed: u64) {
    zc_core::sync::block_on(async {
        let cache: RawDiskCache = small(path).open().await.unwrap();
        for edition in seed << 20.. {
            let key = edition.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let key = key % KEYS;
            if edition % 9 == 0 {
                cache.remove(format!("{key}")).await.unwrap();
            } else {
                let data = value(key, edition);
                cache.store(format!("{key}"), data).await.unwrap();
            }
        }
    });
}

#[test]
fn readers_beside_a_writer_that_is_killed_get_no_wrong_bytes() {
    if let Ok(path) = std::env::var(WRITER) {
        let seed = std::env::var("ZC_READER_SEED").unwrap();
        write_for_ever(&PathBuf::from(path), seed.parse().unwrap());
        return;
    }
    let dir = Dir::new();
    zc_core::sync::block_on(async {
        let cache = small(&dir.path()).open().await.unwrap();
        cache.close().await.unwrap();
    });
    let until = Instant::now() + Duration::from_secs(3);
    let path = dir.path();
    let (hits, editions) = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|n| {
                let path = path.clone();
                scope.spawn(move || read_until(&path, until, n))
            })
            .collect();
        for round in 1.. {
            let mut writer = start_writer(&path, round);
            std::thread::sleep(Duration::from_millis(200 + round * 37 % 150));
            writer.kill().unwrap();
            writer.wait().unwrap();
            if Instant::now() >= until {
                break;
            }
        }
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    });
    assert!(hits > 100, "the readers found {hits}");
    assert!(editions > 20, "the readers saw {editions} editions");
}

/// Reads keys round and round; gives the hits, and how often a key had another edition than before.
fn read_until(path: &Path, until: Instant, n: u64) -> (u64, u64) {
    zc_core::sync::block_on(async {
        let reader = CacheReader::open(path).await.unwrap();
        reader.set_interval(Duration::from_millis(2 + 5 * n));
        let (mut hits, mut editions) = (0, 0);
        let mut last = [0; KEYS as usize];
        while Instant::now() < until {
            for key in 0..KEYS {
                let name = format!("{key}");
                let Some(bytes) = reader.lookup(&name).await.unwrap() else {
                    continue;
                };
                let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                let (of, edition) = (seed >> 40, seed & ((1 << 40) - 1));
                assert_eq!(of, key, "the bytes of another key");
                assert!(bytes == value(key, edition), "torn bytes of {key}");
                let before = &mut last[key as usize];
                assert!(
                    edition >= *before,
                    "{key} went back from {before} to {edition}"
                );
                editions += u64::from(edition > *before);
                *before = edition;
                hits += 1;
            }
        }
        assert_eq!(
            reader.stats().corrupt,
            0,
            "unchanged records have their bytes"
        );
        (hits, editions)
    })
}

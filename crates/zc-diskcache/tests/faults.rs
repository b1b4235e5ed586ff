//! Files that are not ours, damaged files, truncated files, files in use.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use common::{Dir, KIB, MIB, builder, open, pattern};
use zc_core::sync::atomic::{AtomicBool, Ordering};
use zc_diskcache::{CacheErrorKind, RawDiskCache, Verify};

const RECORDS: u64 = 12_288;

fn flip(file: &File, at: u64, mask: u8) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0] ^= mask;
    file.write_all_at(&byte, at).unwrap();
}

fn raw(dir: &Dir) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(dir.path())
        .unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_cache_stays_as_it_is() {
    let zeros = vec![0; 17 * MIB];
    let noise = pattern(1, 17 * MIB);
    for content in [&b""[..], b"short", &zeros, &noise, &noise[..5000]] {
        let dir = Dir::new();
        std::fs::write(dir.path(), content).unwrap();
        let error = builder(&dir.path()).open().await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::NotACache, "{error}");
        assert_eq!(error.path(), Some(&*dir.path()));
        assert!(std::fs::read(dir.path()).unwrap() == content);
    }
    let dir = Dir::new();
    std::fs::create_dir(dir.path()).unwrap();
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::NotACache);
    let error = builder(&dir.path().join("no/such/directory"))
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Io);
}

#[tokio::test]
async fn two_opens_of_one_path() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::InUse);
    assert_eq!(error.path(), Some(&*dir.path()));
    let other = cache.clone();
    drop(cache);
    assert_eq!(
        builder(&dir.path()).open().await.unwrap_err().kind(),
        CacheErrorKind::InUse
    );
    drop(other);
    open(&dir.path()).await;
}

/// What a second process is told: the test runs itself again.
#[test]
fn two_processes_on_one_path() {
    const CHILD: &str = "ZC_SECOND_PROCESS";
    if let Ok(path) = std::env::var(CHILD) {
        let error = zc_core::sync::block_on(builder(path.as_ref()).open()).unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::InUse);
        return;
    }
    let second = |path: &std::path::Path| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", "two_processes_on_one_path"]);
        child.env(CHILD, path).output().unwrap().status.success()
    };
    let dir = Dir::new();
    let cache = zc_core::sync::block_on(open(&dir.path()));
    zc_core::sync::block_on(cache.store("key", pattern(1, 100))).unwrap();
    let view = cache.get_frozen("key").unwrap();
    assert!(second(&dir.path()), "in use");
    drop(cache);
    assert!(second(&dir.path()), "a view is a use too");
    drop(view);
    assert!(
        !second(&dir.path()),
        "free: the child opens it, which it does not expect"
    );
}

#[tokio::test]
async fn eight_threads_make_one_new_cache() {
    let dir = Dir::new();
    let path = dir.path();
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || zc_core::sync::block_on(builder(&path).open()))
        })
        .collect();
    let opens: Vec<_> = opens.into_iter().map(|open| open.join().unwrap()).collect();
    let good = opens.iter().filter(|open| open.is_ok()).count();
    assert_eq!(good, 1, "{opens:?}");
    for error in opens.iter().filter_map(|open| open.as_ref().err()) {
        assert_eq!(error.kind(), CacheErrorKind::InUse, "{error}");
    }
    let leftovers = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(leftovers, 1, "no temporary file stays");
}

#[tokio::test]
async fn another_geometry_is_refused_and_nothing_is_lost() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 1000)).await.unwrap();
    drop(cache);
    let builders = [
        builder(&dir.path()).capacity(32 * MIB as u64),
        builder(&dir.path()).capacity(8 * MIB as u64),
        builder(&dir.path()).block_size(8192),
    ];
    for builder in builders {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::Geometry);
        assert!(error.to_string().contains("16777216"), "{error}");
    }
    let cache = open(&dir.path()).await;
    assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(1, 1000)));
}

#[tokio::test]
async fn impossible_options_are_refused_before_anything_is_made() {
    let dir = Dir::new();
    for builder in [
        builder(&dir.path()).block_size(0),
        builder(&dir.path()).block_size(5000),
        builder(&dir.path()).capacity(0),
        builder(&dir.path()).capacity(u64::MAX),
    ] {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::InvalidConfig, "{error}");
    }
    assert!(!dir.path().exists());
}

#[tokio::test]
async fn no_room_on_the_disk_leaves_no_file() {
    let dir = Dir::new();
    let error = builder(&dir.path())
        .capacity(1 << 48)
        .block_size(1 << 24)
        .open()
        .await
        .unwrap_err();
    // ext4 says that the file would be too large, others that the disk is full.
    assert!(
        matches!(error.kind(), CacheErrorKind::DiskFull | CacheErrorKind::Io),
        "{error}"
    );
    assert_eq!(
        std::fs::read_dir(dir.path().parent().unwrap())
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_torn_header_is_mended_from_its_copy() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 1000)).await.unwrap();
    drop(cache);
    for copy in [0, 4096] {
        raw(&dir).write_all_at(&pattern(7, 3000), copy).unwrap();
        let cache = open(&dir.path()).await;
        assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(1, 1000)));
    }
    for copy in [0, 4096] {
        flip(&raw(&dir), copy + 20, 1);
    }
    let before = std::fs::read(dir.path()).unwrap();
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Corrupt);
    assert!(std::fs::read(dir.path()).unwrap() == before);
}

#[tokio::test]
async fn another_version_is_refused() {
    let dir = Dir::new();
    drop(open(&dir.path()).await);
    let file = raw(&dir);
    let mut page = vec![0; 4096];
    file.read_exact_at(&mut page, 0).unwrap();
    page[8] = 2;
    page[12..16].fill(0);
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &page) as u32;
    page[12..16].copy_from_slice(&crc.to_le_bytes());
    for copy in [0, 4096] {
        file.write_all_at(&page, copy).unwrap();
    }
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Version);
}

/// A child process that another thread is just starting has every descriptor for a moment; the lock
/// must not go with them.
#[tokio::test]
async fn a_child_that_is_being_started_keeps_no_lock() {
    let dir = Dir::new();
    let stop = Arc::new(AtomicBool::new(false));
    let starting = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                let child = std::process::Command::new("true").status();
                assert!(child.unwrap().success());
            }
        }
    });
    for n in 0..200 {
        let opened = builder(&dir.path()).open().await;
        let cache = opened.unwrap_or_else(|error| panic!("opening number {n}: {error}"));
        drop(cache);
    }
    stop.store(true, Ordering::Relaxed);
    starting.join().unwrap();
}

/// Every byte of the header, its copy and the session page, of every record in use and of some
/// that are not: the cache opens, and each object is right or a miss.
#[tokio::test]
async fn every_byte_of_the_metadata_flipped() {
    let dir = Dir::new();
    let small = || RawDiskCache::builder(dir.path()).capacity(256 * KIB as u64);
    let cache = small().open().await.unwrap();
    let mut objects = HashMap::new();
    for n in 0..6_u64 {
        let key = format!("key{n}");
        cache.store(&key, pattern(n, 5000)).await.unwrap();
        objects.insert(key, pattern(n, 5000));
    }
    let long = "k".repeat(300);
    cache.store(&long, pattern(9, 5000)).await.unwrap();
    objects.insert(long, pattern(9, 5000));
    drop(cache);
    let whole = std::fs::read(dir.path()).unwrap();
    let pages = (0..RECORDS).filter(|at| at % 4096 < 128 || at % 97 == 0);
    let records = RECORDS..RECORDS + 10 * 128;
    for at in pages.chain(records) {
        std::fs::write(dir.path(), &whole).unwrap();
        flip(&raw(&dir), at, 1 << (at % 8));
        let cache = small().open().await.unwrap();
        let mut found = 0;
        for (key, wanted) in &objects {
            if let Some(bytes) = cache.lookup(key).await.unwrap() {
                assert!(bytes == wanted, "wrong bytes after byte {at} was flipped");
                found += 1;
            }
        }
        assert!(found >= 6, "byte {at} cost {} objects", 7 - found);
        assert_eq!(cache.len(), found);
        for key in cache.iter_keys() {
            assert!(objects.contains_key(std::str::from_utf8(&key).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_damaged_value_or_long_key_is_a_miss_and_frees_its_extent() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let long = "k".repeat(300);
    cache.store("short", pattern(1, 100_000)).await.unwrap();
    cache.store(&long, pattern(2, 100_000)).await.unwrap();
    drop(cache);
    let file = raw(&dir);
    let whole = std::fs::read(dir.path()).unwrap();
    let place = |what: &[u8]| {
        whole
            .windows(what.len())
            .position(|window| window == what)
            .unwrap()
    };
    flip(&file, place(&pattern(1, 100)) as u64 + 50_000, 1);
    flip(&file, place(long.as_bytes()) as u64 + 200, 1);
    drop(file);
    for verify in [Verify::FirstRead, Verify::Always] {
        let cache = builder(&dir.path()).verify(verify).open().await.unwrap();
        for _ in 0..2 {
            assert_eq!(cache.lookup_zero_copy("short").await.unwrap(), None);
            assert_eq!(cache.lookup("short").await.unwrap(), None);
            assert_eq!(cache.lookup(&long).await.unwrap(), None);
        }
        let stats = cache.stats();
        assert_eq!(stats.free_bytes + stats.lent_bytes, 16 * MIB as u64);
    }
}

#[tokio::test]
async fn a_file_truncated_by_someone_else_is_an_error_and_no_signal() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    for n in 0..8 {
        cache
            .store(format!("key{n}"), pattern(n, MIB))
            .await
            .unwrap();
    }
    cache.lookup_zero_copy("key0").await.unwrap();
    raw(&dir).set_len(100_000).unwrap();
    for n in 0..8 {
        let key = format!("key{n}");
        assert_eq!(
            cache.lookup(&key).await.unwrap_err().kind(),
            CacheErrorKind::Truncated
        );
        if n > 0 {
            // Not verified yet, so it is looked at; `key0` is given away unseen.
            let error = cache.lookup_zero_copy(&key).await.unwrap_err();
            assert_eq!(error.kind(), CacheErrorKind::Truncated);
            assert_eq!(
                cache.get_frozen(&key).unwrap_err().kind(),
                CacheErrorKind::Truncated
            );
        }
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = cache.sendfile_to_socket(&key, &ours).await.unwrap_err();
        assert_eq!(error.kind(), CacheErrorKind::Truncated, "{error}");
    }
    let error = cache.store("new", pattern(9, 1000)).await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Truncated);
    drop(cache);
    let error = builder(&dir.path()).open().await.unwrap_err();
    assert_eq!(error.kind(), CacheErrorKind::Truncated);
}

#[tokio::test]
async fn a_clock_that_goes_back_between_sessions_prolongs_nothing() {
    // The stamp of a record is moved an hour ahead of the clock, which is what a clock that went
    // back an hour looks like. The object then lives for its ttl, not for an hour more.
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache
        .store_with("key", Duration::from_secs(2), pattern(1, 100))
        .await
        .unwrap();
    drop(cache);
    let file = raw(&dir);
    let mut header = [0; 4096];
    file.read_exact_at(&mut header, 0).unwrap();
    let mut record = [0; 128];
    file.read_exact_at(&mut record, RECORDS).unwrap();
    let expires = u64::from_le_bytes(record[48..56].try_into().unwrap()) + 3_600_000;
    record[48..56].copy_from_slice(&expires.to_le_bytes());
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    crc.update(&header[64..72]);
    crc.update(&0_u32.to_le_bytes());
    crc.update(&record[8..]);
    record[4..8].copy_from_slice(&(crc.finalize() as u32).to_le_bytes());
    file.write_all_at(&record, RECORDS).unwrap();
    drop(file);
    let cache = open(&dir.path()).await;
    assert!(cache.contains("key").unwrap());
    common::eventually("expired", || !cache.contains("key").unwrap());
}

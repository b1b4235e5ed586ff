//! From the cache to sockets: every kind of socket, every kind of peer, every primitive.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Dir, KIB, MIB, builder, open, pattern};
use tokio::io::AsyncReadExt;
use zc_diskcache::{CacheErrorKind, RawDiskCache, ZeroCopyConfig};

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// Every primitive, by what makes the cache choose it.
fn configs() -> [(&'static str, ZeroCopyConfig); 3] {
    let sendfile = ZeroCopyConfig {
        sendfile_max: Some(usize::MAX),
        ..ZeroCopyConfig::default()
    };
    let mapped = ZeroCopyConfig {
        sendfile_max: Some(0),
        ..ZeroCopyConfig::default()
    };
    let fallback = ZeroCopyConfig {
        enable_sendfile: false,
        ..ZeroCopyConfig::default()
    };
    [
        ("sendfile", sendfile),
        ("mapped", mapped),
        ("fallback", fallback),
    ]
}

async fn cache_with(dir: &Dir, config: ZeroCopyConfig) -> RawDiskCache {
    builder(&dir.path()).zero_copy(config).open().await.unwrap()
}

#[tokio::test]
async fn every_primitive_to_every_kind_of_socket() {
    for (name, config) in configs() {
        let dir = Dir::new();
        let cache = cache_with(&dir, config).await;
        for size in [0, 1, 4096, 100_000, 3 * MIB] {
            cache
                .store("key", pattern(size as u64, size))
                .await
                .unwrap();
            for non_blocking in [false, true] {
                let (ours, mut theirs) = tcp_pair();
                ours.set_nonblocking(non_blocking).unwrap();
                let reader = std::thread::spawn(move || {
                    let mut all = Vec::new();
                    theirs.read_to_end(&mut all).unwrap();
                    all
                });
                let sent = cache.sendfile_to_socket("key", &ours).await.unwrap();
                assert_eq!(sent, Some(size as u64), "{name}");
                drop(ours);
                assert!(
                    reader.join().unwrap() == pattern(size as u64, size),
                    "{name} {size}"
                );
            }
        }
        let stats = cache.zero_copy_stats().await;
        if name == "fallback" {
            assert_eq!(
                (stats.sendfile_transfers, stats.fallback_transfers),
                (0, 10)
            );
            assert_eq!(cache.stats().copied_hits, 10);
        } else {
            assert_eq!(
                (stats.sendfile_transfers, stats.fallback_transfers),
                (10, 0)
            );
            assert_eq!(stats.by_sendfile + stats.by_mapped_send, 10);
            assert_eq!(cache.stats().view_hits, 10);
        }
        let payload = 2 * (1 + 4096 + 100_000 + 3 * MIB as u64);
        assert_eq!(stats.sendfile_bytes + stats.fallback_bytes, payload);
    }
}

#[tokio::test]
async fn to_a_tokio_socket_with_a_slow_reader() {
    for (name, config) in configs() {
        let dir = Dir::new();
        let cache = cache_with(&dir, config).await;
        cache.store("key", pattern(1, 8 * MIB)).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reader = tokio::spawn(async move {
            let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
            let mut all = Vec::new();
            let mut buffer = vec![0; 300 * KIB];
            loop {
                tokio::time::sleep(Duration::from_millis(3)).await;
                match socket.read(&mut buffer).await.unwrap() {
                    0 => break all,
                    n => all.extend_from_slice(&buffer[..n]),
                }
            }
        });
        let (socket, _) = listener.accept().await.unwrap();
        let sent = cache.sendfile_to_socket("key", &socket).await.unwrap();
        assert_eq!(sent, Some(8 * MIB as u64), "{name}");
        // The socket is still tokio's and still good.
        socket.writable().await.unwrap();
        assert_eq!(socket.try_write(b"!").unwrap(), 1);
        drop(socket);
        let all = reader.await.unwrap();
        assert!(all[..8 * MIB] == pattern(1, 8 * MIB), "{name}");
        assert_eq!(all[8 * MIB..], *b"!");
    }
}

#[tokio::test]
async fn ranges_of_an_object() {
    for (name, config) in configs() {
        let dir = Dir::new();
        let cache = cache_with(&dir, config).await;
        let data = pattern(1, MIB);
        cache.store("key", data.clone()).await.unwrap();
        for range in [0..0, 0..1, 4095..4097, 100_000..900_001, 0..MIB as u64] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let reader = std::thread::spawn(move || {
                let mut all = Vec::new();
                theirs.read_to_end(&mut all).unwrap();
                all
            });
            let sent = cache
                .send_range_to_socket("key", range.clone(), &ours)
                .await;
            assert_eq!(sent.unwrap(), Some(range.end - range.start), "{name}");
            drop(ours);
            let wanted = &data[range.start as usize..range.end as usize];
            assert!(reader.join().unwrap() == wanted, "{name}");
        }
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let error = cache
            .send_range_to_socket("key", 5..MIB as u64 + 1, &ours)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.bytes_sent()),
            (CacheErrorKind::OutOfRange, 0)
        );
        let missing = cache
            .send_range_to_socket("missing", 0..1, &ours)
            .await
            .unwrap();
        assert_eq!(missing, None);
    }
}

#[tokio::test]
async fn a_peer_that_goes_away_in_the_middle() {
    for (name, config) in configs() {
        for non_blocking in [false, true] {
            let dir = Dir::new();
            let cache = cache_with(&dir, config.clone()).await;
            cache.store("key", pattern(1, 12 * MIB)).await.unwrap();
            let (ours, mut theirs) = tcp_pair();
            ours.set_nonblocking(non_blocking).unwrap();
            let reader = std::thread::spawn(move || {
                let mut some = vec![0; 100_000];
                theirs.read_exact(&mut some).unwrap();
            });
            let error = cache.sendfile_to_socket("key", &ours).await.unwrap_err();
            reader.join().unwrap();
            assert_eq!(error.kind(), CacheErrorKind::Socket, "{name}: {error}");
            assert!(error.bytes_sent() >= 100_000, "{name}: {error}");
            assert!(error.bytes_sent() < 12 * MIB as u64);
            assert_eq!(error.key(), Some(&b"key"[..]));
            // Nothing of it is left behind.
            assert_eq!(cache.stats().pinned_bytes, 0);
            assert_eq!(
                cache.lookup("key").await.unwrap(),
                Some(pattern(1, 12 * MIB))
            );
        }
    }
}

#[tokio::test]
async fn a_cancelled_send_lets_go_of_the_object() {
    for non_blocking in [false, true] {
        let dir = Dir::new();
        let cache = open(&dir.path()).await;
        cache.store("key", pattern(1, 12 * MIB)).await.unwrap();
        let (ours, theirs) = tcp_pair();
        ours.set_nonblocking(non_blocking).unwrap();
        let send = cache.sendfile_to_socket("key", &ours);
        let stuck = tokio::time::timeout(Duration::from_millis(50), send).await;
        assert!(stuck.is_err(), "the peer reads nothing");
        common::eventually("unpinned", || cache.stats().pinned_bytes == 0);
        drop(theirs);
    }
}

/// What a slow reader is given late must be what was sent, although the object is gone and its
/// extent was used again many times since. This is where a plain sendfile gives wrong bytes.
#[tokio::test]
async fn a_slow_reader_gets_what_was_sent_although_the_extent_is_used_again() {
    for (name, config) in configs() {
        let dir = Dir::new();
        let cache = cache_with(&dir, config).await;
        let size = 64 * KIB;
        for round in 0..4_u64 {
            cache.store("key", pattern(round, size)).await.unwrap();
            let (ours, mut theirs) = tcp_pair();
            // A blocking socket is never given page references.
            ours.set_nonblocking(true).unwrap();
            cache.sendfile_to_socket("key", &ours).await.unwrap();
            cache.remove("key").await.unwrap();
            // Four times the capacity: every block that can be used again is.
            for n in 0..1024 {
                cache
                    .store(format!("other{n}"), pattern(1000 + n, size))
                    .await
                    .unwrap();
                if n % 256 == 0 {
                    cache.flush().await.unwrap();
                }
            }
            drop(ours);
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            assert!(
                all == pattern(round, size),
                "{name}: the bytes changed in the queue"
            );
        }
    }
}

/// The same across sessions: the queue outlives the process that filled it.
#[tokio::test]
async fn a_slow_reader_gets_what_was_sent_although_the_cache_was_opened_again() {
    let dir = Dir::new();
    let size = 64 * KIB;
    for round in 0..4_u64 {
        let cache = cache_with(&dir, configs()[0].1.clone()).await;
        cache.clear().await.unwrap();
        cache.store("key", pattern(round, size)).await.unwrap();
        let (ours, mut theirs) = tcp_pair();
        ours.set_nonblocking(true).unwrap();
        cache.sendfile_to_socket("key", &ours).await.unwrap();
        cache.remove("key").await.unwrap();
        drop(cache);
        let cache = cache_with(&dir, configs()[0].1.clone()).await;
        for n in 0..512 {
            cache
                .store(format!("other{n}"), pattern(1000 + n, size))
                .await
                .unwrap();
        }
        drop(ours);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        assert!(
            all == pattern(round, size),
            "the bytes changed in the queue"
        );
    }
}

#[tokio::test]
async fn lent_blocks_come_back_when_the_peer_has_read_them() {
    let dir = Dir::new();
    let cache = cache_with(&dir, configs()[0].1.clone()).await;
    cache.store("key", pattern(1, 128 * KIB)).await.unwrap();
    let (ours, mut theirs) = tcp_pair();
    ours.set_nonblocking(true).unwrap();
    cache.sendfile_to_socket("key", &ours).await.unwrap();
    if cache.zero_copy_stats().await.by_sendfile == 0 {
        return; // this file system keeps its pages, so nothing is ever lent
    }
    cache.remove("key").await.unwrap();
    cache.flush().await.unwrap();
    for _ in 0..5 {
        assert_eq!(
            cache.stats().lent_bytes,
            128 * KIB as u64,
            "the peer has not read yet"
        );
    }
    let mut all = vec![0; 128 * KIB];
    theirs.read_exact(&mut all).unwrap();
    assert!(all == pattern(1, 128 * KIB));
    common::eventually("given back", || cache.stats().lent_bytes == 0);
    assert_eq!(cache.stats().free_bytes, 16 * MIB as u64);
}

#[tokio::test]
async fn into_a_pipe_and_a_file() {
    for (name, config) in configs() {
        let dir = Dir::new();
        let cache = cache_with(&dir, config).await;
        cache.store("key", pattern(1, 200_000)).await.unwrap();
        let file = tempfile::tempfile().unwrap();
        let sent = cache.sendfile_to_socket("key", &file).await.unwrap();
        assert_eq!(sent, Some(200_000), "{name}");
        assert_eq!(file.metadata().unwrap().len(), 200_000);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        cache.sendfile_to_socket("key", &writer).await.unwrap();
        drop(writer);
        assert!(thread.join().unwrap() == pattern(1, 200_000), "{name}");
    }
}

#[test]
fn a_send_needs_no_runtime() {
    let dir = Dir::new();
    for non_blocking in [false, true] {
        let (mut ours, mut theirs) = tcp_pair();
        ours.set_nonblocking(non_blocking).unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            all
        });
        zc_core::sync::block_on(async {
            let cache = open(&dir.path()).await;
            cache.store("key", pattern(1, 4 * MIB)).await.unwrap();
            cache.sendfile_to_socket("key", &ours).await.unwrap();
        });
        ours.flush().unwrap();
        drop(ours);
        assert!(reader.join().unwrap() == pattern(1, 4 * MIB));
    }
}

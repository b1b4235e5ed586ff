//! What the cache decides by itself: the threshold, the way to a socket, what is kept, how cold bytes
//! are read.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::convert::Infallible;
use std::io::Read;
use std::os::unix::net::UnixStream;

use common::{Dir, KIB, MIB, builder, open, pattern};
use zc_diskcache::zero_copy::Primitive;
use zc_diskcache::{AdaptiveThreshold, Admission, IoBackend, Verify, ZeroCopyConfig};

#[tokio::test]
async fn the_threshold_can_be_changed_at_any_time() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 10 * KIB)).await.unwrap();
    for (threshold, is_view) in [(64 * KIB, false), (10 * KIB, true), (10 * KIB + 1, false)] {
        cache.set_mmap_threshold(threshold);
        let [a, b] = [
            cache.lookup_zero_copy("key").await.unwrap().unwrap(),
            cache.lookup_zero_copy("key").await.unwrap().unwrap(),
        ];
        assert_eq!(a.as_ptr() == b.as_ptr(), is_view, "{threshold}");
        let stats = cache.zero_copy_stats().await;
        assert_eq!(stats.mmap_threshold, threshold);
    }
}

#[tokio::test]
async fn an_adaptive_threshold_rises_when_views_take_room_and_falls_when_they_do_not() {
    let dir = Dir::new();
    let config = ZeroCopyConfig {
        mmap_threshold: 16 * KIB,
        adaptive: Some(AdaptiveThreshold {
            min: 8 * KIB,
            max: 128 * KIB,
        }),
        ..ZeroCopyConfig::default()
    };
    let builder = builder(&dir.path())
        .zero_copy(config)
        .pinned_budget(MIB as u64);
    let cache = builder.open().await.unwrap();
    let threshold = || cache.zero_copy_manager().threshold();
    let mut held = Vec::new();
    for n in 0..8 {
        cache.store("key", pattern(n, 200 * KIB)).await.unwrap();
        held.push(cache.get_frozen("key").unwrap());
    }
    assert_eq!(threshold(), 128 * KIB, "as high as it goes");
    drop(held);
    for n in 0..64 * 5 {
        cache.store("key", pattern(n, 100)).await.unwrap();
    }
    assert_eq!(threshold(), 8 * KIB, "as low as it goes");
}

/// Over a local socket: both ways are tried, both estimates are there, and what is preferred is what
/// was cheaper.
#[tokio::test]
async fn the_way_to_a_socket_is_measured_and_reported() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 100 * KIB)).await.unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    const SENDS: u64 = 400;
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; 100 * KIB];
        for _ in 0..SENDS {
            theirs.read_exact(&mut all).unwrap();
            assert!(*all == pattern(1, 100 * KIB));
        }
    });
    for _ in 0..SENDS {
        cache.sendfile_to_socket("key", &ours).await.unwrap();
    }
    reader.join().unwrap();
    let stats = cache.zero_copy_stats().await;
    assert_eq!(stats.by_sendfile + stats.by_mapped_send, SENDS);
    let class = stats.send_classes.iter();
    let class = class.rev().rfind(|class| class.up_to >= 100 * KIB as u64);
    let class = class.unwrap();
    if stats.by_sendfile == 0 {
        // A file system that keeps its pages: there is no choice.
        return;
    }
    assert!(
        stats.by_sendfile > 1 && stats.by_mapped_send > 1,
        "{stats:?}"
    );
    assert!(class.sendfile_ns > 0 && class.mapped_ns > 0, "{stats:?}");
    let cheaper = if class.sendfile_ns <= class.mapped_ns {
        Primitive::Sendfile
    } else {
        Primitive::MappedSend
    };
    assert_eq!(class.preferred, cheaper);
    assert_eq!(stats.send_classes[0].sendfile_ns, 0, "nothing of that size");
}

#[tokio::test]
async fn admission_keeps_what_is_fetched_twice() {
    let dir = Dir::new();
    let builder = builder(&dir.path())
        .admission(Admission::SecondFetch)
        .shards(3);
    let cache = builder.open().await.unwrap();
    let fetch = || async { Ok::<_, Infallible>(pattern(1, 1000)) };
    for (round, kept) in [(1, false), (2, true), (3, true)] {
        let got = cache.get_or_fetch("key", fetch()).await.unwrap();
        assert_eq!(got, pattern(1, 1000));
        assert_eq!(cache.contains("key").unwrap(), kept, "round {round}");
    }
    let stats = cache.stats();
    assert_eq!((stats.fetches, stats.fetched_unkept), (2, 1));
    cache.store("other", pattern(2, 10)).await.unwrap();
    assert!(cache.contains("other").unwrap(), "a store is a store");
}

/// Makes the kernel forget the file's pages; says whether it did.
fn drop_pages(dir: &Dir) -> bool {
    use std::os::fd::AsRawFd;
    let file = std::fs::File::open(dir.path()).unwrap();
    file.sync_all().unwrap();
    // SAFETY: takes no pointer.
    let result = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    result == 0
}

#[tokio::test]
async fn cold_objects_are_read_right_by_every_backend() {
    for io in [IoBackend::Auto, IoBackend::Std, IoBackend::IoUring] {
        for verify in [Verify::Never, Verify::FirstRead] {
            let dir = Dir::new();
            let make = || builder(&dir.path()).io(io).verify(verify);
            let cache = match make().open().await {
                Ok(cache) => cache,
                // Then `Auto` did without, which was tested before.
                Err(error) => {
                    assert_eq!(io, IoBackend::IoUring);
                    assert!(error.to_string().contains("io_uring"), "{error}");
                    continue;
                }
            };
            let sizes = [100, 4096, 600 * KIB, 3 * MIB + 1];
            for size in sizes {
                let value = pattern(size as u64, size);
                cache.store(size.to_string(), value).await.unwrap();
            }
            cache.close().await.unwrap();
            drop(cache);
            let cache = make().open().await.unwrap();
            let dropped = drop_pages(&dir);
            for size in sizes {
                let found = cache.lookup(size.to_string()).await.unwrap();
                assert!(found == Some(pattern(size as u64, size)), "{io:?} {size}");
            }
            let stats = cache.stats();
            assert_eq!((stats.copied_hits, stats.corrupt), (4, 0));
            // tmpfs keeps its pages.
            assert!(stats.cold_hits > 0 || !dropped || cfg!(not(target_os = "linux")));
            drop_pages(&dir);
            for size in sizes {
                assert!(cache.prefetch(size.to_string()).await.unwrap());
            }
            assert!(!cache.prefetch("missing").await.unwrap());
            for size in sizes {
                let found = cache.get_frozen(size.to_string()).unwrap().unwrap();
                assert!(*found == pattern(size as u64, size), "{io:?} {size}");
            }
        }
    }
}

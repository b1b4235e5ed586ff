//! Reading through: one fetch for all who miss, and what happens when it goes wrong.

#![cfg(not(any(zc_loom, zc_shuttle)))]
#![expect(clippy::disallowed_types, reason = "a test's own state")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{Dir, KIB, MIB, builder, open, pattern};
use tokio::sync::{Notify, oneshot};
use zc_diskcache::{CacheErrorKind, FetchError, RawDiskCache};

type Fetched = Result<Bytes, FetchError<String>>;

/// A caller whose fetch waits for `gate`, then gives `value`.
fn caller(
    cache: &RawDiskCache,
    fetches: &Arc<AtomicUsize>,
    gate: &Arc<Notify>,
    value: Result<Bytes, String>,
) -> tokio::task::JoinHandle<Fetched> {
    let (cache, fetches, gate) = (cache.clone(), Arc::clone(fetches), Arc::clone(gate));
    tokio::spawn(async move {
        let fetch = async {
            fetches.fetch_add(1, Ordering::SeqCst);
            gate.notified().await;
            value
        };
        cache.get_or_fetch("key", fetch).await
    })
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_on_one_key_fetch_once() {
    for size in [100, MIB] {
        let dir = Dir::new();
        let cache = open(&dir.path()).await;
        let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
        let callers: Vec<_> = (0..64)
            .map(|_| caller(&cache, &fetches, &gate, Ok(pattern(1, size))))
            .collect();
        until(|| fetches.load(Ordering::SeqCst) == 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), pattern(1, size));
        }
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert_eq!(cache.stats().fetches, 1);
        assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(1, size)));
        // From here on it is a hit, and the future is not polled.
        let never = async { Err::<Bytes, _>("polled") };
        assert_eq!(
            cache.get_or_fetch("key", never).await.unwrap(),
            pattern(1, size)
        );
    }
}

#[tokio::test]
async fn a_failed_fetch_gives_everybody_its_cause_and_is_not_kept() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
    let callers: Vec<_> = (0..8)
        .map(|_| caller(&cache, &fetches, &gate, Err("no such thing".to_owned())))
        .collect();
    until(|| fetches.load(Ordering::SeqCst) == 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    gate.notify_one();
    let mut causes = Vec::new();
    for caller in callers {
        match caller.await.unwrap() {
            Err(FetchError::Fetch(cause)) => causes.push(cause),
            other => panic!("{other:?}"),
        }
    }
    assert!(causes.iter().all(|cause| Arc::ptr_eq(cause, &causes[0])));
    assert_eq!(*causes[0], "no such thing");
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    let fetched = cache
        .get_or_fetch("key", async { Ok::<_, String>(pattern(2, 10)) })
        .await;
    assert_eq!(fetched.unwrap(), pattern(2, 10));
    assert_eq!(cache.stats().fetch_failures, 1);
}

#[tokio::test]
async fn a_cancelled_leader_hands_over_to_exactly_one() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let leaders = Arc::new(Mutex::new(Vec::new()));
    let gate = Arc::new(Notify::new());
    let mut callers: Vec<_> = (0..8)
        .map(|id| {
            let (cache, leaders, gate) = (cache.clone(), Arc::clone(&leaders), Arc::clone(&gate));
            let fetch = async move {
                leaders.lock().unwrap().push(id);
                gate.notified().await;
                Ok::<_, String>(pattern(1, 10))
            };
            Some(tokio::spawn(async move {
                cache.get_or_fetch("key", fetch).await
            }))
        })
        .collect();
    let led = || leaders.lock().unwrap().len();
    for round in 1..=4 {
        until(|| led() == round).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(led(), round, "one leader at a time");
        let leader = leaders.lock().unwrap()[round - 1];
        callers[leader].take().expect("leads once").abort();
    }
    until(|| led() == 5).await;
    gate.notify_one();
    for caller in callers.into_iter().flatten() {
        assert_eq!(caller.await.unwrap().unwrap(), pattern(1, 10));
    }
    assert_eq!(led(), 5);
}

#[tokio::test]
async fn a_panicked_leader_hands_over_too() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let (go, gone) = oneshot::channel::<()>();
    let leader = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let fetch = async {
                gone.await.unwrap();
                std::panic::resume_unwind(Box::new("on purpose"))
            };
            cache.get_or_fetch::<String>("key", fetch).await
        })
    };
    tokio::task::yield_now().await;
    let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
    gate.notify_one();
    let second = caller(&cache, &fetches, &gate, Ok(pattern(1, 10)));
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    assert!(leader.await.unwrap_err().is_panic());
    assert_eq!(second.await.unwrap().unwrap(), pattern(1, 10));
}

#[tokio::test]
async fn a_store_during_the_fetch_wins() {
    for size in [10, MIB] {
        let dir = Dir::new();
        let cache = open(&dir.path()).await;
        let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
        let callers = [(); 3].map(|()| caller(&cache, &fetches, &gate, Ok(pattern(1, size))));
        until(|| fetches.load(Ordering::SeqCst) == 1).await;
        cache.store("key", pattern(2, size)).await.unwrap();
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), pattern(2, size));
        }
        assert_eq!(cache.lookup("key").await.unwrap(), Some(pattern(2, size)));
    }
}

#[tokio::test]
async fn a_removal_during_the_fetch_wins() {
    for clear in [false, true] {
        let dir = Dir::new();
        let cache = open(&dir.path()).await;
        let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
        let fetching = caller(&cache, &fetches, &gate, Ok(pattern(1, 10)));
        until(|| fetches.load(Ordering::SeqCst) == 1).await;
        if clear {
            cache.clear().await.unwrap();
        } else {
            assert!(!cache.remove("key").await.unwrap());
        }
        gate.notify_one();
        assert_eq!(
            fetching.await.unwrap().unwrap(),
            pattern(1, 10),
            "the caller gets it"
        );
        assert!(!cache.contains("key").unwrap(), "the cache does not");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_still_returned() {
    let dir = Dir::new();
    let cache = builder(&dir.path())
        .max_object(64 * KIB as u64)
        .open()
        .await
        .unwrap();
    let fetch = async { Ok::<_, String>(pattern(1, 65 * KIB)) };
    assert_eq!(
        cache.get_or_fetch("key", fetch).await.unwrap(),
        pattern(1, 65 * KIB)
    );
    assert!(!cache.contains("key").unwrap());
    assert_eq!(cache.stats().fetched_unkept, 1);
}

#[tokio::test]
async fn errors_of_the_cache_are_told_apart() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let long = pattern(1, 70_000);
    let fetch = async { Ok::<_, String>(Bytes::new()) };
    match cache.get_or_fetch(&long, fetch).await {
        Err(FetchError::Cache(error)) => assert_eq!(error.kind(), CacheErrorKind::KeyTooLong),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn callers_with_other_error_types_fetch_for_themselves() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let (fetches, gate) = (Arc::default(), Arc::new(Notify::new()));
    let leader = caller(&cache, &fetches, &gate, Err("no".to_owned()));
    until(|| fetches.load(Ordering::SeqCst) == 1).await;
    let other = {
        let cache = cache.clone();
        tokio::spawn(async move {
            cache
                .get_or_fetch("key", async { Ok::<_, std::io::Error>(pattern(3, 10)) })
                .await
        })
    };
    tokio::task::yield_now().await;
    gate.notify_one();
    assert!(leader.await.unwrap().is_err());
    assert_eq!(other.await.unwrap().unwrap(), pattern(3, 10));
}

//! What is documented as zero-copy copies zero bytes. Counts are of the whole process, so this is
//! one test in a process of its own.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::Read;
use std::os::unix::net::UnixStream;

use common::{Dir, KIB, MIB, open, pattern};
use zc_core::ledger;

#[tokio::test]
async fn the_ledger_of_every_path() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    let size = MIB as u64;
    let data = pattern(1, MIB);

    let before = ledger::snapshot();
    cache.store("key", data.clone()).await.unwrap();
    let stored = ledger::snapshot().since(&before);
    assert_eq!(
        stored.copied_at("cache.store"),
        size,
        "the one write to disk"
    );
    assert_eq!(stored.copied(), size);

    let before = ledger::snapshot();
    let view = cache.lookup_zero_copy("key").await.unwrap().unwrap();
    let frozen = cache.get_frozen("key").unwrap().unwrap();
    let range = cache.lookup_range("key", 1..99_999).unwrap().unwrap();
    let clones = (view.clone(), view.slice(5..), frozen.slice(7..9));
    let read = ledger::snapshot().since(&before);
    assert_eq!(read.copied(), 0, "views copy nothing");
    assert_eq!(read.delivered, 2 * size + 99_998);
    drop((view, frozen, range, clones));

    let before = ledger::snapshot();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        all
    });
    cache.sendfile_to_socket("key", &ours).await.unwrap();
    cache
        .send_range_to_socket("key", 0..(64 * KIB) as u64, &ours)
        .await
        .unwrap();
    drop(ours);
    assert_eq!(reader.join().unwrap().len(), MIB + 64 * KIB);
    let sent = ledger::snapshot().since(&before);
    assert_eq!(sent.copied(), 0, "sends copy nothing in this process");
    assert_eq!(sent.delivered, size + 64 * KIB as u64);

    let before = ledger::snapshot();
    cache.lookup("key").await.unwrap().unwrap();
    let copied = ledger::snapshot().since(&before);
    assert_eq!(
        copied.copied_at("cache.lookup_copy"),
        size,
        "the regular read is a copy"
    );

    // A cache opened again copies nothing either.
    drop(cache);
    let before = ledger::snapshot();
    let cache = open(&dir.path()).await;
    let view = cache.lookup_zero_copy("key").await.unwrap().unwrap();
    assert!(view == data);
    assert_eq!(ledger::snapshot().since(&before).copied(), 0);
}

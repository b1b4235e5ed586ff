//! What is copied on the way, by the ledger: nothing where bytes are filled in place or kept as
//! they are, and each byte once where they are not.
#![cfg(all(feature = "ledger", not(any(zc_loom, zc_shuttle))))]

mod common;

use bytes::Bytes;
use common::*;
use tokio::sync::Mutex;
use zc_agent::*;
use zc_core::ledger::{self, Ledger};

const BYTES: u64 = 1 << 20;

/// The ledger is the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Writes `BYTES` in pieces of `piece`, and gives the ledger's entries for that.
async fn books(piece: usize, write: impl AsyncFn(SubmitAgent)) -> Ledger {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(64 << 10)
        .adopt_threshold(4096)
        .spawn()
        .unwrap();
    let before = ledger::snapshot();
    for _ in 0..BYTES / piece as u64 {
        write(handle.reserve_writer(size(piece)).await.unwrap()).await;
    }
    handle.flush();
    let mut received = 0;
    while received < BYTES {
        received += next(&mut groups).await.len as u64;
    }
    let books = ledger::snapshot().since(&before);
    assert_eq!(books.delivered, BYTES);
    books
}

#[tokio::test]
async fn in_place_nothing_is_copied() {
    let _alone = ALONE.lock().await;
    for piece in [64, 1024, 65536] {
        let books = books(piece, async |agent| fill_and_commit(agent)).await;
        assert_eq!(books.sites, [], "{piece}");
    }
}

#[tokio::test]
async fn large_bytes_are_kept_as_they_are() {
    let _alone = ALONE.lock().await;
    for piece in [4096, 65536] {
        let books = books(piece, async |agent| {
            let bytes = pattern_bytes(agent.offset(), piece);
            agent.into_single_agent().submit_bytes(bytes).await.unwrap();
        });
        assert_eq!(books.await.sites, [], "{piece}");
    }
}

#[tokio::test]
async fn small_bytes_are_copied_once() {
    let _alone = ALONE.lock().await;
    for piece in [64, 1024] {
        let books = books(piece, async |agent| {
            let bytes = pattern_bytes(agent.offset(), piece);
            agent.into_single_agent().submit_bytes(bytes).await.unwrap();
        });
        let books = books.await;
        assert_eq!(books.copied(), BYTES, "{piece}");
        assert_eq!(books.copied_at("agent.submit_small"), BYTES);
    }
}

#[tokio::test]
async fn chunks_below_the_threshold_are_copied_once_and_the_others_not() {
    let _alone = ALONE.lock().await;
    let books = books(8192, async |agent| {
        let (at, mut agent) = (agent.offset(), agent.into_chunk_agent());
        agent.submit_chunk(pattern_bytes(at, 4096)).unwrap();
        agent.submit_chunk(pattern_bytes(at + 4096, 4095)).unwrap();
        agent.submit_chunk(pattern_bytes(at + 8191, 1)).unwrap();
        agent.commit().await.unwrap();
    });
    assert_eq!(books.await.copied(), BYTES / 2);
}

#[tokio::test]
async fn what_a_run_is_given_is_copied_once() {
    let _alone = ALONE.lock().await;
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(64 << 10)
        .spawn()
        .unwrap();
    let before = ledger::snapshot();
    let mut writer = handle.writer(4096);
    for at in (0..BYTES).step_by(64) {
        writer.write(&pattern_bytes(at, 64)).await.unwrap();
    }
    writer.flush().unwrap();
    handle.flush();
    let mut received = 0;
    while received < BYTES {
        received += next(&mut groups).await.len as u64;
    }
    let books = ledger::snapshot().since(&before);
    assert_eq!(
        (books.copied(), books.copied_at("agent.run")),
        (BYTES, BYTES)
    );
}

#[tokio::test]
async fn only_a_group_of_several_pieces_is_copied_to_become_one() {
    let _alone = ALONE.lock().await;
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(8192)
        .adopt_threshold(4096)
        .spawn()
        .unwrap();
    let before = ledger::snapshot();
    fill_and_commit(handle.reserve_writer(size(8192)).await.unwrap());
    let whole: Bytes = next(&mut groups).await.into_bytes();
    assert_eq!(ledger::snapshot().since(&before).copied(), 0);
    for _ in 0..2 {
        let agent = handle.reserve_writer(size(4096)).await.unwrap();
        let bytes = pattern_bytes(agent.offset(), 4096);
        agent.into_single_agent().submit_bytes(bytes).await.unwrap();
    }
    let joined = next(&mut groups).await.into_bytes();
    let books = ledger::snapshot().since(&before);
    assert_eq!(books.copied_at("agent.into_bytes"), 8192);
    assert_eq!(
        (whole, joined),
        (pattern_bytes(0, 8192), pattern_bytes(8192, 8192))
    );
}

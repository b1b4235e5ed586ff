//! `write_all`: a whole stream into a sink, with errors and cancellation on the way.
#![cfg(all(unix, not(any(zc_loom, zc_shuttle))))]
#![expect(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges are what is compared"
)]

mod common;

use std::fs;
use std::io;
use std::path::Path;
use std::task::{Context, Waker};

use common::*;
use zc_agent::*;

fn spawn(commit_size: usize) -> (ZeroCopyHandle, Groups, Failures) {
    let builder = Manager::builder()
        .min_group_commit_size(commit_size)
        .max_reservation(8 << 20)
        .memory_budget(32 << 20);
    builder.spawn().unwrap()
}

/// Writes pieces of the pattern, and finalizes.
async fn produce(handle: ZeroCopyHandle, pieces: usize, len: usize) {
    for _ in 0..pieces {
        fill_and_commit(handle.reserve_writer(size(len)).await.unwrap());
        tokio::task::yield_now().await;
    }
    handle.finalize().await.unwrap();
}

fn assert_whole(path: &Path, len: usize) {
    assert!(fs::read(path).unwrap() == pattern_bytes(0, len));
}

#[tokio::test]
async fn a_whole_stream_goes_to_the_file_and_is_synced_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (handle, mut groups, _failures) = spawn(100);
    let producer = tokio::spawn(produce(handle, 900, 50));
    let mut sink = FileSink::create(&path).unwrap().sync_every(5000);
    let report = within(sink.write_all(&mut groups)).await.unwrap();
    assert!(report.is_empty());
    assert!(sink.durable_offset() > 20_000, "{}", sink.durable_offset());
    within(sink.finish()).await.unwrap();
    assert_eq!(sink.completed_ranges(), [0..45_000]);
    assert_whole(&path, 45_000);
    let resumed = FileSink::resume(&path).unwrap();
    assert_eq!(resumed.completed_ranges(), [0..45_000]);
    within(producer).await.unwrap();
}

#[tokio::test]
async fn a_long_group_is_hashed_like_a_short_one() {
    const LEN: usize = 3 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (handle, mut groups, _failures) = spawn(1000);
    let producer = tokio::spawn(async move {
        for len in [600, LEN, 700, LEN, 10] {
            fill_and_commit(handle.reserve_writer(size(len)).await.unwrap());
        }
        handle.finalize().await.unwrap();
    });
    let mut sink = FileSink::create(&path).unwrap();
    within(sink.write_all(&mut groups)).await.unwrap();
    within(sink.finish()).await.unwrap();
    within(producer).await.unwrap();
    let len = 2 * LEN + 1310;
    assert_whole(&path, len);
    let resumed = FileSink::resume(&path).unwrap();
    assert_eq!(resumed.completed_ranges(), [0..len as u64]);
}

#[tokio::test]
async fn without_space_each_group_of_a_stream_comes_back_once() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let (handle, mut groups, _failures) = spawn(100);
    produce(handle, 40, 50).await;
    let mut sink = FileSink::create(&full).unwrap();
    let mut back = Vec::new();
    while let Err(error) = within(sink.write_all(&mut groups)).await {
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        back.push(error.group.expect("comes back"));
    }
    let offsets: Vec<_> = back.iter().map(|group| group.offset).collect();
    assert_eq!(offsets, (0..20).map(|n| n * 100).collect::<Vec<_>>());
    assert!(sink.completed_ranges().is_empty());

    let path = folder.path().join("file");
    let mut other = FileSink::create(&path).unwrap();
    for group in back {
        within(other.write_group(group)).await.unwrap();
    }
    within(other.finish()).await.unwrap();
    assert_whole(&path, 2000);
}

#[tokio::test]
async fn a_cancelled_write_all_is_taken_up_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (handle, mut groups, _failures) = spawn(100);
    let producer = tokio::spawn(produce(handle, 400, 50));
    let mut sink = FileSink::create(&path).unwrap().sync_every(1000);
    for _ in 0..200 {
        let mut all = Box::pin(sink.write_all(&mut groups));
        let polled = all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(all);
        if polled.is_ready() {
            break;
        }
        tokio::task::yield_now().await;
    }
    within(sink.write_all(&mut groups)).await.unwrap();
    within(sink.finish()).await.unwrap();
    within(producer).await.unwrap();
    assert_eq!(sink.completed_ranges(), [0..20_000]);
    assert_whole(&path, 20_000);
}

#[tokio::test]
async fn every_sink_takes_a_whole_stream() {
    let (handle, mut groups, _failures) = spawn(100);
    let producer = tokio::spawn(produce(handle, 30, 50));
    let mut sink = AsyncWriteSink::new(Vec::new());
    within(sink.write_all(&mut groups)).await.unwrap();
    within(sink.finish()).await.unwrap();
    within(producer).await.unwrap();
    assert!(sink.into_inner() == pattern_bytes(0, 1500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_leave_out_of_the_file_is_what_was_reported_unused() {
    const PIECES: usize = 1000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (handle, mut groups, mut failures) = spawn(64 << 10);
    let metrics = handle.clone();
    let writers = (1..=4_u8).map(|n| {
        let mut writer = handle.writer(4 << 10);
        tokio::spawn(async move {
            for _ in 0..PIECES {
                writer.write(&[n; 64]).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let producer = tokio::spawn(async move {
        for writer in writers {
            writer.await.unwrap();
        }
        handle.finalize().await.unwrap();
    });
    let mut sink = FileSink::create(&path).unwrap();
    within(sink.write_all(&mut groups)).await.unwrap();
    within(sink.finish()).await.unwrap();
    within(producer).await.unwrap();

    let file = fs::read(&path).unwrap();
    let mut written = 0;
    for range in sink.completed_ranges() {
        let bytes = &file[range.start as usize..range.end as usize];
        written += bytes.len();
        for piece in bytes.chunks(64) {
            assert!((1..=4).contains(&piece[0]) && piece == [piece[0]; 64]);
        }
    }
    assert_eq!(written, 4 * PIECES * 64);
    let mut unused = 0;
    while let Some(Received::Item(failed)) = failures.try_recv() {
        for info in failed.failed_reservations {
            assert_eq!(info.reason, FailReason::Unused);
            unused += info.size;
        }
    }
    assert_eq!((written + unused) as u64, metrics.metrics().stream_len);
}

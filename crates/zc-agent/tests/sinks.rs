//! Sinks: files that can be resumed, and writers in order.
#![cfg(all(unix, not(any(zc_loom, zc_shuttle))))]
#![expect(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges are what is compared"
)]

mod common;

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::*;
use tokio::io::AsyncWrite;
use zc_agent::*;

/// Groups of 100 bytes of the pattern, every fifth byte adopted.
async fn groups(n: u64) -> Vec<SuccessfulGroupData> {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(100)
        .adopt_threshold(20)
        .memory_budget(1 << 20)
        .spawn()
        .unwrap();
    for at in 0..n {
        for (start, len) in [(0, 10), (10, 20), (30, 10), (40, 60)] {
            let agent = handle.reserve_writer(size(len)).await.unwrap();
            assert_eq!(agent.offset(), at * 100 + start);
            let bytes = pattern_bytes(agent.offset(), len);
            agent.into_single_agent().submit_bytes(bytes).await.unwrap();
        }
    }
    let mut all = vec![];
    for _ in 0..n {
        all.push(next(&mut groups).await);
    }
    all
}

fn assert_pattern(path: &Path, range: std::ops::Range<u64>) {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    fs::File::open(path)
        .unwrap()
        .read_exact_at(&mut bytes, range.start)
        .unwrap();
    assert_eq!(bytes, pattern_bytes(range.start, bytes.len()));
}

#[tokio::test]
async fn groups_land_at_their_offsets_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut sink = FileSink::create(&path).unwrap().sync_every(1);
    let mut watch = sink.watch_durable();
    let mut all = groups(5).await;
    let first = all.remove(0);
    for group in all.into_iter().rev() {
        assert_eq!(group.chunks().len(), 4);
        within(sink.write_group(group)).await.unwrap();
    }
    assert_eq!(sink.completed_ranges(), [100..500]);
    assert_eq!(sink.durable_offset(), 0);
    within(sink.write_group(first)).await.unwrap();
    assert_eq!(sink.durable_offset(), 500);
    assert_eq!(*watch.borrow_and_update(), 500);
    within(sink.finish()).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 500);
    assert_pattern(&path, 0..500);
}

#[tokio::test]
async fn nothing_is_completed_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut sink = FileSink::create(&path).unwrap();
    for group in groups(2).await {
        within(sink.write_group(group)).await.unwrap();
    }
    assert!(sink.completed_ranges().is_empty());
    assert!(
        FileSink::resume(&path)
            .unwrap()
            .completed_ranges()
            .is_empty()
    );
    let mut sink = FileSink::create(&path).unwrap();
    for group in groups(2).await {
        within(sink.write_group(group)).await.unwrap();
    }
    within(sink.sync()).await.unwrap();
    assert_eq!(sink.completed_ranges(), [0..200]);
}

#[tokio::test]
async fn resume_knows_what_is_there_and_create_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut sink = FileSink::create(&path).unwrap();
    for (n, group) in groups(5).await.into_iter().enumerate() {
        if n != 2 {
            within(sink.write_group(group)).await.unwrap();
        }
    }
    within(sink.finish()).await.unwrap();
    drop(sink);

    let mut sink = FileSink::resume(&path).unwrap();
    assert_eq!(sink.completed_ranges(), [0..200, 300..500]);
    assert_eq!(sink.durable_offset(), 200);
    // The source begins at 0 again, and writes some of it once more.
    for group in groups(3).await {
        within(sink.write_group(group)).await.unwrap();
    }
    within(sink.finish()).await.unwrap();
    assert_eq!(sink.completed_ranges(), [0..500]);
    assert_eq!(
        FileSink::resume(&path).unwrap().completed_ranges(),
        [0..500]
    );
    assert_pattern(&path, 0..500);
    assert!(
        FileSink::create(&path)
            .unwrap()
            .completed_ranges()
            .is_empty()
    );
}

#[tokio::test]
async fn an_entry_of_the_map_that_cannot_be_believed_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let map = folder.path().join("file.zcmap");
    let fresh = async || {
        let mut sink = FileSink::create(&path).unwrap().sync_every(1);
        for group in groups(3).await {
            within(sink.write_group(group)).await.unwrap();
        }
        assert_eq!(sink.durable_offset(), 300);
    };
    let resumed = || FileSink::resume(&path).unwrap().completed_ranges();

    // The file is shorter than the map says.
    fresh().await;
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(250)
        .unwrap();
    assert_eq!(resumed(), [0..200]);
    // A byte of an entry is wrong.
    fresh().await;
    let mut bytes = fs::read(&map).unwrap();
    bytes[8 + 32 + 3] ^= 1;
    fs::write(&map, &bytes).unwrap();
    assert_eq!(resumed(), [0..100, 200..300]);
    // The last entry is torn.
    fresh().await;
    let bytes = fs::read(&map).unwrap();
    fs::write(&map, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(resumed(), [0..200]);
    // A byte of the data is wrong.
    fresh().await;
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&[pattern(7) ^ 1], 7)
        .unwrap();
    assert_eq!(resumed(), [100..300]);
    // The map is not one.
    fresh().await;
    fs::write(&map, b"something else").unwrap();
    assert!(resumed().is_empty());
    // There is none.
    fresh().await;
    fs::remove_file(&map).unwrap();
    assert!(resumed().is_empty());
}

#[tokio::test]
async fn without_space_the_group_comes_back_and_can_be_passed_again() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let mut sink = FileSink::create(&full).unwrap();
    let mut group = groups(1).await.remove(0);
    for _ in 0..3 {
        let error = within(sink.write_group(group)).await.unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("100 bytes at 0"), "{error}");
        group = error.group.expect("comes back");
        assert_eq!((group.offset, group.len), (0, 100));
    }
    assert!(sink.completed_ranges().is_empty());
    let path = folder.path().join("file");
    let mut other = FileSink::create(&path).unwrap();
    within(other.write_group(group)).await.unwrap();
    within(other.finish()).await.unwrap();
    assert_pattern(&path, 0..100);
}

#[tokio::test]
async fn a_cancelled_write_is_finished_by_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut sink = FileSink::create(&path).unwrap().sync_every(1);
    for group in groups(20).await {
        let mut write = Box::pin(sink.write_group(group));
        let _ = write
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()));
    }
    within(sink.finish()).await.unwrap();
    assert_eq!(sink.durable_offset(), 2000);
    assert_pattern(&path, 0..2000);
}

#[tokio::test]
async fn good_bytes_beside_failures_go_to_the_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (handle, _groups, mut failures) = Manager::builder()
        .min_group_commit_size(100)
        .spawn()
        .unwrap();
    let a = handle.reserve_writer(size(40)).await.unwrap();
    let lost = handle.reserve_writer(size(20)).await.unwrap();
    let b = handle.reserve_writer(size(40)).await.unwrap();
    fill_and_commit(a);
    fill_and_commit(b);
    drop(lost);
    let mut sink = FileSink::create(&path).unwrap();
    while let Some(Received::Item(failed)) = failures.try_recv() {
        for group in failed.into_groups() {
            within(sink.write_group(group)).await.unwrap();
        }
    }
    within(sink.finish()).await.unwrap();
    assert_eq!(sink.completed_ranges(), [0..40, 60..100]);
    assert_pattern(&path, 60..100);
}

/// Takes a few bytes at a time, waits now and then, and fails once.
#[derive(Debug, Default)]
struct Fussy {
    bytes: Vec<u8>,
    calls: usize,
    is_shut: bool,
}

impl AsyncWrite for Fussy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.calls += 1;
        match self.calls {
            5 => Poll::Ready(Err(io::ErrorKind::StorageFull.into())),
            n if n % 3 == 0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => {
                let n = bytes.len().min(7);
                self.bytes.extend_from_slice(&bytes[..n]);
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_writer_gets_groups_in_order_and_loses_nothing_to_errors_and_cancellation() {
    let mut all = groups(4).await;
    let mut sink = AsyncWriteSink::new(Fussy::default());
    let error = within(sink.write_group(all.remove(1))).await.unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::InvalidInput);
    all.insert(1, error.group.expect("comes back"));

    let error = within(sink.write_group(all.remove(0))).await.unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
    let rest = error.group.expect("what is left");
    assert_eq!((rest.offset, rest.len), (17, 83));
    within(sink.write_group(rest)).await.unwrap();
    assert_eq!(sink.position(), 100);
    // Cancelled after a few bytes: the next call goes on.
    let mut write = Box::pin(sink.write_group(all.remove(0)));
    assert!(
        write
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
            .is_pending()
    );
    drop(write);
    for group in all {
        within(sink.write_group(group)).await.unwrap();
    }
    within(sink.finish()).await.unwrap();
    let writer = sink.into_inner();
    assert!(writer.is_shut);
    assert_eq!(writer.bytes, pattern_bytes(0, 400));
}

//! Every name of the contract, called in the shape it has there. What a name does is for the other
//! files to show; here a name that changes its shape fails to compile.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::BTreeMap;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use common::*;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use zc_agent::*;
use zc_core::Frozen;

/// A manager with every option that there is.
fn spawn() -> (ZeroCopyHandle, Groups, Failures) {
    let builder: ManagerBuilder = Manager::builder();
    let spawned: Result<(ZeroCopyHandle, Groups, Failures), BuildError> = builder
        .min_group_commit_size(100)
        .max_reservation(1000)
        .memory_budget(10_000)
        .linger(Duration::from_secs(60))
        .delivery(Delivery::Ordered)
        .abandon_after(Duration::from_secs(60))
        .adopt_threshold(50)
        .queue_depth(16)
        .spawn();
    spawned.unwrap()
}

#[tokio::test]
async fn handle_and_submit_agent() {
    let (handle, mut groups, mut failures) = spawn();
    let ten: NonZeroUsize = size(10);
    let reserved: Result<SubmitAgent, BufferError> = handle.reserve_writer(ten).await;
    let mut agent = reserved.unwrap();
    let _: (ReservationId, GroupId) = (agent.id(), agent.group_id());
    let place: (AbsoluteOffset, usize) = (agent.offset(), agent.size());
    assert_eq!(place, (0, 10));
    let room: &mut [MaybeUninit<u8>] = agent.as_uninit_mut();
    assert_eq!(room.len(), 10);
    agent.put_slice(&pattern_bytes(0, 10));
    let committed: Result<(), CommitError<SubmitAgent>> = agent.commit();
    committed.unwrap();

    let tried: Result<SubmitAgent, BufferError> = handle.try_reserve_writer(ten);
    let mut agent = tried.unwrap();
    agent.put_slice(&pattern_bytes(10, 10));
    let committed: Result<(), CommitError<SubmitAgent>> = agent.commit_partial(4);
    committed.unwrap();

    let timed: Result<SubmitAgent, BufferError> = handle.reserve_writer_timeout(ten, LONG).await;
    timed.unwrap().fail("said so");
    let failed: FailedGroupData = next_failure(&mut failures).await;
    let info: &FailedReservationInfo = &failed.failed_reservations[0];
    let retried: Result<SubmitAgent, BufferError> = handle.retry(info).await;
    fill_and_commit(retried.unwrap());

    let clone = handle.clone();
    let blocking = tokio::task::spawn_blocking(move || clone.blocking_reserve_writer(ten));
    let blocked: Result<SubmitAgent, BufferError> = blocking.await.unwrap();
    blocked.unwrap().fail(FailReason::Failed("so".to_owned()));
    handle.flush();
    let metrics: AgentMetrics = handle.metrics();
    assert_eq!(metrics.retried_reservations, 1);
    assert!(!next(&mut groups).await.is_empty());
}

#[tokio::test]
async fn the_other_agents_and_runs() {
    let (handle, mut groups, _failures) = spawn();
    let single: SingleAgent = handle
        .reserve_writer(size(60))
        .await
        .unwrap()
        .into_single_agent();
    let submitted: Result<(), SubmitError> = single.submit_bytes(pattern_bytes(0, 60)).await;
    submitted.unwrap();
    let wrong = handle.reserve_writer(size(30)).await.unwrap();
    let wrong = wrong.into_single_agent().submit_bytes(Bytes::new()).await;
    let parts: (Option<SingleAgent>, Option<Bytes>) = wrong.unwrap_err().into_parts();
    let again = parts.0.unwrap().submit_bytes(pattern_bytes(60, 30)).await;
    again.unwrap();

    let mut chunks: ChunkAgent = handle
        .reserve_writer(size(10))
        .await
        .unwrap()
        .into_chunk_agent();
    let first: Result<(), SubmitError> = chunks.submit_chunk(pattern_bytes(90, 2));
    first.unwrap();
    let last: Result<(), SubmitError> = chunks.submit_chunk_at(8, pattern_bytes(98, 2));
    last.unwrap();
    chunks.put_slice(&pattern_bytes(92, 2));
    Write::write_all(&mut chunks, &pattern_bytes(94, 2)).unwrap();
    AsyncWriteExt::write_all(&mut chunks, &pattern_bytes(96, 2))
        .await
        .unwrap();
    let committed: Result<(), CommitError<ChunkAgent>> = chunks.commit().await;
    committed.unwrap();
    let mut ranges = Ranges::default();
    ranges.group(&next(&mut groups).await);
    ranges.assert_cover(100);

    let mut writer: RunWriter = handle.writer(64);
    let written: Result<AbsoluteOffset, BufferError> = writer.write(b"line").await;
    assert_eq!(written.unwrap(), 100);
}

#[tokio::test]
async fn what_is_received() {
    fn is_a_stream_of<T>(_: &impl Stream<Item = Received<T>>) {}
    fn is_a_buf(_: &impl Buf) {}

    let (handle, mut groups, mut failures) = spawn();
    is_a_stream_of::<SuccessfulGroupData>(&groups);
    is_a_stream_of::<FailedGroupData>(&failures);
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let group = match groups.recv().await {
        Received::Item(group) => group,
        Received::End(report) => panic!("{report:?}"),
    };
    let _: (GroupId, AbsoluteOffset, usize) = (group.group_id, group.offset, group.len);
    is_a_buf(&group);
    let chunks: &[Frozen<u8>] = group.chunks();
    assert_eq!(chunks.len(), 1, "contiguous");
    let slices: Vec<IoSlice<'_>> = group.io_slices();
    assert_eq!(slices[0].len(), 100);
    let bytes: Bytes = group.into_bytes();
    assert_eq!(bytes.len(), 100);

    let held = handle.reserve_writer(size(1)).await.unwrap();
    fill_and_commit(handle.reserve_writer(size(2)).await.unwrap());
    drop(held);
    let failed: FailedGroupData = failures.recv().await.item().unwrap();
    let chunks: &BTreeMap<AbsoluteOffset, Frozen<u8>> = &failed.group_chunks;
    assert_eq!(chunks[&101].len(), 2);
    let infos: &Vec<FailedReservationInfo> = &failed.failed_reservations;
    let info = &infos[0];
    let _: (ReservationId, GroupId) = (info.id, failed.group_id.max(info.group_id));
    let _: (AbsoluteOffset, usize) = (info.offset, info.size);
    match &info.reason {
        FailReason::Dropped => {}
        FailReason::Failed(_)
        | FailReason::Abandoned
        | FailReason::Finalized
        | FailReason::Unused => panic!("{info:?}"),
        other => panic!("{other}"),
    }

    let group_state: Option<GroupState> = handle.group_state(info.group_id);
    match group_state.unwrap() {
        GroupState::Open => {}
        GroupState::Sealed {
            by:
                SealedBy::Size
                | SealedBy::Linger
                | SealedBy::Flush
                | SealedBy::Pressure
                | SealedBy::Finalize,
        }
        | GroupState::Complete
        | GroupState::Delivered => panic!("{group_state:?}"),
        other => panic!("{other:?}"),
    }
    let finalized: Result<Arc<FinalizeResult>, BufferError> = handle.finalize().await;
    let report = finalized.unwrap();
    let _: (&Vec<SuccessfulGroupData>, &Vec<FailedGroupData>) =
        (&report.undelivered, &report.failed);
    assert!(report.is_empty() && report.failed_len() == 0);
    assert!(matches!(groups.next().await, Some(Received::End(_))));
    assert!(groups.next().await.is_none());
}

#[tokio::test]
async fn the_three_ends_and_deliveries() {
    let drain = FinalizeMode::Drain {
        deadline: Some(LONG),
    };
    for mode in [drain, FinalizeMode::SealNow, FinalizeMode::Abort] {
        let builder = Manager::builder().delivery(Delivery::AsReady);
        let (handle, _groups, _failures) = builder.spawn().unwrap();
        let ended: Result<Arc<FinalizeResult>, BufferError> = handle.finalize_with(mode).await;
        assert!(ended.unwrap().is_empty());
    }
}

#[tokio::test]
async fn errors_are_errors_with_words() {
    fn words(error: &(impl std::error::Error + Send + Sync + 'static)) -> String {
        error.to_string()
    }
    let (handle, _groups, _failures) = spawn();
    let error: BuildError = Manager::builder().queue_depth(0).spawn().unwrap_err();
    assert!(words(&error).contains("queue_depth"));
    let error: BufferError = handle.try_reserve_writer(size(1001)).unwrap_err();
    assert!(words(&error).contains("1000"), "names the limit");
    let agent = handle.reserve_writer(size(7)).await.unwrap();
    let error = agent.commit().unwrap_err();
    let reason: &ManagerError = error.reason();
    assert!(words(reason).contains("0 of 7 bytes"));
    let error: BufferError = error.into();
    assert!(words(&error).contains("0 of 7 bytes"));
    let agent = handle.reserve_writer(size(7)).await.unwrap();
    let single = agent.into_single_agent();
    let error: SubmitError = single.submit_bytes(Bytes::new()).await.unwrap_err();
    assert!(words(&error).contains("7 expected"));
}

/// Two groups of 100 bytes into a sink, and the end.
async fn two(sink: &mut impl GroupSink) {
    let (handle, mut groups, _failures) = spawn();
    for _ in 0..2 {
        fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
        let written: Result<(), SinkError> = sink.write_group(next(&mut groups).await).await;
        written.unwrap();
    }
    let finished: Result<(), SinkError> = sink.finish().await;
    finished.unwrap();
}

/// The sinks, and one of somebody else.
#[cfg(unix)]
#[tokio::test]
async fn sinks() {
    struct Mine(usize);

    impl GroupSink for Mine {
        async fn write_group(&mut self, group: SuccessfulGroupData) -> Result<(), SinkError> {
            self.0 += group.len;
            Ok(())
        }

        async fn finish(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }

    let mut mine = Mine(0);
    two(&mut mine).await;
    assert_eq!(mine.0, 200);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    let created: std::io::Result<FileSink> = FileSink::create(&path);
    let mut sink = created.unwrap();
    let durable: AbsoluteOffset = sink.durable_offset();
    let watch = sink.watch_durable();
    assert_eq!((durable, *watch.borrow()), (0, 0));
    two(&mut sink).await;
    assert_eq!((sink.durable_offset(), *watch.borrow()), (200, 200));
    drop(sink);
    let resumed: std::io::Result<FileSink> = FileSink::resume(&path);
    let mut sink = resumed.unwrap();
    let completed: Vec<std::ops::Range<AbsoluteOffset>> = sink.completed_ranges();
    assert_eq!(completed, vec![0..200; 1]);
    // The source may start at 0 again.
    two(&mut sink).await;

    let mut sink = AsyncWriteSink::new(Vec::new());
    two(&mut sink).await;
    assert_eq!(sink.into_inner(), pattern_bytes(0, 200));
}

#[cfg(feature = "channel")]
#[tokio::test]
async fn a_channel_as_a_sink() {
    let (sender, receiver) = zc_channel::bounded(8);
    let mut sink = ChannelSink::new(sender);
    two(&mut sink).await;
    let mut ranges = Ranges::default();
    while let Ok(group) = receiver.try_recv() {
        ranges.group(&group);
    }
    ranges.assert_cover(200);
}

#[cfg(feature = "object-store")]
#[tokio::test]
async fn a_multipart_upload_as_a_sink() {
    use object_store::{ObjectStoreExt, memory::InMemory, path::Path};
    let (store, path) = (InMemory::new(), Path::from("stream"));
    let upload = store.put_multipart(&path).await.unwrap();
    let mut sink = MultipartSink::new(upload).part_size(64).concurrency(2);
    two(&mut sink).await;
    let end: AbsoluteOffset = sink.position();
    assert_eq!(end, 200);
    let object: Bytes = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(object, pattern_bytes(0, 200));
    // An upload that is not wanted any more.
    let upload = store.put_multipart(&path).await.unwrap();
    let mut sink = MultipartSink::new(upload);
    let aborted: std::io::Result<()> = sink.abort().await;
    aborted.unwrap();
}

#[tokio::test]
async fn the_originals_names() {
    use tokio::sync::mpsc::Receiver;
    use zc_agent::compat as zc_buffer;
    use zc_buffer::types::{AbsoluteOffset, GroupId, ReservationId};
    use zc_buffer::{ManagerActor, defaults, manager};

    type Started = (
        zc_buffer::ZeroCopyHandle,
        Receiver<zc_buffer::SuccessfulGroupData>,
        Receiver<zc_buffer::FailedGroupDataTransmission>,
    );
    let channel = NonZeroUsize::new(8).unwrap();
    let _: Started = zc_buffer::spawn_manager!(default, channel, &100);
    let _: Started = zc_buffer::spawn_manager!(defaults::DefaultManagerComponents, channel, &100);
    let _: Started =
        manager::ManagerActor::<defaults::DefaultManagerComponents>::spawn(channel, &100);
    let (handle, mut completed, mut failed): Started =
        ManagerActor::<zc_buffer::DefaultManagerComponents>::spawn(channel, &100);

    let reserved: Result<zc_buffer::SubmitAgent, zc_buffer::BufferError> =
        handle.reserve_writer(size(60)).await;
    let agent = reserved.unwrap();
    let place: (ReservationId, AbsoluteOffset, usize) = (agent.id(), agent.offset(), agent.size());
    assert_eq!((place.1, place.2), (0, 60));
    let single: zc_buffer::SingleAgent = agent.into_single_agent();
    assert_eq!((single.id(), single.offset(), single.size()), place);
    let submitted: Result<(), zc_buffer::BufferError> =
        single.submit_bytes(pattern_bytes(0, 60)).await;
    submitted.unwrap();
    let agent = handle.clone().reserve_writer(size(40)).await.unwrap();
    let mut chunks: zc_buffer::ChunkAgent = agent.into_chunk_agent();
    let added: Result<(), zc_buffer::ManagerError> = chunks.submit_chunk(pattern_bytes(60, 40));
    added.unwrap();
    assert_eq!((chunks.current_size(), chunks.size()), (40, 40));
    let committed: Result<(), zc_buffer::BufferError> = chunks.commit().await;
    committed.unwrap();
    let (offset, merged): (usize, Box<[u8]>) = within(completed.recv()).await.unwrap();
    assert_eq!((offset, &*merged), (0, &*pattern_bytes(0, 100)));

    drop(handle.reserve_writer(size(5)).await.unwrap());
    let finalized: Result<zc_buffer::FinalizeResult, zc_buffer::BufferError> =
        handle.finalize().await;
    let report = finalized.unwrap();
    let _: &Vec<zc_buffer::FailedGroupData> = &report.failed;
    assert!(report.is_empty() && report.failed_len() == 0);
    let group: zc_buffer::FailedGroupData = within(failed.recv()).await.unwrap();
    let _: (GroupId, &BTreeMap<usize, Bytes>) = (group.group_id, &group.group_chunks);
    let info: &zc_buffer::FailedReservationInfo = &group.failed_reservations[0];
    let _: (ReservationId, GroupId) = (info.id, info.group_id);
    assert_eq!((info.offset, info.size), (100, 5));
}

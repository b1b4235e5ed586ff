//! What goes wrong, by name: refusals, limits, things that come too late, ends that are gone. Each
//! gets its own error and loses nothing.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::Duration;

use common::*;
use futures_util::FutureExt;
use zc_agent::*;
use zc_core::sync::block_on;

fn small() -> ManagerBuilder {
    Manager::builder().min_group_commit_size(100)
}

/// One reservation that failed, to be retried.
async fn failed(handle: &ZeroCopyHandle, failures: &mut Failures) -> FailedReservationInfo {
    drop(handle.reserve_writer(size(10)).await.unwrap());
    let mut failed = next_failure(failures).await;
    failed.failed_reservations.remove(0)
}

#[test]
fn without_a_runtime_what_needs_time_is_refused_and_has_done_nothing() {
    let (handle, _groups, _failures) = small().spawn().unwrap();
    let timed = handle.reserve_writer_timeout(size(1), Duration::from_secs(1));
    assert!(matches!(block_on(timed), Err(BufferError::NoRuntime)));
    let mode = FinalizeMode::Drain {
        deadline: Some(Duration::from_secs(1)),
    };
    let ended = block_on(handle.clone().finalize_with(mode));
    assert!(matches!(ended, Err(BufferError::NoRuntime)));
    // The end has not begun.
    fill_and_commit(handle.try_reserve_writer(size(1)).unwrap());
    assert_eq!(handle.metrics().stream_len, 1);
}

#[tokio::test]
async fn a_timeout_past_the_end_of_time_is_none() {
    let (handle, _groups, _failures) = small().spawn().unwrap();
    let agent = handle.reserve_writer_timeout(size(1), Duration::MAX).await;
    fill_and_commit(agent.unwrap());
    let mode = FinalizeMode::Drain {
        deadline: Some(Duration::MAX),
    };
    assert!(within(handle.finalize_with(mode)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_timeout_that_passes_leaves_the_line_and_nothing_behind() {
    let builder = small().max_reservation(100).memory_budget(100);
    let (handle, mut groups, mut failures) = builder.spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let error = handle.reserve_writer_timeout(size(1), Duration::from_millis(2));
    let error = within(error).await.unwrap_err();
    assert!(matches!(error, BufferError::Timeout { size: 1, .. }));
    assert_eq!(handle.metrics().waiters, 0);
    drop(next(&mut groups).await);
    let agent = handle.reserve_writer(size(100)).await.unwrap();
    assert_eq!(agent.offset(), 100, "no hole in the stream");
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn the_line_has_an_end() {
    let builder = small().max_reservation(100).memory_budget(100);
    let (handle, _groups, _failures) = builder.spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let mut waiting = std::collections::VecDeque::new();
    let error = loop {
        let mut next = Box::pin(handle.reserve_writer(size(1)));
        match next.as_mut().now_or_never() {
            None => waiting.push_back(next),
            Some(got) => break got.unwrap_err(),
        }
    };
    assert!(matches!(error, BufferError::Full { .. }), "{error}");
    assert_eq!(waiting.len(), 1 << 16);
    // From the front: each leaves the line by itself.
    while waiting.pop_front().is_some() {}
    assert_eq!(handle.metrics().waiters, 0);
}

#[tokio::test]
async fn failures_that_nobody_receives_hold_back_reservations_in_the_end() {
    let builder = small().max_reservation(100).memory_budget(1 << 20);
    let (handle, mut groups, mut failures) = builder.spawn().unwrap();
    let error = loop {
        match handle.try_reserve_writer(size(1)) {
            Ok(agent) => agent.fail("no"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BufferError::Full { .. }), "{error}");
    let unread = handle.metrics().failures_waiting;
    assert!(((1 << 16)..(1 << 16) + 100).contains(&unread), "{unread}");
    // Receiving some lets reservations in again; being gone says so.
    let mut waiting = Box::pin(handle.reserve_writer(size(1)));
    assert!(waiting.as_mut().now_or_never().is_none());
    while handle.metrics().failures_waiting >= 1 << 16 {
        next_failure(&mut failures).await;
    }
    fill_and_commit(within(waiting).await.unwrap());
    handle.flush();
    next(&mut groups).await;
    drop(failures);
    let error = loop {
        match handle.try_reserve_writer(size(1)) {
            Ok(agent) => agent.fail("no"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BufferError::ConsumerGone), "{error}");
}

#[tokio::test]
async fn failures_without_a_receiver_are_in_the_report() {
    let (handle, mut groups, failures) = small().spawn().unwrap();
    drop(failures);
    let lost = handle.reserve_writer(size(40)).await.unwrap();
    fill_and_commit(handle.reserve_writer(size(60)).await.unwrap());
    drop(lost);
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    assert_eq!(next(&mut groups).await.offset, 100, "good groups still go");
    let report = within(handle.finalize()).await.unwrap();
    assert!(report.undelivered.is_empty());
    let mut ranges = Ranges::default();
    ranges.report(&report);
    ranges.assert_cover(100);
    assert_eq!(ranges.good_len(), 60);
}

#[tokio::test]
async fn what_was_received_is_not_in_the_report_as_well() {
    let (handle, mut groups, failures) = small().spawn().unwrap();
    let mut ranges = Ranges::default();
    for _ in 0..3 {
        fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    }
    ranges.group(&next(&mut groups).await);
    drop((groups, failures));
    let report = within(handle.finalize()).await.unwrap();
    assert_eq!(report.undelivered.len(), 2);
    // Panics on a byte that comes twice.
    ranges.report(&report);
    ranges.assert_cover(300);
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    assert!(groups.recv().now_or_never().is_none());
    assert!(failures.recv().now_or_never().is_none());
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    drop(groups.recv());
    drop(handle.reserve_writer(size(1)).await.unwrap());
    drop(failures.recv());
    assert_eq!(next(&mut groups).await.len(), 100);
    assert_eq!(next_failure(&mut failures).await.failed_len(), 1);
}

#[tokio::test]
async fn a_retry_that_comes_too_late_is_told_why() {
    let (handle, groups, mut failures) = small().spawn().unwrap();
    let info = failed(&handle, &mut failures).await;
    drop(groups);
    let error = handle.retry(&info).await.unwrap_err();
    assert!(matches!(error, BufferError::ConsumerGone), "{error}");

    let (handle, _groups, mut failures) = small().spawn().unwrap();
    let info = failed(&handle, &mut failures).await;
    within(handle.clone().finalize()).await.unwrap();
    let error = handle.retry(&info).await.unwrap_err();
    assert!(matches!(error, BufferError::Finalizing), "{error}");
}

#[tokio::test]
async fn a_retried_range_does_not_wait_for_its_turn() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let info = failed(&handle, &mut failures).await;
    handle.flush();
    let idle = handle.reserve_writer(size(100)).await.unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    assert!(groups.try_recv().is_none(), "in order");
    fill_and_commit(handle.retry(&info).await.unwrap());
    assert_eq!(next(&mut groups).await.offset, info.offset);
    fill_and_commit(idle);
    assert_eq!(next(&mut groups).await.offset, 10);
}

#[tokio::test]
async fn an_abandoned_range_can_be_retried() {
    let patience = Duration::from_millis(5);
    let (handle, mut groups, mut failures) = small().abandon_after(patience).spawn().unwrap();
    let idle = handle.reserve_writer(size(100)).await.unwrap();
    let info = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    assert_eq!(info.reason, FailReason::Abandoned);
    // As often as it takes on a machine that is slower than the patience.
    let mut info = info;
    loop {
        let mut agent = handle.retry(&info).await.unwrap();
        fill(&mut agent);
        match agent.commit() {
            Ok(()) => break,
            Err(error) => {
                assert!(error.into_agent().is_none());
                let mut failed = next_failure(&mut failures).await;
                info = failed.failed_reservations.remove(0);
            }
        }
    }
    let group = next(&mut groups).await;
    assert_eq!(&*group.into_bytes(), &*pattern_bytes(0, 100));
    drop(idle);
    assert!(failures.try_recv().is_none(), "reported already");
}

#[tokio::test]
async fn every_agent_that_was_revoked_is_told() {
    let (handle, _groups, mut failures) = small().adopt_threshold(5).spawn().unwrap();
    let mut agents = vec![];
    for _ in 0..6 {
        agents.push(handle.reserve_writer(size(10)).await.unwrap());
    }
    within(handle.finalize_with(FinalizeMode::SealNow))
        .await
        .unwrap();
    assert_eq!(next_failure(&mut failures).await.failed_len(), 60);
    let mut next = || agents.pop().unwrap();
    let is_revoked = |reason: &ManagerError| {
        let finalized = FailReason::Finalized;
        matches!(reason, ManagerError::Revoked { reason, .. } if *reason == finalized)
    };
    // Filled in place.
    let mut agent = next();
    fill(&mut agent);
    let error = agent.commit_partial(5).unwrap_err();
    assert!(is_revoked(error.reason()) && error.into_agent().is_none());
    // Copied, and kept as they are.
    for adopt_or_not in [4, 10] {
        let mut agent = next().into_chunk_agent();
        let chunk = pattern_bytes(0, adopt_or_not);
        agent.submit_chunk(chunk).unwrap();
        let rest = 10 - agent.current_size();
        agent.submit_chunk(pattern_bytes(0, rest)).unwrap();
        let error = agent.commit().await.unwrap_err();
        assert!(is_revoked(error.reason()) && error.into_agent().is_none());
    }
    let single = next().into_single_agent();
    let error = single.submit_bytes(pattern_bytes(0, 10)).await.unwrap_err();
    assert!(is_revoked(error.reason()));
    let (agent, bytes) = error.into_parts();
    assert!(agent.is_none() && bytes.unwrap() == pattern_bytes(0, 10));
    // Those that give up have nothing to be told; it has been reported.
    next().fail("too late");
    drop(next());
    assert!(failures.recv().await.is_end());
}

#[tokio::test]
async fn a_tail_of_everything_takes_the_reservation_back() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let agent = handle.reserve_writer(size(50)).await.unwrap();
    agent.commit_partial(0).unwrap();
    let agent = handle.reserve_writer(size(100)).await.unwrap();
    assert_eq!(agent.offset(), 0);
    fill_and_commit(agent);
    assert_eq!(next(&mut groups).await.len(), 100);
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn a_run_is_no_longer_than_the_longest_reservation() {
    let builder = small().max_reservation(50);
    let (handle, mut groups, _failures) = builder.spawn().unwrap();
    for run_bytes in [usize::MAX, 0] {
        let mut writer = handle.writer(run_bytes);
        let at = writer.write(&[pattern(0); 1]).await.unwrap();
        let error = writer.write(&[0; 51]).await.unwrap_err();
        assert!(matches!(error, BufferError::TooLarge { size: 51, max: 50 }));
        writer.flush().unwrap();
        handle.flush();
        let group = next(&mut groups).await;
        assert_eq!(
            (group.offset, group.len),
            (at, 1),
            "what was written is kept"
        );
    }
}

#[tokio::test]
async fn nothing_at_all_ends_as_well() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    handle.flush();
    handle.flush();
    let report = within(handle.finalize()).await.unwrap();
    assert!(report.is_empty());
    assert!(groups.recv().await.is_end() && failures.recv().await.is_end());

    let (handle, mut groups, failures) = small().spawn().unwrap();
    drop((handle, failures));
    assert!(within(groups.recv()).await.is_end());
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no such folder").join("stream");
    for made in [FileSink::create(&path), FileSink::resume(&path)] {
        assert_eq!(made.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}

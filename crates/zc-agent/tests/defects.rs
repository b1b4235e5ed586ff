//! The fourteen defects found in the crate that this one learned from, as fourteen tests.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::Duration;

use common::*;
use futures_util::FutureExt;
use zc_agent::*;

fn small() -> ManagerBuilder {
    Manager::builder().min_group_commit_size(100)
}

#[tokio::test]
async fn d01_a_cancelled_reserve_leaks_no_reservation() {
    // Cancelled before it was served: no trace. Served, and cancelled before it was looked at:
    // the range goes back.
    let (handle, mut groups, mut failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .spawn()
        .unwrap();
    let mut ranges = Ranges::default();
    for served in [false, true] {
        fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
        let mut waiting = Box::pin(handle.reserve_writer(size(50)));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(handle.metrics().waiters, 1);
        if served {
            ranges.group(&next(&mut groups).await);
            assert_eq!(handle.metrics().waiters, 0, "served");
        }
        drop(waiting);
        assert_eq!(handle.metrics().waiters, 0);
        if !served {
            ranges.group(&next(&mut groups).await);
        }
        let len = handle.metrics().stream_len;
        assert_eq!(len % 100, 0, "nothing is reserved: {len}");
    }
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    within(handle.finalize()).await.unwrap();
    drain(&mut groups, &mut failures, &mut ranges).await;
    assert!(ranges.bad.is_empty());
    ranges.assert_cover(300);
}

#[tokio::test]
async fn d02_a_cancelled_reserve_keeps_no_complete_group_back() {
    let (handle, mut groups, _failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .spawn()
        .unwrap();
    let agent = handle.reserve_writer(size(60)).await.unwrap();
    let crossing = handle.reserve_writer(size(60)).await.unwrap();
    let mut waiting = Box::pin(handle.reserve_writer(size(60)));
    assert!(waiting.as_mut().now_or_never().is_none());
    fill_and_commit(agent);
    fill_and_commit(crossing);
    drop(waiting);
    assert_eq!(next(&mut groups).await.len(), 120);
}

#[tokio::test]
async fn d03_no_report_of_a_drop_is_lost_however_full_the_queues_are() {
    let (handle, mut groups, mut failures) = small().queue_depth(1).spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let mut agents = vec![];
    // The queue of groups is full, and that holds back reservations only.
    assert!(matches!(
        handle.try_reserve_writer(size(1)),
        Err(BufferError::Full { .. })
    ));
    next(&mut groups).await;
    for _ in 0..50 {
        agents.push(handle.reserve_writer(size(1)).await.unwrap());
    }
    let ids: Vec<_> = agents.iter().map(SubmitAgent::id).collect();
    drop(agents);
    let mut reported = vec![];
    for _ in 0..50 {
        let failed = next_failure(&mut failures).await;
        for info in failed.failed_reservations {
            assert_eq!(info.reason, FailReason::Dropped);
            reported.push(info.id);
        }
    }
    assert_eq!(reported, ids);
}

#[tokio::test]
async fn d04_failures_come_at_once_with_their_good_neighbours() {
    let (handle, _groups, mut failures) = small().spawn().unwrap();
    let a = handle.reserve_writer(size(10)).await.unwrap();
    let b = handle.reserve_writer(size(10)).await.unwrap();
    let c = handle.reserve_writer(size(10)).await.unwrap();
    let d = handle.reserve_writer(size(70)).await.unwrap();
    fill_and_commit(a);
    let (group, id) = (b.group_id(), b.id());
    b.fail("checksum");
    let failed = failures.try_recv().expect("at once").item().unwrap();
    assert_eq!(failed.group_id, group);
    assert_eq!(failed.group_chunks.len(), 1);
    assert_eq!(&*failed.group_chunks[&0], &*pattern_bytes(0, 10));
    let info = &failed.failed_reservations[0];
    assert_eq!((info.id, info.offset, info.size), (id, 10, 10));
    assert_eq!(info.reason, FailReason::Failed("checksum".into()));

    fill_and_commit(c);
    fill_and_commit(d);
    let rest = failures
        .try_recv()
        .expect("when the group is complete")
        .item()
        .unwrap();
    assert_eq!(rest.group_id, group);
    assert!(rest.failed_reservations.is_empty());
    assert_eq!(&*rest.group_chunks[&20], &*pattern_bytes(20, 80));
    drop((failed, rest));
    assert_eq!(handle.metrics().budget_used, 0, "nothing is pinned");
}

#[tokio::test]
async fn d05_a_slow_consumer_blocks_reserve_and_nothing_else() {
    let (handle, mut groups, mut failures) = small().queue_depth(2).spawn().unwrap();
    let mut held = vec![];
    for _ in 0..4 {
        held.push(handle.reserve_writer(size(100)).await.unwrap());
    }
    let failing = handle.reserve_writer(size(100)).await.unwrap();
    for agent in held {
        within(
            agent
                .into_single_agent()
                .submit_bytes(pattern_bytes(0, 100)),
        )
        .await
        .unwrap();
    }
    failing.fail("no");
    assert!(matches!(
        handle.try_reserve_writer(size(1)),
        Err(BufferError::Full { .. })
    ));
    let report = within(handle.finalize()).await.unwrap();
    assert!(report.is_empty(), "what is queued can still be received");
    for _ in 0..4 {
        assert_eq!(next(&mut groups).await.len(), 100);
    }
    assert!(groups.recv().await.is_end());
    assert_eq!(
        next_failure(&mut failures).await.failed_reservations.len(),
        1
    );
    assert!(failures.recv().await.is_end());
}

#[tokio::test]
async fn d06_a_consumer_that_is_gone_destroys_nothing() {
    let (handle, groups, failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let granted = handle.reserve_writer(size(50)).await.unwrap();
    drop(groups);
    assert!(matches!(
        handle.reserve_writer(size(1)).await,
        Err(BufferError::ConsumerGone)
    ));
    fill_and_commit(granted);
    let report = within(handle.finalize()).await.unwrap();
    let mut ranges = Ranges::default();
    ranges.report(&report);
    ranges.assert_cover(150);
    assert!(ranges.bad.is_empty());
    drop(failures);
}

#[tokio::test]
async fn d07_finalize_lets_live_agents_commit() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut agents = vec![];
    for _ in 0..5 {
        agents.push(handle.reserve_writer(size(30)).await.unwrap());
    }
    let other = handle.clone();
    let mut finalizing = Box::pin(handle.finalize());
    assert!(finalizing.as_mut().now_or_never().is_none());
    assert!(matches!(
        other.try_reserve_writer(size(1)),
        Err(BufferError::Finalizing)
    ));
    agents.into_iter().for_each(fill_and_commit);
    let report = within(finalizing).await.unwrap();
    assert!(report.is_empty());
    let mut ranges = Ranges::default();
    drain(&mut groups, &mut failures, &mut ranges).await;
    ranges.assert_cover(150);
    assert!(ranges.bad.is_empty());
}

#[tokio::test]
async fn d08_groups_arrive_in_order() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let mut agents = vec![];
    for _ in 0..8 {
        agents.push(handle.reserve_writer(size(100)).await.unwrap());
    }
    while let Some(agent) = agents.pop() {
        assert!(groups.try_recv().is_none(), "the first is missing");
        fill_and_commit(agent);
    }
    for n in 0..8 {
        assert_eq!(next(&mut groups).await.offset, n * 100);
    }

    let (handle, mut groups, _failures) = small().delivery(Delivery::AsReady).spawn().unwrap();
    let first = handle.reserve_writer(size(100)).await.unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    assert_eq!(next(&mut groups).await.offset, 100);
    fill_and_commit(first);
    assert_eq!(next(&mut groups).await.offset, 0);
}

#[tokio::test]
async fn d09_huge_reservations_are_refused_and_move_no_offset() {
    let (handle, mut groups, _failures) = small().max_reservation(1000).spawn().unwrap();
    for huge in [1001, usize::MAX / 2, usize::MAX] {
        match handle.reserve_writer(size(huge)).await {
            Err(BufferError::TooLarge { size, max }) => assert_eq!((size, max), (huge, 1000)),
            other => panic!("{other:?}"),
        }
    }
    for n in 0..2 {
        let agent = handle.reserve_writer(size(1000)).await.unwrap();
        assert_eq!(agent.offset(), n * 1000);
        fill_and_commit(agent);
        assert_eq!(next(&mut groups).await.len(), 1000);
    }
}

#[tokio::test]
async fn d10_an_idle_agent_does_not_keep_the_end_away() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(10)).await.unwrap());
    let mut idle = handle.reserve_writer(size(10)).await.unwrap();
    drop(handle);
    let mut ranges = Ranges::default();
    drain(&mut groups, &mut failures, &mut ranges).await;
    ranges.assert_cover(20);
    assert_eq!(ranges.good_len(), 10);
    // The agent may still write where nobody looks, and is told when it commits.
    fill(&mut idle);
    let error = idle.commit().unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::Revoked {
            reason: FailReason::Finalized,
            ..
        }
    ));
    assert!(error.into_agent().is_none());
}

#[tokio::test]
async fn d11_a_tail_below_the_threshold_leaves() {
    let (handle, mut groups, _failures) = small().linger(Duration::from_millis(5)).spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(99)).await.unwrap());
    let group = next(&mut groups).await;
    assert_eq!(group.len(), 99);
    fill_and_commit(handle.reserve_writer(size(1)).await.unwrap());
    handle.flush();
    assert_eq!(groups.try_recv().unwrap().item().unwrap().offset, 99);
    assert_eq!(handle.metrics().sealed_by_linger, 1);
    assert_eq!(handle.metrics().sealed_by_flush, 1);
}

#[tokio::test]
async fn d12_a_wrong_size_gives_agent_and_bytes_back() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let agent = handle
        .reserve_writer(size(100))
        .await
        .unwrap()
        .into_single_agent();
    let wrong = pattern_bytes(0, 99);
    let at = wrong.as_ptr();
    let error = agent.submit_bytes(wrong).await.unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::SubmitSizeIncorrect {
            expected: 100,
            actual: 99,
            ..
        }
    ));
    let (agent, bytes) = error.into_parts();
    assert_eq!(bytes.unwrap().as_ptr(), at);
    agent
        .unwrap()
        .submit_bytes(pattern_bytes(0, 100))
        .await
        .unwrap();
    assert_eq!(
        &*next(&mut groups).await.into_bytes(),
        &*pattern_bytes(0, 100)
    );
}

#[tokio::test]
async fn d13_a_cancelled_submit_is_never_in_doubt() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    // Not polled: nothing has happened, and the dropped agent is reported.
    let agent = handle
        .reserve_writer(size(100))
        .await
        .unwrap()
        .into_single_agent();
    drop(agent.submit_bytes(pattern_bytes(0, 100)));
    assert_eq!(
        next_failure(&mut failures).await.failed_reservations[0].reason,
        FailReason::Dropped
    );
    // Polled once: done.
    let agent = handle
        .reserve_writer(size(100))
        .await
        .unwrap()
        .into_single_agent();
    agent
        .submit_bytes(pattern_bytes(100, 100))
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(next(&mut groups).await.offset, 100);
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn d14_an_abandoned_reservation_pins_nothing_for_ever() {
    let (handle, mut groups, mut failures) = small()
        .abandon_after(Duration::from_millis(20))
        .spawn()
        .unwrap();
    let mut idle = handle.reserve_writer(size(1)).await.unwrap();
    fill_and_commit(handle.reserve_writer(size(99)).await.unwrap());
    let failed = next_failure(&mut failures).await;
    assert_eq!(failed.failed_reservations[0].reason, FailReason::Abandoned);
    assert_eq!(failed.failed_reservations[0].id, idle.id());
    assert_eq!(&*failed.group_chunks[&1], &*pattern_bytes(1, 99));
    // The order moves on past it.
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    assert_eq!(next(&mut groups).await.offset, 100);
    // The memory is kept apart until the late agent is gone.
    drop(failed);
    assert!(handle.metrics().budget_used > 0);
    fill(&mut idle);
    let error = idle.commit().unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::Revoked {
            reason: FailReason::Abandoned,
            ..
        }
    ));
    assert_eq!(handle.metrics().budget_used, 0);
}

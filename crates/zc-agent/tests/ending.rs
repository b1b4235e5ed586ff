//! What callers may rely on: sealing by time, the end, and many writers until then.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::{Duration, Instant};

use common::*;
use futures_util::{FutureExt, StreamExt};
use zc_agent::*;

fn small() -> ManagerBuilder {
    Manager::builder().min_group_commit_size(100)
}

#[tokio::test]
async fn linger_seals_what_waits() {
    let (handle, mut groups, _failures) =
        small().linger(Duration::from_millis(30)).spawn().unwrap();
    let begin = Instant::now();
    let waiting = tokio::spawn(async move { (next(&mut groups).await, groups) });
    tokio::task::yield_now().await;
    fill_and_commit(handle.reserve_writer(size(1)).await.unwrap());
    let (group, _groups) = within(waiting).await.unwrap();
    assert_eq!(group.len(), 1);
    // The alarm is set for one tick of the timer earlier, so that it rings on time (see `linger`).
    assert!(begin.elapsed() >= Duration::from_millis(29));
}

#[tokio::test]
async fn linger_is_minded_by_whoever_waits_for_failures_too() {
    let (handle, mut groups, mut failures) =
        small().linger(Duration::from_millis(5)).spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(1)).await.unwrap());
    let deadline = Instant::now() + LONG;
    while handle.metrics().sealed_by_linger == 0 {
        assert!(Instant::now() < deadline);
        let wait = tokio::time::timeout(Duration::from_millis(10), failures.recv());
        assert!(wait.await.is_err());
    }
    assert_eq!(groups.try_recv().unwrap().item().unwrap().len(), 1);
}

#[tokio::test]
async fn finalize_is_idempotent_and_survives_cancellation() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let agent = handle.reserve_writer(size(10)).await.unwrap();
    let (second, third, late) = (handle.clone(), handle.clone(), handle.clone());
    assert!(
        handle.finalize().now_or_never().is_none(),
        "cancelled, and begun all the same"
    );
    assert!(matches!(
        late.try_reserve_writer(size(1)),
        Err(BufferError::Finalizing)
    ));
    let waiting = tokio::spawn(second.finalize());
    tokio::task::yield_now().await;
    fill_and_commit(agent);
    let report = within(waiting).await.unwrap().unwrap();
    let same = third.finalize_with(FinalizeMode::Abort).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&report, &same));
    assert_eq!(next(&mut groups).await.len(), 10);
    match (groups.recv().await, failures.recv().await) {
        (Received::End(a), Received::End(b)) => {
            assert!(std::sync::Arc::ptr_eq(&a, &report) && std::sync::Arc::ptr_eq(&b, &report));
        }
        other => panic!("{other:?}"),
    }
    assert!(groups.recv().await.is_end(), "again");
    assert!(matches!(
        late.reserve_writer(size(1)).await,
        Err(BufferError::Finalizing)
    ));
}

#[tokio::test]
async fn drain_with_a_deadline_gives_up_on_idle_agents() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(10)).await.unwrap());
    let idle = handle.reserve_writer(size(10)).await.unwrap();
    let mode = FinalizeMode::Drain {
        deadline: Some(Duration::from_millis(10)),
    };
    within(handle.finalize_with(mode)).await.unwrap();
    let mut ranges = Ranges::default();
    drain(&mut groups, &mut failures, &mut ranges).await;
    ranges.assert_cover(20);
    assert_eq!(ranges.failed_ids, [idle.id()]);
}

#[tokio::test]
async fn abort_puts_everything_into_the_report() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    for _ in 0..3 {
        fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    }
    drop(handle.reserve_writer(size(7)).await.unwrap());
    let idle = handle
        .reserve_writer(size(5))
        .await
        .unwrap()
        .into_single_agent();
    let report = within(handle.finalize_with(FinalizeMode::Abort))
        .await
        .unwrap();
    assert_eq!(report.undelivered.len(), 3);
    assert!(!report.is_empty() && report.failed_len() > 0);
    let mut ranges = Ranges::default();
    ranges.report(&report);
    ranges.assert_cover(312);
    assert!(groups.recv().await.is_end() && failures.recv().await.is_end());
    let bytes = pattern_bytes(307, 5);
    let (agent, bytes) = idle.submit_bytes(bytes).await.unwrap_err().into_parts();
    assert!(agent.is_none() && bytes.unwrap().len() == 5);
}

#[tokio::test]
async fn waiters_are_told_when_the_end_comes() {
    for gone in [false, true] {
        let (handle, groups, _failures) = small()
            .max_reservation(100)
            .memory_budget(199)
            .spawn()
            .unwrap();
        fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
        let mut waiting = Box::pin(handle.reserve_writer(size(1)));
        assert!(waiting.as_mut().now_or_never().is_none());
        let _groups = if gone {
            drop(groups);
            None
        } else {
            within(handle.clone().finalize()).await.unwrap();
            Some(groups)
        };
        let error = waiting.now_or_never().unwrap().unwrap_err();
        assert_eq!(matches!(error, BufferError::ConsumerGone), gone);
        assert_eq!(matches!(error, BufferError::Finalizing), !gone);
    }
}

#[tokio::test]
async fn streams_yield_items_then_the_end_then_nothing() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    drop(handle.reserve_writer(size(10)).await.unwrap());
    drop(handle);
    assert!(matches!(groups.next().await, Some(Received::Item(_))));
    assert!(matches!(groups.next().await, Some(Received::End(_))));
    assert!(groups.next().await.is_none());
    assert!(matches!(failures.next().await, Some(Received::Item(_))));
    assert!(matches!(failures.next().await, Some(Received::End(_))));
    assert!(failures.next().await.is_none());
}

#[tokio::test]
async fn a_group_can_be_watched() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    assert_eq!(handle.group_state(0), None);
    let a = handle.reserve_writer(size(50)).await.unwrap();
    let id = a.group_id();
    assert_eq!(handle.group_state(id), Some(GroupState::Open));
    handle.flush();
    assert_eq!(
        handle.group_state(id),
        Some(GroupState::Sealed {
            by: SealedBy::Flush
        })
    );
    fill_and_commit(a);
    assert_eq!(handle.group_state(id), Some(GroupState::Complete));
    next(&mut groups).await;
    assert_eq!(handle.group_state(id), Some(GroupState::Delivered));
}

#[test]
fn many_writers_lose_and_double_nothing() {
    const WRITERS: usize = 6;
    const EACH: usize = 3000;
    let (handle, mut groups, mut failures) = Manager::builder()
        .min_group_commit_size(2000)
        .adopt_threshold(64)
        .memory_budget(20_000)
        .queue_depth(3)
        .spawn()
        .unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|w| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                let mut random = w as u64 + 1;
                for _ in 0..EACH {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let n = (random >> 33) as usize;
                    let mut agent = handle.blocking_reserve_writer(size(1 + n % 90)).unwrap();
                    match n % 11 {
                        0 => drop(agent),
                        1 => {
                            fill(&mut agent);
                            let part = agent.size() / 2;
                            agent.commit_partial(part).unwrap();
                        }
                        2 | 3 => {
                            let bytes = pattern_bytes(agent.offset(), agent.size());
                            agent
                                .into_single_agent()
                                .submit_bytes_blocking(bytes)
                                .unwrap();
                        }
                        4 => {
                            handle.flush();
                            fill_and_commit(agent);
                        }
                        _ => fill_and_commit(agent),
                    }
                }
            })
        })
        .collect();
    let metrics = handle.clone();
    let closer = std::thread::spawn(move || {
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        zc_core::sync::block_on(handle.finalize()).unwrap()
    });
    let mut ranges = Ranges::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut groups_end, mut failures_end) = (false, false);
        while !(groups_end && failures_end) {
            tokio::select! {
                got = groups.recv(), if !groups_end => match got {
                    Received::Item(group) => ranges.group(&group),
                    Received::End(_) => groups_end = true,
                },
                got = failures.recv(), if !failures_end => match got {
                    Received::Item(failed) => ranges.failure(&failed),
                    Received::End(_) => failures_end = true,
                },
            }
        }
    });
    assert!(closer.join().unwrap().is_empty());
    let metrics = metrics.metrics();
    ranges.assert_cover(metrics.stream_len);
    assert_eq!(metrics.budget_used, 0);
    assert_eq!(metrics.reservations, (WRITERS * EACH) as u64);
    assert_eq!((metrics.groups_incomplete, metrics.waiters), (0, 0));
}

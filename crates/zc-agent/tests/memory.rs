//! What callers may rely on: memory, the line, retries, and what is copied.
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
async fn small_is_copied_and_large_is_adopted() {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(4000)
        .adopt_threshold(1000)
        .spawn()
        .unwrap();
    let small_one = pattern_bytes(0, 999);
    let large = pattern_bytes(999, 1000);
    let at = large.as_ptr();
    for bytes in [small_one, large] {
        let agent = handle.reserve_writer(size(bytes.len())).await.unwrap();
        agent.into_single_agent().submit_bytes(bytes).await.unwrap();
    }
    fill_and_commit(handle.reserve_writer(size(2001)).await.unwrap());
    let group = next(&mut groups).await;
    assert_eq!(
        group.chunks().iter().map(|c| c.len()).collect::<Vec<_>>(),
        [999, 1000, 2001]
    );
    assert_eq!(group.chunks()[1].as_ptr(), at, "the very same memory");
    assert_eq!(group.io_slices().len(), 3);
    let mut ranges = Ranges::default();
    ranges.group(&group);
    ranges.assert_cover(4000);
    assert!(handle.metrics().budget_used > 1000);
    assert_eq!(handle.metrics().bytes_adopted, 1000);
    drop(group);
    drop(ranges);
    assert_eq!(handle.metrics().budget_used, 0);
}

#[tokio::test]
async fn a_group_of_in_place_writes_becomes_bytes_without_a_copy() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let mut agent = handle.reserve_writer(size(100)).await.unwrap();
    let at = agent.as_uninit_mut().as_ptr().cast();
    fill(&mut agent);
    agent.commit().unwrap();
    let group = next(&mut groups).await;
    assert_eq!(group.chunks()[0].as_ptr(), at);
    assert_eq!(group.into_bytes().as_ptr(), at);
}

#[tokio::test]
async fn a_reservation_above_the_slab_has_a_group_of_its_own() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(5)).await.unwrap());
    fill_and_commit(handle.reserve_writer(size(10_000)).await.unwrap());
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let mut got = vec![];
    for _ in 0..3 {
        let group = next(&mut groups).await;
        got.push((group.offset, group.len));
        assert_eq!(group.chunks().len(), 1);
    }
    assert_eq!(got, [(0, 5), (5, 10_000), (10_005, 100)]);
    assert_eq!(handle.metrics().sealed_by_pressure, 1);
}

#[tokio::test]
async fn memory_stays_within_the_budget_while_the_consumer_stands_still() {
    let (handle, mut groups, _failures) = small()
        .max_reservation(50)
        .memory_budget(1000)
        .spawn()
        .unwrap();
    let mut reserved = 0;
    loop {
        match handle.try_reserve_writer(size(50)) {
            Ok(agent) => fill_and_commit(agent),
            Err(BufferError::Full { size, used, budget }) => {
                assert_eq!((size, budget), (50, 1000));
                assert!(used <= 1000);
                break;
            }
            Err(other) => panic!("{other}"),
        }
        reserved += 50;
    }
    assert!((500..=1000).contains(&reserved));
    assert!(handle.metrics().budget_peak <= 1000);
    let error = handle
        .reserve_writer_timeout(size(50), Duration::from_millis(10))
        .await
        .unwrap_err();
    assert!(matches!(error, BufferError::Timeout { size: 50, .. }));
    let error = tokio::task::spawn_blocking({
        let handle = handle.clone();
        move || {
            handle
                .blocking_reserve_writer_timeout(size(50), Duration::from_millis(10))
                .unwrap_err()
        }
    });
    assert!(matches!(
        error.await.unwrap(),
        BufferError::Timeout { size: 50, .. }
    ));
    assert_eq!(handle.metrics().waiters, 0);
    // A view that lives keeps its memory; dropping the last one lets a waiter in.
    let group = next(&mut groups).await;
    let view = group.chunks()[0].slice(..1);
    drop(group);
    let mut waiting = Box::pin(handle.reserve_writer(size(50)));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(view);
    fill_and_commit(waiting.now_or_never().unwrap().unwrap());
}

#[tokio::test]
async fn the_line_is_first_come_first_served() {
    let (handle, mut groups, _failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .spawn()
        .unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let mut waiting: Vec<_> = (0..6)
        .map(|_| Box::pin(handle.reserve_writer(size(30))))
        .collect();
    for future in &mut waiting {
        assert!(future.as_mut().now_or_never().is_none());
    }
    // Nobody gets past the line.
    drop(next(&mut groups).await);
    assert!(matches!(
        handle.try_reserve_writer(size(1)),
        Err(BufferError::Full { .. })
    ));
    let mut agents = vec![];
    for (n, future) in waiting.iter_mut().enumerate().take(4) {
        let agent = future.as_mut().now_or_never().expect("served").unwrap();
        assert_eq!(agent.offset(), 100 + n as u64 * 30);
        agents.push(agent);
    }
    assert!(waiting[4].as_mut().now_or_never().is_none());
    agents.into_iter().for_each(fill_and_commit);
    drop(next(&mut groups).await);
    assert_eq!(
        waiting[4]
            .as_mut()
            .now_or_never()
            .unwrap()
            .unwrap()
            .offset(),
        220
    );
    assert_eq!(
        waiting[5]
            .as_mut()
            .now_or_never()
            .unwrap()
            .unwrap()
            .offset(),
        250
    );
}

#[tokio::test]
async fn what_exceeds_the_budget_is_admitted_when_nothing_else_is_in_use() {
    let (handle, mut groups, _failures) = small().memory_budget(300).spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(10)).await.unwrap());
    let mut waiting = Box::pin(handle.reserve_writer(size(5000)));
    assert!(waiting.as_mut().now_or_never().is_none());
    // The open group made way, so that it can be consumed.
    drop(next(&mut groups).await);
    let agent = waiting.now_or_never().unwrap().unwrap();
    assert_eq!((agent.offset(), agent.size()), (10, 5000));
    fill_and_commit(agent);
    assert_eq!(next(&mut groups).await.len(), 5000);
}

#[tokio::test]
async fn a_failed_range_can_be_retried_once() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let a = handle.reserve_writer(size(40)).await.unwrap();
    let b = handle.reserve_writer(size(60)).await.unwrap();
    drop(a);
    fill_and_commit(b);
    let info = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    let agent = handle.retry(&info).await.unwrap();
    assert_eq!((agent.offset(), agent.size()), (0, 40));
    assert_ne!((agent.id(), agent.group_id()), (info.id, info.group_id));
    let error = handle.retry(&info.clone()).await.unwrap_err();
    assert!(matches!(
        error,
        BufferError::Manager(ManagerError::AlreadyRetried { .. })
    ));
    // It may fail again, as a reservation of its own, and be retried again.
    drop(agent);
    next_failure(&mut failures).await;
    let again = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    assert_eq!((again.offset, again.size), (0, 40));
    fill_and_commit(handle.retry(&again).await.unwrap());
    let group = next(&mut groups).await;
    assert_eq!((group.offset, group.len), (0, 40));
    // Another manager knows nothing of it.
    let (other, _g, _f) = small().spawn().unwrap();
    let error = other.retry(&again).await.unwrap_err();
    assert!(matches!(
        error,
        BufferError::Manager(ManagerError::ForeignReservation { .. })
    ));
}

#[tokio::test]
async fn a_cancelled_retry_can_be_repeated() {
    let (handle, mut groups, mut failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .spawn()
        .unwrap();
    drop(handle.reserve_writer(size(100)).await.unwrap());
    let info = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let mut waiting = Box::pin(handle.retry(&info));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(waiting);
    drop(next(&mut groups).await);
    fill_and_commit(handle.retry(&info).await.unwrap());
    assert_eq!(next(&mut groups).await.offset, 0);
}

#[tokio::test]
async fn views_outlive_everything() {
    let (handle, mut groups, failures) = small().spawn().unwrap();
    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
    let bytes = next(&mut groups).await.into_bytes();
    let idle = handle.reserve_writer(size(10)).await.unwrap();
    drop((handle, groups, failures));
    drop(idle);
    assert_eq!(&*bytes, &*pattern_bytes(0, 100));
}

#[tokio::test]
async fn the_accounts_tell_of_everything_that_happened() {
    let (handle, mut groups, mut failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .adopt_threshold(50)
        .spawn()
        .unwrap();
    assert_eq!(handle.metrics().oldest_incomplete, None);
    let lost = handle.reserve_writer(size(40)).await.unwrap();
    assert!(handle.metrics().oldest_incomplete.is_some());
    let agent = handle.reserve_writer(size(60)).await.unwrap();
    let adopted = pattern_bytes(40, 60);
    agent
        .into_single_agent()
        .submit_bytes(adopted)
        .await
        .unwrap();
    let mut waiting = Box::pin(handle.reserve_writer(size(100)));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(lost);
    let failed = next_failure(&mut failures).await;
    assert_eq!(failed.good_len(), 60);
    let info = failed.failed_reservations[0].clone();
    drop(failed);
    fill_and_commit(within(waiting).await.unwrap());
    drop(next(&mut groups).await);
    fill_and_commit(handle.retry(&info).await.unwrap());
    drop(next(&mut groups).await);
    let _revoked = handle.reserve_writer(size(1)).await.unwrap();
    let accounts = handle.clone();
    within(handle.finalize_with(FinalizeMode::SealNow))
        .await
        .unwrap();
    let metrics = accounts.metrics();
    assert_eq!((metrics.reservations, metrics.stream_len), (5, 201));
    assert_eq!((metrics.failed_reservations, metrics.bytes_failed), (2, 41));
    assert_eq!(
        (metrics.revoked_reservations, metrics.retried_reservations),
        (1, 1)
    );
    assert_eq!((metrics.groups_received, metrics.bytes_received), (2, 140));
    assert_eq!((metrics.bytes_salvaged, metrics.bytes_adopted), (60, 60));
    assert_eq!((metrics.waits, metrics.waiters), (1, 0));
    assert_eq!((metrics.sealed_by_size, metrics.sealed_by_finalize), (3, 1));
    assert_eq!((metrics.failures_waiting, metrics.groups_waiting), (1, 0));
    assert_eq!(metrics.oldest_incomplete, None);
    assert_eq!((metrics.budget, metrics.budget_peak > 199), (199, true));
}

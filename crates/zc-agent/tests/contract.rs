//! What callers may rely on, one test for each promise.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use common::*;
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncWriteExt;
use zc_agent::*;

fn small() -> ManagerBuilder {
    Manager::builder().min_group_commit_size(100)
}

#[test]
fn every_option_is_validated() {
    let out_of_range = |builder: ManagerBuilder, name: &str| match builder.spawn().unwrap_err() {
        BuildError::OutOfRange {
            option,
            value,
            min,
            max,
        } => {
            assert_eq!(option, name);
            assert!(value < min || value > max);
        }
        other => panic!("{other:?}"),
    };
    let builder = Manager::builder;
    out_of_range(builder().min_group_commit_size(0), "min_group_commit_size");
    out_of_range(
        builder().min_group_commit_size(usize::MAX),
        "min_group_commit_size",
    );
    out_of_range(builder().max_reservation(0), "max_reservation");
    out_of_range(builder().max_reservation(usize::MAX), "max_reservation");
    out_of_range(builder().memory_budget(0), "memory_budget");
    out_of_range(builder().memory_budget(usize::MAX), "memory_budget");
    out_of_range(builder().adopt_threshold(0), "adopt_threshold");
    out_of_range(builder().queue_depth(0), "queue_depth");
    out_of_range(builder().queue_depth(usize::MAX), "queue_depth");
    let error = small().memory_budget(99).spawn().unwrap_err();
    assert!(matches!(
        error,
        BuildError::BudgetBelowGroup {
            budget: 99,
            min_group_commit_size: 100
        }
    ));
    let error = small()
        .linger(Duration::from_millis(1))
        .spawn()
        .unwrap_err();
    assert_eq!(error, BuildError::NoRuntime { option: "linger" });
    let error = small()
        .abandon_after(Duration::from_millis(1))
        .spawn()
        .unwrap_err();
    assert_eq!(
        error,
        BuildError::NoRuntime {
            option: "abandon_after"
        }
    );
    for (builder, option) in [
        (small().linger(Duration::ZERO), "linger"),
        (small().abandon_after(Duration::ZERO), "abandon_after"),
    ] {
        assert_eq!(
            builder.spawn().unwrap_err(),
            BuildError::ZeroDuration { option }
        );
    }
    // Without time, no runtime is needed.
    assert!(small().memory_budget(100).spawn().is_ok());
}

#[tokio::test]
async fn the_largest_reservation_is_the_largest_also_where_more_would_fit() {
    let (handle, _groups, _failures) = small().max_reservation(50).spawn().unwrap();
    let _open = handle.reserve_writer(size(1)).await.unwrap();
    let error = handle.try_reserve_writer(size(51)).unwrap_err();
    assert!(matches!(error, BufferError::TooLarge { size: 51, max: 50 }));
}

#[test]
fn the_whole_path_needs_no_runtime() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let writer = std::thread::spawn(move || {
        for n in 0..20 {
            let agent = handle
                .blocking_reserve_writer(size(50))
                .unwrap()
                .into_single_agent();
            agent
                .submit_bytes_blocking(pattern_bytes(n * 50, 50))
                .unwrap();
        }
        zc_core::sync::block_on(handle.finalize()).unwrap()
    });
    let mut ranges = Ranges::default();
    while let Received::Item(group) = zc_core::sync::block_on(groups.recv()) {
        assert_eq!(group.chunks().len(), 1, "contiguous in memory");
        ranges.group(&group);
    }
    assert!(writer.join().unwrap().is_empty());
    ranges.assert_cover(1000);
}

#[tokio::test]
async fn offsets_follow_each_other_and_ids_are_unique() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let mut ids = vec![];
    let mut at = 0;
    for n in 1..60 {
        let agent = handle.reserve_writer(size(n)).await.unwrap();
        assert_eq!((agent.offset(), agent.size()), (at, n));
        at += n as u64;
        ids.push(agent.id());
        fill_and_commit(agent);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 59);
    assert_eq!(handle.metrics().stream_len, at);
    assert_eq!(handle.metrics().reservations, 59);
    handle.flush();
    let mut ranges = Ranges::default();
    while ranges.good_len() < at {
        ranges.group(&next(&mut groups).await);
    }
    ranges.assert_cover(at);
}

#[tokio::test]
async fn commit_needs_every_byte_and_gives_the_agent_back() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let mut agent = handle.reserve_writer(size(100)).await.unwrap();
    agent.put_slice(&pattern_bytes(0, 60));
    let error = agent.commit().unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::CommitSizeMismatch {
            expected: 100,
            actual: 60,
            ..
        }
    ));
    let agent = error.into_agent().unwrap();
    let error = agent.commit_partial(61).unwrap_err();
    let mut agent = error.into_agent().unwrap();
    let rest = agent.as_uninit_mut();
    assert_eq!(rest.len(), 40, "what is filled is not handed out again");
    for (i, byte) in rest.iter_mut().enumerate() {
        byte.write(pattern(60 + i as u64));
    }
    // SAFETY: all 40 were written just above.
    unsafe { agent.assume_filled(40) };
    agent.commit().unwrap();
    let mut ranges = Ranges::default();
    ranges.group(&next(&mut groups).await);
    ranges.assert_cover(100);
}

#[tokio::test]
#[should_panic(expected = "bytes filled where")]
async fn more_cannot_be_filled_than_there_is() {
    let (handle, _groups, _failures) = small().spawn().unwrap();
    let mut agent = handle.reserve_writer(size(10)).await.unwrap();
    // SAFETY: panics before anything is believed.
    unsafe { agent.assume_filled(11) };
}

#[tokio::test]
async fn a_last_tail_goes_back_to_the_cursor() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut agent = handle.reserve_writer(size(50)).await.unwrap();
    fill(&mut agent);
    agent.commit_partial(20).unwrap();
    let agent = handle.reserve_writer(size(80)).await.unwrap();
    assert_eq!(agent.offset(), 20);
    fill_and_commit(agent);
    let group = next(&mut groups).await;
    assert_eq!((group.offset, group.len), (0, 100));
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn an_inner_tail_is_reported_unused_and_no_group_spans_it() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut agent = handle.reserve_writer(size(50)).await.unwrap();
    let id = agent.id();
    fill(&mut agent);
    let follower = handle.reserve_writer(size(50)).await.unwrap();
    agent.commit_partial(20).unwrap();
    let failed = failures.try_recv().expect("at once").item().unwrap();
    let info = &failed.failed_reservations[0];
    assert_eq!(
        (info.id, info.offset, info.size, &info.reason),
        (id, 20, 30, &FailReason::Unused)
    );
    fill_and_commit(follower);
    let first = next(&mut groups).await;
    let second = next(&mut groups).await;
    assert_eq!((first.offset, first.len), (0, 20));
    assert_eq!((second.offset, second.len), (50, 50));
    assert_eq!(first.group_id, second.group_id);
    // The hole can be filled like any other failed range.
    let agent = handle.retry(info).await.unwrap();
    assert_eq!((agent.offset(), agent.size()), (20, 30));
    fill_and_commit(agent);
    assert_eq!(next(&mut groups).await.offset, 20);
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
async fn chunks_come_in_any_order_and_any_way() {
    let (handle, mut groups, _failures) = small().adopt_threshold(20).spawn().unwrap();
    let mut agent = handle
        .reserve_writer(size(100))
        .await
        .unwrap()
        .into_chunk_agent();
    let piece = |at: u64, len| pattern_bytes(at, len);
    agent.submit_chunk_at(70, piece(70, 30)).unwrap();
    agent.submit_chunk_at(10, piece(10, 5)).unwrap();
    agent.put_slice(&piece(0, 10));
    assert_eq!(agent.current_size(), 45);
    let error = agent.commit().await.unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::CommitSizeMismatch {
            expected: 100,
            actual: 45,
            ..
        }
    ));
    let mut agent = error.into_agent().unwrap();
    for (at, len) in [
        (69, 2),
        (14, 1),
        (99, 2),
        (usize::MAX, 1),
        (5, usize::from(u16::MAX)),
    ] {
        let error = agent
            .submit_chunk_at(at, Bytes::from(vec![0; len]))
            .unwrap_err();
        assert!(
            matches!(error.reason(), ManagerError::SubmitRangeInvalid { .. }),
            "{at}+{len}"
        );
        let (none, bytes) = error.into_parts();
        assert!(none.is_none() && bytes.unwrap().len() == len);
    }
    let error = agent.submit_chunk(piece(15, 56)).unwrap_err();
    assert!(matches!(
        error.reason(),
        ManagerError::SubmitSizeTooLarge {
            largest: 55,
            actual: 56,
            ..
        }
    ));
    agent.submit_chunk(piece(15, 25)).unwrap();
    Write::write_all(&mut agent, &piece(40, 10)).unwrap();
    AsyncWriteExt::write_all(&mut agent, &piece(50, 20))
        .await
        .unwrap();
    assert_eq!(Write::write(&mut agent, b"more").unwrap(), 0);
    assert_eq!(agent.remaining_mut(), 0);
    agent.commit().await.unwrap();
    let mut ranges = Ranges::default();
    ranges.group(&next(&mut groups).await);
    ranges.assert_cover(100);
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
async fn linger_seals_what_waits() {
    let (handle, mut groups, _failures) =
        small().linger(Duration::from_millis(30)).spawn().unwrap();
    let begin = Instant::now();
    let waiting = tokio::spawn(async move { (next(&mut groups).await, groups) });
    tokio::task::yield_now().await;
    fill_and_commit(handle.reserve_writer(size(1)).await.unwrap());
    let (group, _groups) = within(waiting).await.unwrap();
    assert_eq!(group.len(), 1);
    assert!(begin.elapsed() >= Duration::from_millis(30));
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

#[tokio::test]
async fn group_data_is_a_buf() {
    let (handle, mut groups, _failures) = small().adopt_threshold(10).spawn().unwrap();
    for n in 0..10 {
        let agent = handle
            .reserve_writer(size(10))
            .await
            .unwrap()
            .into_single_agent();
        agent.submit_bytes(pattern_bytes(n * 10, 10)).await.unwrap();
    }
    let mut group = next(&mut groups).await;
    assert_eq!(group.chunks().len(), 10);
    group.advance(15);
    assert_eq!((group.offset, group.remaining()), (15, 85));
    assert_eq!(&*group.copy_to_bytes(85), &*pattern_bytes(15, 85));
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

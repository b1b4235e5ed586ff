//! Writers that reserve runs and hand them out to themselves.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::time::Duration;

use common::*;
use futures_util::FutureExt;
use zc_agent::*;

fn small() -> ManagerBuilder {
    Manager::builder().min_group_commit_size(100)
}

async fn write(writer: &mut RunWriter, at: u64, len: usize) {
    let offset = within(writer.write(&pattern_bytes(at, len))).await.unwrap();
    assert_eq!(offset, at);
}

#[tokio::test]
async fn writes_of_a_run_follow_each_other_and_cost_one_reservation() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut writer = handle.writer(50);
    for n in 0..20 {
        write(&mut writer, n * 10, 10).await;
    }
    assert_eq!(handle.metrics().reservations, 4);
    drop(writer);
    let mut ranges = Ranges::default();
    for _ in 0..2 {
        ranges.group(&next(&mut groups).await);
    }
    ranges.assert_cover(200);
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn what_is_not_published_is_visible_to_nobody_until_flush() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut writer = handle.writer(50);
    write(&mut writer, 0, 10).await;
    assert!(groups.try_recv().is_none());
    handle.flush();
    assert_eq!(groups.try_recv().unwrap().item().unwrap().len(), 10);
    // The tail went back: the next run starts there.
    write(&mut writer, 10, 10).await;
    // Its own flush ends the run, and seals nothing.
    writer.flush().unwrap();
    assert!(groups.try_recv().is_none());
    write(&mut writer, 20, 5).await;
    handle.flush();
    assert_eq!(next(&mut groups).await.len(), 15);
    assert!(failures.try_recv().is_none());
}

#[tokio::test]
async fn one_write_is_contiguous_even_above_the_run() {
    let (handle, mut groups, _failures) = small().spawn().unwrap();
    let mut writer = handle.writer(16);
    write(&mut writer, 0, 10).await;
    write(&mut writer, 10, 1000).await;
    assert_eq!(writer.write(&[]).await.unwrap(), 1010);
    drop(writer);
    handle.flush();
    let mut ranges = Ranges::default();
    while ranges.good_len() < 1010 {
        ranges.group(&next(&mut groups).await);
    }
    ranges.assert_cover(1010);
}

#[tokio::test]
async fn linger_publishes_an_idle_run() {
    let (handle, mut groups, mut failures) =
        small().linger(Duration::from_millis(5)).spawn().unwrap();
    let mut writer = handle.writer(50);
    write(&mut writer, 0, 7).await;
    let group = next(&mut groups).await;
    assert_eq!((group.offset, group.len), (0, 7));
    // In a group that was sealed by size as well.
    write(&mut writer, 7, 7).await;
    let other = handle.reserve_writer(size(100)).await.unwrap();
    assert_eq!(other.offset(), 57);
    fill_and_commit(other);
    assert_eq!(next(&mut groups).await.offset, 7);
    assert_eq!(next(&mut groups).await.offset, 57);
    let unused = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    assert_eq!(
        (unused.offset, unused.size, unused.reason),
        (14, 43, FailReason::Unused)
    );
}

#[tokio::test]
async fn an_inner_tail_is_reported_and_groups_go_around_it() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let (mut a, mut b) = (handle.writer(40), handle.writer(40));
    write(&mut a, 0, 30).await;
    write(&mut b, 40, 40).await;
    write(&mut a, 80, 20).await;
    let unused = next_failure(&mut failures)
        .await
        .failed_reservations
        .remove(0);
    assert_eq!((unused.offset, unused.size), (30, 10));
    drop((a, b));
    handle.flush();
    let mut ranges = Ranges::default();
    while ranges.good_len() < 90 {
        ranges.group(&next(&mut groups).await);
    }
    assert_eq!(ranges.good.into_iter().next(), Some((0, 30)));
}

#[tokio::test]
async fn finalize_takes_what_is_written_whatever_the_mode() {
    for mode in [
        FinalizeMode::Drain { deadline: None },
        FinalizeMode::SealNow,
        FinalizeMode::Abort,
    ] {
        let (handle, mut groups, mut failures) = small().spawn().unwrap();
        let mut writer = handle.writer(50);
        write(&mut writer, 0, 30).await;
        within(handle.finalize_with(mode)).await.unwrap();
        let error = writer.write(b"more").await.unwrap_err();
        assert!(matches!(error, BufferError::Finalizing), "{error}");
        let mut ranges = Ranges::default();
        drain(&mut groups, &mut failures, &mut ranges).await;
        assert_eq!(ranges.good_len(), 30);
        assert!(ranges.bad.is_empty(), "the tail went back");
    }
}

#[tokio::test]
async fn a_writer_is_a_handle() {
    let (handle, mut groups, mut failures) = small().spawn().unwrap();
    let mut writer = handle.writer(50);
    drop(handle);
    write(&mut writer, 0, 30).await;
    drop(writer);
    let mut ranges = Ranges::default();
    drain(&mut groups, &mut failures, &mut ranges).await;
    ranges.assert_cover(30);
}

#[tokio::test]
async fn an_abandoned_run_keeps_what_was_written() {
    let patience = Duration::from_millis(20);
    let (handle, mut groups, _failures) = small().abandon_after(patience).spawn().unwrap();
    let mut writer = handle.writer(50);
    write(&mut writer, 0, 30).await;
    fill_and_commit(handle.reserve_writer(size(60)).await.unwrap());
    assert_eq!(next(&mut groups).await.len(), 30);
    assert_eq!(next(&mut groups).await.offset, 50);
}

#[tokio::test]
async fn an_idle_run_makes_way_for_whoever_waits_for_memory() {
    let (handle, mut groups, _failures) = small()
        .max_reservation(100)
        .memory_budget(199)
        .spawn()
        .unwrap();
    let mut writer = handle.writer(50);
    write(&mut writer, 0, 30).await;
    fill_and_commit(handle.reserve_writer(size(60)).await.unwrap());
    let mut waiting = Box::pin(handle.reserve_writer(size(100)));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(next(&mut groups).await.len(), 30);
    assert_eq!(next(&mut groups).await.len(), 60);
    fill_and_commit(within(waiting).await.unwrap());
    assert_eq!(next(&mut groups).await.len(), 100);
    write(&mut writer, 210, 10).await;
}

/// Runs are published for a waiter group by group, in the order of delivery. Where that is the order
/// of completion, a group with an idle agent is passed over.
#[tokio::test]
async fn an_idle_run_behind_others_makes_way_in_its_turn() {
    for delivery in [Delivery::Ordered, Delivery::AsReady] {
        let builder = small().max_reservation(100).memory_budget(400);
        let (handle, mut groups, mut failures) = builder.delivery(delivery).spawn().unwrap();
        let held =
            (delivery == Delivery::AsReady).then(|| handle.try_reserve_writer(size(50)).unwrap());
        let mut at = held.as_ref().map_or(0, |agent| agent.size() as u64);
        let mut writers = vec![];
        loop {
            // Two reservations a group, each run with a byte.
            let mut writer = handle.writer(50);
            if writer.write(&[pattern(at)]).now_or_never().is_none() {
                break;
            }
            writers.push(writer);
            at += 50;
        }
        assert!(writers.len() >= 3, "{}", writers.len());
        // More than all of the memory, while no writer writes on.
        let everything = tokio::spawn({
            let handle = handle.clone();
            async move {
                for _ in 0..10 {
                    fill_and_commit(handle.reserve_writer(size(100)).await.unwrap());
                }
            }
        });
        let mut ranges = Ranges::default();
        let behind = held.as_ref().map_or(writers.len(), |_| writers.len() - 1);
        while ranges.good_len() < 1000 + behind as u64 {
            ranges.group(&next(&mut groups).await);
        }
        within(everything).await.unwrap();
        if let Some(agent) = held {
            fill_and_commit(agent);
        }
        within(handle.finalize()).await.unwrap();
        drop(writers);
        drain(&mut groups, &mut failures, &mut ranges).await;
    }
}

#[tokio::test]
async fn a_retry_in_line_makes_the_open_group_give_way() {
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
    fill_and_commit(handle.reserve_writer(size(10)).await.unwrap());
    let mut waiting = Box::pin(handle.retry(&info));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(next(&mut groups).await);
    fill_and_commit(within(waiting).await.unwrap());
    assert_eq!(next(&mut groups).await.len(), 100);
}

#[test]
fn many_run_writers_lose_and_double_nothing() {
    const WRITERS: usize = 5;
    let (handle, mut groups, mut failures) = Manager::builder()
        .min_group_commit_size(4000)
        .memory_budget(40_000)
        .spawn()
        .unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|w| {
            let mut writer = handle.writer(256);
            let handle = handle.clone();
            std::thread::spawn(move || {
                let mut random = w as u64;
                let mut written = vec![];
                for _ in 0..4000 {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let len = 1 + (random >> 33) as usize % 60;
                    let offset = writer.blocking_write(&vec![w as u8 + 1; len]).unwrap();
                    written.push((offset, len));
                    if random >> 40 & 127 == 0 {
                        handle.flush();
                    }
                }
                written
            })
        })
        .collect();
    let metrics = handle.clone();
    let closer = std::thread::spawn(move || {
        let written: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        zc_core::sync::block_on(handle.finalize()).unwrap();
        written
    });
    let mut stream = vec![];
    while let Received::Item(group) = zc_core::sync::block_on(groups.recv()) {
        assert!(group.offset >= stream.len() as u64, "in order");
        stream.resize(group.offset as usize, 0);
        group
            .chunks()
            .iter()
            .for_each(|chunk| stream.extend_from_slice(chunk));
    }
    while let Received::Item(failed) = zc_core::sync::block_on(failures.recv()) {
        assert!(failed.group_chunks.is_empty());
        assert!(
            failed
                .failed_reservations
                .iter()
                .all(|info| info.reason == FailReason::Unused)
        );
    }
    let mut total = 0;
    for (w, written) in closer.join().unwrap().into_iter().enumerate() {
        for (offset, len) in written {
            let bytes = &mut stream[offset as usize..][..len];
            assert!(bytes.iter().all(|&byte| byte == w as u8 + 1));
            bytes.fill(0);
            total += len as u64;
        }
    }
    assert!(
        stream.iter().all(|&byte| byte == 0),
        "nothing else came out"
    );
    assert_eq!(metrics.metrics().bytes_received, total);
    assert_eq!(metrics.metrics().budget_used, 0);
}

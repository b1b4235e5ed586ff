//! What callers may rely on: options, offsets, agents and data.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::io::Write;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use common::*;
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

//! The original's shape: what its own example and tests rely on, and that its defects are gone.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use common::{size, within};
use tokio::sync::mpsc;
use zc_agent::compat as zc_buffer;
use zc_buffer::{
    BufferError, FailedGroupDataTransmission, ManagerActor, ManagerError, SuccessfulGroupData,
    ZeroCopyHandle,
};

type Ends = (
    ZeroCopyHandle,
    mpsc::Receiver<SuccessfulGroupData>,
    mpsc::Receiver<FailedGroupDataTransmission>,
);

fn spawn(channel: usize, line: usize) -> Ends {
    zc_buffer::spawn_manager!(default, NonZeroUsize::new(channel).unwrap(), &line)
}

async fn submit(handle: &ZeroCopyHandle, byte: u8, len: usize) -> Result<(), BufferError> {
    let agent = handle.reserve_writer(size(len)).await?;
    agent
        .into_single_agent()
        .submit_bytes(vec![byte; len].into())
        .await
}

/// The original's example: ten writers, of which one drops its agent and one has a wrong size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_six_steps_of_the_original() {
    let (handle, mut completed, mut failed) = spawn(128, 600);
    let good = tokio::spawn(async move {
        let mut groups = vec![];
        while let Some((offset, bytes)) = completed.recv().await {
            groups.push((offset, bytes.len()));
        }
        groups
    });
    let bad = tokio::spawn(async move {
        let mut groups = vec![];
        while let Some(group) = failed.recv().await {
            groups.push(group);
        }
        groups
    });

    for (byte, len) in [(1, 200), (2, 300), (3, 500), (4, 400)] {
        submit(&handle, byte, len).await.unwrap();
    }
    let mut chunks = handle
        .reserve_writer(size(250))
        .await
        .unwrap()
        .into_chunk_agent();
    chunks.submit_chunk(Bytes::from(vec![9; 100])).unwrap();
    assert!(matches!(
        chunks.submit_chunk(Bytes::from(vec![9; 151])),
        Err(ManagerError::SubmitSizeTooLarge { largest: 150, .. })
    ));
    chunks.submit_chunk(Bytes::from(vec![9; 150])).unwrap();
    assert_eq!((chunks.current_size(), chunks.offset()), (250, 1400));
    chunks.commit().await.unwrap();

    drop(handle.reserve_writer(size(100)).await.unwrap());
    let wrong = handle.reserve_writer(size(50)).await.unwrap();
    let error = wrong
        .into_single_agent()
        .submit_bytes(Bytes::from(vec![8; 40]))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        BufferError::ManagerError(ManagerError::SubmitSizeIncorrect {
            expected: 50,
            actual: 40,
            ..
        })
    ));
    submit(&handle, 10, 30).await.unwrap();

    let report = within(handle.finalize()).await.unwrap();
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(within(good).await.unwrap(), [(0, 1000), (1000, 650)]);
    let bad = within(bad).await.unwrap();
    assert_eq!(bad.len(), 1, "one report for a group");
    let chunk_bytes: usize = bad[0].group_chunks.values().map(Bytes::len).sum();
    assert_eq!(chunk_bytes, 30);
    let sizes: Vec<_> = bad[0].failed_reservations.iter().map(|f| f.size).collect();
    assert_eq!(sizes, [100, 50]);
}

#[tokio::test]
async fn a_failed_group_is_reported_when_it_is_complete_and_not_only_at_the_end() {
    let (handle, _completed, mut failed) = spawn(8, 100);
    let lost = handle.reserve_writer(size(10)).await.unwrap();
    submit(&handle, 1, 90).await.unwrap();
    drop(lost);
    let group = within(failed.recv()).await.unwrap();
    assert_eq!(group.failed_reservations[0].offset, 0);
    assert_eq!(group.group_chunks[&10].len(), 90);
}

#[tokio::test]
async fn full_channels_hold_up_neither_submissions_nor_the_end() {
    let (handle, mut completed, mut failed) = spawn(1, 10);
    let mut agents = vec![];
    for _ in 0..8 {
        agents.push(handle.reserve_writer(size(10)).await.unwrap());
    }
    for (n, agent) in agents.into_iter().enumerate() {
        if n % 2 == 0 {
            let bytes = Bytes::from(vec![n as u8; 10]);
            within(agent.into_single_agent().submit_bytes(bytes))
                .await
                .unwrap();
        }
    }
    let report = within(handle.finalize()).await.unwrap();
    assert!(report.is_empty());
    for n in 0..4 {
        let (offset, bytes) = within(completed.recv()).await.unwrap();
        assert_eq!((offset, bytes[0]), (n * 20, 2 * n as u8));
        assert!(within(failed.recv()).await.is_some());
    }
    assert!(completed.recv().await.is_none() && failed.recv().await.is_none());
}

#[tokio::test]
async fn what_nobody_receives_is_in_the_report() {
    let (handle, completed, failed) = spawn(1, 10);
    // More than the channels hold, so that some of it is still with the manager.
    let mut agents = vec![];
    for _ in 0..12 {
        agents.push(handle.reserve_writer(size(10)).await.unwrap());
    }
    let late = agents.pop().unwrap().into_single_agent();
    drop((completed, failed));
    for (n, agent) in agents.into_iter().enumerate() {
        let chunk = Bytes::from(vec![n as u8; 10]);
        match n % 3 {
            0 => drop(agent),
            _ => agent.into_single_agent().submit_bytes(chunk).await.unwrap(),
        }
    }
    let twin = handle.clone();
    let report = within(handle.finalize()).await.unwrap();
    let (mut good, mut bad) = (vec![], vec![]);
    for group in &report.failed {
        good.extend(group.group_chunks.iter().map(|(at, b)| (*at, b.len())));
        bad.extend(group.failed_reservations.iter().map(|f| f.offset));
    }
    good.sort_unstable();
    bad.sort_unstable();
    let expect: Vec<_> = (0..11)
        .filter(|n| n % 3 != 0)
        .map(|n| (n * 10, 10))
        .collect();
    assert_eq!(good, expect);
    assert_eq!(bad, [0, 30, 60, 90, 110]);
    // The agent that was too late is told, and so is whoever reserves.
    assert_eq!(
        late.submit_bytes(Bytes::from(vec![1; 10])).await,
        Err(ManagerError::ManagerFinalizing.into())
    );
    assert!(twin.reserve_writer(size(1)).await.is_err());
    let again = within(twin.finalize()).await.unwrap();
    assert_eq!(again.failed_len(), report.failed_len());
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_to_whoever_reserves() {
    let (handle, completed, _failed) = spawn(4, 10);
    drop(completed);
    let told = async {
        loop {
            match handle.reserve_writer(size(5)).await {
                Err(error) => return error,
                Ok(agent) => drop(agent),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert_eq!(within(told).await, ManagerError::ConsumerGone.into());
}

#[tokio::test]
async fn the_last_handle_ends_it_all_and_commit_sizes_are_clamped() {
    let n = NonZeroUsize::new(4).unwrap();
    for line in [0, usize::MAX] {
        let (handle, mut completed, mut failed) =
            ManagerActor::<zc_buffer::defaults::DefaultManagerComponents>::spawn(n, &line);
        submit(&handle, 7, 3).await.unwrap();
        assert_eq!(
            handle.reserve_writer(size(usize::MAX)).await.unwrap_err(),
            ManagerError::ReservationTooLarge {
                size: usize::MAX,
                max: (1 << 30) - 1
            }
            .into()
        );
        drop(handle);
        assert_eq!(&*within(completed.recv()).await.unwrap().1, [7; 3]);
        assert!(within(completed.recv()).await.is_none());
        assert!(within(failed.recv()).await.is_none());
    }
    let (handle, ..) = zc_buffer::spawn_manager!(zc_buffer::DefaultManagerComponents, n, &10);
    drop(handle);
}

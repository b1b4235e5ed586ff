//! The six steps: spawn, receive, write from many tasks, wait for them, finalize, verify; with a
//! reservation that is dropped, and one whose size is checked and found wrong.
//!
//! Run with `cargo run -p zc-agent --example pipeline`.
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    dead_code,
    reason = "an example shows what it does; it is a test, too"
)]

use std::num::NonZeroUsize;

use bytes::{BufMut, Bytes};
use zc_agent::{
    AbsoluteOffset, FailReason, FailedReservationInfo, Failures, Groups, Manager, ManagerError,
    Received, ZeroCopyHandle,
};

const WRITERS: u64 = 8;
const PIECE: usize = 1000;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Offset and bytes of every good stretch.
    pub(crate) good: Vec<(AbsoluteOffset, Bytes)>,
    pub(crate) failed: Vec<FailedReservationInfo>,
}

pub(crate) async fn run() -> Result<Outcome, Error> {
    // 1. Spawn the manager.
    let (handle, groups, failures) = Manager::builder()
        .min_group_commit_size(4 * PIECE)
        .spawn()?;

    // 2. Start the consumers.
    let receiver = tokio::spawn(receive(groups));
    let reporter = tokio::spawn(report(failures));

    // 3. Start the writers.
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| tokio::spawn(write(n, handle.clone())))
        .collect();

    // 4. Wait for them.
    for writer in writers {
        writer.await??;
    }

    // 5. Finalize: everything is settled, so the report has nothing that the consumers do not get.
    let end = handle.finalize().await?;
    assert!(end.is_empty());

    // 6. Collect what the consumers have seen.
    let (mut good, (more, failed)) = (receiver.await?, reporter.await?);
    good.extend(more);
    good.sort_unstable_by_key(|(offset, _)| *offset);
    Ok(Outcome { good, failed })
}

async fn write(n: u64, handle: ZeroCopyHandle) -> Result<(), Error> {
    let size = NonZeroUsize::new(PIECE).expect("not zero");
    let mut agent = handle.reserve_writer(size).await?;
    let letter = b'a' + n as u8;
    match n {
        // Its task has other plans. The drop is reported.
        3 => drop(agent),
        // A wrong size is noticed, and costs nothing but the attempt.
        5 => {
            let short = Bytes::from(vec![letter; PIECE - 1]);
            let error = agent
                .into_single_agent()
                .submit_bytes(short)
                .await
                .expect_err("one byte is missing");
            assert!(matches!(
                error.reason(),
                ManagerError::SubmitSizeIncorrect { .. }
            ));
            let (agent, short) = error.into_parts();
            let whole = [&short.expect("given back")[..], &[letter]].concat();
            agent
                .expect("given back")
                .submit_bytes(whole.into())
                .await?;
        }
        // In two pieces, the second one first.
        6 => {
            let mut agent = agent.into_chunk_agent();
            let half = Bytes::from(vec![letter; PIECE / 2]);
            agent.submit_chunk_at(PIECE / 2, half.clone())?;
            agent.submit_chunk(half)?;
            agent.commit().await?;
        }
        // In place.
        _ => {
            agent.put_bytes(letter, PIECE);
            agent.commit()?;
        }
    }
    Ok(())
}

async fn receive(mut groups: Groups) -> Vec<(AbsoluteOffset, Bytes)> {
    let mut good = Vec::new();
    while let Received::Item(group) = groups.recv().await {
        good.push((group.offset, group.into_bytes()));
    }
    good
}

async fn report(
    mut failures: Failures,
) -> (Vec<(AbsoluteOffset, Bytes)>, Vec<FailedReservationInfo>) {
    let (mut good, mut failed) = (Vec::new(), Vec::new());
    while let Received::Item(group) = failures.recv().await {
        good.extend(
            group
                .group_chunks
                .into_iter()
                .map(|(at, chunk)| (at, chunk.into())),
        );
        failed.extend(group.failed_reservations);
    }
    (good, failed)
}

pub(crate) fn verify(outcome: &Outcome) {
    let total: usize = outcome.good.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(total, (WRITERS as usize - 1) * PIECE);
    let [failed] = &outcome.failed[..] else {
        panic!("exactly one reservation failed");
    };
    assert_eq!((failed.size, &failed.reason), (PIECE, &FailReason::Dropped));
    let mut at = 0;
    for (offset, bytes) in &outcome.good {
        if at == failed.offset {
            at += failed.size as u64;
        }
        assert_eq!(*offset, at);
        for piece in bytes.chunks(PIECE) {
            assert!(
                piece.iter().all(|&byte| byte == piece[0]),
                "pieces are whole"
            );
        }
        at += bytes.len() as u64;
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let outcome = run().await?;
    verify(&outcome);
    for (offset, bytes) in &outcome.good {
        println!("{offset:>6}: {} bytes", bytes.len());
    }
    for failed in &outcome.failed {
        println!(
            "{:>6}: {} bytes missing: {}",
            failed.offset, failed.size, failed.reason
        );
    }
    Ok(())
}

//! Several tasks write pieces of one stream; one consumer gets ordered, gap-free groups.

use std::num::NonZeroUsize;

use bytes::Bytes;
use zcbuf::agent::{Manager, Received};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (handle, mut groups, mut failures) =
        Manager::builder().min_group_commit_size(64).spawn()?;

    let received = tokio::spawn(async move {
        while let Received::Item(group) = groups.recv().await {
            println!(
                "group {} at {}: {} bytes",
                group.group_id(),
                group.offset(),
                group.len()
            );
        }
    });
    let failed = tokio::spawn(async move {
        while let Received::Item(failed) = failures.recv().await {
            for reservation in &failed.failed_reservations {
                println!(
                    "{} bytes at {} failed: {:?}",
                    reservation.size, reservation.offset, reservation.reason
                );
            }
        }
    });

    let mut writers = tokio::task::JoinSet::new();
    for i in 0..16_u8 {
        let handle = handle.clone();
        writers.spawn(async move {
            let size = NonZeroUsize::new(16).expect("16 is not zero");
            let agent = handle.reserve_writer(size).await?;
            if i == 7 {
                return Ok(()); // dropped without a word: the range is reported as failed
            }
            let submitted = agent
                .into_single_agent()
                .submit_bytes(Bytes::from(vec![i; 16]))
                .await;
            submitted.map_err(Box::<dyn std::error::Error + Send + Sync>::from)
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer?.map_err(|error| error.to_string())?;
    }

    let report = handle.finalize().await?;
    println!(
        "left over: {} groups, {} failures",
        report.undelivered.len(),
        report.failed_len()
    );
    received.await?;
    failed.await?;
    Ok(())
}

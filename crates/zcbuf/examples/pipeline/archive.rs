//! The second consumer: seals rows into blocks and submits them to the agent.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zcbuf::agent::ZeroCopyHandle;
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::ring::{Poll, RowConsumer};

use crate::failure::Failure;
use crate::shared::Shared;

/// Rows of a full block.
const BLOCK_ROWS: u64 = 1024;
/// How long fewer rows than that may wait for company.
const LINGER: Duration = Duration::from_millis(50);

/// How often it looks whether a block is full.
const PERIOD: Duration = Duration::from_millis(1);

/// Archives every row.
pub fn archive(
    mut rows: RowConsumer,
    agent: &ZeroCopyHandle,
    shared: &Shared,
) -> Result<(), Failure> {
    loop {
        let ended = wait_for_block(&mut rows, shared);
        match rows.poll(BLOCK_ROWS as usize) {
            Poll::Rows(batch) => {
                let count = batch.len() as u64;
                let block = batch
                    .to_block()
                    .map_err(Failure::because("sealing a block"))?;
                drop(batch);
                let bytes = block.bytes();
                let len = bytes.len() as u64;
                submit(agent, bytes.into())?;
                shared.blocks.fetch_add(1, Relaxed);
                shared.sealed_bytes.fetch_add(len, Relaxed);
                shared.archived_rows.fetch_add(count, Relaxed);
            }
            Poll::Empty if !ended => {}
            Poll::Empty | Poll::Closed => return Ok(()),
            other => {
                return Err(Failure::run(format!(
                    "the archiver lost its place: {other:?}"
                )));
            }
        }
    }
}

/// Waits until there are rows for a full block, or some that have lingered, or nothing more will
/// come, which is what it returns.
fn wait_for_block(rows: &mut RowConsumer, shared: &Shared) -> bool {
    rows.ready_timeout(LINGER);
    let since = Instant::now();
    loop {
        let ended = shared.source_has_ended();
        if ended || rows.lag() >= BLOCK_ROWS || since.elapsed() >= LINGER {
            return ended;
        }
        std::thread::sleep(PERIOD);
    }
}

/// One block is one reservation; the agent puts the reservations into ordered groups.
fn submit(agent: &ZeroCopyHandle, block: Bytes) -> Result<(), Failure> {
    let Some(size) = NonZeroUsize::new(block.len()) else {
        return Err(Failure::run("a sealed block is empty"));
    };
    let reservation = agent
        .blocking_reserve_writer(size)
        .map_err(Failure::because("reserving room for a block"))?;
    reservation
        .into_single_agent()
        .submit_bytes_blocking(block)
        .map_err(Failure::because("submitting a block"))
}

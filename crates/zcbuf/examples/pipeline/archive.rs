//! The second consumer: seals rows into blocks and submits them to the agent.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use zcbuf::agent::ZeroCopyHandle;
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::core::sync::block_on;
use zcbuf::ring::{Poll, RowConsumer};

use crate::failure::Failure;
use crate::shared::Shared;

/// Rows of a full block.
const BLOCK_ROWS: u64 = 1024;
/// How long fewer rows than that may wait for company.
const LINGER: Duration = Duration::from_millis(50);

/// Archives every row.
pub fn archive(mut rows: RowConsumer, agent: &ZeroCopyHandle, shared: &Shared) -> Result<(), Failure> {
    loop {
        let ended = shared.source_has_ended();
        // A full block at once; a partial one only once nothing came for a while.
        if rows.lag() < BLOCK_ROWS && !ended && rows.lag() < wait(&mut rows) {
            continue;
        }
        match rows.poll(BLOCK_ROWS as usize) {
            Poll::Rows(batch) => {
                let count = batch.len() as u64;
                let block = batch.to_block().map_err(Failure::because("sealing a block"))?;
                drop(batch);
                submit(agent, block.bytes().into())?;
                shared.blocks.fetch_add(1, Relaxed);
                shared.sealed_bytes.fetch_add(block.bytes().len() as u64, Relaxed);
                shared.archived_rows.fetch_add(count, Relaxed);
            }
            Poll::Empty if !ended => {}
            Poll::Empty | Poll::Closed => return Ok(()),
            other => return Err(Failure::run(format!("the archiver lost its place: {other:?}"))),
        }
    }
}

/// Waits for rows up to the linger time; how many there are then.
fn wait(rows: &mut RowConsumer) -> u64 {
    rows.ready_timeout(LINGER);
    rows.lag()
}

/// One block is one reservation; the agent puts the reservations into ordered groups.
fn submit(agent: &ZeroCopyHandle, block: Bytes) -> Result<(), Failure> {
    let Some(size) = NonZeroUsize::new(block.len()) else {
        return Err(Failure::run("a sealed block is empty"));
    };
    let reservation = agent
        .blocking_reserve_writer(size)
        .map_err(Failure::because("reserving room for a block"))?;
    block_on(reservation.into_single_agent().submit_bytes(block))
        .map_err(Failure::because("submitting a block"))
}

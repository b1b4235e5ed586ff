//! As many rows as go through.

use std::time::{Duration, Instant};

use super::{Check, Ends, Rx, Shape, Tx, pin};
use crate::threads::{Task, together};

/// Where the threads of a work run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// The producer on the first, the consumer on the second.
    Pinned,
    /// Wherever the system puts them.
    Free,
}

/// One producer, every consumer sees every row.
///
/// # Errors
/// What was lost or wrong.
pub fn throughput<T: Tx, R: Rx>(
    (mut tx, rxs): Ends<T, R>,
    shape: Shape,
    cores: Cores,
    rows: u64,
) -> Result<Duration, String> {
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for mut rx in rxs {
        tasks.push(Box::new(move || {
            if cores == Cores::Pinned {
                pin(1);
            }
            let mut seen = Check::default();
            while seen.rows < rows {
                rx.recv(&mut seen);
            }
            seen.verdict(rows)
        }));
    }
    tasks.push(Box::new(move || {
        if cores == Cores::Pinned {
            pin(0);
        }
        tx.all(rows, shape.batch);
        Ok(())
    }));
    together(tasks)
}

/// One thread does both: publishes a batch and reads it back.
///
/// # Errors
/// What was lost or wrong.
pub fn one_thread<T: Tx, R: Rx>(
    (mut tx, mut rxs): Ends<T, R>,
    batch: u64,
    rows: u64,
) -> Result<Duration, String> {
    pin(0);
    let rx = rxs.first_mut().ok_or("there is no consumer")?;
    let mut seen = Check::default();
    let rows = rows.next_multiple_of(batch);
    let begin = Instant::now();
    if batch == 1 {
        for number in 0..rows {
            tx.one(number);
            if !rx.poll(&mut seen) {
                return Err(format!("row {number} is not there"));
            }
        }
    } else {
        while seen.rows < rows {
            let from = seen.rows;
            tx.batch(from..from + batch);
            // The batch may lie in two parts.
            while seen.rows < from + batch && rx.poll(&mut seen) {}
        }
    }
    let elapsed = begin.elapsed();
    seen.verdict(rows)?;
    Ok(elapsed)
}

/// Several producers' ends, of which one is used.
///
/// # Errors
/// What was lost or wrong.
pub fn one_active<T: Tx, R: Rx>(
    (mut txs, rxs): (Vec<T>, Vec<R>),
    shape: Shape,
    rows: u64,
) -> Result<Duration, String> {
    let tx = txs.pop().ok_or("there is no producer")?;
    let elapsed = throughput((tx, rxs), shape, Cores::Pinned, rows);
    drop(txs);
    elapsed
}

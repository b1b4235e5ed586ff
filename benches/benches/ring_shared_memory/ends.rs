//! Our ends, in one process and in two.

use std::path::Path;
use std::time::Duration;

use zc_benches::broadcast::{Check, pin, row};
use zc_benches::threads::{Task, together};
use zc_ring::{ConsumerOptions, Poll, Record, RowRing, Schema};

use super::CAPACITY;
use super::processes::{Consumer, now, ready};

type Columns = Record<(u64, u64, u64, u64)>;

fn schema() -> Result<Schema, String> {
    let schema = Schema::builder().u64("a").u64("b").u64("c").u64("d");
    schema.build().map_err(text)
}

fn columns(schema: &Schema) -> Result<Columns, String> {
    schema.record(["a", "b", "c", "d"]).map_err(text)
}

/// Both kinds of producers have the same calls.
macro_rules! push_all {
    ($producer:ident, $columns:ident, $batch:expr, $rows:expr) => {{
        let mut number = 0;
        while number < $rows {
            let left = $batch.min($rows - number);
            let pushed = match left {
                1 => $producer.push(|to| to.set_record(&$columns, row(number).into())),
                _ => $producer.push_batch(left as usize, |n, to| {
                    to.set_record(&$columns, row(number + n as u64).into())
                }),
            };
            pushed.map_err(text)?;
            number += left;
        }
    }};
}

/// And so have both kinds of consumers.
macro_rules! read_all {
    ($consumer:ident, $columns:ident, $rows:expr, $seen:expr) => {
        while $seen.rows < $rows {
            match $consumer.recv_blocking() {
                Poll::Rows(batch) => {
                    let rows = batch.records(&$columns);
                    rows.for_each(|row| $seen.row(&row.into()));
                }
                other => return Err(format!("a consumer found {other:?}")),
            }
        }
    };
}

/// A ring in memory that another process maps as well.
pub(crate) fn two_processes(batch: u64, rows: u64) -> Result<Duration, String> {
    let path = Path::new("/dev/shm").join(format!("zc-bench-{}", std::process::id()));
    let ring = RowRing::create_shared(&path, schema()?, CAPACITY).map_err(text)?;
    let _removed = Removed(&path);
    let mut producer = ring.producer().map_err(text)?;
    let columns = columns(ring.schema())?;
    let consumer = Consumer::start("ours", &path.display().to_string(), rows)?;
    pin(0);
    let begin = now()?;
    push_all!(producer, columns, batch, rows);
    Ok(consumer.end()?.saturating_sub(begin))
}

struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        // The next ring of this name says so if it is still there.
        let _ = std::fs::remove_file(self.0);
    }
}

/// What the other process does.
pub(crate) fn consume(path: &str, rows: u64, seen: &mut Check) -> Result<(), String> {
    let ring = RowRing::open_shared(path).map_err(text)?;
    let columns = columns(ring.schema())?;
    let consumer = ring.consumer(ConsumerOptions::default());
    let mut consumer = consumer.map_err(text)?;
    ready()?;
    read_all!(consumer, columns, rows, seen);
    Ok(())
}

/// The same between two threads.
pub(crate) fn one_process(batch: u64, rows: u64) -> Result<Duration, String> {
    let ring = RowRing::builder(schema()?, CAPACITY).build();
    let ring = ring.map_err(text)?;
    let columns = columns(&ring.schema())?;
    let mut consumer = ring.consumer(ConsumerOptions::default()).map_err(text)?;
    let mut producer = ring.producer().map_err(text)?;
    let reader: Task<'_> = Box::new(move || {
        pin(1);
        let mut seen = Check::default();
        read_all!(consumer, columns, rows, seen);
        seen.verdict(rows)
    });
    let writer: Task<'_> = Box::new(move || {
        pin(0);
        push_all!(producer, columns, batch, rows);
        Ok(())
    });
    together(vec![reader, writer])
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! Sealed blocks of 1024 rows: how fast columns are compressed and come back, in bytes of the
//! plain columns. The limit is a copy of the same bytes.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;
use zc_benches::{Bench, Unit};
use zc_ring::{Block, ConsumerOptions, Poll, RowRing, Schema};

const ROWS: usize = 1024;

fn main() -> ExitCode {
    let column = Unit::GigabytesPerSecond {
        bytes: (ROWS * size_of::<i64>()) as u64,
    };
    let both = Unit::GigabytesPerSecond {
        bytes: (2 * ROWS * size_of::<i64>()) as u64,
    };
    Bench::main("columns_codec", |bench| {
        bench
            .cell("seal 1024 rows of two i64 columns", both, 10)
            .goal(2.0)
            .ours(seal)
            .limit(|ops| copy(ops, 2))
            .run();
        for name in ["ts", "price"] {
            bench
                .cell(format!("decode 1024 i64, column {name}"), column, 10)
                .goal(8.0)
                .ours(move |ops| decode(name, ops))
                .limit(|ops| copy(ops, 1))
                .run();
        }
    })
}

/// Nanoseconds that grow unevenly, as those of quotes do.
fn ts(row: usize) -> i64 {
    let step = [1_000, 250_000, 40, 3_000_000][row % 4];
    1_700_000_000_000_000_000 + i64::try_from(row * 800_000).unwrap_or(0) + step
}

/// Prices that wander around one level.
fn price(row: usize) -> i64 {
    6_543_210 + i64::try_from(row * 7919 % 64).unwrap_or(0)
}

/// Calls `with` with a batch of all rows.
fn with_rows<R>(
    with: impl FnOnce(&zc_ring::RowBatch<'_>) -> Result<R, String>,
) -> Result<R, String> {
    let text = |e: &dyn std::error::Error| e.to_string();
    let schema = Schema::builder()
        .i64("ts")
        .i64("price")
        .build()
        .map_err(|e| text(&e))?;
    let ring = RowRing::builder(schema, ROWS)
        .build()
        .map_err(|e| text(&e))?;
    let mut consumer = ring
        .consumer(ConsumerOptions::default())
        .map_err(|e| text(&e))?;
    let mut producer = ring.producer().map_err(|e| text(&e))?;
    let ts_column = ring.schema().column::<i64>("ts").map_err(|e| text(&e))?;
    let price_column = ring.schema().column::<i64>("price").map_err(|e| text(&e))?;
    for number in 0..ROWS {
        let pushed = producer.push(|row| {
            row.set(ts_column, ts(number))?;
            row.set(price_column, price(number))
        });
        pushed.map_err(|e| e.to_string())?;
    }
    match consumer.poll(ROWS) {
        Poll::Rows(batch) => {
            expect("rows", batch.len(), ROWS)?;
            with(&batch)
        }
        other => Err(format!("{other:?}")),
    }
}

fn seal(ops: u64) -> Result<Duration, String> {
    with_rows(|batch| {
        let begin = Instant::now();
        let mut last = None;
        for _ in 0..ops {
            last = Some(black_box(batch.to_block().map_err(|e| e.to_string())?));
        }
        let elapsed = begin.elapsed();
        let block = last.ok_or("no operation")?;
        check("ts", &block)?;
        check("price", &block)?;
        Ok(elapsed)
    })
}

fn decode(name: &'static str, ops: u64) -> Result<Duration, String> {
    let block = with_rows(|batch| batch.to_block().map_err(|e| e.to_string()))?;
    check(name, &block)?;
    let begin = Instant::now();
    for _ in 0..ops {
        let values = black_box(&block)
            .column::<i64>(name)
            .map_err(|e| e.to_string())?;
        black_box(values);
    }
    Ok(begin.elapsed())
}

fn check(name: &str, block: &Block) -> Result<(), String> {
    let values = block.column::<i64>(name).map_err(|e| e.to_string())?;
    let of = if name == "ts" { ts } else { price };
    let wanted: Vec<i64> = (0..ROWS).map(of).collect();
    expect(name, values, wanted)
}

fn copy(ops: u64, columns: usize) -> Result<Duration, String> {
    let plain: Vec<i64> = (0..ROWS * columns).map(ts).collect();
    let begin = Instant::now();
    for _ in 0..ops {
        black_box(black_box(&plain).clone());
    }
    Ok(begin.elapsed())
}

//! Quotes of 40 bytes (two numbers of 64 bits, a price, a quantity, an instrument and a tag) from one producer to one consumer,
//! each pinned to a core of its own: rows with a run-time schema, through typed handles, against the same row as a plain struct in
//! a `Ring` (the limit: what the types cost), and narrow rows of the same quotes with delta columns.
//!
//! Ratios to the struct are what counts: both pay for making the quotes and for the hand-over. What was tried (quick runs
//! on a busy two-core guest, ns a row at batch 1 / 256):
//!
//! * At first 51 / 55: the schema was resolved and a column's whole description copied for every value, out of line. A handle
//!   that carries the column's place and is checked by one comparison, and columns read in even runs: 28 / 24.
//! * Then three things at once, which were not measured apart: wide rows are read row by row, so that a row is found once
//!   (six cursors kept their state in memory); the mask of what was set is two words instead of a `u128` (two thirds of the
//!   pushing function's samples stood at its one 16-byte load behind two 8-byte stores); and the expected sum is made outside of
//!   the time, for the struct as well. Since then 26 / 17, where the struct takes 8.7 / 2.4.
//! * Cursors that cut a slice at every step in place of counting an index: no gain for wide rows; narrow ones took 63 instead of
//!   49 at batch 256 in one run.
//! * `#[inline]` on the schema's accessors alone: nothing beyond the noise.
//!
//! Left, by profile: setting is not inlined where a closure sets six columns, so a row in the making lives in memory; a delta
//! column still looks its block's head up for every value. So the goals of rows in the ring are not met; those of rows → columns are:
//! 2.1 and 2.7 where it was 6.2 and 10, because a run's kind is asked once.
//!
//! Both sides touch every column; the sums are checked outside of the time. And the way from rows in the ring to plain columns, on one thread.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use zc_benches::broadcast::pin;
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_ring::{
    ColumnHandle, Consumer, ConsumerOptions, DeltaWidth, Poll, Producer, Ring, RowBatch,
    RowConsumer, RowProducer, RowRing, Schema, SchemaError,
};

const CAPACITY: usize = 16 * 1024;

/// The quote as a plain struct of whole words.
type Plain = [u64; 5];

/// A quote: time, sequence, price, quantity, instrument, tag. Random walks in the manner of a feed.
#[inline]
fn quote(number: u64) -> (i64, i64, i64, i64, u32, u32) {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let noise = i64::try_from(noise).unwrap_or(0);
    let n = number.cast_signed();
    (
        1_700_000_000_000_000 + n * 977 + noise % 500,
        n * 3 + 9_000_000,
        6_512_300 + noise % 2_000 - 1_000,
        noise % 90_000,
        u32::try_from(number % 6).unwrap_or(0),
        u32::try_from(noise & 7).unwrap_or(0),
    )
}

#[inline]
fn sum(quote: (i64, i64, i64, i64, u32, u32)) -> i64 {
    let (ts, seq, px, qty, instrument, tag) = quote;
    let rest = i64::from(instrument) + i64::from(tag);
    ts.wrapping_add(seq)
        .wrapping_add(px)
        .wrapping_add(qty)
        .wrapping_add(rest)
}

fn expected(rows: u64) -> i64 {
    (0..rows).fold(0, |total: i64, n| total.wrapping_add(sum(quote(n))))
}

/// The columns of a quote.
#[derive(Clone, Copy)]
struct Handles {
    ts: ColumnHandle<i64>,
    seq: ColumnHandle<i64>,
    px: ColumnHandle<i64>,
    qty: ColumnHandle<i64>,
    instrument: ColumnHandle<u32>,
    tag: ColumnHandle<u32>,
}

fn handles(schema: &Schema) -> Result<Handles, SchemaError> {
    Ok(Handles {
        ts: schema.column("ts")?,
        seq: schema.column("seq")?,
        px: schema.column("px")?,
        qty: schema.column("qty")?,
        instrument: schema.column("instrument")?,
        tag: schema.column("tag")?,
    })
}

fn schema(is_narrow: bool) -> Result<Schema, SchemaError> {
    let schema = Schema::builder();
    let schema = if is_narrow {
        let deltas = |schema: zc_ring::SchemaBuilder, name| schema.i64(name).delta(DeltaWidth::I32);
        ["ts", "seq", "px", "qty"].into_iter().fold(schema, deltas)
    } else {
        schema.i64("ts").i64("seq").i64("px").i64("qty")
    };
    schema.u32("instrument").u32("tag").build()
}

fn open(is_narrow: bool) -> Result<(RowProducer, RowConsumer, Handles), String> {
    let schema = schema(is_narrow).map_err(|e| e.to_string())?;
    let handles = handles(&schema).map_err(|e| e.to_string())?;
    expect(
        "bytes a row",
        schema.row_bytes(),
        if is_narrow { 24 } else { 40 },
    )?;
    let ring = RowRing::builder(schema, CAPACITY).build();
    let ring = ring.map_err(|e| e.to_string())?;
    let consumer = ring.consumer(ConsumerOptions::default());
    let consumer = consumer.map_err(|e| e.to_string())?;
    let producer = ring.producer().map_err(|e| e.to_string())?;
    Ok((producer, consumer, handles))
}

#[inline]
fn set(row: &mut zc_ring::RowMut<'_>, to: Handles, number: u64) -> Result<(), zc_ring::RowError> {
    let (ts, seq, px, qty, instrument, tag) = quote(number);
    row.set(to.ts, ts)?;
    row.set(to.seq, seq)?;
    row.set(to.px, px)?;
    row.set(to.qty, qty)?;
    row.set(to.instrument, instrument)?;
    row.set(to.tag, tag)
}

fn push(producer: &mut RowProducer, to: Handles, rows: u64, batch: usize) -> Result<(), String> {
    let mut number = 0;
    while number < rows {
        let pushed = if batch == 1 {
            producer.push(|row| set(row, to, number))
        } else {
            producer.push_batch(batch, |n, row| set(row, to, number + n as u64))
        };
        pushed.map_err(|e| e.to_string())?;
        number += batch as u64;
    }
    Ok(())
}

/// Row by row, every column: as wide rows are read.
#[inline]
fn read_rows(batch: &RowBatch<'_>, from: Handles) -> i64 {
    batch.iter().fold(0, |total: i64, row| {
        let (ts, seq) = (row.get(from.ts), row.get(from.seq));
        let (px, qty) = (row.get(from.px), row.get(from.qty));
        let (instrument, tag) = (row.get(from.instrument), row.get(from.tag));
        total.wrapping_add(sum((ts, seq, px, qty, instrument, tag)))
    })
}

/// Row by row, every column, through a cursor for each: as deltas are read.
#[inline]
fn read_columns(batch: &RowBatch<'_>, from: Handles) -> i64 {
    let (ts, seq) = (batch.column(from.ts), batch.column(from.seq));
    let (px, qty) = (batch.column(from.px), batch.column(from.qty));
    let (instrument, tag) = (batch.column(from.instrument), batch.column(from.tag));
    let rows = ts.iter().zip(seq.iter()).zip(px.iter()).zip(qty.iter());
    let rows = rows.zip(instrument.iter()).zip(tag.iter());
    rows.fold(
        0,
        |total: i64, (((((ts, seq), px), qty), instrument), tag)| {
            total.wrapping_add(sum((ts, seq, px, qty, instrument, tag)))
        },
    )
}

fn typed(is_narrow: bool, batch: usize, rows: u64) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer, columns) = open(is_narrow)?;
    let expected = expected(rows);
    let reader: Task<'_> = Box::new(move || {
        pin(1);
        let (mut seen, mut total) = (0, 0i64);
        while seen < rows {
            if let Poll::Rows(batch) = consumer.recv_blocking() {
                seen += batch.len() as u64;
                total = total.wrapping_add(if is_narrow {
                    read_columns(&batch, columns)
                } else {
                    read_rows(&batch, columns)
                });
            }
        }
        expect("sum", total, expected)
    });
    let writer: Task<'_> = Box::new(move || {
        pin(0);
        push(&mut producer, columns, rows, batch)
    });
    together(vec![reader, writer])
}

#[inline]
fn plain(number: u64) -> Plain {
    let (ts, seq, px, qty, instrument, tag) = quote(number);
    let words = [ts, seq, px, qty].map(i64::cast_unsigned);
    let last = u64::from(instrument) | u64::from(tag) << 32;
    [words[0], words[1], words[2], words[3], last]
}

fn ends() -> Result<(Producer<Plain>, Consumer<Plain>), String> {
    let ring = Ring::<Plain>::builder(CAPACITY).build();
    let ring = ring.map_err(|e| e.to_string())?;
    let consumer = ring.consumer(ConsumerOptions::default());
    let consumer = consumer.map_err(|e| e.to_string())?;
    Ok((ring.producer().map_err(|e| e.to_string())?, consumer))
}

/// The same rows as structs.
fn structs(batch: usize, rows: u64) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer) = ends()?;
    let expected = expected(rows);
    let reader: Task<'_> = Box::new(move || {
        pin(1);
        let (mut seen, mut total) = (0, 0i64);
        while seen < rows {
            if let Poll::Rows(batch) = consumer.recv_blocking() {
                seen += batch.len() as u64;
                let (first, second) = batch.as_slices();
                for row in first.iter().chain(second) {
                    let [ts, seq, px, qty] = [row[0], row[1], row[2], row[3]].map(u64::cast_signed);
                    let (instrument, tag) = (row[4] as u32, (row[4] >> 32) as u32);
                    total = total.wrapping_add(sum((ts, seq, px, qty, instrument, tag)));
                }
            }
        }
        expect("sum", total, expected)
    });
    let writer: Task<'_> = Box::new(move || {
        pin(0);
        let mut number = 0;
        while number < rows {
            if batch == 1 {
                producer.publish(|slot| *slot = plain(number));
            } else {
                let fill = |mut slots: zc_ring::SlotsMut<'_, Plain>| {
                    let (first, second) = slots.as_mut_slices();
                    for (slot, number) in first.iter_mut().chain(second).zip(number..) {
                        *slot = plain(number);
                    }
                };
                let published = producer.publish_batch(batch, fill);
                published.map_err(|e| e.to_string())?;
            }
            number += batch as u64;
        }
        Ok(())
    });
    together(vec![reader, writer])
}

/// Four columns of 64 bits gathered from rows that lie in the ring.
fn columns(is_narrow: bool, rows: u64) -> Result<Duration, String> {
    const ROWS: usize = 8192;
    let (mut producer, mut consumer, from) = open(is_narrow)?;
    push(&mut producer, from, ROWS as u64, 1)?;
    let Poll::Rows(batch) = consumer.poll(ROWS) else {
        return Err("there are no rows".into());
    };
    let mut values = vec![0; ROWS];
    let begin = Instant::now();
    for _ in 0..rows.div_ceil(ROWS as u64) {
        for column in [from.ts, from.seq, from.px, from.qty] {
            batch.column(column).gather(&mut values);
            black_box(&mut values);
        }
    }
    let elapsed = begin.elapsed();
    let last: Vec<_> = (0..ROWS as u64).map(|n| quote(n).3).collect();
    expect("the last column", &values, &last)?;
    Ok(elapsed)
}

fn main() -> ExitCode {
    Bench::main("ring_rows", |bench| {
        for batch in [1, 256] {
            bench
                .cell(
                    format!("40-byte rows, capacity {CAPACITY}, batch {batch}"),
                    Unit::NsPerOp,
                    4096,
                )
                .goal(3.4)
                .ours(move |rows| typed(false, batch, rows))
                .limit(move |rows| structs(batch, rows))
                .run();
        }
        for (batch, goal) in [(1, 5.0), (256, 3.2)] {
            bench
                .cell(
                    format!("narrow rows of 24 bytes, capacity {CAPACITY}, batch {batch}"),
                    Unit::NsPerOp,
                    4096,
                )
                .goal(goal)
                .ours(move |rows| typed(true, batch, rows))
                .limit(move |rows| structs(batch, rows))
                .run();
        }
        for (name, is_narrow) in [("40-byte rows", false), ("narrow rows", true)] {
            bench
                .cell(format!("rows → four columns, {name}"), Unit::NsPerOp, 16384)
                .goal(3.5)
                .ours(move |rows| columns(is_narrow, rows))
                .run();
        }
    })
}

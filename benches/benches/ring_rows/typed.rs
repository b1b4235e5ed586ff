//! Rows with a run-time schema: column by column through handles, or as records.

use std::hint::black_box;
use std::time::{Duration, Instant};

use zc_benches::broadcast::pin;
use zc_benches::threads::{Task, expect, together};
use zc_ring::{
    ColumnHandle, ConsumerOptions, DeltaWidth, Poll, Record, RowBatch, RowConsumer, RowError,
    RowMut, RowProducer, RowRing, Schema, SchemaBuilder, SchemaError,
};

use crate::CAPACITY;
use crate::quote::{Quote, expected, quote, sum};

/// Whether four of the columns are kept as deltas.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Width {
    Wide,
    Narrow,
}

/// How values are set and read.
pub(crate) trait Access: Copy + Send {
    fn of(schema: &Schema) -> Result<Self, SchemaError>;
    fn set(&self, row: &mut RowMut<'_>, number: u64) -> Result<(), RowError>;
    fn read(&self, batch: &RowBatch<'_>) -> i64;
}

/// All columns at once.
pub(crate) type Records = Record<Quote>;

impl Access for Records {
    fn of(schema: &Schema) -> Result<Self, SchemaError> {
        schema.record(["ts", "seq", "px", "qty", "instrument", "tag"])
    }

    // As a closure that is written where it is used: it is called at two places only here.
    #[inline(always)]
    fn set(&self, row: &mut RowMut<'_>, number: u64) -> Result<(), RowError> {
        row.set_record(self, quote(number))
    }

    #[inline]
    fn read(&self, batch: &RowBatch<'_>) -> i64 {
        let add = |total: i64, quote| total.wrapping_add(sum(quote));
        batch.records(self).fold(0, add)
    }
}

/// Column by column, by its handle.
#[derive(Clone, Copy)]
pub(crate) struct Handles {
    ts: ColumnHandle<i64>,
    seq: ColumnHandle<i64>,
    px: ColumnHandle<i64>,
    qty: ColumnHandle<i64>,
    instrument: ColumnHandle<u32>,
    tag: ColumnHandle<u32>,
}

impl Access for Handles {
    fn of(schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self {
            ts: schema.column("ts")?,
            seq: schema.column("seq")?,
            px: schema.column("px")?,
            qty: schema.column("qty")?,
            instrument: schema.column("instrument")?,
            tag: schema.column("tag")?,
        })
    }

    // As a closure that is written where it is used: it is called at two places only here.
    #[inline(always)]
    fn set(&self, row: &mut RowMut<'_>, number: u64) -> Result<(), RowError> {
        let (ts, seq, px, qty, instrument, tag) = quote(number);
        row.set(self.ts, ts)?;
        row.set(self.seq, seq)?;
        row.set(self.px, px)?;
        row.set(self.qty, qty)?;
        row.set(self.instrument, instrument)?;
        row.set(self.tag, tag)
    }

    #[inline]
    fn read(&self, batch: &RowBatch<'_>) -> i64 {
        batch.iter().fold(0, |total: i64, row| {
            let (ts, seq) = (row.get(self.ts), row.get(self.seq));
            let (px, qty) = (row.get(self.px), row.get(self.qty));
            let (instrument, tag) = (row.get(self.instrument), row.get(self.tag));
            total.wrapping_add(sum((ts, seq, px, qty, instrument, tag)))
        })
    }
}

fn schema(width: Width) -> Result<Schema, SchemaError> {
    let schema = Schema::builder();
    let schema = if width == Width::Narrow {
        let deltas = |schema: SchemaBuilder, name| schema.i64(name).delta(DeltaWidth::I32);
        ["ts", "seq", "px", "qty"].into_iter().fold(schema, deltas)
    } else {
        schema.i64("ts").i64("seq").i64("px").i64("qty")
    };
    schema.u32("instrument").u32("tag").build()
}

fn open<A: Access>(width: Width) -> Result<(RowProducer, RowConsumer, A), String> {
    let schema = schema(width).map_err(|e| e.to_string())?;
    let access = A::of(&schema).map_err(|e| e.to_string())?;
    let bytes = if width == Width::Narrow { 24 } else { 40 };
    expect("bytes a row", schema.row_bytes(), bytes)?;
    let ring = RowRing::builder(schema, CAPACITY).build();
    let ring = ring.map_err(|e| e.to_string())?;
    let consumer = ring.consumer(ConsumerOptions::default());
    let consumer = consumer.map_err(|e| e.to_string())?;
    let producer = ring.producer().map_err(|e| e.to_string())?;
    Ok((producer, consumer, access))
}

#[inline]
fn push(
    producer: &mut RowProducer,
    access: &impl Access,
    number: u64,
    batch: usize,
) -> Result<(), String> {
    let pushed = if batch == 1 {
        producer.push(|row| access.set(row, number))
    } else {
        producer.push_batch(batch, |n, row| access.set(row, number + n as u64))
    };
    pushed.map(drop).map_err(|e| e.to_string())
}

/// From one core to another.
pub(crate) fn two_threads<A: Access>(
    width: Width,
    batch: usize,
    rows: u64,
) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer, access) = open::<A>(width)?;
    let expected = expected(rows);
    let reader: Task<'_> = Box::new(move || {
        pin(1);
        let (mut seen, mut total) = (0, 0i64);
        while seen < rows {
            if let Poll::Rows(batch) = consumer.recv_blocking() {
                seen += batch.len() as u64;
                total = total.wrapping_add(access.read(&batch));
            }
        }
        expect("sum", total, expected)
    });
    let writer: Task<'_> = Box::new(move || {
        pin(0);
        let mut number = 0;
        while number < rows {
            push(&mut producer, &access, number, batch)?;
            number += batch as u64;
        }
        Ok(())
    });
    together(vec![reader, writer])
}

/// In and out again on one thread: what the calls cost without the way between two cores.
pub(crate) fn one_thread<A: Access>(
    width: Width,
    batch: usize,
    rows: u64,
) -> Result<Duration, String> {
    let rows = rows.next_multiple_of(batch as u64);
    let (mut producer, mut consumer, access) = open::<A>(width)?;
    let (mut number, mut total) = (0, 0i64);
    let begin = Instant::now();
    while number < rows {
        push(&mut producer, &access, number, batch)?;
        number += batch as u64;
        if let Poll::Rows(batch) = consumer.poll(batch) {
            total = total.wrapping_add(access.read(&batch));
        }
    }
    let elapsed = begin.elapsed();
    expect("sum", total, expected(rows))?;
    Ok(elapsed)
}

/// Four columns of 64 bits gathered from rows that lie in the ring.
pub(crate) fn columns(width: Width, rows: u64) -> Result<Duration, String> {
    const ROWS: usize = 8192;
    let (mut producer, mut consumer, from) = open::<Handles>(width)?;
    for number in 0..ROWS as u64 {
        push(&mut producer, &from, number, 1)?;
    }
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

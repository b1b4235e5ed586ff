//! Every way to read a value gives the same: by row, by column forwards, backwards, folded, gathered, at
//! an index; in place and in copies; across the end of the ring and of a delta column's block.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;

use proptest::prelude::*;
use zc_ring::{
    ColumnHandle, ConsumerOptions, DeltaWidth, OnLag, Poll, PushError, RowBatch, RowError, RowRing,
    Schema, SchemaError,
};

type Result = std::result::Result<(), Box<dyn Error>>;

/// Columns whose places are of every kind.
fn schema() -> std::result::Result<Schema, SchemaError> {
    Schema::builder()
        .i64("whole")
        .i64("delta")
        .delta(DeltaWidth::I16)
        .u32("narrow")
        .i16("small")
        .bool("bit")
        .i32("nullable")
        .nullable()
        .str("text", 20)
        .build()
}

#[derive(Clone, Copy)]
struct Handles {
    whole: ColumnHandle<i64>,
    delta: ColumnHandle<i64>,
    narrow: ColumnHandle<u32>,
    small: ColumnHandle<i16>,
    bit: ColumnHandle<bool>,
    nullable: ColumnHandle<Option<i32>>,
    text: ColumnHandle<str>,
}

fn handles(schema: &Schema) -> std::result::Result<Handles, SchemaError> {
    Ok(Handles {
        whole: schema.column("whole")?,
        delta: schema.column("delta")?,
        narrow: schema.column("narrow")?,
        small: schema.column("small")?,
        bit: schema.column("bit")?,
        nullable: schema.column("nullable")?,
        text: schema.column("text")?,
    })
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    whole: i64,
    delta: i64,
    narrow: u32,
    small: i16,
    bit: bool,
    nullable: Option<i32>,
    text: String,
}

fn row(number: i64, jump: i64) -> Row {
    Row {
        whole: number.wrapping_mul(0x1234_5678_9abc_def1),
        // Leaps out of 16 bits now and then, so that the rest of its block is wide.
        delta: number.wrapping_add(if number % 700 > 650 { jump } else { 0 }),
        narrow: u32::MAX - number as u32,
        small: -(number as i16),
        bit: number % 3 == 0,
        nullable: (number % 5 != 0).then_some(-number as i32),
        text: "x".repeat(number as usize % 21),
    }
}

fn check<V: PartialEq + std::fmt::Debug>(
    batch: &RowBatch<'_>,
    by_row: impl Fn(zc_ring::RowRef<'_>) -> V,
    by_column: (Vec<V>, Vec<V>, Vec<V>),
    expected: &[V],
) {
    assert_eq!(batch.iter().map(by_row).collect::<Vec<_>>(), expected);
    let (forwards, mut backwards, at) = by_column;
    backwards.reverse();
    assert_eq!(forwards, expected);
    assert_eq!(backwards, expected);
    assert_eq!(at, expected);
}

/// A column forwards value by value, backwards from the middle on and then the rest, and at each index.
macro_rules! ways {
    ($batch:expr, $handle:expr, $own:expr) => {{
        let column = $batch.column($handle);
        let mut values = column.iter();
        assert_eq!(values.len(), $batch.len());
        let mut forwards = Vec::new();
        while let Some(value) = values.next() {
            forwards.push($own(value));
            assert_eq!(values.len(), $batch.len() - forwards.len());
        }
        // As `fold` goes.
        let mut folded = Vec::new();
        column.iter().for_each(|value| folded.push($own(value)));
        assert_eq!(folded, forwards);
        let mut values = column.iter();
        let mut backwards: Vec<_> = values.by_ref().rev().map($own).collect();
        assert_eq!(values.next().map($own), None);
        // From both ends at once.
        let mut values = column.iter();
        let first: Vec<_> = values.by_ref().take($batch.len() / 3).map($own).collect();
        let rest: Vec<_> = values.rev().map($own).collect();
        assert_eq!(first, forwards[..first.len()]);
        assert_eq!(rest, backwards[..rest.len()]);
        backwards.truncate($batch.len());
        let at = (0..$batch.len()).map(|row| $own(column.get(row).unwrap()));
        (forwards.clone(), backwards, at.collect::<Vec<_>>())
    }};
}

fn check_all(batch: &RowBatch<'_>, from: Handles, rows: &[Row]) {
    fn of<V>(rows: &[Row], value: impl Fn(&Row) -> V) -> Vec<V> {
        rows.iter().map(value).collect()
    }
    let own = str::to_owned;
    let whole = ways!(batch, from.whole, i64::from);
    check(batch, |r| r.get(from.whole), whole, &of(rows, |r| r.whole));
    let delta = ways!(batch, from.delta, i64::from);
    check(batch, |r| r.get(from.delta), delta, &of(rows, |r| r.delta));
    let narrow = ways!(batch, from.narrow, u32::from);
    check(
        batch,
        |r| r.get(from.narrow),
        narrow,
        &of(rows, |r| r.narrow),
    );
    let small = ways!(batch, from.small, i16::from);
    check(batch, |r| r.get(from.small), small, &of(rows, |r| r.small));
    let bit = ways!(batch, from.bit, bool::from);
    check(batch, |r| r.get(from.bit), bit, &of(rows, |r| r.bit));
    let nullable = ways!(batch, from.nullable, |v: Option<i32>| v);
    let expected = of(rows, |r| r.nullable);
    check(batch, |r| r.get(from.nullable), nullable, &expected);
    let text = ways!(batch, from.text, own);
    let expected = of(rows, |r| r.text.clone());
    check(batch, |r| own(r.get(from.text)), text, &expected);
    let mut gathered = vec![0; rows.len()];
    batch.column(from.delta).gather(&mut gathered);
    assert_eq!(gathered, of(rows, |r| r.delta));
    let mut gathered = vec![0; rows.len()];
    batch.column(from.narrow).gather(&mut gathered);
    assert_eq!(gathered, of(rows, |r| r.narrow));
}

/// Pushes `pushes` batches and reads each, `lag` as the policy; handles are those of `made`, or of the
/// ring's own schema.
fn round_trip(on_lag: OnLag, made: Option<Schema>, pushes: &[usize], jump: i64) -> Result {
    let schema = schema()?;
    let to = handles(made.as_ref().unwrap_or(&schema))?;
    let ring = RowRing::builder(schema, 2048).build()?;
    let options = ConsumerOptions {
        on_lag,
        ..ConsumerOptions::default()
    };
    let mut consumer = ring.consumer(options)?;
    let mut producer = ring.producer()?;
    let mut next = 0;
    for &len in pushes {
        let rows: Vec<_> = (next..next + len as i64).map(|n| row(n, jump)).collect();
        next += len as i64;
        producer.push_batch(len, |n, set| {
            let row = &rows[n];
            set.set(to.text, &row.text)?;
            set.set(to.nullable, row.nullable)?;
            set.set(to.bit, row.bit)?;
            set.set(to.small, row.small)?;
            set.set(to.narrow, row.narrow)?;
            set.set(to.delta, row.delta)?;
            set.set(to.whole, row.whole)
        })?;
        let mut seen = 0;
        while seen < len {
            let Poll::Rows(batch) = consumer.poll(usize::MAX) else {
                return Err("there are no rows".into());
            };
            check_all(&batch, to, &rows[seen..][..batch.len()]);
            seen += batch.len();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn all_ways_agree(
        pushes in prop::collection::vec(1..2048usize, 1..5),
        jump in prop::sample::select(vec![0, 1 << 14, 1 << 20, i64::MAX]),
        is_lossy: bool,
        is_apart: bool,
    ) {
        let on_lag = if is_lossy { OnLag::Lossy } else { OnLag::Block };
        let made = is_apart.then(|| schema().unwrap());
        round_trip(on_lag, made, &pushes, jump).unwrap();
    }
}

#[test]
fn the_rest_of_a_wide_block_and_the_end_of_the_ring_lie_in_one_batch() -> Result {
    round_trip(OnLag::Block, None, &[1500, 2048, 2047], 1 << 40)
}

#[test]
fn handles_of_an_equal_schema_that_was_made_apart_fit() -> Result {
    round_trip(OnLag::Block, Some(schema()?), &[700], 0)
}

#[test]
fn handles_of_another_schema_are_refused_by_a_row_that_is_read() -> Result {
    let ring = RowRing::builder(Schema::builder().i64("a").build()?, 8).build()?;
    let a = ring.schema().column::<i64>("a")?;
    let foreign = Schema::builder().i64("b").build()?.column::<i64>("b")?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let pushed = producer.push(|row| row.set(foreign, 1));
    assert_eq!(pushed, Err(PushError::Rejected(RowError::ForeignHandle)));
    producer.push(|row| row.set(a, 7))?;
    let Poll::Rows(batch) = consumer.poll(8) else {
        return Err("there are no rows".into());
    };
    let row = batch.iter().next().ok_or("there is no row")?;
    assert_eq!(row.try_get(a), Ok(7));
    assert_eq!(row.sequence(), 0);
    assert_eq!(row.try_get(foreign), Err(RowError::ForeignHandle));
    Ok(())
}

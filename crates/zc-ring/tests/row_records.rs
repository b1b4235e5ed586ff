//! Records give what their columns give one by one: in every mix of columns, in place and in copies, across
//! the end of the ring and of a delta column's block, by whomever they are set.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;

use proptest::prelude::*;
use zc_ring::{
    ConsumerOptions, DeltaWidth, OnLag, Poll, PushError, Record, RowBatch, RowError, RowRing,
    Schema, SchemaError, Start,
};

type Result = std::result::Result<(), Box<dyn Error>>;

/// Columns that share words in every way: `a` and `b` fill one, `c` to `f` another, `lone` shares its own with
/// the null bits and the bytes.
fn schema() -> std::result::Result<Schema, SchemaError> {
    Schema::builder()
        .i64("whole")
        .u32("a")
        .i32("b")
        .i64("c")
        .delta(DeltaWidth::I16)
        .i32("d")
        .delta(DeltaWidth::I16)
        .i16("e")
        .u16("f")
        .f64("float")
        .bool("lone")
        .u8("maybe")
        .nullable()
        .fixed_bytes("bytes", 3)
        .build()
}

type Plain = (i64, u32, i32, f64);
type Mixed = (u16, i64, i16, i32);
type Any = (bool, i64, u8);

/// A value of every column but the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    plain: Plain,
    mixed: Mixed,
    lone: bool,
    maybe: u8,
}

fn row(number: u64, jump: i64) -> Row {
    let n = number as i64;
    // Leaps out of 16 bits now and then, so that the rest of its block is wide.
    let leap = if n % 900 > 870 { jump } else { 0 };
    Row {
        plain: (
            n.wrapping_mul(0x1234_5678_9abc_def1),
            u32::MAX - number as u32,
            -(number as i32),
            number as f64 / 3.0,
        ),
        mixed: (number as u16, n + leap, -(number as i16), number as i32 * 2),
        lone: number.is_multiple_of(3),
        maybe: number as u8,
    }
}

struct Records {
    plain: Record<Plain>,
    mixed: Record<Mixed>,
    any: Record<Any>,
}

fn records(schema: &Schema) -> std::result::Result<Records, SchemaError> {
    Ok(Records {
        plain: schema.record(["whole", "a", "b", "float"])?,
        mixed: schema.record(["f", "c", "e", "d"])?,
        any: schema.record(["lone", "whole", "maybe"])?,
    })
}

/// Sets a row in one of several ways.
fn set(
    to: &mut zc_ring::RowMut<'_>,
    schema: &Schema,
    by: &Records,
    number: u64,
    row: Row,
) -> std::result::Result<(), Box<dyn Error>> {
    to.set(schema.column::<[u8]>("bytes")?, &[number as u8; 3])?;
    // Every word is full of something else before the records are set.
    if number.is_multiple_of(2) {
        to.set(schema.column::<u16>("f")?, u16::MAX)?;
        to.set(schema.column::<u32>("a")?, u32::MAX)?;
    }
    to.set_record(&by.any, (row.lone, 0, row.maybe))?;
    if number.is_multiple_of(7) {
        to.set(schema.column::<i64>("c")?, row.mixed.1)?;
        to.set(schema.column::<i32>("d")?, row.mixed.3)?;
        to.set(schema.column::<i16>("e")?, row.mixed.2)?;
        to.set(schema.column::<u16>("f")?, row.mixed.0)?;
    } else {
        to.set_record(&by.mixed, row.mixed)?;
    }
    to.set_record(&by.plain, row.plain)?;
    Ok(())
}

fn check(batch: &RowBatch<'_>, schema: &Schema, by: &Records, jump: i64) -> Result {
    let numbers = batch.sequence()..batch.sequence() + batch.len() as u64;
    let rows: Vec<Row> = numbers.clone().map(|number| row(number, jump)).collect();
    // One by one, and folded.
    let mut plain = Vec::new();
    let mut left = batch.records(&by.plain);
    while let Some(values) = left.next() {
        plain.push(values);
        assert_eq!(left.len(), rows.len() - plain.len());
    }
    assert!(left.next().is_none());
    assert_eq!(plain, rows.iter().map(|row| row.plain).collect::<Vec<_>>());
    let mut folded = Vec::new();
    batch
        .records(&by.plain)
        .for_each(|values| folded.push(values));
    assert_eq!(folded, plain);

    let mixed: Vec<Mixed> = rows.iter().map(|row| row.mixed).collect();
    let mut nexted = Vec::new();
    for values in batch.records(&by.mixed) {
        nexted.push(values);
    }
    assert_eq!(nexted, mixed);
    let mut folded = Vec::new();
    batch
        .records(&by.mixed)
        .for_each(|values| folded.push(values));
    assert_eq!(folded, mixed);
    // From the middle on.
    let mut rest = batch.records(&by.mixed);
    let half = rows.len() / 2;
    assert_eq!(rest.by_ref().take(half).count(), half);
    let mut behind = Vec::new();
    rest.for_each(|values| behind.push(values));
    assert_eq!(behind, mixed[half..]);

    let any = rows.iter().map(|row| (row.lone, row.plain.0, row.maybe));
    assert!(batch.records(&by.any).eq(any));

    // And what lies beside the records.
    let bytes = batch.column(schema.column::<[u8]>("bytes")?);
    let columns = batch.column(schema.column::<i64>("c")?);
    for (index, number) in numbers.enumerate() {
        assert_eq!(bytes.get(index), Some(&[number as u8; 3][..]));
        assert_eq!(columns.get(index), Some(rows[index].mixed.1));
    }
    Ok(())
}

fn all_ways(capacity: usize, batch: usize, initial: u64, jump: i64, on_lag: OnLag) -> Result {
    let schema = schema()?;
    let by = records(&schema)?;
    let ring = RowRing::builder(schema.clone(), capacity)
        .initial_sequence(initial)
        .build()?;
    let mut consumer = ring.consumer(ConsumerOptions {
        on_lag,
        ..ConsumerOptions::default()
    })?;
    let mut producer = ring.producer()?;
    let mut next = initial;
    while next < initial + 3000 {
        let first = next;
        producer.push_batch(batch, |index, to| {
            let number = first + index as u64;
            set(to, &schema, &by, number, row(number, jump))
        })?;
        next += batch as u64;
        while consumer.lag() > 0 {
            match consumer.poll(usize::MAX) {
                Poll::Rows(batch) => check(&batch, &schema, &by, jump)?,
                other => return Err(format!("{other:?}").into()),
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_what_its_columns_are(
        power in 0_u32..12,
        batch in 1_usize..1500,
        initial in 0_u64..5000,
        jump in -200_000_i64..200_000,
        copies in any::<bool>(),
    ) {
        let capacity = 1 << power;
        let on_lag = if copies { OnLag::Lossy } else { OnLag::Block };
        all_ways(capacity, batch.min(capacity), initial, jump, on_lag).unwrap();
    }
}

#[test]
fn several_producers_set_records() -> Result {
    let schema = schema()?;
    let by = records(&schema)?;
    let ring = RowRing::builder(schema.clone(), 4096).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.multi_producer();
    for number in 0..2500 {
        producer.push(|to| set(to, &schema, &by, number, row(number, 100_000)))?;
    }
    let Poll::Rows(batch) = consumer.poll(usize::MAX) else {
        return Err("the rows are there".into());
    };
    assert_eq!(batch.len(), 2500);
    check(&batch, &schema, &by, 100_000)
}

#[test]
fn a_row_is_incomplete_without_what_its_record_leaves_out() -> Result {
    let schema = schema()?;
    let by = records(&schema)?;
    let ring = RowRing::builder(schema.clone(), 8).build()?;
    let mut producer = ring.producer()?;
    let first = row(1, 0);
    let pushed = producer.push(|to| {
        to.set_record(&by.plain, first.plain)?;
        to.set_record(&by.any, (first.lone, 1, 1))
    });
    assert_eq!(pushed, Err(PushError::Incomplete { column: 3 }));
    // Nothing of it is left in the row that comes there.
    let pushed = producer.push(|to| to.set_record(&by.mixed, first.mixed));
    assert_eq!(pushed, Err(PushError::Incomplete { column: 0 }));
    producer.push(|to| set(to, &schema, &by, 0, row(0, 0)))?;
    assert_eq!(producer.sequence(), 1);
    Ok(())
}

#[test]
fn a_record_fits_a_schema_that_was_made_apart_and_is_equal() -> Result {
    let by = records(&schema()?)?;
    let schema = schema()?;
    let ring = RowRing::builder(schema.clone(), 64).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for number in 0..50 {
        producer.push(|to| set(to, &schema, &by, number, row(number, 0)))?;
    }
    let Poll::Rows(batch) = consumer.poll(usize::MAX) else {
        return Err("the rows are there".into());
    };
    check(&batch, &schema, &by, 0)
}

#[test]
fn records_of_other_schemas_are_refused() -> Result {
    let old = Schema::builder().i64("x").i64("y").build()?;
    let new = Schema::builder().i64("y").i64("x").build()?;
    let other = Schema::builder().i64("z").i64("y").build()?;
    let old_record: Record<(i64, i64)> = old.record(["x", "y"])?;
    let new_record: Record<(i64, i64)> = new.record(["x", "y"])?;
    let other_record: Record<(i64,)> = other.record(["z"])?;
    let ring = RowRing::builder(old, 8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions {
        from: Start::Oldest,
        ..ConsumerOptions::default()
    })?;
    let mut producer = ring.producer()?;
    let pushed = producer.push(|to| to.set_record(&other_record, (1,)));
    assert_eq!(pushed, Err(PushError::Rejected(RowError::ForeignHandle)));
    producer.push(|to| to.set_record(&old_record, (1, 2)))?;
    ring.change_schema(new)?;
    let pushed = producer.push(|to| to.set_record(&old_record, (3, 4)));
    assert_eq!(pushed, Err(PushError::StaleSchema));
    producer.push(|to| to.set_record(&new_record, (3, 4)))?;

    let Poll::Rows(batch) = consumer.poll(8) else {
        return Err("a row is there".into());
    };
    assert!(batch.records(&old_record).eq([(1, 2)]));
    let found = batch.try_records(&other_record);
    assert_eq!(found.err(), Some(RowError::ForeignHandle));
    drop(batch);
    assert!(matches!(consumer.poll(8), Poll::Event(_)));
    let Poll::Rows(batch) = consumer.poll(8) else {
        return Err("a row is there".into());
    };
    let found = batch.try_records(&old_record);
    assert_eq!(found.err(), Some(RowError::StaleSchema));
    assert!(batch.records(&new_record).eq([(3, 4)]));
    Ok(())
}

#[test]
fn a_record_is_of_columns_that_are_there_once_and_of_its_types() -> Result {
    let schema = schema()?;
    let found = schema.record::<(i64,)>(["nowhere"]);
    assert!(matches!(found, Err(SchemaError::UnknownColumn { name }) if name == "nowhere"));
    let found = schema.record::<(i64, u8)>(["whole", "a"]);
    assert!(matches!(found, Err(SchemaError::WrongType { name, asked: "u8", .. }) if name == "a"));
    let found = schema.record::<(u32, u32)>(["a", "a"]);
    assert!(matches!(found, Err(SchemaError::DuplicateColumn { name }) if name == "a"));
    Ok(())
}

#[test]
fn twelve_columns_are_a_record() -> Result {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let schema = names.iter().fold(Schema::builder(), |to, name| to.u8(name));
    let schema = schema.build()?;
    let record = schema.record(names)?;
    let ring = RowRing::builder(schema, 8).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let values = (
        1u8, 2u8, 3u8, 4u8, 5u8, 6u8, 7u8, 8u8, 9u8, 10u8, 11u8, 12u8,
    );
    ring.producer()?.push(|to| to.set_record(&record, values))?;
    let Poll::Rows(batch) = consumer.poll(8) else {
        return Err("a row is there".into());
    };
    assert!(batch.records(&record).eq([values]));
    Ok(())
}

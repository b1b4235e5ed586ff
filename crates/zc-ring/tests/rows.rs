//! Row rings: schemas and their errors, every type, delta columns, both kinds of reading.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use zc_ring::{
    ColumnHandle, ColumnType, ConsumerOptions, DeltaWidth, OnLag, Poll, PushError, RowConsumer,
    RowError, RowRing, Schema, SchemaError, Start,
};

type Result = std::result::Result<(), Box<dyn Error>>;

const NAN: u64 = 0x7ff8_0000_dead_beef;

fn values(consumer: &mut RowConsumer, column: ColumnHandle<i64>) -> Vec<i64> {
    let mut values = Vec::new();
    while let Poll::Rows(batch) = consumer.poll(usize::MAX) {
        values.extend(batch.column(column).iter());
    }
    values
}

#[test]
fn schemas_that_cannot_be_are_refused_each_for_its_reason() {
    let build = |schema: zc_ring::SchemaBuilder| schema.build().unwrap_err();
    assert_eq!(build(Schema::builder()), SchemaError::Empty);
    let twice = Schema::builder().i64("a").u8("a");
    assert!(matches!(build(twice), SchemaError::DuplicateColumn { name } if name == "a"));
    assert!(matches!(
        build(Schema::builder().i64("")),
        SchemaError::Name { len: 0 }
    ));
    let long = "x".repeat(256);
    assert!(matches!(
        build(Schema::builder().i64(&long)),
        SchemaError::Name { len: 256 }
    ));
    assert!(matches!(
        build(Schema::builder().fixed_bytes("b", 0)),
        SchemaError::NoBytes { .. }
    ));
    for len in [65_537, usize::MAX] {
        let too_long = Schema::builder().fixed_bytes("b", len);
        assert!(matches!(build(too_long), SchemaError::RowTooLong { .. }));
    }
    let names: Vec<_> = (0..129).map(|n| n.to_string()).collect();
    let many = |n| {
        names[..n]
            .iter()
            .fold(Schema::builder(), |schema, name| schema.u8(name))
    };
    assert!(matches!(
        build(many(129)),
        SchemaError::TooManyColumns { columns: 129 }
    ));
    assert!(many(128).build().is_ok());
    for column in [
        ColumnType::F64,
        ColumnType::Bool,
        ColumnType::I32,
        ColumnType::FixedBytes(9),
    ] {
        let refused = Schema::builder().column("c", column).delta(DeltaWidth::I32);
        assert!(
            matches!(build(refused), SchemaError::Delta { column: Some(c), .. } if c == column)
        );
    }
    let nothing = Schema::builder().delta(DeltaWidth::I8).i64("a");
    assert!(matches!(
        build(nothing),
        SchemaError::Delta { column: None, .. }
    ));
}

#[test]
fn handles_are_checked_once_and_belong_to_equal_schemas() -> Result {
    let make = || Schema::builder().i64("ts").u32("n").build();
    let (schema, equal) = (make()?, make()?);
    assert!(matches!(
        schema.column::<u32>("ts"),
        Err(SchemaError::WrongType { asked: "u32", .. })
    ));
    assert!(matches!(
        schema.column::<[u8]>("ts"),
        Err(SchemaError::WrongType { .. })
    ));
    assert!(matches!(
        schema.column::<i64>("x"),
        Err(SchemaError::UnknownColumn { .. })
    ));
    let other = Schema::builder().i64("ts").u32("m").build()?;
    let (ts, n, foreign) = (
        equal.column::<i64>("ts")?,
        equal.column::<u32>("n")?,
        other.column::<i64>("ts")?,
    );

    let ring = RowRing::builder(schema, 4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    let refused = producer.push(|row| row.set(foreign, 1));
    assert_eq!(refused, Err(PushError::Rejected(RowError::ForeignHandle)));
    producer.push(|row| {
        row.set(ts, 1)?;
        row.set(n, 2)
    })?;
    let batch = consumer.poll(1).rows().unwrap();
    assert_eq!(batch.column(ts).get(0), Some(1));
    assert_eq!(batch.column(n).get(1), None);
    assert_eq!(
        batch.try_column(foreign).unwrap_err(),
        RowError::ForeignHandle
    );
    Ok(())
}

#[test]
fn rows_are_packed_to_words() -> Result {
    let quote = Schema::builder()
        .bool("b")
        .i64("ts")
        .u16("v")
        .f64("px")
        .u32("i")
        .build()?;
    assert_eq!(quote.row_bytes(), 24);
    let delta = Schema::builder()
        .i64("ts")
        .delta(DeltaWidth::I32)
        .i64("p")
        .delta(DeltaWidth::I16);
    assert_eq!(delta.u16("n").build()?.row_bytes(), 8);
    Ok(())
}

#[test]
fn every_type_comes_back_bit_for_bit() -> Result {
    let schema = Schema::builder()
        .i8("i8")
        .i16("i16")
        .i32("i32")
        .i64("i64")
        .u8("u8")
        .u16("u16")
        .u32("u32")
        .u64("u64")
        .f32("f32")
        .f64("f64")
        .bool("bool")
        .fixed_bytes("bytes", 11)
        .build()?;
    let (i8, i16, i32, i64) = (
        schema.column::<i8>("i8")?,
        schema.column::<i16>("i16")?,
        schema.column::<i32>("i32")?,
        schema.column::<i64>("i64")?,
    );
    let (u8, u16, u32, u64) = (
        schema.column::<u8>("u8")?,
        schema.column::<u16>("u16")?,
        schema.column::<u32>("u32")?,
        schema.column::<u64>("u64")?,
    );
    let (f32, f64, bool) = (
        schema.column::<f32>("f32")?,
        schema.column::<f64>("f64")?,
        schema.column::<bool>("bool")?,
    );
    let bytes = schema.column::<[u8]>("bytes")?;
    let ring = RowRing::builder(schema, 2).build()?;
    let mut producer = ring.producer()?;
    let mut consumers = [OnLag::Block, OnLag::Lossy].map(|on_lag| {
        ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })
        .unwrap()
    });
    for lap in 0..5 {
        let high = lap % 2 == 0;
        producer.push(|row| {
            row.set(i8, if high { i8::MAX } else { i8::MIN })?;
            row.set(i16, if high { i16::MAX } else { i16::MIN })?;
            row.set(i32, if high { i32::MAX } else { i32::MIN })?;
            row.set(i64, if high { i64::MAX } else { i64::MIN })?;
            row.set(u8, u8::MAX - lap)?;
            row.set(u16, u16::MAX - u16::from(lap))?;
            row.set(u32, u32::MAX - u32::from(lap))?;
            row.set(u64, u64::MAX - u64::from(lap))?;
            row.set(f32, -0.0)?;
            row.set(f64, f64::from_bits(NAN))?;
            row.set(bool, high)?;
            row.set(bytes, &[lap; 11])
        })?;
        for consumer in &mut consumers {
            let batch = consumer.poll(9).rows().unwrap();
            assert_eq!(
                batch.column(i8).get(0),
                Some(if high { i8::MAX } else { i8::MIN })
            );
            assert_eq!(
                batch.column(i16).get(0),
                Some(if high { i16::MAX } else { i16::MIN })
            );
            assert_eq!(
                batch.column(i32).get(0),
                Some(if high { i32::MAX } else { i32::MIN })
            );
            assert_eq!(
                batch.column(i64).get(0),
                Some(if high { i64::MAX } else { i64::MIN })
            );
            assert_eq!(batch.column(u8).get(0), Some(u8::MAX - lap));
            assert_eq!(batch.column(u16).get(0), Some(u16::MAX - u16::from(lap)));
            assert_eq!(batch.column(u32).get(0), Some(u32::MAX - u32::from(lap)));
            assert_eq!(batch.column(u64).get(0), Some(u64::MAX - u64::from(lap)));
            assert_eq!(
                batch.column(f32).get(0).unwrap().to_bits(),
                (-0.0f32).to_bits()
            );
            assert_eq!(batch.column(f64).get(0).unwrap().to_bits(), NAN);
            assert_eq!(batch.column(bool).get(0), Some(high));
            assert_eq!(batch.column(bytes).get(0), Some(&[lap; 11][..]));
        }
    }
    Ok(())
}

#[test]
fn nothing_is_published_of_a_row_that_is_refused_incomplete_or_panics() -> Result {
    let schema = Schema::builder()
        .i64("a")
        .delta(DeltaWidth::I8)
        .fixed_bytes("b", 3)
        .build()?;
    let (a, b) = (schema.column::<i64>("a")?, schema.column::<[u8]>("b")?);
    let ring = RowRing::builder(schema, 4).build()?;
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        let mut producer = ring.producer()?;
        assert_eq!(producer.push(|_| Err("no")), Err(PushError::Rejected("no")));
        let incomplete = producer.push(|row| row.set(a, i64::MAX));
        assert_eq!(incomplete, Err(PushError::Incomplete { column: 1 }));
        let incomplete = producer.push(|row| row.set(b, b"abc"));
        assert_eq!(incomplete, Err(PushError::Incomplete { column: 0 }));
        let short = producer.push(|row| row.set(b, b"ab"));
        let expected = RowError::Length {
            column: "b".into(),
            expected: 3,
            len: 2,
        };
        assert_eq!(short, Err(PushError::Rejected(expected)));
        let panic = catch_unwind(AssertUnwindSafe(|| {
            producer.push(|row| {
                row.set(a, 77)?;
                row.set(b, b"xyz")?;
                if row.sequence() < 100 {
                    panic!("half way");
                }
                Ok::<(), RowError>(())
            })
        }));
        assert!(panic.is_err());
        assert!(matches!(consumer.poll(1), Poll::Empty));
        producer.push(|row| {
            row.set(a, 5)?;
            row.set(b, b"abc")
        })?;
        assert_eq!(values(&mut consumer, a), [5]);
    }
    Ok(())
}

#[test]
fn a_full_ring_refuses_and_times_out() -> Result {
    let schema = Schema::builder().i64("a").build()?;
    let a = schema.column::<i64>("a")?;
    let ring = RowRing::builder(schema, 1).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    producer.try_push(|row| row.set(a, 1))?;
    assert_eq!(producer.try_push(|row| row.set(a, 2)), Err(PushError::Full));
    let timeout = Duration::from_millis(2);
    assert_eq!(
        producer.push_timeout(timeout, |row| row.set(a, 2)),
        Err(PushError::TimedOut)
    );
    assert!(consumer.ready_timeout(Duration::ZERO));
    assert_eq!(values(&mut consumer, a), [1]);
    assert!(!consumer.ready_timeout(timeout));
    Ok(())
}

#[test]
fn a_column_that_is_alone_in_its_row_is_a_slice() -> Result {
    let schema = Schema::builder().f64("x").build()?;
    let x = schema.column::<f64>("x")?;
    let ring = RowRing::builder(schema, 4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for lap in 0..3 {
        for n in 0..3 {
            producer.push(|row| row.set(x, f64::from(lap * 3 + n)))?;
        }
        let batch = consumer.poll(9).rows().unwrap();
        let column = batch.column(x);
        let expected: Vec<f64> = (0..3).map(|n| f64::from(lap * 3 + n)).collect();
        let mut gathered = [0.0; 3];
        column.gather(&mut gathered);
        assert_eq!(gathered, *expected);
        assert_eq!(
            column.as_slice(),
            if lap == 0 { Some(&expected[..]) } else { None }
        );
    }
    Ok(())
}

#[test]
fn a_delta_that_does_not_fit_makes_the_rest_of_its_block_wide() -> Result {
    let schema = Schema::builder().i64("a").delta(DeltaWidth::I8).build()?;
    let a = schema.column::<i64>("a")?;
    let ring = RowRing::builder(schema, 4096).build()?;
    let mut producer = ring.producer()?;
    let rows: Vec<i64> = (0..4000)
        .map(|n| match n {
            0..1000 => n % 100,
            1000 => i64::MIN,
            1500 => i64::MAX,
            2048..3072 => (1 << 60) + n % 7,
            _ => n % 5 - 2,
        })
        .collect();
    for value in &rows {
        producer.push(|row| row.set(a, *value))?;
    }
    for on_lag in [OnLag::Block, OnLag::Lossy] {
        let from = Start::Sequence(0);
        let mut consumer = ring.consumer(ConsumerOptions {
            from,
            on_lag,
            ..Default::default()
        })?;
        assert_eq!(values(&mut consumer, a), rows);
    }
    // Every row on its own.
    for sequence in [999, 1000, 1001, 1500, 2047, 2048, 3071, 3999] {
        let from = Start::Sequence(sequence);
        let mut consumer = ring.consumer(ConsumerOptions {
            from,
            ..Default::default()
        })?;
        let batch = consumer.poll(1).rows().unwrap();
        assert_eq!(batch.column(a).get(0), Some(rows[sequence as usize]));
    }
    Ok(())
}

#[test]
fn two_block_consumers_and_a_lossy_one_on_threads() -> Result {
    const ROWS: i64 = 20_000;
    let schema = Schema::builder()
        .i64("ts")
        .delta(DeltaWidth::I16)
        .u32("n")
        .build()?;
    let (ts, n) = (schema.column::<i64>("ts")?, schema.column::<u32>("n")?);
    let value = |row: i64| {
        if row % 3000 == 2999 {
            -row
        } else {
            1_000_000_000 + row
        }
    };
    let ring = RowRing::builder(schema, 256).build()?;
    let mut producer = ring.producer()?;
    let mut readers = Vec::new();
    for on_lag in [OnLag::Block, OnLag::Block, OnLag::Lossy] {
        let mut consumer = ring.consumer(ConsumerOptions {
            on_lag,
            ..Default::default()
        })?;
        readers.push(thread::spawn(move || {
            let (mut next, mut missed_rows) = (0, 0);
            loop {
                match consumer.recv_timeout(Duration::from_secs(60)) {
                    Poll::Rows(batch) => {
                        for (ts, n) in batch.column(ts).iter().zip(&batch.column(n)) {
                            assert_eq!((ts, i64::from(n)), (value(next), next));
                            next += 1;
                        }
                    }
                    Poll::Lagged { missed } => {
                        missed_rows += missed;
                        next += missed as i64;
                    }
                    Poll::Closed => return (next, missed_rows),
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    drop(ring);
    for row in 0..ROWS {
        producer.push(|to| {
            to.set(ts, value(row))?;
            to.set(n, row as u32)
        })?;
    }
    drop(producer);
    let ends: Vec<_> = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .collect();
    assert_eq!((ends[0], ends[1], ends[2].0), ((ROWS, 0), (ROWS, 0), ROWS));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_come_back_through_any_delta(
        rows in prop::collection::vec((any::<i64>(), -300i32..300, any::<u16>()), 1..80),
        near in any::<bool>(),
        initial in prop_oneof![Just(0), Just(u64::MAX - 20), 1000u64..1050],
        limit in 1usize..9,
    ) {
        let schema = Schema::builder()
            .i64("a").delta(DeltaWidth::I32)
            .i32("b").delta(DeltaWidth::I8)
            .u16("c").delta(DeltaWidth::I8)
            .build().unwrap();
        let a = schema.column::<i64>("a").unwrap();
        let b = schema.column::<i32>("b").unwrap();
        let c = schema.column::<u16>("c").unwrap();
        let ring = RowRing::builder(schema, 16).initial_sequence(initial).build().unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumers = [OnLag::Block, OnLag::Lossy].map(|on_lag| {
            ring.consumer(ConsumerOptions { on_lag, ..Default::default() }).unwrap()
        });
        let rows: Vec<_> = rows.into_iter().map(|(x, y, z)| (if near { x % 1000 } else { x }, y, z)).collect();
        for chunk in rows.chunks(16) {
            for (x, y, z) in chunk {
                producer.push(|row| { row.set(a, *x)?; row.set(b, *y)?; row.set(c, *z) }).unwrap();
            }
            for consumer in &mut consumers {
                let mut read = Vec::new();
                while let Poll::Rows(batch) = consumer.poll(limit) {
                    let (a, b, c) = (batch.column(a), batch.column(b), batch.column(c));
                    read.extend((0..batch.len()).map(|i| (a.get(i).unwrap(), b.get(i).unwrap(), c.get(i).unwrap())));
                }
                prop_assert_eq!(&read[..], chunk);
            }
        }
    }
}

//! Texts, nullable columns and field ids, read in place and as copies, against a plain model.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;

use proptest::prelude::*;
use zc_ring::{
    ConsumerOptions, DeltaWidth, OnLag, Poll, PushError, RowConsumer, RowError, RowRing, Schema,
    SchemaError,
};

type Result = std::result::Result<(), Box<dyn Error>>;

fn both_kinds(ring: &RowRing) -> [RowConsumer; 2] {
    [OnLag::Block, OnLag::Lossy].map(|on_lag| {
        let options = ConsumerOptions {
            on_lag,
            ..Default::default()
        };
        ring.consumer(options).unwrap()
    })
}

#[test]
fn texts_of_every_length_come_back() -> Result {
    let schema = Schema::builder()
        .str("long", 100)
        .u8("n")
        .str("short", 5)
        .build()?;
    // Two views and a byte.
    assert_eq!(schema.row_bytes(), 40);
    let (long, short) = (
        schema.column::<str>("long")?,
        schema.column::<str>("short")?,
    );
    let n = schema.column::<u8>("n")?;
    let ring = RowRing::builder(schema, 4).build()?;
    let mut producer = ring.producer()?;
    let mut consumers = both_kinds(&ring);
    for len in 0..=100u8 {
        let text: String = ('a'..='z')
            .cycle()
            .skip(len.into())
            .take(len.into())
            .collect();
        producer.push(|row| {
            row.set(long, &text)?;
            row.set(short, &text[..text.len().min(5)])?;
            row.set(n, len)
        })?;
        for consumer in &mut consumers {
            let batch = consumer.poll(9).rows().unwrap();
            assert_eq!(batch.column(long).get(0), Some(&*text));
            assert_eq!(batch.column(short).get(0), Some(&text[..text.len().min(5)]));
            assert_eq!(batch.column(n).get(0), Some(len));
        }
    }
    Ok(())
}

#[test]
fn a_text_too_long_is_an_error_and_publishes_nothing() -> Result {
    let schema = Schema::builder().str("s", 4).build()?;
    let s = schema.column::<str>("s")?;
    let ring = RowRing::builder(schema, 4).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let too_long = RowError::TooLong {
        column: "s".into(),
        max: 4,
        len: 6,
    };
    // Bytes count, not characters.
    let refused = ring.producer()?.push(|row| row.set(s, "äöü"));
    assert_eq!(refused, Err(PushError::Rejected(too_long)));
    assert!(matches!(consumer.poll(1), Poll::Empty));
    ring.producer()?.push(|row| row.set(s, "äö"))?;
    let batch = consumer.poll(1).rows().unwrap();
    assert_eq!(batch.column(s).get(0), Some("äö"));
    assert_eq!(batch.to_block()?.column::<str>("s")?.get(0), Some("äö"));
    Ok(())
}

#[test]
fn what_is_left_out_or_set_to_null_is_null() -> Result {
    let schema = Schema::builder()
        .i64("must")
        .i64("may")
        .nullable()
        .fixed_bytes("bytes", 3)
        .nullable()
        .str("text", 20)
        .nullable()
        .build()?;
    let must = schema.column::<i64>("must")?;
    let may = schema.column::<Option<i64>>("may")?;
    let plain = schema.column::<i64>("may")?;
    let bytes = schema.column::<Option<&[u8]>>("bytes")?;
    let text = schema.column::<Option<&str>>("text")?;
    let ring = RowRing::builder(schema, 8).build()?;
    let mut producer = ring.producer()?;
    let mut consumers = both_kinds(&ring);
    // Twice around, so that every slot has held something else.
    for _ in 0..2 {
        producer.push(|row| row.set(must, 1))?;
        producer.push(|row| {
            row.set(must, 2)?;
            row.set(may, Some(7))?;
            row.set(bytes, Some(b"abc"))?;
            row.set(text, Some("more than twelve"))
        })?;
        producer.push(|row| {
            row.set(must, 3)?;
            row.set(plain, 8)?;
            row.set(may, None)?;
            row.set(text, Some(""))
        })?;
        producer.push(|row| {
            row.set(must, 4)?;
            row.set_null(plain)?;
            row.set(plain, 9)
        })?;
        for consumer in &mut consumers {
            let batch = consumer.poll(9).rows().unwrap();
            let values: Vec<_> = batch.column(may).iter().collect();
            assert_eq!(values, [None, Some(7), None, Some(9)]);
            let values: Vec<_> = batch.column(plain).iter().collect();
            assert_eq!(values, [0, 7, 0, 9]);
            assert!(batch.column(plain).is_null(0) && !batch.column(plain).is_null(1));
            let values: Vec<_> = batch.column(bytes).iter().collect();
            assert_eq!(values, [None, Some(&b"abc"[..]), None, None]);
            let values: Vec<_> = batch.column(text).iter().collect();
            assert_eq!(values, [None, Some("more than twelve"), Some(""), None]);
        }
    }
    let incomplete = producer.push(|row| row.set(may, Some(1)));
    assert_eq!(incomplete, Err(PushError::Incomplete { column: 0 }));
    let refused = producer.push(|row| row.set_null(must));
    let not_nullable = RowError::NotNullable {
        column: "must".into(),
    };
    assert_eq!(refused, Err(PushError::Rejected(not_nullable)));
    Ok(())
}

#[test]
fn schemas_say_what_of_texts_nulls_and_ids_cannot_be() -> Result {
    let build = |schema: zc_ring::SchemaBuilder| schema.build().unwrap_err();
    assert!(matches!(
        build(Schema::builder().str("s", 0)),
        SchemaError::NoBytes { .. }
    ));
    assert!(matches!(
        build(Schema::builder().str("s", usize::MAX)),
        SchemaError::RowTooLong { .. }
    ));
    let delta = Schema::builder().str("s", 4).delta(DeltaWidth::I8);
    assert!(matches!(build(delta), SchemaError::Delta { .. }));
    assert_eq!(
        build(Schema::builder().nullable().i64("a")),
        SchemaError::NoColumnYet
    );
    assert_eq!(
        build(Schema::builder().field_id(1).i64("a")),
        SchemaError::NoColumnYet
    );
    assert_eq!(
        build(Schema::builder().i64("a").field_id(1).i64("b")),
        SchemaError::DuplicateFieldId { id: 1 }
    );
    let schema = Schema::builder()
        .i64("a")
        .field_id(7)
        .str("s", 3)
        .nullable()
        .build()?;
    assert!(schema.column_by_id::<i64>(7).is_ok());
    assert!(matches!(
        schema.column_by_id::<i64>(0),
        Err(SchemaError::UnknownFieldId { id: 0 })
    ));
    assert!(schema.column_by_id::<Option<&str>>(1).is_ok());
    for wrong in [
        schema.column::<Option<i64>>("a").unwrap_err(),
        schema.column::<str>("a").unwrap_err(),
        schema.column::<[u8]>("s").unwrap_err(),
    ] {
        assert!(matches!(wrong, SchemaError::WrongType { .. }));
    }
    Ok(())
}

#[test]
fn a_delta_column_may_begin_its_block_with_nulls() -> Result {
    let schema = Schema::builder()
        .i64("a")
        .delta(DeltaWidth::I8)
        .nullable()
        .build()?;
    let a = schema.column::<Option<i64>>("a")?;
    let value = |n: i64| match n % 1024 {
        0..5 | 40..60 | 900.. => None,
        _ => Some(1_000_000 * (n / 1024) + n % 7 + i64::from(n > 3000) * n * 1000),
    };
    let ring = RowRing::builder(schema, 4096).build()?;
    let mut producer = ring.producer()?;
    let mut consumers = both_kinds(&ring);
    for n in 0..4096 {
        producer.push(|row| row.set(a, value(n)))?;
    }
    for consumer in &mut consumers {
        let mut read = Vec::new();
        while let Poll::Rows(batch) = consumer.poll(1000) {
            read.extend(batch.column(a).iter());
        }
        assert_eq!(read, (0..4096).map(value).collect::<Vec<_>>());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_come_back(
        rows in prop::collection::vec(
            (any::<Option<i64>>(), ".{0,8}", prop::option::of("[a-z]{0,40}"), any::<Option<[u8; 3]>>(), any::<Option<bool>>()),
            1..60,
        ),
        initial in prop_oneof![Just(0), Just(u64::MAX - 20), 1000u64..1050],
        limit in 1usize..9,
    ) {
        let schema = Schema::builder()
            .i64("a").delta(DeltaWidth::I16).nullable()
            .str("b", 32)
            .str("c", 40).nullable()
            .fixed_bytes("d", 3).nullable()
            .bool("e").nullable()
            .build().unwrap();
        let a = schema.column::<Option<i64>>("a").unwrap();
        let b = schema.column::<str>("b").unwrap();
        let c = schema.column::<Option<&str>>("c").unwrap();
        let d = schema.column::<Option<&[u8]>>("d").unwrap();
        let e = schema.column::<Option<bool>>("e").unwrap();
        let ring = RowRing::builder(schema, 16).initial_sequence(initial).build().unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumers = both_kinds(&ring);
        for chunk in rows.chunks(16) {
            for (va, vb, vc, vd, ve) in chunk {
                producer.push(|row| {
                    row.set(a, *va)?;
                    row.set(b, vb)?;
                    row.set(c, vc.as_deref())?;
                    row.set(d, vd.as_ref().map(|d| &d[..]))?;
                    row.set(e, *ve)
                }).unwrap();
            }
            for consumer in &mut consumers {
                let mut read = Vec::new();
                while let Poll::Rows(batch) = consumer.poll(limit) {
                    let (a, b, c) = (batch.column(a), batch.column(b), batch.column(c));
                    let (d, e) = (batch.column(d), batch.column(e));
                    read.extend((0..batch.len()).map(|i| (
                        a.get(i).unwrap(),
                        b.get(i).unwrap().to_owned(),
                        c.get(i).unwrap().map(str::to_owned),
                        d.get(i).unwrap().map(|d| <[u8; 3]>::try_from(d).unwrap()),
                        e.get(i).unwrap(),
                    )));
                }
                prop_assert_eq!(&read[..], chunk);
            }
        }
    }
}

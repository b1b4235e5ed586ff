//! Sealed blocks: every codec, round trips of any column, hostile bytes.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::error::Error;

use proptest::prelude::*;
use zc_core::Frozen;
use zc_ring::{
    Block, BlockError, ConsumerOptions, DeltaWidth, OnLag, RowRing, Schema, SchemaError, Start,
};

type Result = std::result::Result<(), Box<dyn Error>>;

/// A block of one column.
fn seal<T: zc_ring::rows::Scalar>(schema: &Schema, rows: &[T]) -> Block {
    let column = schema.column::<T>("c").unwrap();
    let ring = RowRing::builder(schema.clone(), 1024)
        .initial_sequence(7)
        .build()
        .unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    for row in rows {
        producer.push(|to| to.set(column, *row)).unwrap();
    }
    consumer.poll(1024).rows().unwrap().to_block().unwrap()
}

fn i64s() -> Schema {
    Schema::builder().i64("c").build().unwrap()
}

/// Bytes that the column itself takes.
fn payload(block: &Block) -> usize {
    block.encoded_bytes() - 128
}

fn sample() -> Block {
    seal(&i64s(), &(0..300).map(|n| n * n).collect::<Vec<i64>>())
}

#[test]
fn each_kind_of_column_gets_its_codec() -> Result {
    let of = |rows: Vec<i64>| seal(&i64s(), &rows);
    let noise = |n: i64| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64;
    for (rows, at_most) in [
        ((0..1024).map(|_| i64::MIN).collect::<Vec<_>>(), 0),
        ((0..1024).map(|n| 5_000_000_000 + 1000 * n).collect(), 0),
        (
            (0..1024).map(|n| 1_000_000 + (noise(n) & 0xff)).collect(),
            1024,
        ),
        ((0..1024).map(|n| -77 + (noise(n) & 0x7)).collect(), 384),
        (
            (0..1024)
                .map(|n| n * 1_000_000 + (noise(n) & 0xf))
                .collect(),
            640,
        ),
        ((0..1024).map(noise).collect(), 8192),
        (
            (0..1024)
                .map(|n| if n % 2 == 0 { i64::MIN } else { i64::MAX })
                .collect(),
            8192,
        ),
        (vec![i64::MAX, i64::MIN], 64),
        (vec![42], 0),
    ] {
        let block = of(rows.clone());
        assert!(
            payload(&block) <= at_most,
            "{} > {at_most}",
            payload(&block)
        );
        assert_eq!(Block::decode(block.bytes())?.column::<i64>("c")?, rows);
    }
    Ok(())
}

#[test]
fn floats_come_back_bit_for_bit() -> Result {
    let schema = Schema::builder().f64("c").build()?;
    let rows = [
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        1.5,
    ];
    for rows in [
        &rows[..],
        &rows[..1],
        &rows[1..2],
        &rows[2..3],
        &[1.0, 1.25, 1.75],
    ] {
        let decoded = Block::decode(seal(&schema, rows).bytes())?.column::<f64>("c")?;
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&decoded), bits(rows));
    }
    let schema = Schema::builder().f32("c").build()?;
    let rows = [f32::NAN, -0.0, 1.0, f32::from_bits(0xff80_0001)];
    let decoded = seal(&schema, &rows).column::<f32>("c")?;
    assert!(
        decoded
            .iter()
            .zip(rows)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
    Ok(())
}

#[test]
fn bools_and_bytes_come_back() -> Result {
    let schema = Schema::builder()
        .bool("b")
        .fixed_bytes("x", 5)
        .fixed_bytes("same", 3)
        .build()?;
    let (b, x, same) = (
        schema.column::<bool>("b")?,
        schema.column::<[u8]>("x")?,
        schema.column::<[u8]>("same")?,
    );
    let ring = RowRing::builder(schema, 64).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..64u8 {
        producer.push(|row| {
            row.set(b, n % 3 == 0)?;
            row.set(x, &[n, 0, n, 255, n])?;
            row.set(same, b"abc")
        })?;
    }
    let block = Block::decode(consumer.poll(64).rows().unwrap().to_block()?.bytes())?;
    assert_eq!(
        block.column(b)?,
        (0..64).map(|n| n % 3 == 0).collect::<Vec<_>>()
    );
    let bytes = block.column(x)?;
    assert_eq!(
        (bytes.len(), bytes.width(), bytes.get(63)),
        (64, 5, Some(&[63, 0, 63, 255, 63][..]))
    );
    assert!(
        block
            .column::<[u8]>("same")?
            .iter()
            .all(|value| value == b"abc")
    );
    assert_eq!(bytes.get(64), None);
    Ok(())
}

#[test]
fn a_block_knows_its_schema_rows_and_sequence() -> Result {
    let block = sample();
    let decoded = Block::decode(&block.bytes()[..])?;
    assert_eq!((decoded.rows(), decoded.sequence()), (300, 7));
    assert_eq!(*decoded.schema(), i64s());
    assert_eq!(decoded.column(i64s().column::<i64>("c")?)?[299], 299 * 299);
    let foreign = Schema::builder().i64("d").build()?.column::<i64>("d")?;
    assert_eq!(decoded.column(foreign), Err(BlockError::ForeignHandle));
    let unknown = decoded.column::<i64>("d").unwrap_err();
    assert!(matches!(
        unknown,
        BlockError::Schema(SchemaError::UnknownColumn { .. })
    ));
    let wrong = decoded.column::<u64>("c").unwrap_err();
    assert!(matches!(
        wrong,
        BlockError::Schema(SchemaError::WrongType { .. })
    ));
    Ok(())
}

#[test]
fn decoding_a_frozen_view_copies_nothing() -> Result {
    let bytes = sample().bytes();
    assert!(Block::decode(bytes.clone())?.bytes().ptr_eq(&bytes));
    Ok(())
}

#[test]
fn more_than_1024_rows_are_refused_and_stay_in_hand() -> Result {
    let c = i64s().column::<i64>("c")?;
    let ring = RowRing::builder(i64s(), 2048).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for n in 0..1025 {
        producer.push(|row| row.set(c, n))?;
    }
    let batch = consumer.poll(usize::MAX).rows().unwrap();
    assert_eq!(
        batch.to_block().unwrap_err(),
        BlockError::TooManyRows { rows: 1025 }
    );
    batch.commit(0);
    let batch = consumer.poll(1024).rows().unwrap();
    assert_eq!(batch.to_block()?.rows(), 1024);
    Ok(())
}

#[test]
fn blocks_of_copied_rows_are_the_same() -> Result {
    let schema = Schema::builder()
        .i64("c")
        .delta(DeltaWidth::I8)
        .u8("d")
        .build()?;
    let (c, d) = (schema.column::<i64>("c")?, schema.column::<u8>("d")?);
    let ring = RowRing::builder(schema, 128).build()?;
    let mut producer = ring.producer()?;
    for n in 0..100i64 {
        producer.push(|row| {
            row.set(c, if n > 50 { n << 40 } else { n })?;
            row.set(d, n as u8)
        })?;
    }
    let [one, two] = [OnLag::Block, OnLag::Lossy].map(|on_lag| {
        let options = ConsumerOptions {
            from: Start::Oldest,
            on_lag,
            ..Default::default()
        };
        let mut consumer = ring.consumer(options).unwrap();
        consumer
            .poll(1024)
            .rows()
            .unwrap()
            .to_block()
            .unwrap()
            .bytes()
    });
    assert_eq!(one, two);
    Ok(())
}

#[test]
fn a_stream_of_blocks_is_split_again() -> Result {
    let blocks: Vec<_> = (1..5i64)
        .map(|n| seal(&i64s(), &vec![n; n as usize]))
        .collect();
    let stream: Vec<u8> = blocks
        .iter()
        .flat_map(|block| block.bytes().to_vec())
        .collect();
    let stream = Frozen::from_vec(stream);
    let split = Block::split(stream.clone()).collect::<std::result::Result<Vec<_>, _>>()?;
    assert_eq!(split.len(), 4);
    for (n, block) in (1..).zip(&split) {
        assert_eq!(block.column::<i64>("c")?, vec![n; n as usize]);
    }
    assert!(
        split[0]
            .bytes()
            .ptr_eq(&stream.slice(..blocks[0].encoded_bytes()))
    );
    assert_eq!(
        Block::encoded_len(&stream[..16])?,
        Some(blocks[0].encoded_bytes())
    );
    assert_eq!(Block::encoded_len(&stream[..15])?, None);
    let cut = stream.slice(..stream.len() - 1);
    let mut split = Block::split(cut).skip(3);
    assert!(matches!(
        split.next(),
        Some(Err(BlockError::Truncated { .. }))
    ));
    assert!(split.next().is_none());
    let trailing = Block::decode(stream.clone()).unwrap_err();
    let extra = stream.len() - blocks[0].encoded_bytes();
    assert_eq!(trailing, BlockError::TrailingBytes { extra });
    Ok(())
}

#[test]
fn a_flipped_bit_anywhere_is_detected() {
    let bytes = sample().bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Block::decode(&flipped[..]).is_err(), "bit {bit}");
    }
}

#[test]
fn a_block_cut_off_anywhere_is_detected() {
    let bytes = sample().bytes();
    for len in 0..bytes.len() {
        assert!(matches!(
            Block::decode(bytes.slice(..len)),
            Err(BlockError::Truncated { .. })
        ));
    }
    assert_eq!(
        Block::decode(&b"PAR1"[..]).unwrap_err(),
        BlockError::NotABlock
    );
    let mut newer = bytes.to_vec();
    newer[4] = 4;
    assert_eq!(
        Block::decode(&newer[..]).unwrap_err(),
        BlockError::Version { version: 4 }
    );
}

/// Puts right the checksum of the head, as an attacker would.
fn resign(bytes: &mut [u8]) {
    let head_len = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    if let Some(head) = bytes.get(..head_len).filter(|head| head.len() >= 24) {
        let covered = [&head[..20], &head[24..]].concat();
        bytes[20..24].copy_from_slice(&crc_fast::crc32_iscsi(&covered).to_le_bytes());
    }
}

/// Whatever it is, reading it must end, in values or in an error.
fn read_all(bytes: &[u8]) {
    let Ok(block) = Block::decode(bytes) else {
        return;
    };
    for column in block.schema().columns() {
        let name = column.name.as_str();
        let _ = block.column::<i64>(name).is_ok();
        let _ = block.column::<u16>(name).is_ok();
        let _ = block.column::<f64>(name).is_ok();
        let _ = block.column::<bool>(name).is_ok();
        let _ = block.column::<[u8]>(name).is_ok();
    }
}

#[test]
fn hostile_heads_with_a_right_checksum_are_errors_or_values_never_a_panic() {
    let bytes = sample().bytes();
    let mut accepted = 0;
    for at in (0..128).filter(|at| !(20..24).contains(at)) {
        for value in 0..=255 {
            let mut hostile = bytes.to_vec();
            hostile[at] = value;
            resign(&mut hostile);
            read_all(&hostile);
            accepted += usize::from(Block::decode(&hostile[..]).is_ok());
        }
    }
    // The sequence, the name and what is said of the values may be anything.
    assert!(accepted > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_integers_come_back(
        start in any::<i64>(),
        steps in prop::collection::vec(any::<u64>(), 1..1024),
        shift in 0u32..64,
        walk in any::<bool>(),
    ) {
        let mut last = start;
        let rows: Vec<i64> = steps.iter().map(|step| {
            let step = (step >> shift) as i64;
            last = if walk { last.wrapping_add(step) } else { start.wrapping_add(step) };
            last
        }).collect();
        let block = Block::decode(seal(&i64s(), &rows).bytes()).unwrap();
        prop_assert_eq!(block.column::<i64>("c").unwrap(), &rows[..]);
        let narrow = |n: &i64| *n as i16;
        let schema = Schema::builder().i16("c").build().unwrap();
        let rows16: Vec<i16> = rows.iter().map(narrow).collect();
        prop_assert_eq!(seal(&schema, &rows16).column::<i16>("c").unwrap(), rows16);
        let schema = Schema::builder().u64("c").build().unwrap();
        let rows64: Vec<u64> = rows.iter().map(|n| *n as u64).collect();
        prop_assert_eq!(seal(&schema, &rows64).column::<u64>("c").unwrap(), rows64);
        let schema = Schema::builder().u8("c").build().unwrap();
        let rows8: Vec<u8> = rows.iter().map(|n| *n as u8).collect();
        prop_assert_eq!(seal(&schema, &rows8).column::<u8>("c").unwrap(), rows8);
    }

    #[test]
    fn any_bytes_are_an_error_or_a_block(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        let sample = sample().bytes();
        let len = bytes.len().min(20);
        bytes[..len].copy_from_slice(&sample[..len]);
        if bytes.len() > 24 {
            resign(&mut bytes);
        }
        read_all(&bytes);
    }
}

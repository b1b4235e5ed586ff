//! Nullable columns in sealed blocks: they come back as they were, through the bytes and through
//! Arrow; hostile bitmaps are errors; what has no nulls is as it was before there were any.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use proptest::prelude::*;
use zc_ring::{
    Block, BlockError, ConsumerOptions, DeltaWidth, Encoding, RowConsumer, RowRing, Schema,
};

const HEAD: usize = 32;
const ENTRY: usize = 64;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    delta: Option<i64>,
    narrow: Option<i16>,
    float: Option<u64>,
    flag: Option<bool>,
    bytes: Option<[u8; 3]>,
    must: u32,
}

fn schema() -> Schema {
    let schema = Schema::builder().i64("delta").delta(DeltaWidth::I16);
    let schema = schema.nullable().i16("narrow").nullable();
    let schema = schema.f64("float").nullable().field_id(77);
    let schema = schema.bool("flag").nullable().fixed_bytes("bytes", 3);
    schema.nullable().u32("must").build().unwrap()
}

/// A ring with these rows, and a consumer that has them to read.
fn ring(rows: &[Row]) -> (RowRing, RowConsumer) {
    let schema = schema();
    let delta = schema.column::<Option<i64>>("delta").unwrap();
    let narrow = schema.column::<Option<i16>>("narrow").unwrap();
    let float = schema.column::<Option<f64>>("float").unwrap();
    let flag = schema.column::<Option<bool>>("flag").unwrap();
    let bytes = schema.column::<Option<&[u8]>>("bytes").unwrap();
    let must = schema.column::<u32>("must").unwrap();
    let ring = RowRing::builder(schema, 1024).build().unwrap();
    let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let mut producer = ring.producer().unwrap();
    for row in rows {
        let pushed = producer.push(|to| {
            to.set(delta, row.delta)?;
            to.set(narrow, row.narrow)?;
            to.set(float, row.float.map(f64::from_bits))?;
            to.set(flag, row.flag)?;
            to.set(bytes, row.bytes.as_ref().map(|bytes| &bytes[..]))?;
            to.set(must, row.must)
        });
        pushed.unwrap();
    }
    (ring, consumer)
}

fn seal(rows: &[Row], encoding: Encoding) -> Block {
    let (_ring, mut consumer) = ring(rows);
    let batch = consumer.poll(1024).rows().unwrap();
    batch.to_block_with(encoding).unwrap()
}

fn rows_of(block: &Block) -> Result<Vec<Row>, BlockError> {
    let delta = block.column::<Option<i64>>("delta")?;
    let narrow = block.column::<Option<i16>>("narrow")?;
    let float = block.column::<Option<f64>>("float")?;
    let flag = block.column::<Option<bool>>("flag")?;
    let bytes = block.column::<Option<&[u8]>>("bytes")?;
    let must = block.column::<u32>("must")?;
    let row = |row: usize| Row {
        delta: delta[row],
        narrow: narrow[row],
        float: float[row].map(f64::to_bits),
        flag: flag[row],
        bytes: bytes[row].as_ref().map(|b| b[..].try_into().unwrap()),
        must: must[row],
    };
    Ok((0..block.rows()).map(row).collect())
}

/// Some of everything, null by bits of `n`.
fn sample(n: u64) -> Row {
    let some = |bit: u32| n >> bit & 1 == 1;
    Row {
        delta: some(0).then_some(i64::MIN.wrapping_add((n * n) as i64)),
        narrow: some(1).then_some((n as i16).wrapping_neg()),
        float: some(2).then_some([(-0.0f64).to_bits(), 0x7ff0_0000_0000_0001, n][n as usize % 3]),
        flag: some(3).then_some(some(5)),
        bytes: some(4).then_some([n as u8, 0, 255]),
        must: n as u32,
    }
}

fn samples(rows: u64) -> Vec<Row> {
    (0..rows).map(sample).collect()
}

#[test]
fn nulls_and_values_come_back_however_they_are_coded() {
    for encoding in [Encoding::Smallest, Encoding::Plain] {
        for rows in [1, 2, 8, 100, 513, 1024] {
            let rows = samples(rows);
            let block = Block::decode(seal(&rows, encoding).bytes()).unwrap();
            assert_eq!(*block.schema(), schema(), "nullability and field ids");
            assert_eq!(rows_of(&block).unwrap(), rows);
            let nulls = rows.iter().filter(|row| row.narrow.is_none()).count();
            assert_eq!(block.null_count::<Option<i16>>("narrow"), Ok(nulls));
            assert_eq!(block.null_count::<u32>("must"), Ok(0));
            assert_eq!(block.is_null::<i64>("delta", 0), Ok(Some(true)));
            assert_eq!(block.is_null::<i64>("delta", rows.len()), Ok(None));
        }
    }
}

#[test]
fn a_handle_without_option_reads_a_null_as_zero() {
    let rows = samples(100);
    for encoding in [Encoding::Smallest, Encoding::Plain] {
        let block = seal(&rows, encoding);
        let wanted: Vec<i64> = rows.iter().map(|row| row.delta.unwrap_or(0)).collect();
        assert_eq!(block.column::<i64>("delta").unwrap(), wanted);
        let mut into = vec![1; 100];
        block.column_into::<i64>("delta", &mut into).unwrap();
        assert_eq!(into, wanted);
        for (row, wanted) in wanted.iter().enumerate() {
            assert_eq!(block.value::<i64>("delta", row), Ok(Some(*wanted)));
        }
        let bytes = block.column::<[u8]>("bytes").unwrap();
        assert_eq!(bytes.get(0), Some(&[0, 0, 0][..]));
        assert_eq!(bytes.get(16), Some(&[16, 0, 255][..]));
    }
}

#[test]
fn smallest_and_largest_are_of_the_values_there_are() {
    let rows: Vec<Row> = (0..64)
        .map(|n| Row {
            narrow: (n % 2 == 1).then_some(n as i16 + 100),
            ..sample(n)
        })
        .collect();
    let block = seal(&rows, Encoding::Smallest);
    assert_eq!(block.range::<i16>("narrow"), Ok((101, 163)));
    let none: Vec<Row> = samples(64)
        .into_iter()
        .map(|row| Row {
            narrow: None,
            bytes: None,
            ..row
        })
        .collect();
    let block = Block::decode(seal(&none, Encoding::Plain).bytes()).unwrap();
    assert_eq!(block.range::<i16>("narrow"), Ok((0, 0)));
    assert_eq!(rows_of(&block).unwrap(), none);
}

#[test]
fn what_has_nothing_new_is_still_written_as_version_2() {
    let version = |block: &Block| block.bytes()[4];
    assert_eq!(version(&seal(&samples(9), Encoding::Smallest)), 3);
    let schema = Schema::builder().i64("c").build().unwrap();
    let c = schema.column::<i64>("c").unwrap();
    let ring = RowRing::builder(schema, 8).build().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    ring.producer().unwrap().push(|to| to.set(c, 1)).unwrap();
    let block = consumer.poll(8).rows().unwrap().to_block().unwrap();
    assert_eq!(version(&block), 2);
}

#[test]
fn a_flipped_bit_anywhere_is_detected() {
    let bytes = seal(&samples(50), Encoding::Smallest).bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Block::decode(&flipped[..]).is_err(), "bit {bit}");
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Puts right all checksums, as an attacker would.
fn resign(bytes: &mut [u8]) {
    for column in 0..6 {
        let entry = HEAD + ENTRY * column;
        let (offset, len) = (word(bytes, entry + 8), word(bytes, entry + 12));
        let end = offset.saturating_add(len).next_multiple_of(64);
        if let Some(payload) = bytes.get(offset..end) {
            let crc = crc_fast::crc32_iscsi(payload).to_le_bytes();
            bytes[entry + 16..entry + 20].copy_from_slice(&crc);
        }
    }
    let head_len = word(bytes, 12).clamp(24, bytes.len());
    let covered = [&bytes[..20], &bytes[24..head_len]].concat();
    bytes[20..24].copy_from_slice(&crc_fast::crc32_iscsi(&covered).to_le_bytes());
}

#[test]
fn hostile_bytes_with_right_checksums_are_errors_or_values_never_a_panic() {
    let good = seal(&samples(50), Encoding::Smallest).bytes();
    let mut accepted = 0;
    for at in 0..good.len() {
        for change in [1, 16, 64, 128, 255] {
            let mut bytes = good.to_vec();
            bytes[at] ^= change;
            resign(&mut bytes);
            if let Ok(block) = Block::decode(&bytes[..]) {
                accepted += usize::from(rows_of(&block).is_ok());
            }
        }
    }
    assert!(accepted > 0, "other nulls are as good as these");
}

#[test]
fn bitmaps_that_say_nothing_or_too_much_are_errors() {
    let good = seal(&samples(50), Encoding::Smallest).bytes();
    let bitmap = word(&good, HEAD + 8);
    let with = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        resign(&mut bytes);
        Block::decode(&bytes[..]).map(|_| ())
    };
    let corrupt = |what| Err(BlockError::Corrupt { what });
    let full = |bytes: &mut [u8]| {
        bytes[bitmap..bitmap + 6].fill(255);
        bytes[bitmap + 6] = 3;
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&full), corrupt("nulls of a column"));
    let beyond = |bytes: &mut [u8]| bytes[bitmap + 6] |= 4;
    assert_eq!(with(&beyond), corrupt("nulls of a column"));
    let in_the_fill = |bytes: &mut [u8]| bytes[bitmap + 63] = 1;
    assert_eq!(with(&in_the_fill), corrupt("nulls of a column"));
    let not_nullable = |bytes: &mut [u8]| bytes[HEAD + 2] &= 0x7f;
    let what = "nulls of a column that must not have any";
    assert_eq!(with(&not_nullable), corrupt(what));
    // The bits mean nothing to version 2, which has no such widths.
    let older = |bytes: &mut [u8]| {
        bytes[4] = 2;
        (0..6).for_each(|column| bytes[HEAD + ENTRY * column + 28..][..4].fill(0));
    };
    assert_eq!(with(&older), corrupt("delta width"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_come_back(seeds in prop::collection::vec(any::<u64>(), 1..300), plain: bool) {
        let rows: Vec<Row> = seeds.into_iter().map(sample_of_any).collect();
        let encoding = if plain { Encoding::Plain } else { Encoding::Smallest };
        let block = Block::decode(seal(&rows, encoding).bytes()).unwrap();
        prop_assert_eq!(rows_of(&block).unwrap(), rows);
    }
}

fn sample_of_any(seed: u64) -> Row {
    Row {
        delta: (seed & 1 == 1).then_some((seed >> (seed & 63)) as i64),
        float: (seed & 6 != 0).then_some(seed.rotate_left(20)),
        ..sample(seed >> 40)
    }
}

#[cfg(feature = "arrow")]
mod arrow {
    use super::*;
    use arrow_array::{Array, Int16Array, RecordBatch};
    use std::sync::Arc;
    use zc_ring::arrow::RecordBatchError;

    #[test]
    fn the_bitmap_is_handed_over_without_a_copy() {
        let rows = samples(300);
        let block = seal(&rows, Encoding::Plain);
        let memory = block.bytes().as_ptr_range();
        let batch = block.to_record_batch().unwrap();
        for array in batch.columns() {
            let Some(nulls) = array.nulls() else {
                continue;
            };
            let bitmap = nulls.buffer().as_ptr();
            assert!(memory.contains(&bitmap) && bitmap.addr().is_multiple_of(64));
        }
        let nulls = batch
            .columns()
            .iter()
            .filter(|array| array.nulls().is_some());
        assert_eq!(nulls.count(), 5);
    }

    #[test]
    fn rows_with_nulls_go_to_arrow_and_back() {
        let rows = samples(300);
        for encoding in [Encoding::Smallest, Encoding::Plain] {
            let batch = seal(&rows, encoding).to_record_batch().unwrap();
            let (ring, mut consumer) = ring(&[]);
            ring.producer().unwrap().push_record_batch(&batch).unwrap();
            let again = consumer.poll(1024).rows().unwrap().to_block().unwrap();
            assert_eq!(rows_of(&again).unwrap(), rows);
        }
    }

    #[test]
    fn nulls_for_a_column_that_must_be_set_are_refused() {
        let schema = Schema::builder().i16("c").build().unwrap();
        let ring = RowRing::builder(schema, 8).build().unwrap();
        let array: Arc<dyn Array> = Arc::new(Int16Array::from(vec![Some(1), None]));
        let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
        let mut producer = ring.producer().unwrap();
        let refused = producer.push_record_batch(&batch).unwrap_err();
        assert!(matches!(refused, RecordBatchError::Nulls { nulls: 1, .. }));
        assert_eq!(producer.sequence(), 0);
    }
}

//! Sealed blocks (`docs/zc-ring-block-format.md`).

use std::hint::black_box;

use zc_core::Frozen;
use zc_ring::{Block, ConsumerOptions, DeltaWidth, Encoding, Poll, RowError, RowRing, Schema};

use crate::{crc32c, number};

const HEAD: usize = 32;
const ENTRY: usize = 64;

pub(crate) fn read(bytes: &[u8]) {
    // An error or a length, as it comes; what counts is that it comes back.
    let _ = black_box(Block::encoded_len(bytes));
    decode(bytes);
    let mut mended = bytes.to_vec();
    if mend(&mut mended).is_some() {
        decode(&mended);
    }
    for block in Block::split(Frozen::from_vec(mended)).take(16).flatten() {
        columns(&block);
    }
}

fn decode(bytes: &[u8]) {
    if let Ok(block) = Block::decode(bytes) {
        // What was taken for a block gives the same bytes again.
        assert_eq!(&block.bytes()[..], bytes);
        columns(&block);
    }
}

/// Decodes every column as every type: the right one, and all the wrong ones.
fn columns(block: &Block) {
    let names: Vec<String> = block
        .schema()
        .columns()
        .iter()
        .map(|c| c.name.to_string())
        .collect();
    for name in &names {
        macro_rules! as_each {
            ($($type:ty),*) => {
                $(let _ = black_box(block.column::<$type>(name.as_str()));)*
            };
        }
        as_each!(
            i8,
            i16,
            i32,
            i64,
            u8,
            u16,
            u32,
            u64,
            f32,
            f64,
            bool,
            [u8],
            str
        );
        as_each!(
            Option<i64>,
            Option<f64>,
            Option<bool>,
            Option<&[u8]>,
            Option<&str>
        );
        let _ = black_box(block.null_count::<i64>(name.as_str()));
        // Where the coding allows it, found without the others.
        for row in [0, block.rows() / 2, block.rows() - 1] {
            let _ = black_box(block.value::<i64>(name.as_str(), row));
            let _ = black_box(block.value::<u16>(name.as_str(), row));
            let _ = black_box(block.value::<f64>(name.as_str(), row));
        }
    }
}

/// Puts the checksums right, as far as the lengths in the bytes lead anywhere.
fn mend(bytes: &mut [u8]) -> Option<()> {
    let columns = usize::from(u16::from_le_bytes(bytes.get(6..8)?.try_into().ok()?));
    for column in 0..columns.min(128) {
        let entry = HEAD + column * ENTRY;
        let (place, len) = (number(bytes, entry + 8)?, number(bytes, entry + 12)?);
        let end = place.checked_add(len)?.checked_next_multiple_of(64)?;
        if let Some(payload) = bytes.get(place..end) {
            let crc = crc32c(&[payload]).to_le_bytes();
            bytes.get_mut(entry + 16..entry + 20)?.copy_from_slice(&crc);
        }
    }
    let head_len = number(bytes, 12)?;
    let crc = crc32c(&[bytes.get(..20)?, bytes.get(24..head_len)?]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    Some(())
}

/// Blocks whose columns make the writer choose each of its codecs.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let of = |sealed: fn(i64) -> Sealed| {
        [1, 7, 130].map(|rows| sealed(rows).unwrap_or_else(|e| panic!("no seed: {e}")))
    };
    [of(sealed), of(with_nulls), of(with_texts)].concat()
}

type Sealed = Result<Vec<u8>, Box<dyn std::error::Error>>;

fn sealed(rows: i64) -> Sealed {
    let schema = Schema::builder().i64("ts").delta(DeltaWidth::I32);
    let schema = schema
        .u32("near")
        .f64("wild")
        .u64("same")
        .bool("flag")
        .i64("leaps")
        .f64("ticks")
        .f64("runs")
        .u64("few")
        .fixed_bytes("name", 5)
        .build()?;
    let (ts, near) = (schema.column::<i64>("ts")?, schema.column::<u32>("near")?);
    let (wild, same) = (schema.column::<f64>("wild")?, schema.column::<u64>("same")?);
    let flag = schema.column::<bool>("flag")?;
    let (leaps, few) = (schema.column::<i64>("leaps")?, schema.column::<u64>("few")?);
    let (ticks, runs) = (
        schema.column::<f64>("ticks")?,
        schema.column::<f64>("runs")?,
    );
    let name = schema.column::<[u8]>("name")?;
    let ring = RowRing::builder(schema, 256).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for i in 0..rows {
        producer.push(|row| {
            row.set(ts, 1_700_000_000 + 3 * i)?;
            row.set(near, 1000 + u32::try_from(i * i % 37).unwrap_or(0))?;
            row.set(wild, f64::from(u32::try_from(i).unwrap_or(0)).sin())?;
            row.set(same, 7)?;
            row.set(flag, i % 3 == 0)?;
            row.set(leaps, i % 5 + if i % 40 == 7 { i << 30 } else { 0 })?;
            row.set(
                ticks,
                f64::from(u32::try_from(i * 7 % 61).unwrap_or(0)) / 100.0,
            )?;
            row.set(runs, f64::from(u32::try_from(i / 20).unwrap_or(0)).sin())?;
            let kind = u64::try_from(i * i % 7).unwrap_or(0);
            row.set(few, kind.wrapping_mul(0x9E37_79B9_7F4A_7C15))?;
            row.set(
                name,
                [b"alpha", b"beta.", b"gamma"][usize::try_from(i % 3).unwrap_or(0)],
            )?;
            Ok::<(), RowError>(())
        })?;
    }
    let Poll::Rows(batch) = consumer.poll(256) else {
        return Err("the rows are there".into());
    };
    Ok(batch.to_block()?.bytes().to_vec())
}

/// Columns of every kind, of which each has values in other rows; the last one in none.
fn with_nulls(rows: i64) -> Sealed {
    let schema = Schema::builder().i64("ts").delta(DeltaWidth::I8).nullable();
    let schema = schema.f64("ticks").nullable().field_id(9).bool("flag");
    let schema = schema.nullable().fixed_bytes("name", 3).nullable();
    let schema = schema.u16("never").nullable().build()?;
    let ts = schema.column::<Option<i64>>("ts")?;
    let ticks = schema.column::<Option<f64>>("ticks")?;
    let flag = schema.column::<Option<bool>>("flag")?;
    let name = schema.column::<Option<&[u8]>>("name")?;
    let ring = RowRing::builder(schema, 256).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for i in 0..rows {
        producer.push(|row| {
            row.set(ts, (i % 3 != 0).then_some(i << (i % 40)))?;
            let tick = f64::from(u32::try_from(i * 7 % 61).unwrap_or(0)) / 100.0;
            row.set(ticks, (i % 5 != 1).then_some(tick))?;
            row.set(flag, (i % 2 == 0).then_some(i % 4 == 0))?;
            let kind = [b"abc", b"xyz"][usize::try_from(i / 3 % 2).unwrap_or(0)];
            row.set(name, (i % 7 > 2).then_some(&kind[..]))?;
            Ok::<(), RowError>(())
        })?;
    }
    let Poll::Rows(batch) = consumer.poll(256) else {
        return Err("the rows are there".into());
    };
    Ok(batch.to_block()?.bytes().to_vec())
}

/// Texts that are coded in each way there is.
fn with_texts(rows: i64) -> Sealed {
    let schema = Schema::builder().str("same", 8).nullable();
    let schema = schema.str("few", 40).nullable().str("each", 300);
    let schema = schema.str("none", 4).nullable().build()?;
    let same = schema.column::<Option<&str>>("same")?;
    let few = schema.column::<Option<&str>>("few")?;
    let each = schema.column::<str>("each")?;
    let none = schema.column::<Option<&str>>("none")?;
    let ring = RowRing::builder(schema, 256).build()?;
    let mut consumer = ring.consumer(ConsumerOptions::default())?;
    let mut producer = ring.producer()?;
    for i in 0..rows {
        let kind = ["instrument ä", "", "another one, which is longer"];
        let kind = kind[usize::try_from(i * i % 3).unwrap_or(0)];
        let other = "€".repeat(usize::try_from(i * 7 % 31).unwrap_or(0));
        producer.push(|row| {
            row.set(same, (i % 4 != 2).then_some("the same"))?;
            row.set(few, (i % 5 != 1).then_some(kind))?;
            row.set(each, format!("{i}{other}").as_str())?;
            row.set(none, None)
        })?;
    }
    let Poll::Rows(batch) = consumer.poll(256) else {
        return Err("the rows are there".into());
    };
    let encoding = match rows {
        1 => Encoding::Smallest,
        7 => Encoding::Plain,
        _ => Encoding::Archive,
    };
    Ok(batch.to_block_with(encoding)?.bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_block_is_one_again() {
        for seed in seeds() {
            let mut bytes = seed.clone();
            bytes[20..24].fill(0xEE);
            bytes[HEAD + 16..HEAD + 20].fill(0xEE);
            assert!(Block::decode(&bytes[..]).is_err());
            mend(&mut bytes).unwrap();
            assert_eq!(bytes, seed);
            assert!(Block::decode(&bytes[..]).is_ok());
        }
    }
}

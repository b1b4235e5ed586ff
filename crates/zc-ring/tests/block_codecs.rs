//! The codecs of sealed blocks: each is chosen where it should be, comes back bit for bit, notices
//! every flipped bit, and refuses what does not hold even where the checksums do.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use proptest::prelude::*;
use zc_ring::rows::Scalar;
use zc_ring::{Block, BlockError, ConsumerOptions, Encoding, RowRing, Schema};

const HEAD: usize = 32;
const ENTRY: usize = 64;

/// The column `c` of `rows`, at most 1024.
fn seal<T: Scalar>(schema: &Schema, rows: &[T], encoding: Encoding) -> Block {
    let column = schema.column::<T>("c").unwrap();
    let ring = RowRing::builder(schema.clone(), 1024).build().unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    for row in rows {
        producer.push(|to| to.set(column, *row)).unwrap();
    }
    let batch = consumer.poll(1024).rows().unwrap();
    batch.to_block_with(encoding).unwrap()
}

fn i64s() -> Schema {
    Schema::builder().i64("c").build().unwrap()
}

fn f64s() -> Schema {
    Schema::builder().f64("c").build().unwrap()
}

fn codec(block: &Block) -> u8 {
    block.bytes()[HEAD + 1]
}

/// Decodes the block from its bytes in every way there is, and compares bits.
fn comes_back<T: Scalar>(block: &Block, rows: &[T]) {
    let block = Block::decode(block.bytes()).unwrap();
    let bits = |values: &[T]| values.iter().map(|v| v.to_logical()).collect::<Vec<_>>();
    let wanted = bits(rows);
    assert_eq!(bits(&block.column::<T>("c").unwrap()), wanted);
    let mut into = vec![T::from_logical(0); rows.len()];
    block.column_into("c", &mut into).unwrap();
    assert_eq!(bits(&into), wanted);
    for row in [0, rows.len() / 2, rows.len() - 1] {
        let value = block.value::<T>("c", row).unwrap().unwrap();
        assert_eq!(value.to_logical(), wanted[row]);
    }
    assert!(block.value::<T>("c", rows.len()).unwrap().is_none());
}

/// As random as may be (the finalizer of splitmix64).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Rows for which each codec of integers is the smallest, by its number.
fn integers() -> Vec<(u8, Vec<i64>)> {
    let of = |row: &dyn Fn(i64) -> i64| (0..1000).map(row).collect::<Vec<_>>();
    let noise = |n: i64, bits: u32| (mixed(n as u64) >> (64 - bits)) as i64;
    let mut wander = 5_000_000;
    let mut speed = 1_000_000;
    let mut place = 0i64;
    vec![
        (0, of(&|n| noise(n, 64))),
        (1, of(&|_| i64::MIN)),
        (2, of(&|n| -9_000_000 + noise(n, 8))),
        (3, of(&|n| 77 + noise(n, 11))),
        (4, of(&|n| 1_000_000_007 * n + noise(n, 7))),
        (
            5,
            of(&|n| {
                if n % 100 == 7 {
                    noise(n, 60)
                } else {
                    noise(n, 9)
                }
            }),
        ),
        (
            6,
            (0..1000)
                .map(|n| {
                    wander += noise(n, 3) - 4;
                    wander + if n % 90 == 0 { 1 << 40 } else { 0 }
                })
                .collect(),
        ),
        (
            7,
            (0..1000)
                .map(|n| {
                    speed += noise(n, 2) - 1 + if n % 200 == 0 { 1 << 30 } else { 0 };
                    place += speed;
                    place
                })
                .collect(),
        ),
        (9, of(&|n| mixed(mixed(n as u64) % 13) as i64)),
    ]
}

#[test]
fn each_codec_is_chosen_where_it_is_smallest_and_comes_back() {
    for (wanted, rows) in integers() {
        let block = seal(&i64s(), &rows, Encoding::Smallest);
        assert_eq!(codec(&block), wanted);
        comes_back(&block, &rows);
        let range = block.range::<i64>("c").unwrap();
        assert_eq!(
            range,
            (*rows.iter().min().unwrap(), *rows.iter().max().unwrap())
        );
    }
}

#[test]
fn short_decimals_come_back_as_bits_with_every_kind_of_exception() {
    let exact = |n: i64| (6_000_000 + n % 997) as f64 / 100.0;
    let mut rows: Vec<f64> = (0..1000).map(exact).collect();
    let block = seal(&f64s(), &rows, Encoding::Smallest);
    assert_eq!(codec(&block), 10);
    assert!(block.encoded_bytes() < 1500, "{}", block.encoded_bytes());
    comes_back(&block, &rows);
    let odd = [
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::from_bits(0xffff_ffff_ffff_ffff),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        std::f64::consts::PI,
        9_007_199_254_740_993.0,
        0.1 + 0.2,
    ];
    for (at, odd) in odd.into_iter().enumerate() {
        rows[at * 70 + 1] = odd;
    }
    let block = seal(&f64s(), &rows, Encoding::Smallest);
    assert_eq!(codec(&block), 10);
    comes_back(&block, &rows);
    let schema = Schema::builder().f32("c").build().unwrap();
    let mut rows: Vec<f32> = (0..1000).map(|n| (n * 37 % 501) as f32 / 10.0).collect();
    rows[500] = f32::from_bits(0xffc0_0001);
    rows[501] = -0.0;
    let block = seal(&schema, &rows, Encoding::Smallest);
    assert_eq!(codec(&block), 10);
    comes_back(&block, &rows);
}

#[test]
fn runs_of_wild_floats_come_back() {
    let rows: Vec<f64> = (0..1000u64).map(|n| f64::from_bits(mixed(n / 3))).collect();
    let block = seal(&f64s(), &rows, Encoding::Smallest);
    assert_eq!(codec(&block), 8);
    comes_back(&block, &rows);
}

#[test]
fn bytes_of_few_kinds_are_a_dictionary() {
    let schema = Schema::builder().fixed_bytes("c", 7).build().unwrap();
    let c = schema.column::<[u8]>("c").unwrap();
    let ring = RowRing::builder(schema, 1024).build().unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let name = |n: u64| [b'S', b'Y', b'M', (mixed(n) % 5) as u8, 0, 255, 1];
    for n in 0..1000 {
        producer.push(|row| row.set(c, &name(n))).unwrap();
    }
    let block = consumer.poll(1024).rows().unwrap().to_block().unwrap();
    assert_eq!(codec(&block), 9);
    assert!(block.encoded_bytes() < 128 + 512);
    let block = Block::decode(block.bytes()).unwrap();
    let values = block.column::<[u8]>("c").unwrap();
    assert!((0..1000).all(|n| values.get(n).unwrap() == name(n as u64)));
    hostile(&block);
}

/// Small blocks, one for each codec there is.
fn one_of_each() -> Vec<Block> {
    let mut blocks: Vec<_> = integers()
        .into_iter()
        .map(|(_, rows)| seal(&i64s(), &rows[..200], Encoding::Smallest))
        .collect();
    let mut rows: Vec<f64> = (0..100).map(|n| f64::from(n * n % 41) / 100.0).collect();
    rows[50] = f64::NAN;
    blocks.push(seal(&f64s(), &rows, Encoding::Smallest));
    let rows: Vec<f64> = (0..100u64).map(|n| f64::from_bits(mixed(n / 3))).collect();
    blocks.push(seal(&f64s(), &rows, Encoding::Smallest));
    blocks
}

#[test]
fn a_flipped_bit_anywhere_in_any_codec_is_detected() {
    for block in one_of_each() {
        let bytes = block.bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::decode(&flipped[..]).is_err(), "bit {bit}");
        }
    }
}

/// Puts right all checksums of a block of one column, as an attacker would.
fn resign(bytes: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    let (offset, len) = (word(bytes, HEAD + 8), word(bytes, HEAD + 12));
    let end = offset.saturating_add(len).next_multiple_of(64);
    if let Some(payload) = bytes.get(offset..end) {
        let crc = crc_fast::crc32_iscsi(payload).to_le_bytes();
        bytes[HEAD + 16..HEAD + 20].copy_from_slice(&crc);
    }
    let head_len = word(bytes, 12);
    if let Some(head) = bytes
        .get(..head_len)
        .filter(|head| head.len() >= HEAD + ENTRY)
    {
        let covered = [&head[..20], &head[24..]].concat();
        bytes[20..24].copy_from_slice(&crc_fast::crc32_iscsi(&covered).to_le_bytes());
    }
}

/// Changes every byte of a block, with right checksums: values or an error, never a panic.
fn hostile(block: &Block) {
    let bytes = block.bytes();
    for at in 0..bytes.len() {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= change;
            resign(&mut bytes);
            if let Ok(block) = Block::decode(&bytes[..]) {
                let name = block.schema().columns()[0].name.clone();
                let name = name.as_str();
                let decoded = [
                    block.column::<i64>(name).is_ok(),
                    block.column::<f64>(name).is_ok(),
                    block.column::<[u8]>(name).is_ok(),
                    block.value::<i64>(name, 57).is_ok(),
                    block.value::<f64>(name, 57).is_ok(),
                ];
                assert!(decoded.iter().filter(|ok| **ok).count() <= 2);
            }
        }
    }
}

#[test]
fn hostile_payloads_with_right_checksums_are_errors_or_values_never_a_panic() {
    for block in one_of_each() {
        hostile(&block);
    }
}

#[test]
fn version_1_is_still_read_and_has_none_of_the_new_codecs() {
    for (codec, rows) in integers() {
        let mut bytes = seal(&i64s(), &rows, Encoding::Smallest).bytes().to_vec();
        bytes[4] = 1;
        resign(&mut bytes);
        let decoded = Block::decode(&bytes[..]);
        if codec <= 4 {
            assert_eq!(decoded.unwrap().column::<i64>("c").unwrap(), rows);
        } else {
            let what = "codec";
            assert_eq!(decoded.unwrap_err(), BlockError::Corrupt { what });
        }
    }
}

#[test]
fn columns_lie_at_multiples_of_64_in_memory() {
    let block = seal(&i64s(), &integers()[0].1, Encoding::Plain);
    assert_eq!(codec(&block), 0);
    assert!(block.bytes().as_ptr().addr().is_multiple_of(64));
    let copied = Block::decode(&block.bytes()[..]).unwrap();
    assert!(copied.bytes().as_ptr().addr().is_multiple_of(64));
    comes_back(&block, &integers()[0].1);
}

/// Rows of one of many shapes: `kind` picks how they go on, `jump` how often they leap.
fn shaped(seeds: &[u64], kind: u8, shift: u32, jump: u64) -> Vec<u64> {
    let mut last = mixed(u64::from(shift));
    seeds
        .iter()
        .map(|seed| {
            let small = seed >> shift;
            let leap = seed.is_multiple_of(jump);
            match kind % 5 {
                0 => small,
                1 => last.wrapping_add(small),
                2 if leap => *seed,
                2 => small >> 7,
                3 if leap => {
                    last = *seed;
                    last
                }
                3 => last,
                _ => {
                    last = last.wrapping_add(if leap { *seed } else { small >> 11 });
                    last
                }
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_rows_of_any_type_come_back(
        seeds in prop::collection::vec(any::<u64>(), 1..1025),
        kind in any::<u8>(),
        shift in 0u32..64,
        jump in 2u64..200,
        plain in any::<bool>(),
    ) {
        let numbers = shaped(&seeds, kind, shift, jump);
        let encoding = if plain { Encoding::Plain } else { Encoding::Smallest };
        macro_rules! as_each {
            ($($t:ty, $add:ident;)*) => {$(
                let rows: Vec<$t> = numbers.iter().map(|n| <$t>::from_logical(*n)).collect();
                let schema = Schema::builder().$add("c").build().unwrap();
                comes_back(&seal(&schema, &rows, encoding), &rows);
            )*};
        }
        as_each! {
            i8, i8; i16, i16; i32, i32; i64, i64; u8, u8; u16, u16; u32, u32; u64, u64;
            f32, f32; f64, f64; bool, bool;
        }
        let digits = 10f64.powi((shift % 9) as i32);
        let rows: Vec<f64> = numbers.iter().map(|n| (*n >> (shift % 40)) as i64 as f64 / digits).collect();
        comes_back(&seal(&f64s(), &rows, encoding), &rows);
    }
}

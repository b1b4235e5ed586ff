//! Texts in sealed blocks: every coding comes back, through the bytes and through Arrow; what is no
//! text, or too long, or lies elsewhere is an error.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use zc_ring::{Block, BlockError, ConsumerOptions, Encoding, RowConsumer, RowRing, Schema};

const HEAD: usize = 32;
const MAX: usize = 300;
const RAW: u8 = 0;
const CONSTANT: u8 = 1;
const DICTIONARY: u8 = 9;
const LENGTHS: u8 = 11;
#[cfg(feature = "fsst")]
const SYMBOLS: u8 = 12;

const ENCODINGS: &[Encoding] = &[
    Encoding::Smallest,
    Encoding::Plain,
    #[cfg(feature = "fsst")]
    Encoding::Archive,
];

fn schema() -> Schema {
    let schema = Schema::builder().str("c", MAX).nullable();
    schema.build().unwrap()
}

fn ring(texts: &[Option<String>]) -> (RowRing, RowConsumer) {
    let c = schema().column::<Option<&str>>("c").unwrap();
    let ring = RowRing::builder(schema(), 1024).build().unwrap();
    let consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let mut producer = ring.producer().unwrap();
    for text in texts {
        producer.push(|row| row.set(c, text.as_deref())).unwrap();
    }
    (ring, consumer)
}

fn seal(texts: &[Option<String>], encoding: Encoding) -> Block {
    let (_ring, mut consumer) = ring(texts);
    let batch = consumer.poll(1024).rows().unwrap();
    batch.to_block_with(encoding).unwrap()
}

fn texts_of(block: &Block) -> Result<Vec<Option<String>>, BlockError> {
    block.column::<Option<&str>>("c")
}

fn comes_back(texts: &[Option<String>]) {
    for &encoding in ENCODINGS {
        let block = Block::decode(seal(texts, encoding).bytes()).unwrap();
        assert_eq!(*block.schema(), schema());
        assert_eq!(texts_of(&block).unwrap(), texts);
        let plain = block.column::<str>("c").unwrap();
        let all = texts.iter().map(|text| text.as_deref().unwrap_or(""));
        assert!(plain.iter().eq(all), "a null reads as nothing");
    }
}

fn of(rows: usize, text: impl Fn(usize) -> Option<String>) -> Vec<Option<String>> {
    (0..rows).map(text).collect()
}

/// Texts for which each coding is the smallest, by its number.
fn kinds() -> Vec<(u8, Vec<Option<String>>)> {
    vec![
        (RAW, of(2, |n| Some(format!("{n}")))),
        (CONSTANT, of(200, |_| Some("the same, €".to_owned()))),
        (
            CONSTANT,
            of(200, |n| (n % 3 == 0).then(|| "or none".to_owned())),
        ),
        (CONSTANT, of(9, |_| None)),
        (
            DICTIONARY,
            of(200, |n| Some(format!("instrument {}", n * n % 7))),
        ),
        (
            DICTIONARY,
            of(200, |n| {
                (n % 5 > 0).then(|| ["", "ä", "x"][n % 3].repeat(9))
            }),
        ),
        (LENGTHS, of(200, |n| Some(format!("order {}", n * 7919)))),
        (
            LENGTHS,
            of(200, |n| {
                let text = || format!("{}{}", n * 919 % 1000, "é".repeat(n * n % 139));
                (n % 4 > 0).then(text)
            }),
        ),
    ]
}

#[test]
fn each_coding_is_chosen_where_it_is_smallest_and_comes_back() {
    for (codec, texts) in kinds() {
        let block = seal(&texts, Encoding::Smallest);
        assert_eq!(block.bytes()[HEAD + 1], codec, "{:?}", &texts[..2]);
        comes_back(&texts);
    }
}

/// What messages look like: all different, and much alike.
#[cfg(feature = "fsst")]
fn messages(rows: usize) -> Vec<Option<String>> {
    of(rows, |n| {
        let price = 6_000_000 + n * 7919 % 997;
        let text =
            || format!(r#"{{"event":"trade","symbol":"BTCUSDT","price":"{price}","id":{n}}}"#);
        (n % 9 > 0).then(text)
    })
}

#[cfg(feature = "fsst")]
#[test]
fn what_texts_have_in_common_is_symbols_where_that_is_asked_for() {
    let messages = messages(500);
    let block = seal(&messages, Encoding::Archive);
    assert_eq!(block.bytes()[HEAD + 1], SYMBOLS);
    let smallest = seal(&messages, Encoding::Smallest);
    assert!(3 * block.encoded_bytes() < smallest.encoded_bytes());
    comes_back(&messages);
    for (codec, texts) in kinds() {
        let codecs = [codec, SYMBOLS];
        let block = seal(&texts, Encoding::Archive);
        assert!(
            codecs.contains(&block.bytes()[HEAD + 1]),
            "what is smaller yet"
        );
    }
}

/// Also by whoever cannot write them.
#[test]
fn symbols_are_read_as_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/block_schemas/symbols.block");
    let golden = fs::read(path).unwrap();
    let block = Block::decode(&golden[..]).unwrap();
    let texts = texts_of(&block).unwrap();
    assert_eq!(texts.len(), 100);
    for (n, text) in texts.iter().enumerate() {
        let wanted = (n % 9 > 0).then(|| format!("message {n}, {} in all", n * 7919 % 997));
        assert_eq!(*text, wanted);
    }
}

#[test]
fn empty_and_longest_texts_come_back() {
    let longest = "z".repeat(MAX);
    let extremes = ["", &longest, "\0", "€", "\u{10ffff}", &longest, ""];
    comes_back(&extremes.map(|text| Some(text.to_owned())));
    comes_back(&of(1024, |n| Some(extremes[n % 7].to_owned())));
    comes_back(&of(1, |_| Some(String::new())));
    let all_other = of(1024, |n| Some(format!("{n:0>300}")));
    comes_back(&all_other);
}

#[test]
fn a_flipped_bit_anywhere_is_detected() {
    for (_, texts) in kinds() {
        let encoding = ENCODINGS.last().copied().unwrap_or_default();
        let bytes = seal(&texts[..texts.len().min(30)], encoding).bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::decode(&flipped[..]).is_err(), "bit {bit}");
        }
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Puts right the checksums of a block of one column, as an attacker would.
fn resign(bytes: &mut [u8]) {
    let (offset, len) = (word(bytes, HEAD + 8), word(bytes, HEAD + 12));
    let end = offset.saturating_add(len).next_multiple_of(64);
    if let Some(payload) = bytes.get(offset..end) {
        let crc = crc_fast::crc32_iscsi(payload).to_le_bytes();
        bytes[HEAD + 16..HEAD + 20].copy_from_slice(&crc);
    }
    let head_len = word(bytes, 12).clamp(24, bytes.len());
    let covered = [&bytes[..20], &bytes[24..head_len]].concat();
    bytes[20..24].copy_from_slice(&crc_fast::crc32_iscsi(&covered).to_le_bytes());
}

#[test]
fn hostile_bytes_with_right_checksums_are_errors_or_texts_never_a_panic() {
    let mut refused = 0;
    for (_, texts) in kinds() {
        for &encoding in ENCODINGS {
            let good = seal(&texts[..texts.len().min(40)], encoding).bytes();
            for at in 0..good.len() {
                for change in [1, 8, 64, 128, 255] {
                    let mut bytes = good.to_vec();
                    bytes[at] ^= change;
                    resign(&mut bytes);
                    let block = Block::decode(&bytes[..]);
                    let read = block.clone().and_then(|block| texts_of(&block));
                    refused += usize::from(read.is_err());
                    #[cfg(feature = "arrow")]
                    if let Ok(block) = block {
                        // The name and whether it is nullable may have been changed as well.
                        let name = block.schema().columns()[0].name.as_str();
                        let texts = block.column::<str>(name).is_ok();
                        assert_eq!(block.to_record_batch().is_ok(), texts);
                    }
                }
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn what_is_no_text_or_lies_elsewhere_is_an_error() {
    let texts = ["ab", "é", "cd"].map(|text| Some(text.to_owned()));
    let good = seal(&texts, Encoding::Plain).bytes();
    let at = word(&good, HEAD + 8);
    let with = |place: usize, value: u8| {
        let mut bytes = good.to_vec();
        bytes[place] = value;
        resign(&mut bytes);
        Block::decode(&bytes[..]).and_then(|block| texts_of(&block))
    };
    let corrupt = |what| Err(BlockError::Corrupt { what });
    let (coding, text) = ("coding of a column", "texts of a column");
    assert_eq!(with(at, 1), corrupt(coding), "the first begins at 0");
    assert_eq!(with(at + 4, 9), corrupt(coding), "ends ascend");
    assert_eq!(
        with(at + 12, 5),
        corrupt(coding),
        "the last ends at the end"
    );
    assert_eq!(with(at + 15, 0x80), corrupt(coding), "none is negative");
    assert_eq!(with(at + 4, 3), corrupt(text), "within a character");
    assert_eq!(with(at + 16, 0xff), corrupt(text), "no UTF-8");
    let mut shorter = good.to_vec();
    shorter[HEAD + 4..HEAD + 8].copy_from_slice(&1u32.to_le_bytes());
    resign(&mut shorter);
    assert_eq!(
        Block::decode(&shorter[..]).err(),
        Some(BlockError::Corrupt { what: coding })
    );
    let mut older = good.to_vec();
    older[4] = 2;
    resign(&mut older);
    let what = "column type";
    assert_eq!(
        Block::decode(&older[..]).err(),
        Some(BlockError::Corrupt { what })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_texts_come_back(
        texts in prop::collection::vec(prop::option::of("\\PC{0,40}"), 1..200),
        few in 1usize..200,
    ) {
        comes_back(&texts);
        let repeated = of(texts.len(), |n| texts[n % few % texts.len()].clone());
        comes_back(&repeated);
    }
}

#[cfg(feature = "arrow")]
mod arrow {
    use super::*;
    use arrow_array::{Array, StringArray};
    use zc_ring::arrow::RecordBatchError;

    #[test]
    fn plain_texts_are_handed_over_without_a_copy_and_come_back() {
        for (_, texts) in kinds() {
            for encoding in [Encoding::Plain, Encoding::Smallest] {
                let block = seal(&texts, encoding);
                let batch = block.to_record_batch().unwrap();
                let array = batch.column(0).as_any().downcast_ref::<StringArray>();
                let array = array.unwrap();
                assert!(array.iter().eq(texts.iter().map(Option::as_deref)));
                if encoding == Encoding::Plain {
                    let memory = block.bytes().as_ptr_range();
                    for buffer in array.to_data().buffers().iter().filter(|b| !b.is_empty()) {
                        assert!(memory.contains(&buffer.as_ptr()));
                    }
                }
                let (ring, mut consumer) = ring(&[]);
                ring.producer().unwrap().push_record_batch(&batch).unwrap();
                let again = consumer.poll(1024).rows().unwrap().to_block().unwrap();
                assert_eq!(texts_of(&again).unwrap(), texts);
            }
        }
    }

    #[test]
    fn a_text_too_long_for_the_ring_is_refused_before_any_row_is_published() {
        let batch = seal(&kinds()[1].1, Encoding::Plain)
            .to_record_batch()
            .unwrap();
        let narrow = Schema::builder().str("c", 4).nullable().build().unwrap();
        let ring = RowRing::builder(narrow, 8).build().unwrap();
        let mut producer = ring.producer().unwrap();
        let refused = producer.push_record_batch(&batch).unwrap_err();
        assert!(matches!(refused, RecordBatchError::Row(_)));
        assert_eq!(producer.sequence(), 0);
    }
}

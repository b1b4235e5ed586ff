//! The columns: real ones from a folder, or made with the same statistics.
//!
//! `ZC_COLUMNS` names a folder with `ts.i64`, `price.i64` and so on: little-endian, nothing else. The
//! figures in the notes are from 2^20 rows of six merged feeds of quotes, trades and depth levels
//! (`local_ts_ns`, `price_ticks`). Made columns have the distribution of the bit lengths of the steps
//! from row to row of the first block of those.

use std::path::PathBuf;

pub(crate) const ROWS: usize = 64 << 10;

/// Rows whose steps, in zigzag form, have these many bits: out of 1023, from the real column.
const TS: &[(u32, u32)] = &[
    (0, 684),
    (10, 104),
    (11, 85),
    (12, 17),
    (13, 10),
    (14, 16),
    (15, 4),
    (17, 4),
    (19, 14),
    (20, 7),
    (21, 29),
    (22, 18),
    (23, 11),
    (24, 6),
    (25, 5),
    (26, 6),
    (27, 2),
    (28, 1),
];
const PRICE: &[(u32, u32)] = &[
    (0, 43),
    (1, 196),
    (2, 261),
    (3, 36),
    (4, 19),
    (5, 65),
    (6, 54),
    (7, 79),
    (8, 56),
    (9, 60),
    (10, 25),
    (11, 13),
    (12, 9),
    (13, 7),
    (14, 8),
    (15, 7),
    (16, 7),
    (17, 3),
    (20, 3),
    (24, 68),
];

/// A column of [`ROWS`] rows: timestamps `ts`, prices in ticks `price`, or `regular`, a clock with a
/// jitter of less than 1024 ns.
pub(crate) fn integers(name: &str) -> Vec<i64> {
    if let Some(column) = read(name) {
        return column;
    }
    let mut random = Random(7);
    match name {
        "ts" => walk(TS, 1_700_000_000_000_000_000, false),
        "price" => walk(PRICE, 6_000_000, true),
        _ => (0..ROWS as i64)
            .map(|row| 1_700_000_000_000_000_000 + row * 1_000_000 + (random.next() >> 54) as i64)
            .collect(),
    }
}

fn read(name: &str) -> Option<Vec<i64>> {
    let path = PathBuf::from(std::env::var_os("ZC_COLUMNS")?).join(format!("{name}.i64"));
    let bytes = std::fs::read(path).ok()?;
    let (words, _) = bytes.as_chunks();
    let mut column: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
    column.truncate(ROWS);
    (column.len() == ROWS).then_some(column)
}

fn walk(lengths: &[(u32, u32)], start: i64, goes_back: bool) -> Vec<i64> {
    let mut random = Random(1);
    let mut at = start;
    let step = |random: &mut Random| {
        let mut pick = (random.next() >> 32) as u32 % 1023;
        for &(bits, count) in lengths {
            if pick < count {
                let size = if bits == 0 {
                    0
                } else {
                    1 << (bits - 1) | random.next() >> 1 >> (64 - bits)
                };
                // Half the zigzag form is the size of the step.
                return (size / 2) as i64;
            }
            pick -= count;
        }
        0
    };
    (0..ROWS)
        .map(|_| {
            let step = step(&mut random);
            // A walk that wanders off would not be a price: it is drawn back.
            at += if goes_back && at > start { -step } else { step };
            at
        })
        .collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }
}

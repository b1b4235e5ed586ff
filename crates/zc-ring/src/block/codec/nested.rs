//! Codings made of others: runs, dictionaries, and floats that are short decimals.
//!
//! Their payloads hold numbers in turn, which are coded as [leaves](super::leaf):
//!
//! ```text
//! numbers:    codec u8 · bits u8 · 0 u16 · length u32 · base u64 · first u64 │ payload
//! runs:       a bit for each row, set where a run begins │ numbers: the value of each run
//! dictionary: entries u16 · 0 u16 │ numbers: the entries, ascending │ numbers: each row's entry
//! decimals:   digits u8 · 0 u8 · exceptions u16 │ numbers │ rows of the exceptions, u16 │ their bits
//! ```
//!
//! Decimals are after ALP (Afroozeh, Kuffó, Boncz: "ALP: Adaptive Lossless floating-Point
//! Compression", 2023): prices and quantities are decimals with few digits, kept as doubles. A value
//! is coded as the integer `value · 10^digits`, and decoded by one *division*, which rounds
//! correctly: every decimal of up to 15 digits comes back exactly, where ALP's two multiplications
//! leave some to the exceptions. Integers compress by frame of reference, delta or patches, as any.

use super::Coding;
use super::kernels::{self, Level};
use super::leaf::{self, Leaf};
use crate::block::MAX_ROWS;

const NUMBERS_HEAD: usize = 24;
/// Numbers within payloads are in logical form, all 64 bits of it: what is narrower is a frame of
/// reference.
const WIDTH: usize = 8;
/// The most entries a dictionary has.
const MAX_ENTRIES: usize = 256;
/// The most digits behind the point: powers of ten are exact doubles up to the 22nd.
const MAX_DIGITS: u8 = 22;
/// Integers beyond this are not exact as doubles.
const MAX_EXACT: f64 = (1u64 << 53) as f64;

/// Some numbers and their coding.
#[derive(Debug)]
pub(super) struct Numbers {
    numbers: Vec<u64>,
    leaf: Leaf,
}

impl Numbers {
    /// At least one. `base` is the smallest, or from where else the distances are shortest.
    pub(super) fn new(numbers: Vec<u64>, base: u64, has_steps: bool) -> Self {
        let leaf = Leaf::best(&numbers, base, WIDTH, has_steps);
        Self { numbers, leaf }
    }

    pub(super) fn len(&self) -> usize {
        NUMBERS_HEAD + self.leaf.len
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let coding = &self.leaf.coding;
        out.extend_from_slice(&[coding.codec, coding.bits, 0, 0]);
        out.extend_from_slice(&(self.leaf.len as u32).to_le_bytes());
        out.extend_from_slice(&coding.base.to_le_bytes());
        out.extend_from_slice(&coding.first.to_le_bytes());
        self.leaf.encode(&self.numbers, WIDTH, out);
    }
}

/// Numbers in a payload, and what follows them.
struct Nested<'a> {
    coding: Coding,
    payload: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Nested<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<NUMBERS_HEAD>()?;
        let (words, _) = head.as_chunks::<8>();
        let [first_word, base, first] = [0, 1, 2].map(|at| u64::from_le_bytes(words[at]));
        let [codec, bits, zero, also_zero, ..] = *head;
        let (payload, rest) = rest.split_at_checked((first_word >> 32) as usize)?;
        (zero == 0 && also_zero == 0).then_some(Self {
            coding: Coding {
                codec,
                bits,
                base,
                first,
            },
            payload,
            rest,
        })
    }

    /// What follows, if these are exactly `count` numbers.
    fn check(bytes: &'a [u8], count: usize) -> Option<&'a [u8]> {
        let nested = Self::read(bytes)?;
        leaf::check(&nested.coding, nested.payload, count, WIDTH).then_some(nested.rest)
    }

    fn decode(bytes: &'a [u8], out: &mut [u64]) -> Option<&'a [u8]> {
        let nested = Self::read(bytes)?;
        leaf::decode(&nested.coding, nested.payload, WIDTH, false, out)?;
        Some(nested.rest)
    }
}

/// Decodes exactly `out.len()` numbers, at least one, after checking that they are; what follows them.
pub(super) fn numbers<'a>(bytes: &'a [u8], out: &mut [u64]) -> Option<&'a [u8]> {
    Nested::check(bytes, out.len())?;
    Nested::decode(bytes, out)
}

/// Equal neighbours as one.
#[derive(Debug)]
pub(super) struct Runs {
    starts: Vec<u8>,
    values: Numbers,
}

impl Runs {
    /// Where there are at least two rows a run, and it takes fewer bytes than `limit`.
    pub(super) fn best(numbers: &[u64], base: u64, limit: usize) -> Option<Self> {
        let count = numbers.len();
        let runs = 1 + numbers.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if 2 * runs > count || count.div_ceil(8) + NUMBERS_HEAD >= limit {
            return None;
        }
        let begins = |row: usize| row == 0 || numbers[row] != numbers[row - 1];
        let mut starts = vec![0; count.div_ceil(8)];
        for row in (0..count).filter(|row| begins(*row)) {
            starts[row / 8] |= 1 << (row % 8);
        }
        let rows = (0..count).filter(|row| begins(*row));
        let values = rows.map(|row| numbers[row]).collect();
        let values = Numbers::new(values, base, false);
        let runs = Self { starts, values };
        (runs.len() < limit).then_some(runs)
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() + self.values.len()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.starts);
        self.values.encode(out);
    }
}

fn count_runs(starts: &[u8]) -> usize {
    starts.iter().map(|byte| byte.count_ones() as usize).sum()
}

pub(super) fn check_runs(payload: &[u8], count: usize) -> bool {
    let Some((starts, rest)) = payload.split_at_checked(count.div_ceil(8)) else {
        return false;
    };
    let has_first = starts.first().is_some_and(|byte| byte & 1 == 1);
    let beyond = !count.is_multiple_of(8) && starts[count / 8] >> (count % 8) != 0;
    let rest = Nested::check(rest, count_runs(starts));
    has_first && !beyond && rest.is_some_and(<[u8]>::is_empty)
}

pub(super) fn decode_runs(payload: &[u8], out: &mut [u64]) -> Option<()> {
    let (starts, rest) = payload.split_at_checked(out.len().div_ceil(8))?;
    let mut values = [0; MAX_ROWS];
    let values = values.get_mut(..count_runs(starts))?;
    Nested::decode(rest, values)?;
    let mut at = 0usize;
    for (group, starts) in out.chunks_mut(8).zip(starts) {
        for (bit, out) in group.iter_mut().enumerate() {
            at += usize::from(starts >> bit & 1);
            *out = *values.get(at.checked_sub(1)?)?;
        }
    }
    Some(())
}

/// Few values, each row the number of one.
#[derive(Debug)]
pub(super) struct Dictionary {
    entries: Numbers,
    rows: Numbers,
}

impl Dictionary {
    /// Where there are at most [`MAX_ENTRIES`] values, and it takes fewer bytes than `limit`.
    pub(super) fn best(numbers: &[u64], limit: usize) -> Option<Self> {
        if 4 + 2 * NUMBERS_HEAD + numbers.len().div_ceil(8) >= limit {
            return None;
        }
        // Open addressing; a slot holds an entry's number and one.
        let mut slots = [0u16; 2 * MAX_ENTRIES];
        let slot_of = |number: u64| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 55) as usize % (2 * MAX_ENTRIES)
        };
        let mut entries = Vec::with_capacity(MAX_ENTRIES);
        let mut rows = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let mut slot = slot_of(number);
            let entry = loop {
                match slots[slot] {
                    0 if entries.len() == MAX_ENTRIES => return None,
                    0 => {
                        entries.push(number);
                        slots[slot] = entries.len() as u16;
                        break entries.len() - 1;
                    }
                    entry if entries[usize::from(entry) - 1] == number => {
                        break usize::from(entry) - 1;
                    }
                    _ => slot = (slot + 1) % (2 * MAX_ENTRIES),
                }
            };
            rows.push(entry as u64);
            // A column that has many values early is not read to its end.
            if rows.len() == 128 && entries.len() > 96 {
                return None;
            }
        }
        let mut order: Vec<u64> = (0..entries.len() as u64).collect();
        order.sort_unstable_by_key(|&entry| entries[entry as usize]);
        let mut rank = vec![0; entries.len()];
        for (new, &old) in (0..).zip(&order) {
            rank[old as usize] = new;
        }
        rows.iter_mut().for_each(|row| *row = rank[*row as usize]);
        entries.sort_unstable();
        let base = entries[0];
        let dictionary = Self {
            entries: Numbers::new(entries, base, true),
            rows: Numbers::new(rows, 0, true),
        };
        (dictionary.len() < limit).then_some(dictionary)
    }

    pub(super) fn len(&self) -> usize {
        4 + self.entries.len() + self.rows.len()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.entries.numbers.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        self.entries.encode(out);
        self.rows.encode(out);
    }
}

fn read_entries(payload: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = payload.split_first_chunk::<4>()?;
    let count = usize::from(u16::from_le_bytes([head[0], head[1]]));
    let is_good = (1..=MAX_ENTRIES).contains(&count) && head[2] == 0 && head[3] == 0;
    is_good.then_some((count, rest))
}

pub(super) fn check_dictionary(payload: &[u8], count: usize) -> bool {
    let checked = || {
        let (entries, rest) = read_entries(payload)?;
        let rest = Nested::check(rest, entries)?;
        Nested::check(rest, count)
    };
    checked().is_some_and(<[u8]>::is_empty)
}

pub(super) fn decode_dictionary(payload: &[u8], out: &mut [u64]) -> Option<()> {
    let (count, rest) = read_entries(payload)?;
    let mut entries = [0; MAX_ENTRIES];
    let entries = entries.get_mut(..count)?;
    let rest = Nested::decode(rest, entries)?;
    Nested::decode(rest, out)?;
    for row in out {
        *row = *entries.get(usize::try_from(*row).ok()?)?;
    }
    Some(())
}

/// Floats that are short decimals.
#[derive(Debug)]
pub(super) struct Decimals {
    digits: u8,
    integers: Numbers,
    exceptions: Vec<(u16, u64)>,
    width: usize,
}

impl Decimals {
    /// Where it takes fewer bytes than `limit`. The digits are the most that any of 32 samples needs,
    /// but for those that are no short decimals.
    pub(super) fn best(numbers: &[u64], width: usize, limit: usize) -> Option<Self> {
        let step = numbers.len().div_ceil(32);
        let samples = numbers.iter().step_by(step);
        let needed = |bits: &u64| (0..=MAX_DIGITS).find(|&d| integer(*bits, d, width).is_some());
        let (digits, short) = samples.fold((0, 0), |(most, short), bits| match needed(bits) {
            Some(digits) => (digits.max(most), short + 1),
            None => (most, short),
        });
        if 2 * short < numbers.len().div_ceil(step) {
            return None;
        }
        let mut exceptions = Vec::new();
        let mut last = numbers
            .iter()
            .find_map(|&bits| integer(bits, digits, width))?;
        let integers = (0u16..).zip(numbers).map(|(row, &bits)| {
            match integer(bits, digits, width) {
                Some(integer) => last = integer,
                // Its place is taken by the integer before it, which costs nothing.
                None => exceptions.push((row, bits)),
            }
            last
        });
        let integers: Vec<u64> = integers.collect();
        let (base, _) = kernels::min_max(Level::detect(), &integers, 1 << 63);
        let decimals = Self {
            digits,
            integers: Numbers::new(integers, base, true),
            exceptions,
            width,
        };
        (decimals.len() < limit).then_some(decimals)
    }

    pub(super) fn len(&self) -> usize {
        4 + self.integers.len() + self.exceptions.len() * (2 + self.width)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.digits, 0]);
        out.extend_from_slice(&(self.exceptions.len() as u16).to_le_bytes());
        self.integers.encode(out);
        for (row, _) in &self.exceptions {
            out.extend_from_slice(&row.to_le_bytes());
        }
        for (_, bits) in &self.exceptions {
            out.extend_from_slice(&bits.to_le_bytes()[..self.width]);
        }
    }
}

/// The integer that decodes to exactly these bits, if there is one.
fn integer(bits: u64, digits: u8, width: usize) -> Option<u64> {
    let value = if width == 4 {
        f64::from(f32::from_bits(bits as u32))
    } else {
        f64::from_bits(bits)
    };
    let scale = power_of_ten(digits);
    let scaled = (value * scale).round_ties_even();
    if scaled.is_nan() || scaled.abs() > MAX_EXACT {
        return None;
    }
    let back = scaled as i64 as f64 / scale;
    let back = if width == 4 {
        (back as f32).to_bits().into()
    } else {
        back.to_bits()
    };
    (back == bits).then_some(scaled as i64 as u64)
}

fn power_of_ten(digits: u8) -> f64 {
    const POWERS: [f64; MAX_DIGITS as usize + 1] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    POWERS[usize::from(digits)]
}

/// Digits, number of exceptions, and what follows.
fn read_decimals(payload: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (head, rest) = payload.split_first_chunk::<4>()?;
    let exceptions = usize::from(u16::from_le_bytes([head[2], head[3]]));
    (head[0] <= MAX_DIGITS && head[1] == 0).then_some((head[0], exceptions, rest))
}

pub(super) fn check_decimals(payload: &[u8], count: usize, width: usize) -> bool {
    let checked = || {
        let (_, exceptions, rest) = read_decimals(payload)?;
        let rest = Nested::check(rest, count)?;
        let (rows, bits) = rest.split_at_checked(2 * exceptions)?;
        let (rows, _) = rows.as_chunks();
        let rows = rows.iter().map(|row| usize::from(u16::from_le_bytes(*row)));
        let is_good = bits.len() == exceptions * width
            && rows.clone().is_sorted_by(|a, b| a < b)
            && rows.clone().all(|row| row < count);
        is_good.then_some(())
    };
    checked().is_some()
}

pub(super) fn decode_decimals(payload: &[u8], width: usize, out: &mut [u64]) -> Option<()> {
    let level = Level::detect();
    let (digits, exceptions, rest) = read_decimals(payload)?;
    let rest = Nested::decode(rest, out)?;
    if width == 4 {
        kernels::decimals_f32(level, out, power_of_ten(digits));
    } else {
        kernels::decimals(level, out, power_of_ten(digits));
    }
    let (rows, values) = rest.split_at_checked(2 * exceptions)?;
    let (rows, _) = rows.as_chunks();
    for (row, value) in rows.iter().zip(values.chunks_exact(width)) {
        let mut bits = [0; 8];
        bits[..width].copy_from_slice(value);
        *out.get_mut(usize::from(u16::from_le_bytes(*row)))? = u64::from_le_bytes(bits);
    }
    Some(())
}

/// Number `index` of a dictionary where its entries and rows can be found without the others.
pub(super) fn get_in_dictionary(payload: &[u8], index: usize) -> Option<u64> {
    let (_, rest) = read_entries(payload)?;
    let entries = Nested::read(rest)?;
    let rows = Nested::read(entries.rest)?;
    let row = leaf::get(&rows.coding, rows.payload, WIDTH, index)?;
    let row = usize::try_from(row).ok()?;
    leaf::get(&entries.coding, entries.payload, WIDTH, row)
}

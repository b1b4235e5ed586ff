//! The codecs of a sealed block's columns: which there are, which is best, and how they decode.
//!
//! Numbers are coded in their logical form (sign-extended to 64 bits), in wrapping arithmetic.
//!
//! | codec | id | for | holds |
//! |---|---|---|---|
//! | raw | 0 | all | the values, little-endian, at their own width |
//! | constant | 1 | all | one value |
//! | frame of reference, by bytes | 2 | numbers | `value - base` in 1, 2 or 4 bytes |
//! | frame of reference, by bits | 3 | numbers | `value - base` in `bits` bits |
//! | delta | 4 | integers | `value - previous - base` in `bits` bits |
//! | patched frame of reference | 5 | numbers | `value - base` in [layers] |
//! | patched delta | 6 | integers | `value - previous`, zigzag, in [layers] |
//! | patched delta of delta | 7 | integers | steps from step to step, zigzag, in [layers] |
//! | runs | 8 | numbers | [`nested`]: where runs begin, and their values |
//! | dictionary | 9 | all | [`nested`]: the values there are, and which each row has |
//! | decimals | 10 | floats | [`nested`]: integers over a power of ten |
//! | lengths | 11 | texts | [`nested`]: the length of each, and the texts |
//! | symbols | 12 | texts | [`symbols`]: codes of what they have in common |
//!
//! # Choice and cost
//!
//! What takes the fewest lines of 64 bytes is taken, the lower id of equals; sizes are exact and follow from statistics, so that
//! the same rows always give the same bytes. Integers cost some passes over 1024 values (ranges,
//! histograms of bit lengths) and the choice of layers. Steps of steps are looked at above 6 bits a
//! value, dictionaries above 12; runs of anything but integers, for which steps of 0 with patches do
//! the same; decimals where half of 32 samples are any. The passes and all decoding go through
//! [`kernels`], which suit the processor at run time.

pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod kernels;
mod layers;
mod leaf;
mod nested;
mod symbols;
pub(crate) mod texts;

use super::stats::Stats;
use crate::rows::ColumnType;
use leaf::{Leaf, limit};
use nested::{Decimals, Dictionary, Runs};

pub(crate) const RAW: u8 = 0;
pub(crate) const CONSTANT: u8 = 1;
pub(crate) const FOR_BYTES: u8 = 2;
pub(crate) const FOR_BITS: u8 = 3;
pub(crate) const DELTA: u8 = 4;
pub(crate) const PATCHED: u8 = 5;
pub(crate) const PATCHED_DELTA: u8 = 6;
pub(crate) const DELTA2: u8 = 7;
pub(crate) const RUNS: u8 = 8;
pub(crate) const DICTIONARY: u8 = 9;
pub(crate) const DECIMALS: u8 = 10;
pub(crate) const LENGTHS: u8 = 11;
pub(crate) const SYMBOLS: u8 = 12;

/// Bits a value from which on a dictionary is looked for.
const DICTIONARY_BITS: usize = 12;

/// How a column of numbers is coded, as far as its entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) codec: u8,
    pub(crate) bits: u8,
    pub(crate) base: u64,
    pub(crate) first: u64,
}

/// The coding of a column, with what its payload is made from.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) coding: Coding,
    /// Bytes of its payload.
    pub(crate) len: usize,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Leaf(Leaf),
    Runs(Runs),
    Dictionary(Dictionary),
    Decimals(Decimals),
}

impl Choice {
    /// The smallest coding of numbers of a type; of equals, the one that decodes fastest.
    pub(crate) fn smallest(numbers: &[u64], stats: &Stats, column_type: ColumnType) -> Self {
        let width = column_type.bytes();
        let is_integer = column_type.is_integer();
        let base = stats.base(numbers, column_type);
        let mut best = Self::leaf(Leaf::best(numbers, base, width, is_integer));
        // Runs of integers are steps of 0 with patches already.
        if !is_integer && let Some(runs) = Runs::best(numbers, base, limit(best.len)) {
            best = Self::nested(RUNS, runs.len(), Plan::Runs(runs));
        }
        // What takes few bits a value is decoded faster than looked up.
        if 8 * best.len > DICTIONARY_BITS * numbers.len()
            && let Some(dictionary) = Dictionary::best(numbers, limit(best.len))
        {
            best = Self::nested(DICTIONARY, dictionary.len(), Plan::Dictionary(dictionary));
        }
        if matches!(column_type, ColumnType::F32 | ColumnType::F64)
            && let Some(decimals) = Decimals::best(numbers, width, limit(best.len))
        {
            best = Self::nested(DECIMALS, decimals.len(), Plan::Decimals(decimals));
        }
        best
    }

    /// The coding that can be read in place: raw, and bools as bits.
    pub(crate) fn plain(numbers: &[u64], column_type: ColumnType) -> Self {
        let coding = Coding::plain(column_type);
        Self::leaf(Leaf::plain(coding, numbers.len(), column_type.bytes()))
    }

    fn leaf(leaf: Leaf) -> Self {
        Self {
            coding: leaf.coding,
            len: leaf.len,
            plan: Plan::Leaf(leaf),
        }
    }

    fn nested(codec: u8, len: usize, plan: Plan) -> Self {
        Self {
            coding: Coding::new(codec, 0, 0),
            len,
            plan,
        }
    }

    /// Appends `numbers`, those that this was made for.
    pub(crate) fn encode(&self, numbers: &[u64], width: usize, out: &mut Vec<u8>) {
        match &self.plan {
            Plan::Leaf(leaf) => leaf.encode(numbers, width, out),
            Plan::Runs(runs) => runs.encode(out),
            Plan::Dictionary(dictionary) => dictionary.encode(out),
            Plan::Decimals(decimals) => decimals.encode(out),
        }
    }
}

impl Coding {
    /// The coding that can be read in place: raw, and bools as bits.
    pub(crate) fn plain(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Bool => Self::new(FOR_BITS, 1, 0),
            _ => Self::new(RAW, 0, 0),
        }
    }

    /// Whether `payload` is exactly `count` numbers of a type, so coded. Only what this lets pass is
    /// decoded.
    pub(crate) fn check(&self, payload: &[u8], count: usize, column_type: ColumnType) -> bool {
        let width = column_type.bytes();
        let is_float = matches!(column_type, ColumnType::F32 | ColumnType::F64);
        let is_nested = *self == Self::new(self.codec, 0, 0);
        match self.codec {
            RUNS => is_nested && nested::check_runs(payload, count),
            DICTIONARY => is_nested && nested::check_dictionary(payload, count),
            DECIMALS => is_nested && is_float && nested::check_decimals(payload, count, width),
            DELTA | PATCHED_DELTA | DELTA2 if !column_type.is_integer() => false,
            _ => leaf::check(self, payload, count, width),
        }
    }

    /// Decodes `out.len()` numbers of `width` bytes; raw ones come out sign-extended where
    /// `is_signed`. `None` where `payload` is none that [`check`](Self::check) lets pass.
    pub(crate) fn decode(
        &self,
        payload: &[u8],
        width: usize,
        is_signed: bool,
        out: &mut [u64],
    ) -> Option<()> {
        match self.codec {
            RUNS => nested::decode_runs(payload, out),
            DICTIONARY => nested::decode_dictionary(payload, out),
            DECIMALS => nested::decode_decimals(payload, width, out),
            _ => leaf::decode(self, payload, width, is_signed, out),
        }
    }

    /// Number `index`, not sign-extended, where it can be found without the others.
    pub(crate) fn get(&self, payload: &[u8], width: usize, index: usize) -> Option<u64> {
        match self.codec {
            DICTIONARY => nested::get_in_dictionary(payload, index),
            _ => leaf::get(self, payload, width, index),
        }
    }
}

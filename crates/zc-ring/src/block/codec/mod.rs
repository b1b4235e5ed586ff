//! The codecs of a sealed block's columns: which there are, which is best, and how they decode.
//!
//! Numbers are coded in their logical form (sign-extended to 64 bits), in wrapping arithmetic.
//!
//! | codec | id | holds | payload |
//! |---|---|---|---|
//! | raw | 0 | anything | the values, little-endian, at their own width |
//! | constant | 1 | one value | none for numbers (`base` is the value); the value for bytes |
//! | frame of reference, by bytes | 2 | numbers | `value - base` in 1, 2 or 4 bytes |
//! | frame of reference, by bits | 3 | numbers | `value - base` in `bits` bits |
//! | delta | 4 | integers | `value - previous - base` in `bits` bits, from the second row on; `first` is the first value |

pub(crate) mod bits;

use super::stats::Stats;
use bits::{pack, packed_len, unpack};

pub(crate) const RAW: u8 = 0;
pub(crate) const CONSTANT: u8 = 1;
pub(crate) const FOR_BYTES: u8 = 2;
pub(crate) const FOR_BITS: u8 = 3;
pub(crate) const DELTA: u8 = 4;

/// How a column of numbers is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) codec: u8,
    pub(crate) bits: u8,
    pub(crate) base: u64,
    pub(crate) first: u64,
}

impl Coding {
    /// The smallest coding of numbers of `width` bytes; of equals, the one that decodes fastest.
    pub(crate) fn best(numbers: &[u64], stats: &Stats, width: usize) -> Self {
        let count = numbers.len();
        let first = numbers[0];
        let plain = |codec, bits, base| Self {
            codec,
            bits,
            base,
            first: 0,
        };
        let spread = numbers
            .iter()
            .fold(0, |all, number| all | number.wrapping_sub(stats.base));
        if spread == 0 {
            return plain(CONSTANT, 0, stats.base);
        }
        let bits = 64 - spread.leading_zeros();
        let (least, delta_bits) = deltas(numbers);
        let candidates = [
            plain(RAW, 0, 0),
            plain(FOR_BYTES, bits.next_power_of_two().max(8) as u8, stats.base),
            plain(FOR_BITS, bits as u8, stats.base),
            Self {
                codec: DELTA,
                bits: delta_bits as u8,
                base: least,
                first,
            },
        ];
        let is_allowed = |coding: &Self| coding.is_valid(width, stats.is_integer);
        let size = |coding: &Self| coding.payload_len(count, width);
        // `min_by_key` keeps the first of equals; raw is always allowed.
        candidates
            .into_iter()
            .filter(is_allowed)
            .min_by_key(size)
            .unwrap_or(plain(RAW, 0, 0))
    }

    /// Whether such a coding may stand in a block, for numbers of `width` bytes.
    pub(crate) fn is_valid(&self, width: usize, is_integer: bool) -> bool {
        let own_bits = 8 * width as u8;
        let has_first = self.first == 0 || self.codec == DELTA;
        has_first
            && match self.codec {
                RAW => self.bits == 0 && self.base == 0,
                CONSTANT => self.bits == 0,
                FOR_BYTES => matches!(self.bits, 8 | 16 | 32) && self.bits < own_bits,
                FOR_BITS => self.bits > 0 && self.bits < own_bits,
                DELTA => is_integer && self.bits < 64,
                _ => false,
            }
    }

    /// Bytes that `count` numbers of `width` bytes take. Only for valid codings.
    pub(crate) fn payload_len(&self, count: usize, width: usize) -> usize {
        match self.codec {
            CONSTANT => 0,
            FOR_BYTES => count * (self.bits as usize / 8),
            FOR_BITS => packed_len(count, self.bits.into()),
            DELTA => packed_len(count - 1, self.bits.into()),
            _ => count * width,
        }
    }

    /// Appends `numbers`.
    pub(crate) fn encode(&self, numbers: &[u64], width: usize, out: &mut Vec<u8>) {
        let distances = numbers.iter().map(|number| number.wrapping_sub(self.base));
        match self.codec {
            CONSTANT => {}
            FOR_BYTES => put(distances, self.bits as usize / 8, out),
            FOR_BITS => pack(distances, self.bits.into(), out),
            DELTA => {
                let steps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
                let distances = steps.map(|step| step.wrapping_sub(self.base));
                pack(distances, self.bits.into(), out);
            }
            _ => put(numbers.iter().copied(), width, out),
        }
    }

    /// The `count` numbers in `payload`, whose length has been checked. Raw numbers of signed types
    /// come out sign-extended.
    pub(crate) fn decode(
        &self,
        payload: &[u8],
        count: usize,
        width: usize,
        is_signed: bool,
    ) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(count);
        match self.codec {
            CONSTANT => numbers.resize(count, self.base),
            FOR_BYTES => get(payload, self.bits as usize / 8, |distance| {
                numbers.push(self.base.wrapping_add(distance));
            }),
            FOR_BITS => unpack(payload, self.bits.into(), count, |distance| {
                numbers.push(self.base.wrapping_add(distance));
            }),
            DELTA => {
                let mut last = self.first;
                numbers.push(last);
                unpack(payload, self.bits.into(), count - 1, |distance| {
                    last = last.wrapping_add(self.base).wrapping_add(distance);
                    numbers.push(last);
                });
            }
            _ => {
                let unused = 64 - 8 * width as u32;
                get(payload, width, |number| {
                    let extended = (number << unused) as i64 >> unused;
                    numbers.push(if is_signed { extended as u64 } else { number });
                });
            }
        }
        numbers
    }
}

/// The least step from one number to the next, and the bits that the others take above it.
fn deltas(numbers: &[u64]) -> (u64, u32) {
    let steps = || numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let least = steps().map(|step| step as i64).min().unwrap_or(0) as u64;
    let spread = steps().fold(0, |all, step| all | step.wrapping_sub(least));
    (least, 64 - spread.leading_zeros())
}

/// Appends the low `width` bytes of each number.
fn put(numbers: impl Iterator<Item = u64>, width: usize, out: &mut Vec<u8>) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes()[..width]);
    }
}

/// Calls `take` with each number of `width` bytes, zero-extended.
fn get(bytes: &[u8], width: usize, take: impl FnMut(u64)) {
    let number = |bytes: &[u8]| {
        let mut whole = [0; 8];
        whole[..width].copy_from_slice(bytes);
        u64::from_le_bytes(whole)
    };
    bytes.chunks_exact(width).map(number).for_each(take);
}

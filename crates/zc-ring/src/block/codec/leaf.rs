//! Codings of plain numbers, the leaves of all others: raw, constant, frame of reference, delta, each
//! of the last two also patched.

use super::bits::{self, pack, packed_len};
use super::kernels::{self, Level};
use super::layers::{self, Layers};
use super::{CONSTANT, Coding, DELTA, DELTA2, FOR_BITS, FOR_BYTES, PATCHED, PATCHED_DELTA, RAW};
use crate::block::MAX_ROWS;
use crate::block::format::ALIGN;

/// Bits a value from which on steps of steps are looked at.
const STEPS_OF_STEPS: usize = 6;

/// The best coding of some numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) coding: Coding,
    layers: Option<Layers>,
    /// Bytes of its payload.
    pub(crate) len: usize,
}

impl Leaf {
    /// The coding of `numbers`, 1 to 1024 of `width` bytes, that takes the fewest lines of 64 bytes,
    /// of equals the one that decodes fastest. `base` is the number from which the distances to all others are
    /// shortest. Steps are only looked at where `has_steps`: those between the bits of floats mean
    /// nothing.
    ///
    /// All sizes are exact, from two passes for the ranges and one histogram of bit lengths each for
    /// distances, steps, and steps of steps.
    pub(crate) fn best(numbers: &[u64], base: u64, width: usize, has_steps: bool) -> Self {
        let level = Level::detect();
        let count = numbers.len();
        let mut work = [0; MAX_ROWS];
        let work = &mut work[..count];
        kernels::distances(level, numbers, base, work);
        let spread = work.iter().fold(0, |all, distance| all | distance);
        if spread == 0 {
            return Self::plain(Coding::new(CONSTANT, 0, base), count, width);
        }
        let bits = 64 - spread.leading_zeros();
        let mut best = Self::plain(Coding::new(RAW, 0, 0), count, width);
        let by_bytes = bits.next_power_of_two().max(8) as u8;
        for (codec, bits) in [(FOR_BYTES, by_bytes), (FOR_BITS, bits as u8)] {
            let coding = Coding::new(codec, bits, base);
            if coding.is_plain(width) {
                best.improve(Self::plain(coding, count, width));
            }
        }
        let patched = Coding::new(PATCHED, 0, base);
        best.improve_patched(patched, &kernels::lengths(level, work), count);
        if !has_steps || count < 2 {
            return best;
        }
        let first = numbers[0];
        let (least, range) = kernels::steps_range(level, numbers);
        let range = (64 - range.leading_zeros()) as u8;
        let delta = Coding::new(DELTA, range, least).starting(first);
        if delta.is_plain(width) {
            best.improve(Self::plain(delta, count, width));
        }
        let steps = &mut work[..count - 1];
        kernels::zigzag_steps(level, numbers, steps);
        let patched = Coding::new(PATCHED_DELTA, 0, 0).starting(first);
        best.improve_patched(patched, &kernels::lengths(level, steps), count - 1);
        // Steps of steps are noisier than steps: no use where those are small already.
        if count > 2 && 8 * best.len > STEPS_OF_STEPS * count {
            let base = numbers[1].wrapping_sub(first);
            let second = &mut work[..count - 2];
            kernels::zigzag_second_steps(level, numbers, second);
            let patched = Coding::new(DELTA2, 0, base).starting(first);
            best.improve_patched(patched, &kernels::lengths(level, second), count - 2);
        }
        best
    }

    pub(crate) fn plain(coding: Coding, count: usize, width: usize) -> Self {
        Self {
            coding,
            layers: None,
            len: coding.plain_len(count, width),
        }
    }

    fn improve(&mut self, other: Self) {
        if other.len < limit(self.len) {
            *self = other;
        }
    }

    fn improve_patched(&mut self, coding: Coding, lengths: &[u16; 65], count: usize) {
        if let Some(layers) = Layers::best(lengths, count, limit(self.len)) {
            *self = Self {
                coding,
                layers: Some(layers),
                len: layers.len,
            };
        }
    }

    /// Appends `numbers`, those that this was made for.
    pub(crate) fn encode(&self, numbers: &[u64], width: usize, out: &mut Vec<u8>) {
        let level = Level::detect();
        let (bits, base) = (u32::from(self.coding.bits), self.coding.base);
        let mut work = [0; MAX_ROWS];
        let count = numbers.len();
        let layered = |numbers: &mut [u64], out: &mut Vec<u8>| {
            if let Some(layers) = &self.layers {
                layers.encode(numbers, out);
            }
        };
        match self.coding.codec {
            CONSTANT => {}
            FOR_BYTES | FOR_BITS | PATCHED => {
                let work = &mut work[..count];
                kernels::distances(level, numbers, base, work);
                match self.coding.codec {
                    PATCHED => layered(work, out),
                    _ => pack(work, bits, out),
                }
            }
            DELTA => {
                let work = &mut work[..count - 1];
                kernels::steps(level, numbers, base, work);
                pack(work, bits, out);
            }
            PATCHED_DELTA => {
                kernels::zigzag_steps(level, numbers, &mut work[..count - 1]);
                layered(&mut work[..count - 1], out);
            }
            DELTA2 => {
                kernels::zigzag_second_steps(level, numbers, &mut work[..count - 2]);
                layered(&mut work[..count - 2], out);
            }
            _ => pack(numbers, 8 * width as u32, out),
        }
    }
}

/// What a payload must be shorter than to be better than one of `len` bytes: by at least one of the
/// lines that payloads are filled up to.
pub(super) fn limit(len: usize) -> usize {
    len.saturating_sub(1) / ALIGN * ALIGN + 1
}

/// Whether `payload` is exactly `count` numbers of `width` bytes so coded.
pub(crate) fn check(coding: &Coding, payload: &[u8], count: usize, width: usize) -> bool {
    match coding.codec {
        PATCHED | PATCHED_DELTA | DELTA2 => {
            let before = match coding.codec {
                PATCHED => 0,
                PATCHED_DELTA => 1,
                _ => 2,
            };
            let has_first = coding.codec != PATCHED || coding.first == 0;
            let has_base = coding.codec != PATCHED_DELTA || coding.base == 0;
            coding.bits == 0
                && has_first
                && has_base
                && count >= before
                && layers::check(payload, count - before)
        }
        _ => coding.is_plain(width) && payload.len() == coding.plain_len(count, width),
    }
}

/// Decodes `out.len()` numbers, of `width` bytes where they are raw and then sign-extended where
/// `is_signed`. `None` where `payload` is none that [`check`] lets pass.
pub(crate) fn decode(
    coding: &Coding,
    payload: &[u8],
    width: usize,
    is_signed: bool,
    out: &mut [u64],
) -> Option<()> {
    let level = Level::detect();
    let bits = u32::from(coding.bits);
    match coding.codec {
        CONSTANT => out.fill(coding.base),
        FOR_BYTES | FOR_BITS => kernels::unpack(level, payload, bits, coding.base, out),
        PATCHED => layers::decode(level, payload, coding.base, out)?,
        DELTA => {
            let (first, rest) = out.split_first_mut()?;
            *first = coding.first;
            kernels::unpack(level, payload, bits, 0, rest);
            kernels::prefix_sum(level, rest, coding.first, coding.base);
        }
        PATCHED_DELTA => {
            let (first, rest) = out.split_first_mut()?;
            *first = coding.first;
            layers::decode(level, payload, 0, rest)?;
            kernels::zigzag_prefix_sum(level, rest, coding.first);
        }
        DELTA2 => {
            let [first, second, rest @ ..] = out else {
                return None;
            };
            *first = coding.first;
            *second = coding.first.wrapping_add(coding.base);
            layers::decode(level, payload, 0, rest)?;
            kernels::zigzag_prefix_sum(level, rest, coding.base);
            kernels::prefix_sum(level, rest, *second, 0);
        }
        RAW => {
            kernels::unpack(level, payload, 8 * width as u32, 0, out);
            if is_signed && width < 8 {
                let unused = 64 - 8 * width as u32;
                for number in out {
                    *number = ((*number << unused) as i64 >> unused) as u64;
                }
            }
        }
        _ => return None,
    }
    Some(())
}

/// Number `index` where it can be found without the others.
pub(crate) fn get(coding: &Coding, payload: &[u8], width: usize, index: usize) -> Option<u64> {
    match coding.codec {
        CONSTANT => Some(coding.base),
        FOR_BYTES | FOR_BITS => {
            let distance = bits::get(payload, coding.bits.into(), index)?;
            Some(coding.base.wrapping_add(distance))
        }
        RAW => bits::get(payload, 8 * width as u32, index),
        _ => None,
    }
}

impl Coding {
    pub(super) fn new(codec: u8, bits: u8, base: u64) -> Self {
        Self {
            codec,
            bits,
            base,
            first: 0,
        }
    }

    fn starting(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// Whether this is a valid coding of those whose length follows from `bits`.
    fn is_plain(&self, width: usize) -> bool {
        let own_bits = 8 * width as u8;
        let has_first = self.first == 0 || self.codec == DELTA;
        has_first
            && match self.codec {
                RAW => self.bits == 0 && self.base == 0,
                CONSTANT => self.bits == 0,
                FOR_BYTES => matches!(self.bits, 8 | 16 | 32) && self.bits < own_bits,
                FOR_BITS => self.bits > 0 && self.bits < own_bits,
                DELTA => self.bits < 64,
                _ => false,
            }
    }

    fn plain_len(&self, count: usize, width: usize) -> usize {
        match self.codec {
            CONSTANT => 0,
            FOR_BYTES | FOR_BITS => packed_len(count, self.bits.into()),
            DELTA => packed_len(count.saturating_sub(1), self.bits.into()),
            _ => count * width,
        }
    }
}

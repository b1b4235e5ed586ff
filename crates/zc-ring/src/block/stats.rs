//! [`Stats`]: the smallest and the largest value of a column of numbers.

use super::codec::kernels::{self, Level};
use crate::rows::ColumnType;

const SIGN: u64 = 1 << 63;

/// Smallest and largest value in the order of the type (floats in IEEE total order), in logical
/// form, and what the frame of reference starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) min: u64,
    pub(crate) max: u64,
    /// The number from which the distances to all others are shortest.
    pub(crate) base: u64,
}

impl Stats {
    /// Of at least one number.
    pub(crate) fn of(numbers: &[u64], column_type: ColumnType) -> Self {
        let level = Level::detect();
        let (min, max) = match column_type {
            ColumnType::F32 | ColumnType::F64 => floats(numbers, column_type),
            other if is_signed(other) => kernels::min_max(level, numbers, SIGN),
            _ => kernels::min_max(level, numbers, 0),
        };
        // The bits of floats are distances apart as they stand, not in total order.
        let base = match column_type {
            ColumnType::F32 | ColumnType::F64 => kernels::min_max(level, numbers, 0).0,
            _ => min,
        };
        Self { min, max, base }
    }
}

/// Smallest and largest in IEEE total order. Bits of negative floats grow away from zero, so that
/// their order is the reverse of that of the bits.
fn floats(numbers: &[u64], column_type: ColumnType) -> (u64, u64) {
    let level = Level::detect();
    let sign = SIGN >> (64 - 8 * column_type.bytes());
    // As integers with a sign, all negative floats are below all others.
    let (below, above) = kernels::min_max(level, numbers, sign);
    let (_, most) = kernels::min_max(level, numbers, 0);
    match (below & sign != 0, above & sign != 0) {
        (false, _) => (below, above),
        (true, true) => (above, below),
        // Both: the smallest is the negative one with the most bits.
        (true, false) => (most, above),
    }
}

/// Whether logical forms of the type are sign-extended.
pub(crate) fn is_signed(column_type: ColumnType) -> bool {
    matches!(
        column_type,
        ColumnType::I8 | ColumnType::I16 | ColumnType::I32 | ColumnType::I64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_in_total_order() {
        let all = [
            -f64::NAN,
            f64::NEG_INFINITY,
            -1.5,
            -0.0,
            0.0,
            2.5,
            f64::INFINITY,
            f64::NAN,
        ];
        for from in 0..all.len() {
            for to in from..all.len() {
                for turn in 0..=to - from {
                    let mut some = all[from..=to].to_vec();
                    some.rotate_left(turn);
                    let bits: Vec<u64> = some.iter().map(|v| v.to_bits()).collect();
                    let stats = Stats::of(&bits, ColumnType::F64);
                    assert_eq!(
                        (stats.min, stats.max),
                        (all[from].to_bits(), all[to].to_bits())
                    );
                    let bits: Vec<u64> = some
                        .iter()
                        .map(|v| u64::from((*v as f32).to_bits()))
                        .collect();
                    let stats = Stats::of(&bits, ColumnType::F32);
                    let narrow = |v: f64| u64::from((v as f32).to_bits());
                    assert_eq!((stats.min, stats.max), (narrow(all[from]), narrow(all[to])));
                }
            }
        }
    }
}

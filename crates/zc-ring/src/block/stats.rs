//! [`Stats`]: the smallest and the largest value of a column of numbers.

use super::codec::kernels::{self, Level};
use crate::rows::ColumnType;

const SIGN: u64 = 1 << 63;

/// Smallest and largest value in the order of the type (floats in IEEE total order), in logical
/// form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Stats {
    /// Of at least one number.
    pub(crate) fn of(numbers: &[u64], column_type: ColumnType) -> Self {
        let level = Level::detect();
        let (min, max) = match column_type {
            ColumnType::F32 => kernels::min_max_floats(level, numbers, 32),
            ColumnType::F64 => kernels::min_max_floats(level, numbers, 0),
            other if is_signed(other) => kernels::min_max(level, numbers, SIGN),
            _ => kernels::min_max(level, numbers, 0),
        };
        Self { min, max }
    }

    /// The number from which the distances to all others are shortest, of those numbers.
    pub(crate) fn base(&self, numbers: &[u64], column_type: ColumnType) -> u64 {
        match column_type {
            // The bits of floats are distances apart as they stand, not in total order.
            ColumnType::F32 | ColumnType::F64 => kernels::min_max(Level::detect(), numbers, 0).0,
            _ => self.min,
        }
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

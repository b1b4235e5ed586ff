//! [`Stats`]: the smallest and the largest value of a column of numbers.

use crate::rows::ColumnType;

/// Smallest and largest value in the order of the type (floats in IEEE total order), in logical
/// form, and what the frame of reference starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) min: u64,
    pub(crate) max: u64,
    /// The number from which the distances to all others are shortest.
    pub(crate) base: u64,
    pub(crate) is_integer: bool,
}

impl Stats {
    /// Of at least one number.
    pub(crate) fn of(numbers: &[u64], column_type: ColumnType) -> Self {
        let key = |number: &u64| order(*number, column_type);
        let least =
            |key: &dyn Fn(&u64) -> u64| numbers.iter().copied().min_by_key(key).unwrap_or(0);
        let min = least(&key);
        let max = numbers.iter().copied().max_by_key(key).unwrap_or(0);
        let is_integer = column_type.is_integer();
        // The bits of floats are distances apart as they stand, not in total order.
        let base = if is_integer {
            min
        } else {
            least(&|number| *number)
        };
        Self {
            min,
            max,
            base,
            is_integer,
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

/// A number whose unsigned order is the order of the type.
fn order(logical: u64, column_type: ColumnType) -> u64 {
    const SIGN: u64 = 1 << 63;
    match column_type {
        ColumnType::F32 => float_order(logical << 32),
        ColumnType::F64 => float_order(logical),
        other if is_signed(other) => logical ^ SIGN,
        _ => logical,
    }
}

/// IEEE total order of the bits of a double.
fn float_order(bits: u64) -> u64 {
    let sign = (bits as i64 >> 63) as u64;
    bits ^ (sign | 1 << 63)
}

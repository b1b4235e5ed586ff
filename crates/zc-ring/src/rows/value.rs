//! The types that columns hold.
//!
//! Every number has a *logical* form: its bits as a `u64`, sign-extended where the type is signed.
//! Deltas and the codecs of sealed blocks work on that form, in wrapping arithmetic.

use super::fixed::FixedBytes;
use super::schema::ColumnType;

/// A type that a column can be read as: the numbers, `bool`, and `[u8]` for `fixed_bytes`.
/// Implemented here only.
pub trait ColumnData: sealed::Sealed + 'static {
    /// One value, as it is set and read.
    type Value<'a>;
    /// All values of a column of a sealed block.
    type Values;
    /// What errors call it.
    const NAME: &'static str;
    /// Whether a column of this type holds such values.
    fn fits(column: ColumnType) -> bool;
    #[doc(hidden)]
    fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a>;
    #[doc(hidden)]
    fn from_raw(raw: Raw<'_>) -> Self::Value<'_>;
    /// `None` where a number is out of the type's range.
    #[doc(hidden)]
    fn collect(raw: RawColumn) -> Option<Self::Values>;
}

/// A value without its type. A number of the wrong kind comes out as the type's zero.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A column without its type.
#[doc(hidden)]
#[derive(Debug)]
pub enum RawColumn {
    Numbers(Vec<u64>),
    Bytes(FixedBytes),
}

/// A number or a truth value: a type whose columns can be gathered into slices.
pub trait Scalar:
    ColumnData + Copy + for<'a> ColumnData<Value<'a> = Self, Values = Vec<Self>>
{
    /// The bits as a `u64`, sign-extended where the type is signed.
    fn to_logical(self) -> u64;
    /// From the low bits of a logical form.
    fn from_logical(logical: u64) -> Self;
}

macro_rules! scalars {
    ($($t:ty, $variant:ident, $to:expr, $from:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl ColumnData for $t {
            type Value<'a> = $t;
            type Values = Vec<$t>;
            const NAME: &'static str = stringify!($t);
            #[inline]
            fn fits(column: ColumnType) -> bool {
                column == ColumnType::$variant
            }
            #[inline]
            fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
                Raw::Number(value.to_logical())
            }
            #[inline]
            fn from_raw(raw: Raw<'_>) -> $t {
                match raw {
                    Raw::Number(logical) => Self::from_logical(logical),
                    Raw::Bytes(_) => Self::default(),
                }
            }
            fn collect(raw: RawColumn) -> Option<Vec<$t>> {
                let RawColumn::Numbers(numbers) = raw else {
                    return None;
                };
                let fits = |logical: &u64| Self::from_logical(*logical).to_logical() == *logical;
                // Without an early end, so that it is vectorised.
                let all_fit = numbers.iter().fold(true, |all, logical| all & fits(logical));
                all_fit.then(|| numbers.into_iter().map(Self::from_logical).collect())
            }
        }
        impl Scalar for $t {
            #[inline]
            fn to_logical(self) -> u64 {
                $to(self)
            }
            #[inline]
            fn from_logical(logical: u64) -> Self {
                $from(logical)
            }
        }
    )*};
}

scalars! {
    i8, I8, |v| v as i64 as u64, |l| l as i8;
    i16, I16, |v| v as i64 as u64, |l| l as i16;
    i32, I32, |v| v as i64 as u64, |l| l as i32;
    i64, I64, |v| v as u64, |l| l as i64;
    u8, U8, |v| v as u64, |l| l as u8;
    u16, U16, |v| v as u64, |l| l as u16;
    u32, U32, |v| v as u64, |l| l as u32;
    u64, U64, |v| v, |l| l;
    f32, F32, |v: f32| v.to_bits() as u64, |l| f32::from_bits(l as u32);
    f64, F64, |v: f64| v.to_bits(), f64::from_bits;
    bool, Bool, |v| v as u64, |l| l & 1 != 0;
}

impl sealed::Sealed for [u8] {}

impl ColumnData for [u8] {
    type Value<'a> = &'a [u8];
    type Values = FixedBytes;
    const NAME: &'static str = "[u8]";
    #[inline]
    fn fits(column: ColumnType) -> bool {
        matches!(column, ColumnType::FixedBytes(_))
    }
    #[inline]
    fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
        Raw::Bytes(value)
    }
    #[inline]
    fn from_raw(raw: Raw<'_>) -> &[u8] {
        match raw {
            Raw::Number(_) => &[],
            Raw::Bytes(bytes) => bytes,
        }
    }
    fn collect(raw: RawColumn) -> Option<FixedBytes> {
        match raw {
            RawColumn::Numbers(_) => None,
            RawColumn::Bytes(bytes) => Some(bytes),
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

//! The types that columns hold.
//!
//! Every number has a *logical* form: its bits as a `u64`, sign-extended where the type is signed.
//! Deltas and the codecs of sealed blocks work on that form, in wrapping arithmetic.

use zerocopy::{FromBytes, IntoBytes};

use super::fixed::FixedBytes;
use super::schema::ColumnType;
use super::strings::Strings;

/// A type that a column can be read as: the numbers, `bool`, `[u8]` for `fixed_bytes`, `str` for
/// text, and `Option`s of those. Implemented here only.
pub trait ColumnData: sealed::Sealed + 'static {
    /// One value, as it is set and read.
    type Value<'a>;
    /// All values of a column of a sealed block.
    type Values;
    /// What errors call it.
    const NAME: &'static str;
    /// How such values lie in the ring.
    #[doc(hidden)]
    const KIND: Kind;
    /// Bytes of a number.
    #[doc(hidden)]
    const WIDTH: usize = 0;
    /// Whether it can say that there is no value.
    #[doc(hidden)]
    const NULLABLE: bool = false;
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

/// How values lie in the ring.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    /// Fixed bytes or text.
    Bytes,
}

/// A value without its type. One of the wrong kind comes out as the type's zero.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    Null,
    Number(u64),
    Bytes(&'a [u8]),
}

/// A column without its type.
#[doc(hidden)]
#[derive(Debug)]
pub enum RawColumn {
    Numbers(Vec<u64>),
    Bytes(FixedBytes),
    Texts(Strings),
    /// The values, with anything where there is none, and whether there is none.
    Nullable(Box<RawColumn>, Vec<bool>),
}

/// A number or a truth value: a type whose columns can be gathered into slices.
pub trait Scalar:
    ColumnData + Copy + for<'a> ColumnData<Value<'a> = Self, Values = Vec<Self>>
{
    /// The bits as a `u64`, sign-extended where the type is signed.
    fn to_logical(self) -> u64;
    /// From the low bits of a logical form.
    fn from_logical(logical: u64) -> Self;
    /// The values as the logical forms that they are, where the type is as wide.
    #[doc(hidden)]
    fn as_logical(values: &mut [Self]) -> Option<&mut [u64]>;
}

macro_rules! scalars {
    ($($t:ty, $variant:ident, $to:expr, $from:expr, $as:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl ColumnData for $t {
            type Value<'a> = $t;
            type Values = Vec<$t>;
            const NAME: &'static str = stringify!($t);
            const KIND: Kind = Kind::Number;
            const WIDTH: usize = size_of::<$t>();
            #[inline]
            fn fits(column: ColumnType) -> bool {
                matches!(column, ColumnType::$variant)
            }
            #[inline]
            fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
                Raw::Number(value.to_logical())
            }
            #[inline]
            fn from_raw(raw: Raw<'_>) -> $t {
                match raw {
                    Raw::Number(logical) => Self::from_logical(logical),
                    _ => Self::default(),
                }
            }
            fn collect(raw: RawColumn) -> Option<Vec<$t>> {
                let numbers = match raw {
                    RawColumn::Numbers(numbers) => numbers,
                    RawColumn::Nullable(values, _) => return Self::collect(*values),
                    _ => return None,
                };
                let fits = |logical: &u64| Self::from_logical(*logical).to_logical() == *logical;
                // Without an early end, so that it is vectorised.
                let all_fit = numbers.iter().fold(true, |all, logical| all & fits(logical));
                all_fit.then(|| numbers.into_iter().map(Self::from_logical).collect())
            }
        }
        impl sealed::Sealed for Option<$t> {}
        impl ColumnData for Option<$t> {
            type Value<'a> = Option<$t>;
            type Values = Vec<Option<$t>>;
            const NAME: &'static str = concat!("Option<", stringify!($t), ">");
            const KIND: Kind = Kind::Number;
            const WIDTH: usize = size_of::<$t>();
            const NULLABLE: bool = true;
            #[inline]
            fn fits(column: ColumnType) -> bool {
                <$t>::fits(column)
            }
            #[inline]
            fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
                value.map_or(Raw::Null, <$t>::into_raw)
            }
            #[inline]
            fn from_raw(raw: Raw<'_>) -> Self {
                (!matches!(raw, Raw::Null)).then(|| <$t>::from_raw(raw))
            }
            fn collect(raw: RawColumn) -> Option<Self::Values> {
                let RawColumn::Nullable(values, nulls) = raw else {
                    return None;
                };
                let values = <$t>::collect(*values)?;
                Some(optional(values.into_iter(), &nulls))
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
            #[inline]
            fn as_logical(values: &mut [Self]) -> Option<&mut [u64]> {
                $as(values)
            }
        }
    )*};
}

scalars! {
    i8, I8, |v| v as i64 as u64, |l| l as i8, |_| None;
    i16, I16, |v| v as i64 as u64, |l| l as i16, |_| None;
    i32, I32, |v| v as i64 as u64, |l| l as i32, |_| None;
    i64, I64, |v| v as u64, |l| l as i64, wide;
    u8, U8, |v| v as u64, |l| l as u8, |_| None;
    u16, U16, |v| v as u64, |l| l as u16, |_| None;
    u32, U32, |v| v as u64, |l| l as u32, |_| None;
    u64, U64, |v| v, |l| l, wide;
    f32, F32, |v: f32| v.to_bits() as u64, |l| f32::from_bits(l as u32), |_| None;
    f64, F64, |v: f64| v.to_bits(), f64::from_bits, wide;
    bool, Bool, |v| v as u64, |l| l & 1 != 0, |_| None;
}

/// Values of eight bytes, of which every bit counts, as words.
#[inline]
fn wide<T: FromBytes + IntoBytes>(values: &mut [T]) -> Option<&mut [u64]> {
    <[u64]>::mut_from_bytes(values.as_mut_bytes()).ok()
}

macro_rules! bytes {
    ($($t:ty, $of:ty, $values:ty, $name:literal, $column:pat, $variant:ident, $to:expr, $from:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl ColumnData for $t {
            type Value<'a> = &'a $t;
            type Values = $values;
            const NAME: &'static str = stringify!($t);
            const KIND: Kind = Kind::Bytes;
            #[inline]
            fn fits(column: ColumnType) -> bool {
                matches!(column, $column)
            }
            #[inline]
            fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
                Raw::Bytes($to(value))
            }
            #[inline]
            fn from_raw(raw: Raw<'_>) -> &$t {
                match raw {
                    Raw::Bytes(bytes) => $from(bytes),
                    _ => $from(&[]),
                }
            }
            fn collect(raw: RawColumn) -> Option<$values> {
                match raw {
                    RawColumn::$variant(values) => Some(values),
                    RawColumn::Nullable(values, _) => Self::collect(*values),
                    _ => None,
                }
            }
        }
        impl sealed::Sealed for Option<&'static $t> {}
        impl ColumnData for Option<&'static $t> {
            type Value<'a> = Option<&'a $t>;
            type Values = Vec<Option<$of>>;
            const NAME: &'static str = $name;
            const KIND: Kind = Kind::Bytes;
            const NULLABLE: bool = true;
            #[inline]
            fn fits(column: ColumnType) -> bool {
                <$t>::fits(column)
            }
            #[inline]
            fn into_raw<'a>(value: Self::Value<'a>) -> Raw<'a> {
                value.map_or(Raw::Null, <$t>::into_raw)
            }
            #[inline]
            fn from_raw(raw: Raw<'_>) -> Self::Value<'_> {
                (!matches!(raw, Raw::Null)).then(|| <$t>::from_raw(raw))
            }
            fn collect(raw: RawColumn) -> Option<Self::Values> {
                let RawColumn::Nullable(values, nulls) = raw else {
                    return None;
                };
                let values = <$t>::collect(*values)?;
                Some(optional(values.iter().map(<$of>::from), &nulls))
            }
        }
    )*};
}

bytes! {
    [u8], Vec<u8>, FixedBytes, "Option<&[u8]>", ColumnType::FixedBytes(_), Bytes, |v| v, |b| b;
    str, String, Strings, "Option<&str>", ColumnType::Str { .. }, Texts, str::as_bytes, text;
}

/// Only UTF-8 is ever set; what somebody else has made of shared memory may be anything.
#[inline]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The values, where there are values.
fn optional<V>(values: impl Iterator<Item = V>, nulls: &[bool]) -> Vec<Option<V>> {
    values
        .zip(nulls)
        .map(|(value, is_null)| (!is_null).then_some(value))
        .collect()
}

mod sealed {
    pub trait Sealed {}
}

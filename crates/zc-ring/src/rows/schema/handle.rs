//! [`ColumnHandle`]: a column whose type was checked once, and where its values lie.
//!
//! A schema is *made* under a number that no other schema of the process ever has; clones keep it. A
//! handle carries that number and what the schema says of the column: its *form*, that is, what has to be
//! done to set it, and its [`Place`]. Number and form stand in one word, the [`Key`]. So a plain value
//! is set behind one comparison: where the keys are equal, everything in the handle holds here. A handle
//! of a schema that was made apart and is equal all the same is compared in full, every time, which costs
//! a few nanoseconds more.

use std::fmt;
use std::marker::PhantomData;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;

use super::layout::Field;
use crate::rows::value::Kind;
use crate::rows::{MAX_COLUMNS, MAX_ROW_BYTES};

/// A column of a schema whose type has been checked once. It fits every schema that is equal to
/// the one it was made from, and is quickest with that one and its clones.
pub struct ColumnHandle<T: ?Sized> {
    pub(crate) key: Key,
    pub(crate) fingerprint: u64,
    pub(crate) place: Place,
    _type: PhantomData<fn() -> Box<T>>,
}

/// The number of a schema, and the [`Form`] of a column of it or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// What it takes to set a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Form {
    /// A number that is never null, and among the first 64 columns, so that what is set of them fits into
    /// one word: a store.
    Plain,
    /// Such a one that is kept as the distance from its block's base.
    Delta,
    /// Anything else.
    Other,
}

/// Where a column lies. Packed, because many of them are looked at for every row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The row's word.
    pub(crate) word: u16,
    /// The column's number in the schema.
    pub(crate) index: u8,
    pub(crate) form: Form,
    /// How far a number is shifted there.
    pub(crate) shift: u8,
    /// How far a number of as many bits is shifted in a word to stand at its upper end.
    pub(crate) unused: u8,
    /// And how far its word, for it to stand there.
    pub(crate) up: u8,
    /// The number among the delta columns, if it is one.
    pub(crate) delta: u8,
    pub(crate) join: Join,
}

/// What is done with the rest of the word when a number is set in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Join {
    /// It stays as it is.
    Replace,
    /// It becomes zero: whatever else lies there is set afterwards.
    Begin,
    /// It stays as it is, and where the number goes there is zero.
    Add,
}

// The columns and words of a row are counted in these.
const _: () = assert!(MAX_COLUMNS <= 1 << 8 && MAX_ROW_BYTES / 8 <= 1 << 16);

impl<T: ?Sized> ColumnHandle<T> {
    /// Of the column at `place` in the schema of that number, whose type has been checked.
    pub(crate) fn new(number: u64, fingerprint: u64, place: Place) -> Self {
        Self {
            key: Key::new(number, place.form),
            fingerprint,
            place,
            _type: PhantomData,
        }
    }
}

impl Key {
    /// What no handle has.
    pub(crate) const NONE: Self = Self(0);

    #[inline]
    pub(crate) fn new(number: u64, form: Form) -> Self {
        Self(number << 2 | form as u64)
    }

    /// That of the same schema with another form.
    #[inline]
    pub(crate) fn with(self, form: Form) -> Self {
        Self::new(self.number(), form)
    }

    /// The schema's number.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0 >> 2
    }
}

impl Place {
    pub(crate) fn of(index: usize, field: &Field) -> Self {
        let is_simple = field.kind == Kind::Number && field.null.is_none() && index < 64;
        let is_number = field.kind == Kind::Number;
        let (shift, unused) = match is_number {
            true => (field.shift() as u8, 64 - 8 * field.width as u8),
            false => (0, 0),
        };
        Self {
            word: (field.offset / 8) as u16,
            index: index as u8,
            form: match field.delta {
                _ if !is_simple => Form::Other,
                None => Form::Plain,
                Some(_) => Form::Delta,
            },
            shift,
            unused,
            up: unused - shift,
            delta: field.delta.unwrap_or(0) as u8,
            join: Join::Replace,
        }
    }

    /// The column's bit among the first 64, if it is one of them.
    #[inline]
    pub(crate) fn bit(&self) -> u64 {
        1 << (self.index % 64)
    }
}

/// A number for a schema.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: all that counts is that no two are equal.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T: ?Sized> Clone for ColumnHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for ColumnHandle<T> {}

impl<T: ?Sized> fmt::Debug for ColumnHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnHandle")
            .field("index", &self.place.index)
            .finish_non_exhaustive()
    }
}

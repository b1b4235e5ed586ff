//! [`ColumnHandle`]: a column whose type was checked once, and where its values lie.
//!
//! A schema is *made* under a number that no other schema of the process ever has; clones keep it. A
//! handle carries the number of the schema that made it, and what that schema says of the column. So a
//! value is set, and a column found, behind one comparison: where the numbers are equal, everything in
//! the handle is so. A handle of a schema that was made apart and is equal all the same is compared in
//! full, every time, which costs a few nanoseconds more.

use std::fmt;
use std::marker::PhantomData;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;

use super::layout::Field;
use crate::rows::value::Kind;

/// A column of a schema whose type has been checked once. It fits every schema that is equal to
/// the one it was made from, and is quickest with that one and its clones.
pub struct ColumnHandle<T: ?Sized> {
    /// The number of the schema that made it.
    pub(crate) made_by: u64,
    pub(crate) fingerprint: u64,
    /// The column's bit among those of the schema.
    pub(crate) bit: u128,
    pub(crate) index: usize,
    pub(crate) place: Place,
    _type: PhantomData<fn() -> Box<T>>,
}

/// Where a column lies that is nothing but a number: no delta, never null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The row's word.
    pub(crate) word: u32,
    /// How far the number is shifted there.
    pub(crate) shift: u32,
    /// Whether the column is such a one; the rest means nothing otherwise.
    pub(crate) is_plain: bool,
}

impl<T: ?Sized> ColumnHandle<T> {
    /// Of column `index` of the schema of that number, whose type has been checked.
    pub(super) fn new(made_by: u64, fingerprint: u64, index: usize, field: &Field) -> Self {
        Self {
            made_by,
            fingerprint,
            bit: 1 << index,
            index,
            place: Place::of(field),
            _type: PhantomData,
        }
    }
}

impl Place {
    fn of(field: &Field) -> Self {
        let is_plain = field.kind == Kind::Number && field.delta.is_none() && field.null.is_none();
        Self {
            word: (field.offset / 8) as u32,
            shift: if is_plain { field.shift() } else { 0 },
            is_plain,
        }
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
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

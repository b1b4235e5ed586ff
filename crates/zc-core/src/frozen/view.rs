//! The view itself.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, RangeBounds};
use std::ptr::NonNull;

use super::owner::{OwnerRef, Source};
use super::range::{inside, inside_or_panic};
use super::shared_vec::SharedVec;
use crate::region::Region;

/// An immutable, counted, sliceable view of `[T]`.
///
/// | operation | cost |
/// |---|---|
/// | `clone`, `slice`, `split_at`, `drop` | one or two atomic additions, no data moved |
/// | `from_vec`, `from_owner`, `from(region)` | one small allocation, no data moved |
/// | empty view | nothing at all |
///
/// The memory is freed, or goes back to its pool, with the last view.
///
/// # Invariants
///
/// * **I1** `ptr` is valid for reads of `len` initialised elements while `owner` is held; for a
///   view of no bytes it is dangling and `owner` may be `None`.
/// * **I2** Nobody writes those elements while a view other than the writer's own exists.
pub struct Frozen<T = u8> {
    pub(super) ptr: NonNull<T>,
    pub(super) len: usize,
    pub(super) owner: Option<OwnerRef>,
    _elements: PhantomData<T>,
}

// SAFETY: views on several threads share the elements (`Sync`), and the last of them drops the
// owner and with it perhaps the elements (`Send`).
unsafe impl<T: Send + Sync> Send for Frozen<T> {}

// SAFETY: as above; a shared view can be cloned.
unsafe impl<T: Send + Sync> Sync for Frozen<T> {}

impl<T> Frozen<T> {
    /// A view of nothing. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ptr: NonNull::dangling(),
            len: 0,
            owner: None,
            _elements: PhantomData,
        }
    }

    /// Takes over the vector's allocation.
    #[must_use]
    pub fn from_vec(vec: Vec<T>) -> Self {
        if vec.is_empty() {
            return Self::new();
        }
        Self::from_shared_vec(&SharedVec::new(vec))
    }

    pub(crate) fn from_shared_vec(vec: &SharedVec<T>) -> Self {
        let (owner, ptr, len) = vec.share();
        Self::from_parts(ptr, len, Some(owner))
    }

    /// A view of what `owner` refers to, which is stored, asked once with `as_ref`, and dropped
    /// with the last view (also if that `as_ref` panics).
    #[must_use]
    pub fn from_owner<O: AsRef<[T]> + Send + Sync + 'static>(owner: O) -> Self {
        struct Plain<O>(O);
        impl<T, O: AsRef<[T]> + Send + Sync + 'static> Source<T> for Plain<O> {
            fn as_slice(&self) -> &[T] {
                self.0.as_ref()
            }
        }
        Self::from_source(Plain(owner))
    }

    /// A view of `source`, which may have a file behind it.
    #[must_use]
    pub fn from_source(source: impl Source<T>) -> Self {
        let (owner, ptr, len) = OwnerRef::from_source(source);
        Self::from_parts(ptr, len, Some(owner))
    }

    pub(crate) const fn from_parts(ptr: NonNull<T>, len: usize, owner: Option<OwnerRef>) -> Self {
        Self {
            ptr,
            len,
            owner,
            _elements: PhantomData,
        }
    }

    /// The elements.
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: I1, I2.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// A view of part of this one.
    ///
    /// # Panics
    /// If the range is not inside, as slices do.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let (start, end) = inside_or_panic(&range, self.len);
        self.part(start, end)
    }

    /// A view of part of this one; `None` if the range is not inside.
    #[must_use]
    pub fn get(&self, range: impl RangeBounds<usize>) -> Option<Self> {
        let (start, end) = inside(&range, self.len)?;
        Some(self.part(start, end))
    }

    /// The first `mid` elements, and the rest.
    ///
    /// # Panics
    /// If `mid` is above the length.
    #[must_use]
    #[track_caller]
    pub fn split_at(&self, mid: usize) -> (Self, Self) {
        (self.slice(..mid), self.slice(mid..))
    }

    fn part(&self, start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= self.len);
        if start == end {
            // An empty part pins nothing.
            return Self::new();
        }
        // SAFETY: I1: in bounds.
        let ptr = unsafe { self.ptr.add(start) };
        Self::from_parts(ptr, end - start, self.owner.clone())
    }

    /// Whether both are views of the very same elements of the same owner.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.len == other.len
            && match (&self.owner, &other.owner) {
                (Some(a), Some(b)) => self.ptr == other.ptr && a.ptr_eq(b),
                (None, None) => true,
                _ => false,
            }
    }
}

impl From<Region> for Frozen<u8> {
    fn from(region: Region) -> Self {
        if region.is_empty() {
            return Self::new();
        }
        let (owner, ptr, len) = OwnerRef::from_region(region);
        Self::from_parts(ptr, len, Some(owner))
    }
}

impl<T> From<Vec<T>> for Frozen<T> {
    fn from(vec: Vec<T>) -> Self {
        Self::from_vec(vec)
    }
}

impl<T> From<Box<[T]>> for Frozen<T> {
    fn from(elements: Box<[T]>) -> Self {
        Self::from_vec(elements.into_vec())
    }
}

impl<T> FromIterator<T> for Frozen<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self::from_vec(iter.into_iter().collect())
    }
}

impl<T> Clone for Frozen<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self::from_parts(self.ptr, self.len, self.owner.clone())
    }
}

impl<T> Default for Frozen<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Frozen<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> AsRef<[T]> for Frozen<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T> Borrow<[T]> for Frozen<T> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<'a, T> IntoIterator for &'a Frozen<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Frozen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! Guards that hold the buffer itself: `'static`, to be kept in structures and sent to threads.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice::SliceIndex;

use super::buffer::Inner;
use super::owned_mapped::{OwnedMappedReadGuard, OwnedMappedWriteGuard};
use super::place::{ReadPlace, WritePlace};
use super::vec_methods::vec_methods;
use crate::sync::Arc;

/// Shared access to the elements, until it is dropped, also past the last handle.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedReadGuard<T> {
    place: ReadPlace<Arc<Inner<T>>>,
}

/// Exclusive access to the elements, until it is dropped, also past the last handle. See
/// [`WriteGuard`](super::WriteGuard).
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedWriteGuard<T> {
    place: WritePlace<Arc<Inner<T>>>,
}

impl<T> OwnedReadGuard<T> {
    pub(super) fn new(place: ReadPlace<Arc<Inner<T>>>) -> Self {
        Self { place }
    }

    /// Access to part of the elements only.
    ///
    /// # Panics
    /// If the range is not inside; the lock is released.
    pub fn slice<I>(self, range: I) -> OwnedMappedReadGuard<T, [T]>
    where
        I: SliceIndex<[T], Output = [T]>,
    {
        self.map(|elements| &elements[range])
    }

    /// Access to something inside the elements only.
    pub fn map<U: ?Sized>(self, f: impl FnOnce(&[T]) -> &U) -> OwnedMappedReadGuard<T, U> {
        let value = NonNull::from(f(&self));
        OwnedMappedReadGuard::new(value, self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<U: ?Sized>(
        self,
        f: impl FnOnce(&[T]) -> Option<&U>,
    ) -> Result<OwnedMappedReadGuard<T, U>, Self> {
        match f(&self).map(NonNull::from) {
            Some(value) => Ok(OwnedMappedReadGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<T> OwnedWriteGuard<T> {
    pub(super) fn new(place: WritePlace<Arc<Inner<T>>>) -> Self {
        Self { place }
    }

    /// The vector itself, copied first if a snapshot of it is alive.
    fn vec(&mut self) -> &mut Vec<T> {
        // SAFETY: this guard is the writer inside, and is borrowed exclusively with the result.
        unsafe { self.place.hold().store_mut() }.make_mut()
    }

    vec_methods!();

    /// Becomes a reader without letting another writer in between.
    pub fn downgrade(self) -> OwnedReadGuard<T> {
        OwnedReadGuard::new(self.place.downgrade())
    }

    /// Access to part of the elements only.
    ///
    /// # Panics
    /// If the range is not inside; the buffer is poisoned, as by any panic of a writer.
    pub fn slice<I>(self, range: I) -> OwnedMappedWriteGuard<T, [T]>
    where
        I: SliceIndex<[T], Output = [T]>,
    {
        self.map(|elements| &mut elements[range])
    }

    /// Access to something inside the elements only. A panic in `f` poisons the buffer.
    pub fn map<U: ?Sized>(
        mut self,
        f: impl FnOnce(&mut [T]) -> &mut U,
    ) -> OwnedMappedWriteGuard<T, U> {
        let value = NonNull::from(f(&mut self));
        OwnedMappedWriteGuard::new(value, self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<U: ?Sized>(
        mut self,
        f: impl FnOnce(&mut [T]) -> Option<&mut U>,
    ) -> Result<OwnedMappedWriteGuard<T, U>, Self> {
        match f(&mut self).map(NonNull::from) {
            Some(value) => Ok(OwnedMappedWriteGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<T> Deref for OwnedReadGuard<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside as a reader for as long as the slice is borrowed.
        unsafe { self.place.hold().store() }.as_slice()
    }
}

impl<T> Deref for OwnedWriteGuard<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside for as long as the slice is borrowed.
        unsafe { self.place.hold().store() }.as_slice()
    }
}

impl<T> DerefMut for OwnedWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.vec()
    }
}

impl<T> Extend<T> for OwnedWriteGuard<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, iter: I) {
        self.vec().extend(iter);
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

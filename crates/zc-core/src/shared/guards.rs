//! Guards that borrow the buffer's handle.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice::SliceIndex;

use super::buffer::Inner;
use super::mapped::{MappedReadGuard, MappedWriteGuard};
use super::place::{ReadPlace, WritePlace};
use super::vec_methods::vec_methods;

/// Shared access to the elements, until it is dropped. May be dropped on another thread.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct ReadGuard<'a, T> {
    place: ReadPlace<&'a Inner<T>>,
}

/// Exclusive access to the elements, until it is dropped. May be dropped on another thread.
///
/// Reading through it copies nothing. The first mutable access copies the elements if a snapshot
/// of them is alive.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct WriteGuard<'a, T> {
    place: WritePlace<&'a Inner<T>>,
}

impl<'a, T> ReadGuard<'a, T> {
    pub(super) fn new(place: ReadPlace<&'a Inner<T>>) -> Self {
        Self { place }
    }

    /// Access to part of the elements only.
    ///
    /// # Panics
    /// If the range is not inside; the lock is released.
    pub fn slice<I>(self, range: I) -> MappedReadGuard<'a, [T]>
    where
        I: SliceIndex<[T], Output = [T]>,
    {
        self.map(|elements| &elements[range])
    }

    /// Access to something inside the elements only.
    pub fn map<U: ?Sized>(self, f: impl FnOnce(&[T]) -> &U) -> MappedReadGuard<'a, U> {
        let value = NonNull::from(f(&self));
        MappedReadGuard::new(value, self.place.exchange(|inner| &inner.lock))
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<U: ?Sized>(
        self,
        f: impl FnOnce(&[T]) -> Option<&U>,
    ) -> Result<MappedReadGuard<'a, U>, Self> {
        match f(&self).map(NonNull::from) {
            Some(value) => Ok(MappedReadGuard::new(
                value,
                self.place.exchange(|inner| &inner.lock),
            )),
            None => Err(self),
        }
    }
}

impl<'a, T> WriteGuard<'a, T> {
    pub(super) fn new(place: WritePlace<&'a Inner<T>>) -> Self {
        Self { place }
    }

    /// The vector itself, copied first if a snapshot of it is alive.
    fn vec(&mut self) -> &mut Vec<T> {
        // SAFETY: this guard is the writer inside, and is borrowed exclusively with the result.
        unsafe { self.place.hold().store_mut() }.make_mut()
    }

    vec_methods!();

    /// Becomes a reader without letting another writer in between.
    pub fn downgrade(self) -> ReadGuard<'a, T> {
        ReadGuard::new(self.place.downgrade())
    }

    /// Access to part of the elements only.
    ///
    /// # Panics
    /// If the range is not inside; the buffer is poisoned, as by any panic of a writer.
    pub fn slice<I>(self, range: I) -> MappedWriteGuard<'a, [T]>
    where
        I: SliceIndex<[T], Output = [T]>,
    {
        self.map(|elements| &mut elements[range])
    }

    /// Access to something inside the elements only. A panic in `f` poisons the buffer.
    pub fn map<U: ?Sized>(mut self, f: impl FnOnce(&mut [T]) -> &mut U) -> MappedWriteGuard<'a, U> {
        let value = NonNull::from(f(&mut self));
        MappedWriteGuard::new(value, self.place.exchange(|inner| &inner.lock))
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<U: ?Sized>(
        mut self,
        f: impl FnOnce(&mut [T]) -> Option<&mut U>,
    ) -> Result<MappedWriteGuard<'a, U>, Self> {
        match f(&mut self).map(NonNull::from) {
            Some(value) => Ok(MappedWriteGuard::new(
                value,
                self.place.exchange(|inner| &inner.lock),
            )),
            None => Err(self),
        }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside as a reader for as long as the slice is borrowed.
        unsafe { self.place.hold().store() }.as_slice()
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside for as long as the slice is borrowed.
        unsafe { self.place.hold().store() }.as_slice()
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.vec()
    }
}

impl<T> Extend<T> for WriteGuard<'_, T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, iter: I) {
        self.vec().extend(iter);
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

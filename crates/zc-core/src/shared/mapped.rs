//! Guards that borrow the buffer and give access to part of its elements.
//!
//! # Invariants
//!
//! * **I1** `value` points into the elements, which stay where they are while the place is held; it
//!   came from a reference that was as good as the place allows (shared for a reader's, exclusive
//!   for the writer's).

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice::SliceIndex;

use super::lock::RawLock;
use super::place::{ReadPlace, WritePlace};

/// Shared access to part of the elements, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MappedReadGuard<'a, U: ?Sized> {
    value: NonNull<U>,
    place: ReadPlace<&'a RawLock>,
}

/// Exclusive access to part of the elements, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct MappedWriteGuard<'a, U: ?Sized> {
    value: NonNull<U>,
    place: WritePlace<&'a RawLock>,
    /// What can be written must not be taken for something longer-lived.
    _invariant: PhantomData<&'a mut U>,
}

// SAFETY: I1: it gives out `&U`; leaving the lock can be done by any thread.
unsafe impl<U: ?Sized + Sync> Send for MappedReadGuard<'_, U> {}

// SAFETY: as above.
unsafe impl<U: ?Sized + Sync> Sync for MappedReadGuard<'_, U> {}

// SAFETY: I1: it gives out `&mut U`; leaving the lock can be done by any thread.
unsafe impl<U: ?Sized + Send> Send for MappedWriteGuard<'_, U> {}

// SAFETY: a shared one gives out `&U`.
unsafe impl<U: ?Sized + Sync> Sync for MappedWriteGuard<'_, U> {}

impl<'a, U: ?Sized> MappedReadGuard<'a, U> {
    pub(super) fn new(value: NonNull<U>, place: ReadPlace<&'a RawLock>) -> Self {
        Self { value, place }
    }

    /// Access to something inside only.
    pub fn map<V: ?Sized>(self, f: impl FnOnce(&U) -> &V) -> MappedReadGuard<'a, V> {
        MappedReadGuard::new(NonNull::from(f(&self)), self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<V: ?Sized>(
        self,
        f: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<MappedReadGuard<'a, V>, Self> {
        match f(&self).map(NonNull::from) {
            Some(value) => Ok(MappedReadGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<'a, X> MappedReadGuard<'a, [X]> {
    /// Access to part of it only.
    ///
    /// # Panics
    /// If the range is not inside; the lock is released.
    pub fn slice<I>(self, range: I) -> MappedReadGuard<'a, [X]>
    where
        I: SliceIndex<[X], Output = [X]>,
    {
        self.map(|elements| &elements[range])
    }
}

impl<'a, U: ?Sized> MappedWriteGuard<'a, U> {
    pub(super) fn new(value: NonNull<U>, place: WritePlace<&'a RawLock>) -> Self {
        Self {
            value,
            place,
            _invariant: PhantomData,
        }
    }

    /// Access to something inside only. A panic in `f` poisons the buffer.
    pub fn map<V: ?Sized>(mut self, f: impl FnOnce(&mut U) -> &mut V) -> MappedWriteGuard<'a, V> {
        MappedWriteGuard::new(NonNull::from(f(&mut self)), self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<V: ?Sized>(
        mut self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedWriteGuard<'a, V>, Self> {
        match f(&mut self).map(NonNull::from) {
            Some(value) => Ok(MappedWriteGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<'a, X> MappedWriteGuard<'a, [X]> {
    /// Access to part of it only.
    ///
    /// # Panics
    /// If the range is not inside; the buffer is poisoned, as by any panic of a writer.
    pub fn slice<I>(self, range: I) -> MappedWriteGuard<'a, [X]>
    where
        I: SliceIndex<[X], Output = [X]>,
    {
        self.map(|elements| &mut elements[range])
    }
}

impl<U: ?Sized> Deref for MappedReadGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: I1.
        unsafe { self.value.as_ref() }
    }
}

impl<U: ?Sized> Deref for MappedWriteGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: I1.
        unsafe { self.value.as_ref() }
    }
}

impl<U: ?Sized> DerefMut for MappedWriteGuard<'_, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: I1, and the guard is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<U: ?Sized + fmt::Debug> fmt::Debug for MappedReadGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<U: ?Sized + fmt::Debug> fmt::Debug for MappedWriteGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

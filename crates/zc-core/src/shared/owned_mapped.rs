//! Guards that hold the buffer itself and give access to part of its elements.
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

use super::buffer::Inner;
use super::place::{ReadPlace, WritePlace};
use crate::sync::Arc;

/// Shared access to part of the elements, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedMappedReadGuard<T, U: ?Sized> {
    value: NonNull<U>,
    place: ReadPlace<Arc<Inner<T>>>,
}

/// Exclusive access to part of the elements, until it is dropped.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedMappedWriteGuard<T, U: ?Sized> {
    value: NonNull<U>,
    place: WritePlace<Arc<Inner<T>>>,
    /// What can be written must not be taken for something longer-lived.
    _invariant: PhantomData<*mut U>,
}

// SAFETY: I1: it gives out `&U`; leaving the lock, and perhaps dropping the
// elements with it, can be done by any thread where `T` allows.
unsafe impl<T: Send + Sync, U: ?Sized + Sync> Send for OwnedMappedReadGuard<T, U> {}

// SAFETY: as above.
unsafe impl<T: Send + Sync, U: ?Sized + Sync> Sync for OwnedMappedReadGuard<T, U> {}

// SAFETY: I1: it gives out `&mut U`; leaving the lock, and perhaps dropping the
// elements with it, can be done by any thread where `T` allows.
unsafe impl<T: Send + Sync, U: ?Sized + Send> Send for OwnedMappedWriteGuard<T, U> {}

// SAFETY: a shared one gives out `&U`.
unsafe impl<T: Send + Sync, U: ?Sized + Sync> Sync for OwnedMappedWriteGuard<T, U> {}

impl<T, U: ?Sized> OwnedMappedReadGuard<T, U> {
    pub(super) fn new(value: NonNull<U>, place: ReadPlace<Arc<Inner<T>>>) -> Self {
        Self { value, place }
    }

    /// Access to something inside only.
    pub fn map<V: ?Sized>(self, f: impl FnOnce(&U) -> &V) -> OwnedMappedReadGuard<T, V> {
        OwnedMappedReadGuard::new(NonNull::from(f(&self)), self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<V: ?Sized>(
        self,
        f: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedMappedReadGuard<T, V>, Self> {
        match f(&self).map(NonNull::from) {
            Some(value) => Ok(OwnedMappedReadGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<T, X> OwnedMappedReadGuard<T, [X]> {
    /// Access to part of it only.
    ///
    /// # Panics
    /// If the range is not inside; the lock is released.
    pub fn slice<I>(self, range: I) -> OwnedMappedReadGuard<T, [X]>
    where
        I: SliceIndex<[X], Output = [X]>,
    {
        self.map(|elements| &elements[range])
    }
}

impl<T, U: ?Sized> OwnedMappedWriteGuard<T, U> {
    pub(super) fn new(value: NonNull<U>, place: WritePlace<Arc<Inner<T>>>) -> Self {
        Self {
            value,
            place,
            _invariant: PhantomData,
        }
    }

    /// Access to something inside only. A panic in `f` poisons the buffer.
    pub fn map<V: ?Sized>(
        mut self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedWriteGuard<T, V> {
        OwnedMappedWriteGuard::new(NonNull::from(f(&mut self)), self.place)
    }

    /// As [`map`](Self::map), if there is such a thing.
    ///
    /// # Errors
    /// The guard itself, if there is not.
    pub fn try_map<V: ?Sized>(
        mut self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedWriteGuard<T, V>, Self> {
        match f(&mut self).map(NonNull::from) {
            Some(value) => Ok(OwnedMappedWriteGuard::new(value, self.place)),
            None => Err(self),
        }
    }
}

impl<T, X> OwnedMappedWriteGuard<T, [X]> {
    /// Access to part of it only.
    ///
    /// # Panics
    /// If the range is not inside; the buffer is poisoned, as by any panic of a writer.
    pub fn slice<I>(self, range: I) -> OwnedMappedWriteGuard<T, [X]>
    where
        I: SliceIndex<[X], Output = [X]>,
    {
        self.map(|elements| &mut elements[range])
    }
}

impl<T, U: ?Sized> Deref for OwnedMappedReadGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: I1.
        unsafe { self.value.as_ref() }
    }
}

impl<T, U: ?Sized> Deref for OwnedMappedWriteGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: I1.
        unsafe { self.value.as_ref() }
    }
}

impl<T, U: ?Sized> DerefMut for OwnedMappedWriteGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: I1, and the guard is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<T, U: ?Sized + fmt::Debug> fmt::Debug for OwnedMappedReadGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T, U: ?Sized + fmt::Debug> fmt::Debug for OwnedMappedWriteGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

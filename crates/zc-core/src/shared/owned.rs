//! Guards that hold the buffer itself: `'static`, to be kept in structures and sent to threads.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use super::buffer::Inner;
use super::vec_methods::vec_methods;
use crate::sync::Arc;

/// Shared access to the elements, until it is dropped, also past the last handle.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedReadGuard<T> {
    inner: Arc<Inner<T>>,
    _entry: super::recursion::Entry,
}

/// Exclusive access to the elements, until it is dropped, also past the last handle. See
/// [`WriteGuard`](super::WriteGuard).
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct OwnedWriteGuard<T> {
    inner: Arc<Inner<T>>,
    was_panicking: bool,
}

impl<T> OwnedReadGuard<T> {
    /// The caller has just entered as a reader and leaves it to the guard to leave.
    pub(super) fn new(inner: Arc<Inner<T>>) -> Self {
        Self {
            _entry: super::recursion::Entry::new(&inner.lock),
            inner,
        }
    }
}

impl<T> OwnedWriteGuard<T> {
    /// The caller has just entered as the writer and leaves it to the guard to leave.
    pub(super) fn new(inner: Arc<Inner<T>>) -> Self {
        Self {
            inner,
            was_panicking: std::thread::panicking(),
        }
    }

    /// The vector itself, copied first if a snapshot of it is alive.
    fn vec(&mut self) -> &mut Vec<T> {
        // SAFETY: this guard is the writer inside, and is borrowed exclusively with the result.
        unsafe { self.inner.store_mut() }.make_mut()
    }

    vec_methods!();

    /// Becomes a reader without letting another writer in between.
    pub fn downgrade(self) -> OwnedReadGuard<T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped or used again, so the reference moves out of it once.
        let inner = unsafe { ptr::read(&raw const this.inner) };
        inner.end_write(false);
        inner.lock.downgrade();
        OwnedReadGuard::new(inner)
    }
}

impl<T> Deref for OwnedReadGuard<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside as a reader for as long as the slice is borrowed.
        unsafe { self.inner.store() }.as_slice()
    }
}

impl<T> Deref for OwnedWriteGuard<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside for as long as the slice is borrowed.
        unsafe { self.inner.store() }.as_slice()
    }
}

impl<T> DerefMut for OwnedWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.vec()
    }
}

impl<T> Drop for OwnedReadGuard<T> {
    fn drop(&mut self) {
        self.inner.lock.unlock_read();
    }
}

impl<T> Drop for OwnedWriteGuard<T> {
    fn drop(&mut self) {
        self.inner
            .end_write(!self.was_panicking && std::thread::panicking());
        self.inner.lock.unlock_write();
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

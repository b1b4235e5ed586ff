//! Guards that borrow the buffer's handle.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::buffer::Inner;
use super::vec_methods::vec_methods;

/// Shared access to the elements, until it is dropped. May be dropped on another thread.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct ReadGuard<'a, T> {
    inner: &'a Inner<T>,
    _entry: super::recursion::Entry,
}

/// Exclusive access to the elements, until it is dropped. May be dropped on another thread.
///
/// Reading through it copies nothing. The first mutable access copies the elements if a snapshot
/// of them is alive.
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct WriteGuard<'a, T> {
    inner: &'a Inner<T>,
    /// A panic that was under way before is not this writer's.
    was_panicking: bool,
}

impl<'a, T> ReadGuard<'a, T> {
    /// The caller has just entered as a reader and leaves it to the guard to leave.
    pub(super) fn new(inner: &'a Inner<T>) -> Self {
        Self {
            inner,
            _entry: super::recursion::Entry::new(&inner.lock),
        }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside as a reader for as long as the slice is borrowed.
        unsafe { self.inner.store() }.as_slice()
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.inner.lock.unlock_read();
    }
}

impl<'a, T> WriteGuard<'a, T> {
    /// The caller has just entered as the writer and leaves it to the guard to leave.
    pub(super) fn new(inner: &'a Inner<T>) -> Self {
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
    pub fn downgrade(self) -> ReadGuard<'a, T> {
        let this = ManuallyDrop::new(self);
        this.inner.end_write(false);
        this.inner.lock.downgrade();
        ReadGuard::new(this.inner)
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: this guard is inside for as long as the slice is borrowed.
        unsafe { self.inner.store() }.as_slice()
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

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        self.inner
            .end_write(!self.was_panicking && std::thread::panicking());
        self.inner.lock.unlock_write();
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

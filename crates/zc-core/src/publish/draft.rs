//! A version in the making.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use super::publisher::Publisher;
use super::version::Version;
use crate::frozen::FrozenMut;

/// Elements that become the next version with [`commit`](Self::commit). Dropping it, also by a
/// panic, publishes nothing.
#[must_use = "a draft that is dropped is not published"]
pub struct Draft<'a, T> {
    publisher: &'a mut Publisher<T>,
    /// Taken out when the draft ends, one way or the other.
    elements: ManuallyDrop<FrozenMut<T>>,
}

impl<'a, T> Draft<'a, T> {
    pub(super) fn new(publisher: &'a mut Publisher<T>, elements: FrozenMut<T>) -> Self {
        Self {
            publisher,
            elements: ManuallyDrop::new(elements),
        }
    }

    /// Publishes the elements as they are.
    pub fn commit(self) -> Version {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the elements are taken out once.
        let elements = unsafe { ManuallyDrop::take(&mut this.elements) };
        // SAFETY: as above; the borrow moves out of `this`.
        let publisher = unsafe { ptr::read(&raw const this.publisher) };
        publisher.publish(elements.freeze())
    }
}

impl<T> Deref for Draft<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T> DerefMut for Draft<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }
}

impl<T> Drop for Draft<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken out once, here or in `commit`, which does not drop the draft.
        let elements = unsafe { ManuallyDrop::take(&mut self.elements) };
        self.publisher.keep(elements);
    }
}

impl<T: fmt::Debug> fmt::Debug for Draft<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

//! The way back from a view to memory that can be written.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::owner::OwnerRef;
use super::view::Frozen;

/// Elements that nobody else can see, to be changed and frozen again.
///
/// # Invariants
///
/// * **I1** `ptr` is valid for reads and writes of `len` initialised elements, which nobody else
///   refers to.
pub struct FrozenMut<T = u8> {
    ptr: NonNull<T>,
    len: usize,
    owner: Option<OwnerRef>,
    _elements: PhantomData<T>,
}

// SAFETY: I1: it is the only way to its elements.
unsafe impl<T: Send + Sync> Send for FrozenMut<T> {}

// SAFETY: a shared `FrozenMut` only reads.
unsafe impl<T: Send + Sync> Sync for FrozenMut<T> {}

impl<T> Frozen<T> {
    /// Makes the elements writable, if this is the last view of memory that the crate owns (a
    /// vector or a region, sliced or not); otherwise gives the view back. Never succeeds for
    /// `from_owner` and `from_source`. Copies nothing.
    ///
    /// # Errors
    /// The view itself, unchanged.
    pub fn try_into_mut(mut self) -> Result<FrozenMut<T>, Self> {
        let ptr = match &mut self.owner {
            // Nothing to write to.
            None => self.ptr,
            Some(owner) => match owner.exclusive() {
                None => return Err(self),
                Some(memory) => {
                    // The view's own pointer may have been made from a shared reference, which
                    // grants no writes: walk to the same address from the owner's.
                    let base = memory.cast::<u8>();
                    let offset = self.ptr.addr().get() - base.addr().get();
                    // SAFETY: the view lies inside of its owner's memory.
                    unsafe { base.add(offset) }.cast()
                }
            },
        };
        Ok(FrozenMut {
            ptr,
            len: self.len,
            owner: self.owner.take(),
            _elements: PhantomData,
        })
    }

    /// The elements, to be changed in place, if this is the only view of memory that the crate
    /// owns and shows all of it: what is written pins nothing else.
    pub(crate) fn whole_mut(&mut self) -> Option<&mut [T]> {
        let memory = self.owner.as_mut()?.exclusive()?;
        let base = memory.cast::<T>();
        let is_whole = base.addr() == self.ptr.addr() && memory.len() == self.len * size_of::<T>();
        // SAFETY: the only view (I2 of the owner), and it shows `len` elements that start where
        // the memory does; `self` is borrowed exclusively.
        is_whole.then(|| unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), self.len) })
    }
}

impl<T> FrozenMut<T> {
    /// A view of the elements again.
    #[must_use]
    pub fn freeze(self) -> Frozen<T> {
        Frozen::from_parts(self.ptr, self.len, self.owner)
    }
}

impl<T> From<FrozenMut<T>> for Frozen<T> {
    fn from(elements: FrozenMut<T>) -> Self {
        elements.freeze()
    }
}

impl<T> Deref for FrozenMut<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: I1.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for FrozenMut<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: I1, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl<T: fmt::Debug> fmt::Debug for FrozenMut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! A vector inside an owner, which may change and grow while nothing else refers to it.
//!
//! It is what a [`SharedBuffer`](crate::SharedBuffer) keeps its elements in, and what the spine of
//! a [`ChunkedBuffer`](crate::ChunkedBuffer) is made of: sharing it is one more reference, and
//! whoever finds itself the only one may write.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::owner::{HasTable, OwnerRef};

/// A counted vector. A clone is one more reference to the same one.
pub(crate) struct SharedVec<T> {
    owner: OwnerRef,
    _vec: PhantomData<Vec<T>>,
}

impl<T> SharedVec<T> {
    pub(crate) fn new(vec: Vec<T>) -> Self {
        Self {
            owner: OwnerRef::allocate(vec, Vec::<T>::TABLE),
            _vec: PhantomData,
        }
    }

    pub(crate) fn as_vec(&self) -> &Vec<T> {
        // SAFETY: I3; it only changes through `get_mut`, which borrows `self` exclusively.
        unsafe { &*self.owner.owner::<Vec<T>>() }
    }

    /// Whether no view refers to it.
    pub(crate) fn is_unique(&self) -> bool {
        self.owner.is_unique()
    }

    /// The vector, if no view refers to it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut Vec<T>> {
        // SAFETY: I3; nobody else refers to it (I2).
        self.owner
            .is_unique()
            .then(|| unsafe { &mut *self.owner.owner::<Vec<T>>() })
    }

    /// Whether both are the same vector.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.owner.ptr_eq(&other.owner)
    }

    /// One more reference, and where the elements are.
    pub(super) fn share(&self) -> (OwnerRef, NonNull<T>, usize) {
        let elements = self.as_vec().as_slice();
        (
            self.owner.clone(),
            NonNull::from(elements).cast(),
            elements.len(),
        )
    }
}

impl<T> Clone for SharedVec<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            owner: self.owner.clone(),
            _vec: PhantomData,
        }
    }
}

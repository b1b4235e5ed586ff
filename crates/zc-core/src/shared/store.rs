//! Where the elements are, and how a write leaves the snapshots alone.
//!
//! The elements live in a counted vector. A snapshot is one more reference to it. A writer that
//! finds itself the only one changes the vector in place; one that finds a snapshot copies the
//! elements into a fresh vector first, and the snapshot keeps the old one.

use std::mem::size_of;
use std::sync::OnceLock;

use crate::frozen::{Frozen, SharedVec};
use crate::ledger;

type Copy<T> = fn(&[T]) -> Vec<T>;

pub(super) struct Store<T> {
    /// `None` until something is written: an empty buffer has no payload to allocate.
    vec: Option<SharedVec<T>>,
    /// How to copy elements; known once somebody who knows that `T: Clone` takes a snapshot.
    copy: OnceLock<Copy<T>>,
}

impl<T> Store<T> {
    pub(super) fn new(vec: Vec<T>) -> Self {
        Self {
            vec: (vec.capacity() > 0 || !vec.is_empty()).then(|| SharedVec::new(vec)),
            copy: OnceLock::new(),
        }
    }

    pub(super) fn as_slice(&self) -> &[T] {
        self.vec.as_ref().map_or(&[], |vec| vec.as_vec())
    }

    /// Looks at no element: a mapped write guard may hold a pointer to some of them.
    pub(super) fn len(&self) -> usize {
        self.vec.as_ref().map_or(0, |vec| vec.as_vec().len())
    }

    pub(super) fn capacity(&self) -> usize {
        self.vec.as_ref().map_or(0, |vec| vec.as_vec().capacity())
    }

    /// One more reference to the elements as they are.
    pub(super) fn snapshot(&self) -> Frozen<T>
    where
        T: Clone,
    {
        match &self.vec {
            Some(vec) if !vec.as_vec().is_empty() => {
                // Known before the snapshot exists, and so before any write that must copy.
                self.copy.get_or_init(|| <[T]>::to_vec);
                Frozen::from_shared_vec(vec)
            }
            _ => Frozen::new(),
        }
    }

    /// The vector, for this writer alone: copied first if a snapshot refers to it.
    pub(super) fn make_mut(&mut self) -> &mut Vec<T> {
        let copy = self.copy.get().copied();
        let vec = self.vec.get_or_insert_with(|| SharedVec::new(Vec::new()));
        if let (Some(copy), false) = (copy, vec.is_unique()) {
            let elements = vec.as_vec();
            ledger::copied("core.snapshot_copy", elements.len() * size_of::<T>());
            *vec = SharedVec::new(copy(elements));
        }
        vec.get_mut()
            .expect("a vector is only shared by snapshots, which leave the way to copy")
    }
}

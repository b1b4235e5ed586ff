//! The elements at one moment, and every way to read them.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::{Index, RangeBounds};

use super::buffer::ChunkedBuffer;
use super::iter::{Chunks, Iter};
use super::spine::Spine;
use crate::frozen::{Frozen, SharedVec, inside, inside_or_panic};

/// What a [`ChunkedBuffer`] held when the snapshot was taken; also what a buffer dereferences to,
/// so that everything here can be asked of either.
///
/// Cloning and dropping it are two atomic additions. Every chunk that it has in common with the
/// buffer or with other snapshots is there once.
///
/// # Invariants
///
/// * **I1** The spine holds `len / chunk_len` chunks of `chunk_len` elements each, and the tail the
///   rest, which is fewer than that; there may be no tail where there is no rest.
pub struct ChunkedSnapshot<T> {
    pub(super) spine: Spine<T>,
    pub(super) tail: Option<SharedVec<T>>,
    pub(super) len: usize,
    pub(super) chunk_len: NonZeroUsize,
}

impl<T> ChunkedSnapshot<T> {
    /// Number of elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is not a single element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements of a chunk, of every one but the last.
    #[must_use]
    pub fn chunk_len(&self) -> usize {
        self.chunk_len.get()
    }

    /// The element at `index`, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        (index < self.len).then(|| &self.piece(index)[0])
    }

    /// All elements, as the slices they lie in.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_, T> {
        Chunks::new(self, 0, self.len)
    }

    /// The elements of a range, as the slices they lie in.
    ///
    /// # Panics
    /// If the range is not inside, as slices do.
    #[must_use]
    #[track_caller]
    pub fn range(&self, range: impl RangeBounds<usize>) -> Chunks<'_, T> {
        let (start, end) = inside_or_panic(&range, self.len);
        Chunks::new(self, start, end)
    }

    /// The elements of a range, as the slices they lie in; `None` if the range is not inside.
    #[must_use]
    pub fn get_range(&self, range: impl RangeBounds<usize>) -> Option<Chunks<'_, T>> {
        let (start, end) = inside(&range, self.len)?;
        Some(Chunks::new(self, start, end))
    }

    /// All elements, one by one.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self.chunks(), self.len)
    }

    /// The chunk at `index` (the last one is the tail) as a view that outlives the snapshot: one
    /// atomic addition, nothing is copied. `None` if there are not so many.
    #[must_use]
    pub fn chunk(&self, index: usize) -> Option<Frozen<T>> {
        let full = self.len / self.chunk_len;
        if index < full {
            return Some(self.spine.chunk(index).clone());
        }
        let tail = self
            .tail
            .as_ref()
            .filter(|tail| index == full && !tail.as_vec().is_empty());
        tail.map(Frozen::from_shared_vec)
    }

    /// Copies the elements into one vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        crate::ledger::copied("core.chunked_to_vec", self.len * size_of::<T>());
        let mut all = Vec::with_capacity(self.len);
        self.chunks().for_each(|chunk| all.extend_from_slice(chunk));
        all
    }

    /// A buffer that begins with these elements, and shares them until it is written to: two
    /// atomic additions.
    #[must_use]
    pub fn to_buffer(&self) -> ChunkedBuffer<T> {
        ChunkedBuffer::from(self.clone())
    }

    /// Whether both have all of their elements in common.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        let same_tail = match (&self.tail, &other.tail) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        };
        self.len == other.len && same_tail && self.spine.ptr_eq(&other.spine)
    }

    /// The elements from `at`, which is inside, to the end of the chunk it is in.
    #[inline]
    pub(super) fn piece(&self, at: usize) -> &[T] {
        debug_assert!(at < self.len);
        let (chunk, offset) = (at / self.chunk_len, at % self.chunk_len);
        let elements = if chunk < self.len / self.chunk_len {
            self.spine.chunk(chunk).as_slice()
        } else {
            self.tail_elements()
        };
        &elements[offset..]
    }

    /// The chunks that follow the one with the element at `at`, as far as they are in one branch.
    pub(super) fn chunks_after(&self, at: usize) -> &[Frozen<T>] {
        let chunk = at / self.chunk_len;
        if chunk < self.len / self.chunk_len {
            self.spine.chunks_after(chunk)
        } else {
            &[]
        }
    }

    pub(super) fn tail_elements(&self) -> &[T] {
        self.tail.as_ref().map_or(&[], |tail| tail.as_vec())
    }
}

impl<T> Clone for ChunkedSnapshot<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            spine: self.spine.clone(),
            tail: self.tail.clone(),
            len: self.len,
            chunk_len: self.chunk_len,
        }
    }
}

impl<T> Default for ChunkedSnapshot<T> {
    fn default() -> Self {
        ChunkedBuffer::new().snapshot()
    }
}

impl<T> Index<usize> for ChunkedSnapshot<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        match self.get(index) {
            Some(element) => element,
            None => panic!(
                "index {index} out of range for a chunked buffer of length {}",
                self.len
            ),
        }
    }
}

impl<'a, T> IntoIterator for &'a ChunkedSnapshot<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for ChunkedSnapshot<T> {
    /// Element by element, whatever the chunks.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (self.iter().eq(other))
    }
}

impl<T: Eq> Eq for ChunkedSnapshot<T> {}

impl<T: PartialEq> PartialEq<[T]> for ChunkedSnapshot<T> {
    fn eq(&self, other: &[T]) -> bool {
        let mut rest = other;
        self.len == other.len()
            && self.chunks().all(|chunk| {
                let (now, later) = rest.split_at(chunk.len());
                rest = later;
                chunk == now
            })
    }
}

impl<T: fmt::Debug> fmt::Debug for ChunkedSnapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

//! The writing side: what is shared is replaced, the rest is changed in place.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Deref;

use super::snapshot::ChunkedSnapshot;
use super::spares::Spares;
use super::spine::Spine;
use crate::frozen::{Frozen, SharedVec};
use crate::ledger;

/// A growable buffer of `T` in chunks of equal length, of which a snapshot costs two atomic
/// additions and a write under a snapshot one chunk.
///
/// Everything that reads is on [`ChunkedSnapshot`], to which it dereferences. See the
/// [module](super) for the costs.
///
/// A clone is a buffer of its own that shares all chunks until either is written to.
///
/// # Panics
/// Where an element's `clone` panics in the middle of a write, the elements are what they were or
/// what they should become, each for itself; nothing is lost or torn.
pub struct ChunkedBuffer<T> {
    now: ChunkedSnapshot<T>,
    spares: Spares<T>,
}

impl<T> ChunkedBuffer<T> {
    /// An empty buffer with chunks of 64 KiB. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_chunks_of(default_chunk_len::<T>())
    }

    /// An empty buffer with chunks of `chunk_len` elements. Allocates nothing. Chunks of 16 to 64 KiB
    /// serve best: shorter ones make the spine dear, longer ones the copying.
    ///
    /// # Panics
    /// If `chunk_len` is 0.
    #[must_use]
    pub fn with_chunk_len(chunk_len: usize) -> Self {
        Self::with_chunks_of(
            NonZeroUsize::new(chunk_len).expect("a chunk holds at least one element"),
        )
    }

    /// Takes over the vector's allocation: the chunks are slices of it. Only the last, partial chunk
    /// is moved to memory of its own.
    #[must_use]
    pub fn from_vec(vec: Vec<T>) -> Self {
        let chunk_len = default_chunk_len::<T>();
        Self::with_chunks_of(chunk_len).filled(vec)
    }

    fn with_chunks_of(chunk_len: NonZeroUsize) -> Self {
        let now = ChunkedSnapshot {
            spine: Spine::new(),
            tail: None,
            len: 0,
            chunk_len,
        };
        Self::from(now)
    }

    /// This empty buffer with the elements of `vec`.
    fn filled(mut self, mut vec: Vec<T>) -> Self {
        let chunk_len = self.now.chunk_len();
        self.now.len = vec.len();
        let full = vec.len() / chunk_len;
        let rest = if full == 0 {
            std::mem::take(&mut vec)
        } else {
            vec.split_off(full * chunk_len)
        };
        self.now.spine = chunks_of(&Frozen::from_vec(vec), chunk_len);
        self.now.tail = (!rest.is_empty()).then(|| SharedVec::new(rest));
        self
    }

    /// The elements as they are now. Two atomic additions.
    #[must_use]
    pub fn snapshot(&self) -> ChunkedSnapshot<T> {
        self.now.clone()
    }

    /// Replaces the elements from `at` on by clones of `elements`.
    ///
    /// # Panics
    /// If they do not all fit within the length; then nothing has been written.
    pub fn write_at(&mut self, at: usize, elements: &[T])
    where
        T: Clone,
    {
        let len = self.now.len;
        assert!(
            at <= len && elements.len() <= len - at,
            "{} elements at {at} do not fit into a chunked buffer of length {len}",
            elements.len()
        );
        ledger::copied("core.chunk_write", size_of_val(elements));
        let chunk_len = self.now.chunk_len();
        let (mut at, mut rest) = (at, elements);
        while !rest.is_empty() {
            let (chunk, offset) = (at / chunk_len, at % chunk_len);
            let (now, later) = rest.split_at(rest.len().min(chunk_len - offset));
            self.write_chunk(chunk, offset, now);
            (at, rest) = (at + now.len(), later);
        }
    }

    fn write_chunk(&mut self, chunk: usize, offset: usize, elements: &[T])
    where
        T: Clone,
    {
        if chunk < self.now.len / self.now.chunk_len {
            let place = self.now.spine.chunk_mut(chunk, &mut self.spares);
            self.spares.write_chunk(place, offset, elements);
        } else {
            self.tail_mut()[offset..offset + elements.len()].clone_from_slice(elements);
        }
    }

    /// One more element at the end.
    ///
    /// # Panics
    /// As `Vec` does where there is no more memory; nothing is changed then.
    #[inline]
    pub fn push(&mut self, element: T)
    where
        T: Clone,
    {
        self.tail_with_room().push(element);
        self.grown_by(1);
    }

    /// Clones of `elements` at the end.
    ///
    /// # Panics
    /// As [`push`](Self::push).
    pub fn extend_from_slice(&mut self, elements: &[T])
    where
        T: Clone,
    {
        ledger::copied("core.chunk_write", size_of_val(elements));
        let chunk_len = self.now.chunk_len();
        let mut rest = elements;
        while !rest.is_empty() {
            let room = chunk_len - self.now.len % chunk_len;
            let (now, later) = rest.split_at(rest.len().min(room));
            let tail = self.tail_with_room();
            reserve_within(tail, now.len(), chunk_len);
            extend_or_leave(tail, now);
            self.grown_by(now.len());
            rest = later;
        }
    }

    /// Lets go of the memory that is kept for the next writes.
    pub fn shrink(&mut self) {
        self.spares.clear();
    }

    /// Gets memory for the writes to come that have to replace a chunk.
    pub(super) fn prepare(&mut self) {
        self.spares.fill_reserve(self.now.len / self.now.chunk_len);
    }

    /// Takes what is left of a version that nobody looks at any more.
    pub(super) fn recycle(&mut self, old: ChunkedSnapshot<T>) {
        if let Some(root) = old.spine.into_root() {
            self.spares.keep_version(root, self.now.spine.branches());
        }
    }

    /// Makes `version` the contents again.
    pub(super) fn reset_to(&mut self, version: ChunkedSnapshot<T>) {
        if version.chunk_len != self.now.chunk_len {
            self.spares = Spares::new(version.chunk_len());
        }
        self.now = version;
    }

    /// The tail, which is not full, in memory that is not shared, with room for one more.
    fn tail_with_room(&mut self) -> &mut Vec<T>
    where
        T: Clone,
    {
        let chunk_len = self.now.chunk_len();
        self.now
            .tail
            .get_or_insert_with(|| SharedVec::new(Vec::new()));
        let tail = self.tail_mut();
        debug_assert!(tail.len() < chunk_len);
        reserve_within(tail, 1, chunk_len);
        tail
    }

    /// The tail, which is there, in memory that is not shared.
    fn tail_mut(&mut self) -> &mut Vec<T>
    where
        T: Clone,
    {
        let chunk_len = self.now.chunk_len();
        let tail = self.now.tail.as_mut().expect("there is a tail");
        if !tail.is_unique() {
            let elements = tail.as_vec();
            ledger::copied("core.chunk_copy", size_of_val(&elements[..]));
            let mut copy = Vec::new();
            reserve_within(&mut copy, elements.len() + 1, chunk_len);
            copy.extend_from_slice(elements);
            *tail = SharedVec::new(copy);
        }
        tail.get_mut().expect("it is not shared")
    }

    /// `count` elements have been added to the tail. A full tail joins the spine.
    fn grown_by(&mut self, count: usize) {
        self.now.len += count;
        if self.now.len.is_multiple_of(self.now.chunk_len())
            && let Some(tail) = self.now.tail.take()
        {
            let chunk = Frozen::from_shared_vec(&tail);
            drop(tail);
            self.now.spine.push(chunk, &mut self.spares);
        }
    }
}

/// Room for `more`, growing by doubling as a vector does, but never above a chunk.
fn reserve_within<T>(tail: &mut Vec<T>, more: usize, chunk_len: usize) {
    let needed = tail.len() + more;
    if needed > tail.capacity() {
        let doubled = needed.max(tail.capacity() * 2).max(4).min(chunk_len);
        tail.reserve_exact(doubled.max(needed) - tail.len());
    }
}

/// Appends clones of all `elements`, or none if a clone panics.
fn extend_or_leave<T: Clone>(tail: &mut Vec<T>, elements: &[T]) {
    struct Leave<'a, T>(&'a mut Vec<T>, usize);
    impl<T> Drop for Leave<'_, T> {
        fn drop(&mut self) {
            self.0.truncate(self.1);
        }
    }
    let before = tail.len();
    let mut leave = Leave(tail, before);
    leave.0.extend_from_slice(elements);
    leave.1 = leave.0.len();
}

/// Elements of a chunk where nobody has said: 64 KiB. (With half of that a scan loses twice as much at
/// the joints, and a small write under a snapshot gains half a microsecond.) Elements without a size
/// need one chunk only.
fn default_chunk_len<T>() -> NonZeroUsize {
    const BYTES: usize = 64 << 10;
    let elements = BYTES.checked_div(size_of::<T>()).unwrap_or(usize::MAX);
    NonZeroUsize::new(elements).unwrap_or(NonZeroUsize::MIN)
}

/// The full chunks that `all` consists of.
fn chunks_of<T>(all: &Frozen<T>, chunk_len: usize) -> Spine<T> {
    let full = all.len() / chunk_len;
    Spine::from_chunks((0..full).map(|i| all.slice(i * chunk_len..(i + 1) * chunk_len)))
}

impl<T> From<ChunkedSnapshot<T>> for ChunkedBuffer<T> {
    fn from(now: ChunkedSnapshot<T>) -> Self {
        Self {
            spares: Spares::new(now.chunk_len()),
            now,
        }
    }
}

impl<T> From<Vec<T>> for ChunkedBuffer<T> {
    fn from(vec: Vec<T>) -> Self {
        Self::from_vec(vec)
    }
}

impl<T: Clone> From<Frozen<T>> for ChunkedBuffer<T> {
    /// The chunks are slices of the view, which may be a mapped file: they are copied when they are
    /// first written to. Only the last, partial chunk is copied at once.
    fn from(view: Frozen<T>) -> Self {
        let chunk_len = default_chunk_len::<T>();
        let mut buffer = Self::with_chunks_of(chunk_len);
        let full = view.len() / chunk_len * chunk_len.get();
        buffer.now.spine = chunks_of(&view, chunk_len.get());
        buffer.now.len = full;
        buffer.extend_from_slice(&view[full..]);
        buffer
    }
}

impl<T> Deref for ChunkedBuffer<T> {
    type Target = ChunkedSnapshot<T>;

    #[inline]
    fn deref(&self) -> &ChunkedSnapshot<T> {
        &self.now
    }
}

impl<T> Clone for ChunkedBuffer<T> {
    fn clone(&self) -> Self {
        Self::from(self.now.clone())
    }
}

impl<T> Default for ChunkedBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Extend<T> for ChunkedBuffer<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

impl<'a, T: Clone + 'a> Extend<&'a T> for ChunkedBuffer<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().cloned());
    }
}

impl<T> FromIterator<T> for ChunkedBuffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self::from_vec(elements.into_iter().collect())
    }
}

impl<'a, T> IntoIterator for &'a ChunkedBuffer<T> {
    type Item = &'a T;
    type IntoIter = super::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq for ChunkedBuffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.now == other.now
    }
}

impl<T: Eq> Eq for ChunkedBuffer<T> {}

impl<T: fmt::Debug> fmt::Debug for ChunkedBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now.fmt(f)
    }
}

//! Walking over the elements, by chunk and one by one.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use super::snapshot::ChunkedSnapshot;
use crate::frozen::Frozen;

/// The slices that the elements of a range lie in; made by
/// [`chunks`](ChunkedSnapshot::chunks) and [`range`](ChunkedSnapshot::range).
pub struct Chunks<'a, T> {
    of: &'a ChunkedSnapshot<T>,
    /// The elements still to come.
    start: usize,
    end: usize,
    /// Full chunks of which the first begins at `start`, so that going on from one to the next
    /// takes no more than walking over a slice; empty where the spine must be asked.
    ahead: &'a [Frozen<T>],
}

/// Elements one by one; made by [`iter`](ChunkedSnapshot::iter).
pub struct Iter<'a, T> {
    chunks: Chunks<'a, T>,
    front: slice::Iter<'a, T>,
    back: slice::Iter<'a, T>,
    left: usize,
}

impl<'a, T> Chunks<'a, T> {
    pub(super) fn new(of: &'a ChunkedSnapshot<T>, start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= of.len());
        Self {
            of,
            start,
            end,
            ahead: &[],
        }
    }

    /// Number of elements still to come.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.end - self.start
    }
}

impl<'a, T> Iterator for Chunks<'a, T> {
    type Item = &'a [T];

    #[inline]
    fn next(&mut self) -> Option<&'a [T]> {
        if self.start == self.end {
            return None;
        }
        let piece = match self.ahead.split_first() {
            Some((chunk, ahead)) => {
                self.ahead = ahead;
                chunk.as_slice()
            }
            None => {
                self.ahead = self.of.chunks_after(self.start);
                self.of.piece(self.start)
            }
        };
        let piece = &piece[..piece.len().min(self.end - self.start)];
        self.start += piece.len();
        Some(piece)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let chunk_len = self.of.chunk_len();
        let left = if self.start == self.end {
            0
        } else {
            (self.end - 1) / chunk_len - self.start / chunk_len + 1
        };
        (left, Some(left))
    }
}

impl<T> DoubleEndedIterator for Chunks<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        let chunk_len = self.of.chunk_len();
        let first = ((self.end - 1) / chunk_len * chunk_len).max(self.start);
        let piece = &self.of.piece(first)[..self.end - first];
        self.end = first;
        Some(piece)
    }
}

impl<T> ExactSizeIterator for Chunks<'_, T> {}
impl<T> FusedIterator for Chunks<'_, T> {}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new(chunks: Chunks<'a, T>, left: usize) -> Self {
        Self {
            chunks,
            front: [].iter(),
            back: [].iter(),
            left,
        }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(element) = self.front.next() {
                self.left -= 1;
                return Some(element);
            }
            match self.chunks.next() {
                Some(chunk) => self.front = chunk.iter(),
                None => {
                    let element = self.back.next()?;
                    self.left -= 1;
                    return Some(element);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    /// By chunk, as fast as over one slice: while it goes over the pages of one chunk it brings
    /// those of the next one nearer.
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        let page_len = PAGE.checked_div(size_of::<T>()).unwrap_or(PAGE).max(1);
        let mut result = self.front.fold(init, &mut f);
        let mut chunks = self.chunks;
        while let Some(chunk) = chunks.next() {
            let mut next = chunks.ahead.first().map_or(&[][..], Frozen::as_slice);
            for page in chunk.chunks(page_len) {
                let (soon, later) = next.split_at(next.len().min(page_len));
                prefetch(soon);
                next = later;
                result = page.iter().fold(result, &mut f);
            }
        }
        self.back.fold(result, f)
    }
}

/// What the processor's own prefetching does not reach over.
const PAGE: usize = 4096;

/// Brings the first lines of a page nearer. The processor sees by itself how it goes on from there;
/// that a chunk goes on in another place it does not.
#[inline]
fn prefetch<T>(page: &[T]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in 0..4 {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let at = page.as_ptr().cast::<i8>().wrapping_add(line * 64);
        // SAFETY: a hint, which reads nothing and may be given for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = page;
}

impl<'a, T> DoubleEndedIterator for Iter<'a, T> {
    fn next_back(&mut self) -> Option<&'a T> {
        loop {
            if let Some(element) = self.back.next_back() {
                self.left -= 1;
                return Some(element);
            }
            match self.chunks.next_back() {
                Some(chunk) => self.back = chunk.iter(),
                None => {
                    let element = self.front.next_back()?;
                    self.left -= 1;
                    return Some(element);
                }
            }
        }
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Clone for Chunks<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            front: self.front.clone(),
            back: self.back.clone(),
            left: self.left,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Chunks<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

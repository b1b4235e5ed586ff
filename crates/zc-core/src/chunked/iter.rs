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

    /// By chunk, as fast as over slices.
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut f: F) -> B {
        let mut result = self.front.fold(init, &mut f);
        for chunk in self.chunks {
            result = chunk.iter().fold(result, &mut f);
        }
        self.back.fold(result, f)
    }
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

//! [`SlotsMut`]: the slots of a batch that is being filled.

use std::fmt;
use std::iter::Chain;
use std::ops::{Index, IndexMut};
use std::slice;

/// The slots of a batch, to be filled: at most two contiguous slices, the second where the ring
/// wraps. They hold what was published there a lap ago, or `T::default()`.
pub struct SlotsMut<'a, T> {
    parts: [&'a mut [T]; 2],
}

impl<'a, T> SlotsMut<'a, T> {
    pub(crate) fn new(parts: [&'a mut [T]; 2]) -> Self {
        Self { parts }
    }

    /// The slots, in order: the second slice goes on where the first ends.
    #[must_use]
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let [first, second] = &mut self.parts;
        (first, second)
    }

    /// The slots, one by one.
    pub fn iter_mut(&mut self) -> Chain<slice::IterMut<'_, T>, slice::IterMut<'_, T>> {
        let (first, second) = self.as_mut_slices();
        first.iter_mut().chain(second)
    }

    /// How many slots there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }

    /// Clones `rows` into the slots.
    ///
    /// # Panics
    /// If there are not exactly as many rows as slots.
    pub fn clone_from_slice(&mut self, rows: &[T])
    where
        T: Clone,
    {
        assert_eq!(
            rows.len(),
            self.len(),
            "rows and slots must be equally many"
        );
        let (first, second) = self.as_mut_slices();
        let (left, right) = rows.split_at(first.len());
        first.clone_from_slice(left);
        second.clone_from_slice(right);
    }
}

impl<T> Index<usize> for SlotsMut<'_, T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        let [first, second] = &self.parts;
        match index.checked_sub(first.len()) {
            None => &first[index],
            Some(index) => &second[index],
        }
    }
}

impl<T> IndexMut<usize> for SlotsMut<'_, T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        let [first, second] = &mut self.parts;
        match index.checked_sub(first.len()) {
            None => &mut first[index],
            Some(index) => &mut second[index],
        }
    }
}

impl<'a, T> IntoIterator for SlotsMut<'a, T> {
    type Item = &'a mut T;
    type IntoIter = Chain<slice::IterMut<'a, T>, slice::IterMut<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        let [first, second] = self.parts;
        first.iter_mut().chain(second)
    }
}

impl<T: fmt::Debug> fmt::Debug for SlotsMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.parts.iter().flat_map(|part| part.iter()))
            .finish()
    }
}

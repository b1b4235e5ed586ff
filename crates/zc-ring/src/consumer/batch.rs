//! [`Batch`]: rows in a consumer's hands.
//!
//! # Invariants
//!
//! * **B1** `parts` cover rows that do not change while this value exists: either rows of the ring
//!   before which the consumer's cursor stands (R1), or the consumer's own copies. Both are reached
//!   through the consumer, which is borrowed exclusively for `'a`.
//! * **B2** No reference to the rows outlives the batch: `parts` are raw, and every reference made
//!   from them borrows the batch.

use std::fmt;
use std::iter::Chain;
use std::marker::PhantomData;
use std::ops::Index;
use std::ptr::NonNull;
use std::slice;

use crate::consumer::reader::ReadState;
use crate::sequencer::Sequencer;

/// Rows in a consumer's hands: at most two contiguous slices, the second where the ring wraps.
///
/// The rows count as read when the batch is dropped, or as far as [`commit`](Self::commit) says.
/// A batch that is dropped by a panic counts for nothing: its rows are there again. One that is
/// leaked counts as read at the next poll. It stays on the thread that polled.
///
/// ```
/// # use zc_ring::{ConsumerOptions, Poll, Ring};
/// let ring = Ring::<u64>::builder(8).build()?;
/// let mut consumer = ring.consumer(ConsumerOptions::default())?;
/// ring.producer()?.publish_slice(&[1, 2, 3])?;
/// if let Poll::Rows(batch) = consumer.poll(usize::MAX) {
///     let (first, second) = batch.as_slices();
///     assert_eq!((first, second), (&[1, 2, 3][..], &[][..]));
///     batch.commit(1);
/// }
/// assert_eq!(consumer.lag(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a batch counts its rows as read"]
pub struct Batch<'a, T> {
    parts: [NonNull<[T]>; 2],
    state: &'a mut ReadState,
    sequencer: &'a Sequencer,
    _rows: PhantomData<&'a [T]>,
}

impl<'a, T> Batch<'a, T> {
    /// Rows that `state` has just taken in hand.
    ///
    /// # Safety
    /// B1.
    pub(crate) unsafe fn new(
        parts: [NonNull<[T]>; 2],
        state: &'a mut ReadState,
        sequencer: &'a Sequencer,
    ) -> Self {
        Self {
            parts,
            state,
            sequencer,
            _rows: PhantomData,
        }
    }

    /// The rows, in order: the second slice goes on where the first ends, and is empty unless the
    /// ring wraps within the batch.
    #[must_use]
    #[inline]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let [first, second] = self.parts;
        // SAFETY: B1, and the reference borrows the batch (B2).
        let first = unsafe { first.as_ref() };
        // SAFETY: as above.
        let second = unsafe { second.as_ref() };
        (first, second)
    }

    /// The rows, one by one.
    #[inline]
    pub fn iter(&self) -> Chain<slice::Iter<'_, T>, slice::Iter<'_, T>> {
        let (first, second) = self.as_slices();
        first.iter().chain(second)
    }

    /// How many rows there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    #[inline]
    pub fn len(&self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }

    /// The sequence of the first row.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.state.next()
    }

    /// The row at `index`.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (first, second) = self.as_slices();
        first
            .get(index)
            .or_else(|| second.get(index.checked_sub(first.len())?))
    }

    /// Counts the first `rows` rows as read and hands the others back: the next poll begins with
    /// them.
    ///
    /// # Panics
    /// If there are fewer rows than that; nothing is counted then.
    pub fn commit(self, rows: usize) {
        let len = self.len();
        assert!(rows <= len, "cannot commit {rows} rows of a batch of {len}");
        self.state.commit(self.sequencer, rows);
        std::mem::forget(self);
    }
}

impl<T> Drop for Batch<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.state.abandon();
        } else {
            self.state.commit_all(self.sequencer);
        }
    }
}

impl<T> Index<usize> for Batch<'_, T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        let len = self.len();
        self.get(index)
            .unwrap_or_else(|| panic!("row {index} of a batch of {len}"))
    }
}

impl<'a, T> IntoIterator for &'a Batch<'_, T> {
    type Item = &'a T;
    type IntoIter = Chain<slice::Iter<'a, T>, slice::Iter<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

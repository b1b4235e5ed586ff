//! [`Filler`]: sets rows of a store, one behind the other.

use super::error::PushError;
use super::row::{Aside, RowMut};
use super::store::RowStore;
use super::words::Span;

/// Where the next row is to be set.
pub(crate) struct Filler<'a> {
    store: &'a RowStore,
    /// All the store's words, and where the row begins among them.
    words: Span<'a>,
    index: usize,
    /// Words of a row.
    stride: usize,
}

impl<'a> Filler<'a> {
    /// Sets `rows` rows of a store, in order, from the one at `at` on. They are told to get the sequences from
    /// `sequence` on. `Err`: the first that is refused or not complete.
    #[inline(always)]
    pub(crate) fn fill<E>(
        store: &'a RowStore,
        at: u64,
        sequence: u64,
        rows: usize,
        mut set: impl FnMut(usize, &mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<(), PushError<E>> {
        let (words, index) = store.all_words(at);
        let stride = store.shape.words;
        let mut filler = Self {
            store,
            words,
            index,
            stride,
        };
        let mut aside = Aside::new(at, sequence);
        for row in 0..rows {
            filler.row(&mut aside, |to| set(row, to))?;
            aside.step();
        }
        Ok(())
    }

    /// Sets the row, which `aside` is of, and goes on to the next.
    #[inline(always)]
    fn row<E>(
        &mut self,
        aside: &mut Aside,
        set: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<(), PushError<E>> {
        let words = self.words.part(self.index, self.stride);
        let mut row = RowMut::new(self.store, words, aside);
        if let Err(error) = set(&mut row) {
            return Err(if row.is_stale() {
                PushError::StaleSchema
            } else {
                PushError::Rejected(error)
            });
        }
        if let Err(column) = row.complete() {
            return Err(PushError::Incomplete { column });
        }
        self.index += self.stride;
        if self.index == self.words.len() {
            self.index = 0;
        }
        Ok(())
    }
}

//! [`Run`]: values of one number column, in rows that follow each other evenly in memory.
//!
//! A run ends where the ring wraps, and for a delta column where the block does or becomes wide. Within
//! it every value is the same few instructions away from its word; what they are is found once a run.

use super::{BLOCK_ROWS, RowStore};
use crate::rows::schema::Field;
use crate::rows::words::Span;

/// What is left of a run. A value is in the low bits of the logical forms given out, as wide as
/// its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// From the next value's word to that of the last one.
    words: Span<'a>,
    /// From one value's word to the next one's.
    stride: usize,
    form: Form,
}

/// How a value follows from its word.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// It lies so many bits from the low end.
    Plain { shift: u32 },
    /// Its distance from `base` does when the word has been shifted up by `up`, and is what is left
    /// when it is shifted down by `down`, with its sign.
    Delta { base: u64, up: u32, down: u32 },
}

impl RowStore {
    /// The run that begins with `sequence`, of at most `len` values, at least one, of a number column.
    #[inline]
    pub(crate) fn run(&self, sequence: u64, len: usize, field: &Field) -> Run<'_> {
        let stride = self.shape.words;
        let slot = self.slot(sequence);
        let len = len.min(self.capacity - slot);
        match field.delta {
            None => Run {
                words: self.evenly(slot * stride + field.offset / 8, stride, len),
                stride,
                form: Form::Plain {
                    shift: field.shift(),
                },
            },
            Some(delta) => self.run_of_deltas(sequence, len, delta, field),
        }
    }

    /// The run of a delta column, at most `len` values, behind which the ring may wrap.
    #[inline]
    fn run_of_deltas(&self, sequence: u64, len: usize, delta: usize, field: &Field) -> Run<'_> {
        let row = sequence % BLOCK_ROWS;
        let wide_from = self.heads.wide_from(sequence, delta);
        let is_wide = row >= wide_from;
        // The block may become wide behind this while we look: not before a row that is published (D2).
        let end = if is_wide { BLOCK_ROWS } else { wide_from };
        let len = len.min((end.min(BLOCK_ROWS) - row) as usize);
        let slot = self.slot(sequence);
        if is_wide {
            return Run {
                words: self.wide.span(delta * self.capacity + slot, len),
                stride: 1,
                form: Form::Plain { shift: 0 },
            };
        }
        let stride = self.shape.words;
        let down = 64 - 8 * field.width as u32;
        Run {
            words: self.evenly(slot * stride + field.offset / 8, stride, len),
            stride,
            form: Form::Delta {
                base: self.heads.base(sequence, delta),
                up: down - field.shift(),
                down,
            },
        }
    }

    /// The words of the rows from the first of `len` words, at `at`, to the last.
    #[inline]
    fn evenly(&self, at: usize, stride: usize, len: usize) -> Span<'_> {
        self.rows.span(at, (len - 1) * stride + 1)
    }
}

impl<'a> Run<'a> {
    /// No values.
    #[inline]
    pub(crate) fn none(store: &'a RowStore) -> Self {
        Self {
            words: store.no_words(),
            stride: 1,
            form: Form::Plain { shift: 0 },
        }
    }

    /// How many values are left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.words.len().div_ceil(self.stride)
    }

    /// Leaves the last value out, if there is one.
    pub(crate) fn shorten(&mut self) -> bool {
        let Some(last) = self.len().checked_sub(1) else {
            return false;
        };
        let len = last
            .checked_sub(1)
            .map_or(0, |before| before * self.stride + 1);
        self.words = self.words.part(0, len);
        true
    }

    /// The next value, `width` bytes of it, if there is one.
    #[inline]
    pub(crate) fn next(&mut self, width: usize) -> Option<u64> {
        let word = self.words.step(self.stride)?;
        Some(match self.form {
            // Where it is as wide as the word, it is the word: the compiler knows.
            Form::Plain { .. } if width == 8 => word,
            Form::Plain { shift } => word >> shift,
            Form::Delta { base, up, down } => restore(word, base, up, down),
        })
    }

    /// Folds every value that is left, in order.
    #[inline]
    pub(crate) fn fold<B>(self, init: B, mut f: impl FnMut(B, u64) -> B) -> B {
        match self.form {
            Form::Plain { shift: 0 } => self.fold_words(init, f),
            Form::Plain { shift } => self.fold_words(init, |b, word| f(b, word >> shift)),
            Form::Delta { base, up, down } => {
                self.fold_words(init, |b, word| f(b, restore(word, base, up, down)))
            }
        }
    }

    #[inline]
    fn fold_words<B>(mut self, init: B, mut f: impl FnMut(B, u64) -> B) -> B {
        let mut folded = init;
        while let Some(word) = self.words.step(self.stride) {
            folded = f(folded, word);
        }
        folded
    }
}

#[inline]
fn restore(word: u64, base: u64, up: u32, down: u32) -> u64 {
    base.wrapping_add(((word << up) as i64 >> down) as u64)
}

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
    words: Span<'a>,
    at: usize,
    stride: usize,
    /// How many values are left.
    pub(crate) left: usize,
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
        let stride = self.schema.words();
        let slot = self.slot(sequence);
        let run = Run {
            words: self.rows.span(0, self.capacity * stride),
            at: slot * stride + field.offset / 8,
            stride,
            left: len.min(self.capacity - slot),
            form: Form::Plain {
                shift: field.shift(),
            },
        };
        match field.delta {
            None => run,
            Some(delta) => self.run_of_deltas(run, sequence, delta, field),
        }
    }

    /// `run`, which has only been cut at the end of the ring, for a delta column.
    #[inline]
    fn run_of_deltas<'a>(
        &'a self,
        mut run: Run<'a>,
        sequence: u64,
        delta: usize,
        field: &Field,
    ) -> Run<'a> {
        let head = self.head(sequence, delta);
        let row = sequence % BLOCK_ROWS;
        let wide_from = self.heads.load(head + 1);
        let is_wide = row >= wide_from;
        // The block may become wide behind this while we look: not before a row that is published (D2).
        let end = if is_wide { BLOCK_ROWS } else { wide_from };
        run.left = run.left.min((end.min(BLOCK_ROWS) - row) as usize);
        if is_wide {
            run.words = self.wide.span(delta * self.capacity, self.capacity);
            run.at = self.slot(sequence);
            run.stride = 1;
            run.form = Form::Plain { shift: 0 };
        } else {
            let down = 64 - 8 * field.width as u32;
            run.form = Form::Delta {
                base: self.heads.load(head),
                up: down - field.shift(),
                down,
            };
        }
        run
    }
}

impl Run<'_> {
    /// No values.
    pub(crate) fn none(store: &RowStore) -> Run<'_> {
        Run {
            words: store.rows.span(0, 0),
            at: 0,
            stride: 1,
            left: 0,
            form: Form::Plain { shift: 0 },
        }
    }

    /// The next value, `width` bytes of it, if there is one.
    #[inline]
    pub(crate) fn next(&mut self, width: usize) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let word = self.words.load(self.at);
        self.at += self.stride;
        Some(match self.form {
            // Where it is as wide as the word, it is the word: the compiler knows.
            Form::Plain { .. } if width == 8 => word,
            Form::Plain { shift } => word >> shift,
            Form::Delta { base, up, down } => restore(word, base, up, down),
        })
    }

    /// Folds every value that is left, in order.
    #[inline]
    pub(crate) fn fold<B>(&self, init: B, mut f: impl FnMut(B, u64) -> B) -> B {
        let words = self.words.every(self.stride, self.at, self.left);
        match self.form {
            Form::Plain { shift: 0 } => words.fold(init, f),
            Form::Plain { shift } => words.fold(init, |b, word| f(b, word >> shift)),
            Form::Delta { base, up, down } => {
                words.fold(init, |b, word| f(b, restore(word, base, up, down)))
            }
        }
    }
}

#[inline]
fn restore(word: u64, base: u64, up: u32, down: u32) -> u64 {
    base.wrapping_add(((word << up) as i64 >> down) as u64)
}

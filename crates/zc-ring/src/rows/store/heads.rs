//! [`Heads`]: what the values of delta columns are kept as distances from.
//!
//! Rows are numbered by sequence; rows `1024 b .. 1024 (b + 1)` are *block* `b`. In each block a
//! delta column has a head of two words:
//!
//! * `base`: the block's first value. Rows hold `value - base` as a signed integer of
//!   the delta's width, wrapping, so that `base + delta` restores every value exactly.
//! * `wide_from`: from this row of the block on, the column is *wide*: the whole value stands in a
//!   side table, one word a slot, which costs no memory until it is used. 1024 while every value
//!   fits; more than that while every row is null, so that there is no base yet. A value that does
//!   not fit makes the column wide for the rest of its block.
//!
//! So every row can be read on its own, from its slot, its block's head and at most one more word.
//! There is one head more than the ring has blocks' worth of rows: the head of block `b` is reused
//! by block `b + heads` only when no row of block `b` is in the ring any more.
//!
//! # Invariants
//!
//! * **D2** A block's `base` is complete before the first row that has a value is published (rows
//!   before it are null, and nobody reads it for them). Later only `wide_from` changes, from 1024
//!   to a row that is not published yet: readers of published rows read the same with the old value
//!   and the new.

use crate::rows::words::{Span, Words};

/// Rows of a block, that is, rows that share a base.
pub(crate) const BLOCK_ROWS: u64 = 1024;

/// `wide_from` of a block that has no value yet.
pub(super) const NO_BASE: u64 = 2 * BLOCK_ROWS;

/// The heads of all blocks in the ring.
#[derive(Debug)]
pub(super) struct Heads {
    /// Block by block, and in a block column by column, `base` and `wide_from`.
    words: Words,
    blocks: usize,
    /// How many delta columns there are.
    columns: usize,
}

/// The heads of one block, for those who know that its rows do not change (the one writer, and readers in
/// place).
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHeads<'a> {
    words: Span<'a>,
}

impl Heads {
    /// How many blocks have heads in a ring of `capacity` rows.
    pub(super) fn blocks(capacity: usize) -> usize {
        let blocks = capacity / BLOCK_ROWS as usize + 1;
        blocks.next_power_of_two().max(2)
    }

    /// In `words`, two for each of `columns` of each block.
    pub(super) fn new(words: Words, capacity: usize, columns: usize) -> Self {
        Self {
            words,
            blocks: Self::blocks(capacity),
            columns,
        }
    }

    /// The heads of `sequence`'s block.
    #[inline]
    pub(super) fn of(&self, sequence: u64) -> BlockHeads<'_> {
        let words = self.words.span(self.at(sequence, 0), self.columns * 2);
        BlockHeads { words }
    }

    #[inline]
    pub(super) fn base(&self, sequence: u64, delta: usize) -> u64 {
        self.words.load(self.at(sequence, delta))
    }

    #[inline]
    pub(super) fn wide_from(&self, sequence: u64, delta: usize) -> u64 {
        self.words.load(self.at(sequence, delta) + 1)
    }

    #[inline]
    pub(super) fn set_base(&self, sequence: u64, delta: usize, base: u64) {
        self.words.store(self.at(sequence, delta), base);
    }

    #[inline]
    pub(super) fn set_wide_from(&self, sequence: u64, delta: usize, row: u64) {
        self.words.store(self.at(sequence, delta) + 1, row);
    }

    /// Where the head of `sequence`'s block is, for one delta column.
    #[inline]
    fn at(&self, sequence: u64, delta: usize) -> usize {
        let block = (sequence / BLOCK_ROWS) as usize & (self.blocks - 1);
        (block * self.columns + delta) * 2
    }
}

impl BlockHeads<'_> {
    #[inline(always)]
    pub(crate) fn base(&self, delta: u8) -> u64 {
        self.words.load(usize::from(delta) * 2)
    }

    #[inline(always)]
    pub(crate) fn wide_from(&self, delta: u8) -> u64 {
        self.words.load(usize::from(delta) * 2 + 1)
    }

    /// Whether every column has a base and is narrow so far.
    #[inline]
    pub(crate) fn are_narrow(&self) -> bool {
        (0..self.words.len() / 2).all(|delta| self.words.load(delta * 2 + 1) == BLOCK_ROWS)
    }
}

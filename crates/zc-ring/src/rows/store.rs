//! [`RowStore`]: the rows of a [`RowRing`](super::RowRing), row-major, with the [heads] of its delta
//! columns and the arena of its texts; how rows are [read] and [written](write), and columns of many
//! rows in [runs](run).
//!
//! # Invariants
//!
//! * **D1** One writer at a time changes rows, heads and the side table, for sequences in its
//!   licence, through atomic words, and in a shared licence after announcing them (W2).
//! * **D2** See [heads].

mod heads;
mod read;
mod run;
mod write;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use super::error::RowError;
use super::schema::{ColumnHandle, Form, Key, Schema};
use super::words::{Span, Words};
use crate::error::BuildError;
use heads::Heads;
pub(crate) use heads::{BLOCK_ROWS, BlockHeads};
pub(crate) use read::{extract, view_len};
pub(crate) use run::Run;

/// The rows of one ring.
#[derive(Debug)]
pub(crate) struct RowStore {
    pub(crate) schema: Schema,
    /// The fingerprints of the schemas that the ring had before.
    pub(crate) former: Vec<u64>,
    /// What is asked of the schema for every row.
    pub(crate) shape: Shape,
    capacity: usize,
    /// The first sequence that lies here.
    initial: u64,
    /// The end of the range that may be in the course of being overwritten by a writer who knows of
    /// readers that copy.
    claim: CachePadded<AtomicU64>,
    rows: Words,
    heads: Heads,
    /// The side table: one word a slot, for each delta column.
    wide: Words,
    /// Long texts: a stretch for each slot.
    arena: Words,
}

/// What a schema says of its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Words of a row.
    pub(crate) words: usize,
    /// The schema's number.
    pub(crate) number: u64,
    /// The key of its plain columns.
    pub(crate) plain: Key,
    /// The columns among the first 64 that every row must set.
    pub(crate) required: u64,
    /// Whether nothing else is asked of a row.
    pub(crate) is_simple: bool,
}

impl RowStore {
    pub(crate) fn new(
        schema: Schema,
        capacity: usize,
        former: Vec<u64>,
    ) -> Result<Self, BuildError> {
        let mut store = Self::within(schema, capacity, 0, |len| Ok(Words::new(len)?))?;
        store.former = former;
        Ok(store)
    }

    /// As [`new`](Self::new), with `initial` for its first row, in memory that `allocate` gives out, so
    /// many words at a time. It is asked for the same lengths in the same order whenever schema and
    /// capacity are the same.
    pub(crate) fn within(
        schema: Schema,
        capacity: usize,
        initial: u64,
        mut allocate: impl FnMut(usize) -> Result<Words, BuildError>,
    ) -> Result<Self, BuildError> {
        let mut words = |a: usize, b: usize| {
            allocate(a.checked_mul(b).ok_or(BuildError::Capacity { capacity })?)
        };
        let deltas = schema.deltas();
        let rows = words(capacity, schema.words())?;
        let heads = words(Heads::blocks(capacity), deltas * 2)?;
        Ok(Self {
            former: Vec::new(),
            shape: Shape::of(&schema),
            capacity,
            initial,
            claim: CachePadded::new(AtomicU64::new(initial)),
            rows,
            heads: Heads::new(heads, capacity, deltas),
            wide: words(capacity, deltas)?,
            arena: words(capacity, schema.arena_words())?,
            schema,
        })
    }

    /// The first row that lies here will be `sequence`.
    pub(crate) fn begin_at(&mut self, sequence: u64) {
        self.initial = sequence;
        self.claim = CachePadded::new(AtomicU64::new(sequence));
    }

    /// How many rows there is room for.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Announces that rows before `end` are about to be overwritten.
    #[inline]
    pub(crate) fn announce(&self, end: u64) {
        self.claim.store(end, Ordering::Relaxed);
    }

    /// How many rows from `first` on may have been overwritten. For those who have copied words of
    /// them: if a word was newer, its announcement is visible (edge `ring.word`).
    pub(crate) fn overwritten(&self, first: u64) -> u64 {
        // Signed: the announcement stands still, possibly behind `first`, while nobody copies.
        let ahead = self.claim.load(Ordering::Relaxed).wrapping_sub(first) as i64;
        (ahead - self.capacity as i64).max(0) as u64
    }

    /// What is wrong with a handle that is not one of this schema.
    pub(crate) fn foreign<T: ?Sized>(&self, column: ColumnHandle<T>) -> RowError {
        self.foreign_to(column.fingerprint)
    }

    /// What is wrong with what is of the schema of that fingerprint, which is not this one.
    pub(crate) fn foreign_to(&self, fingerprint: u64) -> RowError {
        if self.former.contains(&fingerprint) {
            RowError::StaleSchema
        } else {
            RowError::ForeignHandle
        }
    }

    /// The words of one row.
    #[inline]
    pub(crate) fn row(&self, sequence: u64) -> Span<'_> {
        self.rows(sequence, 1)
    }

    /// The words of `len` rows, which lie behind each other.
    #[inline]
    pub(crate) fn rows(&self, sequence: u64, len: usize) -> Span<'_> {
        let words = self.shape.words;
        self.rows.span(self.slot(sequence) * words, len * words)
    }

    /// The words of all rows, and where among them that of `sequence` begins.
    #[inline]
    pub(crate) fn all_words(&self, sequence: u64) -> (Span<'_>, usize) {
        let words = self.shape.words;
        let all = self.rows.span(0, self.capacity * words);
        (all, self.slot(sequence) * words)
    }

    /// None of the words.
    #[inline]
    pub(crate) fn no_words(&self) -> Span<'_> {
        self.rows.span(0, 0)
    }

    /// The heads of the delta columns in `sequence`'s block.
    #[inline]
    pub(crate) fn heads(&self, sequence: u64) -> BlockHeads<'_> {
        self.heads.of(sequence)
    }

    /// Whether the row is one that sets the bases of its block.
    #[inline]
    pub(crate) fn sets_bases(&self, sequence: u64) -> bool {
        sequence.is_multiple_of(BLOCK_ROWS) || sequence == self.initial
    }

    /// How many rows from `sequence` on lie behind each other in memory.
    #[inline]
    pub(crate) fn contiguous(&self, sequence: u64) -> usize {
        self.capacity - self.slot(sequence)
    }

    #[inline]
    fn slot(&self, sequence: u64) -> usize {
        sequence as usize & (self.capacity - 1)
    }

    /// Where the slot's stretch of the arena begins, in words.
    #[inline]
    fn stretch(&self, sequence: u64) -> usize {
        self.slot(sequence) * self.schema.arena_words()
    }
}

impl Shape {
    fn of(schema: &Schema) -> Self {
        Self {
            words: schema.words(),
            number: schema.number(),
            plain: Key::new(schema.number(), Form::Plain),
            required: schema.required() as u64,
            is_simple: schema.is_simple(),
        }
    }
}

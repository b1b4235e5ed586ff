//! [`RowStore`]: the rows of a [`RowRing`](super::RowRing), row-major, and the bases of its delta
//! columns.
//!
//! # Delta columns
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
//! * **D1** One writer at a time changes rows, heads and the side table, for sequences in its
//!   licence, through atomic words, and in a shared licence after announcing them (W2).
//! * **D2** A block's `base` is complete before the first row that has a value is published (rows
//!   before it are null, and nobody reads it for them). Later only `wide_from` changes, from 1024
//!   to a row that is not published yet: readers of published rows read the same with the old value
//!   and the new.

mod run;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};

use super::error::RowError;
use super::schema::{ColumnHandle, Field, INLINE_BYTES, NullBit, Schema};
use super::value::Kind;
use super::words::{Span, Words};
use crate::error::BuildError;
pub(crate) use run::Run;

/// Rows of a block, that is, rows that share a base.
pub(crate) const BLOCK_ROWS: u64 = 1024;

/// `wide_from` of a block that has no value yet.
const NO_BASE: u64 = 2 * BLOCK_ROWS;

/// The rows of one ring.
#[derive(Debug)]
pub(crate) struct RowStore {
    pub(crate) schema: Schema,
    /// The fingerprints of the schemas that the ring had before.
    pub(crate) former: Vec<u64>,
    capacity: usize,
    /// The first sequence that lies here.
    initial: u64,
    /// The end of the range that may be in the course of being overwritten by a writer who knows of
    /// readers that copy.
    claim: CachePadded<AtomicU64>,
    rows: Words,
    /// `base` and `wide_from` of each delta column of each block.
    heads: Words,
    blocks: usize,
    /// The side table: one word a slot, for each delta column.
    wide: Words,
    /// Long texts: a stretch for each slot.
    arena: Words,
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
        let blocks = (capacity / BLOCK_ROWS as usize + 1)
            .next_power_of_two()
            .max(2);
        let mut words = |a: usize, b: usize| {
            allocate(a.checked_mul(b).ok_or(BuildError::Capacity { capacity })?)
        };
        Ok(Self {
            former: Vec::new(),
            capacity,
            initial,
            claim: CachePadded::new(AtomicU64::new(initial)),
            rows: words(capacity, schema.words())?,
            heads: words(blocks, schema.deltas() * 2)?,
            blocks,
            wide: words(capacity, schema.deltas())?,
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
        if self.former.contains(&column.fingerprint) {
            RowError::StaleSchema
        } else {
            RowError::ForeignHandle
        }
    }

    /// The words of one row.
    #[inline]
    pub(crate) fn row(&self, sequence: u64) -> Span<'_> {
        let words = self.schema.words();
        self.rows.span(self.slot(sequence) * words, words)
    }

    /// None of the words.
    #[inline]
    pub(crate) fn no_words(&self) -> Span<'_> {
        self.rows.span(0, 0)
    }

    #[inline]
    fn slot(&self, sequence: u64) -> usize {
        sequence as usize & (self.capacity - 1)
    }

    /// Where the head of `sequence`'s block is, for one delta column.
    #[inline]
    fn head(&self, sequence: u64, delta: usize) -> usize {
        let block = (sequence / BLOCK_ROWS) as usize & (self.blocks - 1);
        (block * self.schema.deltas() + delta) * 2
    }

    /// The row's own word `word`.
    #[inline]
    pub(crate) fn word(&self, sequence: u64, word: usize) -> u64 {
        self.rows
            .load(self.slot(sequence) * self.schema.words() + word)
    }

    /// The logical form of a number column of one row.
    #[inline]
    pub(crate) fn number(&self, sequence: u64, field: &Field) -> u64 {
        let word = self.word(sequence, field.offset / 8);
        let narrow = extract(word, field);
        let Some(delta) = field.delta else {
            return narrow;
        };
        let head = self.head(sequence, delta);
        if sequence % BLOCK_ROWS >= self.heads.load(head + 1) {
            return self.wide.load(delta * self.capacity + self.slot(sequence));
        }
        self.heads.load(head).wrapping_add(field.extend(narrow))
    }

    /// Whether a nullable column of one row has no value.
    #[inline]
    pub(crate) fn is_null(&self, sequence: u64, null: NullBit) -> bool {
        self.word(sequence, null.word) & null.mask != 0
    }

    /// How long the text is in a text column of one row; at most the longest there may be, whatever
    /// the words say.
    #[inline]
    pub(crate) fn text_len(&self, sequence: u64, field: &Field) -> usize {
        let max = field.text.map_or(0, |text| text.max);
        view_len(self.word(sequence, field.offset / 8), max)
    }

    /// A word of the text of one row that is too long for its view.
    #[inline]
    pub(crate) fn text_word(&self, sequence: u64, field: &Field, word: usize) -> u64 {
        let text = field.text.map_or(0, |text| text.offset);
        self.arena.load(self.stretch(sequence) + text + word)
    }

    /// The bytes of a bytes or text column of one row.
    ///
    /// # Safety
    /// The row does not change while the slice is used.
    #[inline]
    pub(crate) unsafe fn value_bytes(&self, sequence: u64, field: &Field) -> &[u8] {
        let Some(text) = field.text else {
            // SAFETY: the caller's promise.
            return unsafe { self.bytes(sequence, field.offset, field.width) };
        };
        let len = self.text_len(sequence, field);
        if len <= INLINE_BYTES {
            // SAFETY: the caller's promise.
            return unsafe { self.bytes(sequence, field.offset + 4, len) };
        }
        let at = (self.stretch(sequence) + text.offset) * 8;
        // SAFETY: the caller's promise; the arena's stretch changes with the row.
        unsafe { self.arena.bytes(at, len) }
    }

    /// Where the slot's stretch of the arena begins, in words.
    #[inline]
    fn stretch(&self, sequence: u64) -> usize {
        self.slot(sequence) * self.schema.arena_words()
    }

    /// The bytes of one row from `offset` on.
    ///
    /// # Safety
    /// The row does not change while the slice is used.
    #[inline]
    pub(crate) unsafe fn bytes(&self, sequence: u64, offset: usize, len: usize) -> &[u8] {
        let start = self.slot(sequence) * self.schema.row_bytes() + offset;
        // SAFETY: the caller's promise.
        unsafe { self.rows.bytes(start, len) }
    }

    /// How many rows from `sequence` on lie behind each other in memory.
    pub(crate) fn contiguous(&self, sequence: u64) -> usize {
        self.capacity - self.slot(sequence)
    }

    /// Sets a number column of one row (D1).
    #[inline]
    pub(crate) fn set_number(&self, sequence: u64, field: &Field, logical: u64) {
        let bits = match field.delta {
            None => logical,
            Some(delta) => match self.distance(sequence, field, delta, logical) {
                Some(distance) => distance,
                None => {
                    let slot = self.slot(sequence);
                    return self.wide.store(delta * self.capacity + slot, logical);
                }
            },
        };
        let index = self.slot(sequence) * self.schema.words() + field.offset / 8;
        let word = if field.width == 8 {
            bits
        } else {
            insert(self.rows.load(index), field, bits)
        };
        self.rows.store(index, word);
    }

    /// The distance of `logical` from its block's base, or none where the block is wide here.
    #[inline]
    fn distance(&self, sequence: u64, field: &Field, delta: usize, logical: u64) -> Option<u64> {
        let head = self.head(sequence, delta);
        let row = sequence % BLOCK_ROWS;
        let wide_from = self.heads.load(head + 1);
        if row == 0 || sequence == self.initial || wide_from == NO_BASE {
            self.heads.store(head, logical);
            self.heads.store(head + 1, BLOCK_ROWS);
            return Some(0);
        }
        if row >= wide_from {
            return None;
        }
        let distance = logical.wrapping_sub(self.heads.load(head));
        if field.extend(distance) != distance {
            self.heads.store(head + 1, row);
            return None;
        }
        Some(distance)
    }

    /// Says of a nullable column of one row whether it has a value (D1).
    #[inline]
    pub(crate) fn mark_null(&self, sequence: u64, null: NullBit, is_null: bool) {
        let index = self.slot(sequence) * self.schema.words() + null.word;
        let word = self.rows.load(index);
        let marked = if is_null {
            word | null.mask
        } else {
            word & !null.mask
        };
        if marked != word {
            self.rows.store(index, marked);
        }
    }

    /// Puts into a number column of one row that is null what costs a sealed block the least (D1): zero,
    /// or for a delta column the base, if there is one.
    pub(crate) fn clear_number(&self, sequence: u64, field: &Field) {
        let Some(delta) = field.delta else {
            return self.set_number(sequence, field, 0);
        };
        let head = self.head(sequence, delta);
        if sequence.is_multiple_of(BLOCK_ROWS) || sequence == self.initial {
            self.heads.store(head + 1, NO_BASE);
        }
        if self.heads.load(head + 1) != NO_BASE {
            self.set_number(sequence, field, self.heads.load(head));
        }
    }

    /// Sets every column of one row (D1) to what it is in row `other` of `from`, which has the same
    /// schema and does not change.
    pub(crate) fn copy_row(&self, sequence: u64, from: &Self, other: u64) {
        for field in self.schema.fields() {
            // SAFETY: the caller's promise: the row of `from` does not change.
            let bytes = || unsafe { from.value_bytes(other, field) };
            match field.kind {
                Kind::Number => self.set_number(sequence, field, from.number(other, field)),
                Kind::Bytes if field.text.is_some() => self.set_text(sequence, field, bytes()),
                Kind::Bytes => self.set_bytes(sequence, field, bytes()),
            }
            if let Some(null) = field.null {
                let is_null = from.is_null(other, null);
                if is_null && field.kind == Kind::Number {
                    self.clear_number(sequence, field);
                }
                self.mark_null(sequence, null, is_null);
            }
        }
    }

    /// Sets a text column of one row (D1). `text` is no longer than the column takes.
    pub(crate) fn set_text(&self, sequence: u64, field: &Field, text: &[u8]) {
        let mut view = [0; 16];
        let (len, rest) = view.split_at_mut(4);
        len.copy_from_slice(&(text.len() as u32).to_ne_bytes());
        if text.len() <= INLINE_BYTES {
            rest[..text.len()].copy_from_slice(text);
        } else {
            let offset = field.text.map_or(0, |text| text.offset);
            let start = self.stretch(sequence) + offset;
            let chunks = text.chunks(8);
            for (index, chunk) in chunks.enumerate() {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                self.arena.store(start + index, u64::from_ne_bytes(word));
            }
            // The arena in buffers of 4 GiB: which of them, and where in it.
            let at = start as u64 * 8;
            rest[..4].copy_from_slice(&text[..4]);
            rest[4..8].copy_from_slice(&((at >> 32) as u32).to_ne_bytes());
            rest[8..].copy_from_slice(&(at as u32).to_ne_bytes());
        }
        let index = self.slot(sequence) * self.schema.words() + field.offset / 8;
        let (words, _) = view.as_chunks::<8>();
        for (word, bytes) in words.iter().enumerate() {
            self.rows.store(index + word, u64::from_ne_bytes(*bytes));
        }
    }

    /// Sets a bytes column of one row (D1). `bytes` is as long as the field.
    pub(crate) fn set_bytes(&self, sequence: u64, field: &Field, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), field.width);
        let row = self.slot(sequence) * self.schema.words();
        let (mut offset, mut rest) = (field.offset, bytes);
        while !rest.is_empty() {
            let (index, within) = (row + offset / 8, offset % 8);
            let (now, later) = rest.split_at(rest.len().min(8 - within));
            let mut word = self.rows.load(index).to_ne_bytes();
            word[within..within + now.len()].copy_from_slice(now);
            self.rows.store(index, u64::from_ne_bytes(word));
            offset += now.len();
            rest = later;
        }
    }
}

/// The length that the first word of a view says, at most `max`.
#[inline]
pub(crate) fn view_len(word: u64, max: usize) -> usize {
    let [a, b, c, d, ..] = word.to_ne_bytes();
    (u32::from_ne_bytes([a, b, c, d]) as usize).min(max)
}

/// A number field of a word, zero-extended.
#[inline]
pub(crate) fn extract(word: u64, field: &Field) -> u64 {
    word >> field.shift() & field.mask()
}

/// `word` with a number field replaced by the low bits of `bits`.
#[inline]
fn insert(word: u64, field: &Field, bits: u64) -> u64 {
    let (shift, mask) = (field.shift(), field.mask());
    word & !(mask << shift) | (bits & mask) << shift
}

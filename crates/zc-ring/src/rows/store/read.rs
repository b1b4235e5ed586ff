//! Rows as they are read: each on its own, wherever it lies.

use super::{BLOCK_ROWS, RowStore};
use crate::rows::schema::{Field, INLINE_BYTES, NullBit};

impl RowStore {
    /// The row's own word `word`.
    #[inline]
    pub(crate) fn word(&self, sequence: u64, word: usize) -> u64 {
        self.rows
            .load(self.slot(sequence) * self.shape.words + word)
    }

    /// The logical form of a number column of one row.
    #[inline]
    pub(crate) fn number(&self, sequence: u64, field: &Field) -> u64 {
        let word = self.word(sequence, field.offset / 8);
        let narrow = extract(word, field);
        let Some(delta) = field.delta else {
            return narrow;
        };
        if sequence % BLOCK_ROWS >= self.heads.wide_from(sequence, delta) {
            return self.wide(sequence, delta);
        }
        let base = self.heads.base(sequence, delta);
        base.wrapping_add(field.extend(narrow))
    }

    /// The value of a delta column of one row of a block that is wide there.
    pub(crate) fn wide(&self, sequence: u64, delta: usize) -> u64 {
        self.wide.load(delta * self.capacity + self.slot(sequence))
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

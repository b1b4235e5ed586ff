//! Rows as they are written, column by column, by the one writer (D1).

use super::heads::NO_BASE;
use super::{BLOCK_ROWS, RowStore};
use crate::rows::schema::{Field, INLINE_BYTES, NullBit};
use crate::rows::value::Kind;

impl RowStore {
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
        let index = self.slot(sequence) * self.shape.words + field.offset / 8;
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
        let heads = &self.heads;
        let row = sequence % BLOCK_ROWS;
        let wide_from = heads.wide_from(sequence, delta);
        if self.sets_bases(sequence) || wide_from == NO_BASE {
            heads.set_base(sequence, delta, logical);
            heads.set_wide_from(sequence, delta, BLOCK_ROWS);
            return Some(0);
        }
        if row >= wide_from {
            return None;
        }
        let distance = logical.wrapping_sub(heads.base(sequence, delta));
        if field.extend(distance) != distance {
            heads.set_wide_from(sequence, delta, row);
            return None;
        }
        Some(distance)
    }

    /// Says of a nullable column of one row whether it has a value (D1).
    #[inline]
    pub(crate) fn mark_null(&self, sequence: u64, null: NullBit, is_null: bool) {
        let index = self.slot(sequence) * self.shape.words + null.word;
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
        if self.sets_bases(sequence) {
            self.heads.set_wide_from(sequence, delta, NO_BASE);
        }
        if self.heads.wide_from(sequence, delta) != NO_BASE {
            self.set_number(sequence, field, self.heads.base(sequence, delta));
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
        let index = self.slot(sequence) * self.shape.words + field.offset / 8;
        let (words, _) = view.as_chunks::<8>();
        for (word, bytes) in words.iter().enumerate() {
            self.rows.store(index + word, u64::from_ne_bytes(*bytes));
        }
    }

    /// Sets a bytes column of one row (D1). `bytes` is as long as the field.
    pub(crate) fn set_bytes(&self, sequence: u64, field: &Field, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), field.width);
        let row = self.slot(sequence) * self.shape.words;
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

/// `word` with a number field replaced by the low bits of `bits`.
#[inline]
fn insert(word: u64, field: &Field, bits: u64) -> u64 {
    let (shift, mask) = (field.shift(), field.mask());
    word & !(mask << shift) | (bits & mask) << shift
}

//! [`RowCopies`]: rows that a consumer has copied out of the ring and validated.
//!
//! Rows are copied word by word; delta columns are decoded on the way, because their heads may be
//! gone when the rows are looked at.

use zc_core::ledger;

use super::schema::{Field, INLINE_BYTES, NullBit, Schema, Text};
use super::store::{RowStore, extract, view_len};

/// How many rows are copied at a time.
const CHUNK: usize = 1024;

/// A consumer's own copies of the rows it reads next.
#[derive(Debug, Default)]
pub(crate) struct RowCopies {
    /// The rows, as in the ring.
    words: Vec<u64>,
    /// The logical values of the delta columns, row by row.
    deltas: Vec<u64>,
    /// Where the long texts of each row begin in `arena`, row by row.
    texts: Vec<usize>,
    arena: Vec<u64>,
    at: u64,
    len: usize,
    /// Rows before this one were overwritten while they were copied.
    sound: usize,
}

impl RowCopies {
    /// Forgets the rows: those that come are of another generation.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.sound = 0;
    }

    /// How many whole rows are here from `sequence` on.
    pub(crate) fn held(&self, sequence: u64) -> usize {
        let index = sequence.wrapping_sub(self.at);
        if index >= self.sound as u64 && index < self.len as u64 {
            self.len - index as usize
        } else {
            0
        }
    }

    /// Copies up to `rows` published rows from `first` on. `Err`: the first so many of them were
    /// overwritten meanwhile; those behind may be held all the same. `overwritten` says how many
    /// rows from one on are, or may be soon.
    pub(crate) fn fill(
        &mut self,
        overwritten: impl Fn(u64) -> u64,
        store: &RowStore,
        first: u64,
        rows: usize,
    ) -> Result<(), u64> {
        self.len = 0;
        let missed = overwritten(first);
        if missed > 0 {
            return Err(missed);
        }
        let schema = &store.schema;
        let rows = rows.min(CHUNK);
        self.words.clear();
        self.deltas.clear();
        self.texts.clear();
        self.arena.clear();
        for sequence in (0..rows as u64).map(|row| first.wrapping_add(row)) {
            let words = (0..schema.words()).map(|word| store.word(sequence, word));
            self.words.extend(words);
            for (_, field) in delta_fields(schema) {
                self.deltas.push(store.number(sequence, &field));
            }
            if schema.texts() > 0 {
                self.copy_texts(store, sequence);
            }
        }
        let bytes = rows * schema.row_bytes() + self.arena.len() * 8;
        ledger::copied("ring.validated_copy", bytes);
        let missed = overwritten(first);
        self.at = first;
        self.len = rows;
        self.sound = usize::try_from(missed).unwrap_or(usize::MAX).min(rows);
        if missed > 0 { Err(missed) } else { Ok(()) }
    }

    /// The logical form of a number column of one held row.
    #[inline]
    pub(crate) fn number(&self, schema: &Schema, sequence: u64, field: &Field) -> u64 {
        let row = sequence.wrapping_sub(self.at) as usize;
        match field.delta {
            // In the order in which `fill` went through them.
            Some(delta) => self.deltas[row * schema.deltas() + delta],
            None => extract(self.words[row * schema.words() + field.offset / 8], field),
        }
    }

    /// Copies the long texts of one row, whose words have just been copied.
    fn copy_texts(&mut self, store: &RowStore, sequence: u64) {
        let row = &self.words[self.words.len() - store.schema.words()..];
        for (field, text) in text_fields(&store.schema) {
            self.texts.push(self.arena.len());
            let len = view_len(row[field.offset / 8], text.max);
            if len > INLINE_BYTES {
                let words = 0..len.div_ceil(8);
                let words = words.map(|word| store.text_word(sequence, &field, word));
                self.arena.extend(words);
            }
        }
    }

    /// Whether a nullable column of one held row has no value.
    #[inline]
    pub(crate) fn is_null(&self, schema: &Schema, sequence: u64, null: NullBit) -> bool {
        let row = sequence.wrapping_sub(self.at) as usize;
        self.words[row * schema.words() + null.word] & null.mask != 0
    }

    /// The bytes of a bytes or text column of one held row.
    pub(crate) fn value_bytes(&self, schema: &Schema, sequence: u64, field: &Field) -> &[u8] {
        let row = self.bytes(schema, sequence);
        let Some(text) = field.text else {
            return &row[field.offset..field.offset + field.width];
        };
        let index = sequence.wrapping_sub(self.at) as usize;
        let len = view_len(
            self.words[index * schema.words() + field.offset / 8],
            text.max,
        );
        if len <= INLINE_BYTES {
            return &row[field.offset + 4..field.offset + 4 + len];
        }
        let start = self.texts[index * schema.texts() + text.number];
        &zerocopy::IntoBytes::as_bytes(&self.arena[start..])[..len]
    }

    /// The bytes of the rows from `sequence` on, end to end.
    #[inline]
    pub(crate) fn bytes(&self, schema: &Schema, sequence: u64) -> &[u8] {
        let row = sequence.wrapping_sub(self.at) as usize;
        zerocopy::IntoBytes::as_bytes(&self.words[row * schema.words()..])
    }
}

/// The delta fields in the order of their numbers.
fn delta_fields(schema: &Schema) -> impl Iterator<Item = (usize, Field)> {
    (0..schema.deltas()).filter_map(|number| {
        let is_it = |field: &&Field| field.delta == Some(number);
        schema
            .fields()
            .iter()
            .find(is_it)
            .map(|field| (number, *field))
    })
}

/// The text fields in the order of their numbers: that in which they lie in the row.
fn text_fields(schema: &Schema) -> impl Iterator<Item = (Field, Text)> {
    let texts = schema.fields().iter();
    texts.filter_map(|field| field.text.map(|text| (*field, text)))
}

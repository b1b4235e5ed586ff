//! Codings of texts: raw, constant, dictionary, lengths, [symbols].
//!
//! ```text
//! raw:        n + 1 × i32: where each text begins, and where the last ends │ the texts
//! constant:   the text
//! dictionary: entries u16 · 0 u16 │ numbers: the entries' lengths │ numbers: each row's entry │ the entries, ascending
//! lengths:    numbers: the length of each text │ the texts
//! ```
//!
//! Numbers are those of [`nested`]. Raw is how Arrow lays texts out. A row without a value has the
//! empty text, or whatever entry the row before has.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::leaf::limit;
use super::nested::{self, Numbers};
#[cfg(feature = "fsst")]
use super::symbols::Symbols;
use super::{CONSTANT, Coding, DICTIONARY, LENGTHS, RAW, SYMBOLS, symbols};
use crate::block::{Encoding, MAX_ROWS};
use crate::rows::Strings;

/// Appends the texts of a column, at least one, in as few lines of 64 bytes as may be, or as Arrow has
/// them.
pub(crate) fn seal(texts: &[Option<&str>], encoding: Encoding, out: &mut Vec<u8>) -> Coding {
    let all = || texts.iter().map(|text| text.unwrap_or_default());
    if encoding == Encoding::Plain {
        raw(all(), out);
        return Coding::new(RAW, 0, 0);
    }
    let mut entries: BTreeMap<&str, u64> = texts.iter().flatten().map(|text| (*text, 0)).collect();
    for (number, entry) in (0..).zip(entries.values_mut()) {
        *entry = number;
    }
    if entries.len() <= 1 {
        let only = entries.keys().next().copied().unwrap_or_default();
        out.extend_from_slice(only.as_bytes());
        return Coding::new(CONSTANT, 0, 0);
    }
    let mut last = 0;
    let rows = texts.iter().map(|text| {
        last = text.map_or(last, |text| entries[text]);
        last
    });
    let rows = Numbers::new(rows.collect(), 0, true);
    let kinds = lengths(entries.keys().map(|entry| entry.len()));
    let kinds_bytes: usize = entries.keys().map(|entry| entry.len()).sum();
    let each = lengths(all().map(str::len));
    let bytes: usize = all().map(str::len).sum();
    // The lower number of equals.
    let (mut codec, mut len) = (RAW, 4 * (texts.len() + 1) + bytes);
    let dictionary_len = 4 + kinds.len() + rows.len() + kinds_bytes;
    for (other, other_len) in [(DICTIONARY, dictionary_len), (LENGTHS, each.len() + bytes)] {
        if other_len < limit(len) {
            (codec, len) = (other, other_len);
        }
    }
    #[cfg(feature = "fsst")]
    if encoding == Encoding::Archive {
        let symbols = Symbols::of(&all().collect::<Vec<_>>());
        if symbols.len() < limit(len) {
            symbols.encode(out);
            return Coding::new(SYMBOLS, 0, 0);
        }
    }
    let start = out.len();
    match codec {
        DICTIONARY => {
            out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            kinds.encode(out);
            rows.encode(out);
            let entries = entries.keys();
            entries.for_each(|entry| out.extend_from_slice(entry.as_bytes()));
        }
        LENGTHS => {
            each.encode(out);
            all().for_each(|text| out.extend_from_slice(text.as_bytes()));
        }
        _ => raw(all(), out),
    }
    debug_assert_eq!(out.len() - start, len);
    Coding::new(codec, 0, 0)
}

fn raw<'a>(texts: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>) {
    let mut end = 0u32;
    out.extend_from_slice(&end.to_le_bytes());
    for text in texts.clone() {
        // At most 1024 texts of 64 KiB.
        end += text.len() as u32;
        out.extend_from_slice(&end.to_le_bytes());
    }
    texts.for_each(|text| out.extend_from_slice(text.as_bytes()));
}

/// Lengths of at least one text.
pub(super) fn lengths(lengths: impl Iterator<Item = usize>) -> Numbers {
    let lengths: Vec<u64> = lengths.map(|length| length as u64).collect();
    let base = lengths.iter().copied().min().unwrap_or(0);
    Numbers::new(lengths, base, true)
}

/// Texts in a payload, not known to be UTF-8 yet.
struct Texts<'a> {
    /// Where each row's text lies; all lie within `bytes`.
    rows: Vec<Range<usize>>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Texts<'a> {
    /// `None` where `payload` is not exactly `rows` texts of at most `max` bytes so coded.
    fn read(coding: &Coding, payload: &'a [u8], rows: usize, max: usize) -> Option<Self> {
        let texts = Self::read_any(coding, payload, rows, max)?;
        let are_short = texts.rows.iter().all(|row| row.len() <= max);
        are_short.then_some(texts)
    }

    /// The same, perhaps longer than `max`.
    fn read_any(coding: &Coding, payload: &'a [u8], rows: usize, max: usize) -> Option<Self> {
        if *coding != Coding::new(coding.codec, 0, 0) {
            return None;
        }
        let mut numbers = [0; MAX_ROWS];
        let numbers = numbers.get_mut(..rows)?;
        match coding.codec {
            RAW => {
                let (offsets, bytes) = payload.split_at_checked(4 * (rows + 1))?;
                let (offsets, _) = offsets.as_chunks();
                let offsets = offsets.iter().map(|offset| i32::from_le_bytes(*offset));
                let offsets = offsets.map(|offset| usize::try_from(offset).ok());
                let offsets = offsets.collect::<Option<Vec<_>>>()?;
                let is_good = offsets[0] == 0 && offsets[rows] == bytes.len();
                let rows = offsets.windows(2).map(|ends| ends[0]..ends[1]);
                (is_good && offsets.is_sorted()).then(|| Self {
                    rows: rows.collect(),
                    bytes: bytes.into(),
                })
            }
            CONSTANT => Some(Self {
                rows: vec![0..payload.len(); rows],
                bytes: payload.into(),
            }),
            DICTIONARY => {
                let (head, rest) = payload.split_first_chunk::<4>()?;
                let count = usize::from(u16::from_le_bytes([head[0], head[1]]));
                if !(2..=MAX_ROWS).contains(&count) || head[2..] != [0, 0] {
                    return None;
                }
                let mut lengths = [0; MAX_ROWS];
                let lengths = lengths.get_mut(..count)?;
                let rest = nested::numbers(rest, lengths)?;
                let bytes = nested::numbers(rest, numbers)?;
                let entries = laid_out(lengths, bytes)?;
                let row = |entry: &u64| entries.get(usize::try_from(*entry).ok()?).cloned();
                let rows = numbers.iter().map(row).collect::<Option<_>>()?;
                Some(Self {
                    rows,
                    bytes: bytes.into(),
                })
            }
            LENGTHS => {
                let bytes = nested::numbers(payload, numbers)?;
                Some(Self {
                    rows: laid_out(numbers, bytes)?,
                    bytes: bytes.into(),
                })
            }
            SYMBOLS => {
                let (bytes, rows) = symbols::decode(payload, numbers, max)?;
                Some(Self {
                    rows,
                    bytes: bytes.into(),
                })
            }
            _ => None,
        }
    }
}

/// Where texts of these lengths lie that are end to end exactly `bytes`.
pub(super) fn laid_out(lengths: &[u64], bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut end = 0usize;
    let place = |length: &u64| {
        let start = end;
        end = start.checked_add(usize::try_from(*length).ok()?)?;
        Some(start..end)
    };
    let places = lengths.iter().map(place).collect::<Option<Vec<_>>>()?;
    (end == bytes.len()).then_some(places)
}

/// Whether `payload` is exactly `rows` texts of at most `max` bytes so coded. Whether they are UTF-8
/// is asked when they are decoded.
pub(crate) fn check(coding: &Coding, payload: &[u8], rows: usize, max: usize) -> bool {
    Texts::read(coding, payload, rows, max).is_some()
}

/// The texts, empty where `is_null`. `None` where `payload` is none that [`check`] lets pass, or no
/// UTF-8.
pub(crate) fn decode(
    coding: &Coding,
    payload: &[u8],
    rows: usize,
    max: usize,
    is_null: impl Fn(usize) -> bool,
) -> Option<Strings> {
    let texts = Texts::read(coding, payload, rows, max)?;
    // Once for all of them: where one ends within a character, `get` finds no text.
    let all = std::str::from_utf8(&texts.bytes).ok()?;
    let mut strings = Strings::default();
    for (row, place) in texts.rows.into_iter().enumerate() {
        let text = all.get(place)?;
        strings.push(if is_null(row) { "" } else { text });
    }
    Some(strings)
}

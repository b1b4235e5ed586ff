//! Texts made of symbols: FSST (Boncz, Neumann, Leis: "FSST: Fast Random Access String Compression",
//! 2020), for texts that are all different and have much in common.
//!
//! There is a table of up to 255 symbols of one to eight bytes. A text is a code of one byte for each
//! symbol in it, and for what is none 255 and the byte itself.
//!
//! ```text
//! symbols u8 · 0 u8 ×3 │ length of each, u8 │ the symbols │ numbers: how many codes each text has │ the codes
//! ```
//!
//! The crate `fsst-rs` finds the symbols (feature `fsst`). Decoding is here, always there, and trusts
//! nothing.

use std::ops::Range;

use super::nested;
use super::texts::laid_out;

/// The code before a byte that is no symbol.
const ESCAPE: u8 = 255;
/// The longest symbol, in bytes.
const LONGEST: usize = 8;

/// The texts that `payload` is, and where each lies, or `None` where it is not exactly as many as
/// `lengths` has room for. Ends early where one has more than `max` bytes, so that what they take is
/// bounded.
pub(super) fn decode(
    payload: &[u8],
    lengths: &mut [u64],
    max: usize,
) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let (&[count, 0, 0, 0], rest) = payload.split_first_chunk::<4>()? else {
        return None;
    };
    let (symbol_lengths, mut rest) = rest.split_at_checked(count.into())?;
    let mut symbols = [([0; LONGEST], 0); ESCAPE as usize];
    for ((symbol, symbol_length), &length) in symbols.iter_mut().zip(symbol_lengths) {
        let (bytes, after) = rest.split_at_checked(length.into())?;
        if bytes.is_empty() {
            return None;
        }
        symbol.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (*symbol_length, rest) = (bytes.len(), after);
    }
    let codes = nested::numbers(rest, lengths)?;
    let mut texts = Vec::new();
    let text = |place: Range<usize>| {
        let start = texts.len();
        let mut codes = codes.get(place)?.iter();
        while let Some(code) = codes.next() {
            match symbols.get(usize::from(*code)) {
                None => texts.push(*codes.next()?),
                Some((_, 0)) => return None,
                Some((symbol, length)) => {
                    // All of it, so that it is one store, and then what is too much is taken off.
                    let end = texts.len() + length;
                    texts.extend_from_slice(symbol);
                    texts.truncate(end);
                }
            }
            if texts.len() - start > max {
                return None;
            }
        }
        Some(start..texts.len())
    };
    let places = laid_out(lengths, codes)?;
    let rows = places.into_iter().map(text).collect::<Option<_>>()?;
    Some((texts, rows))
}

#[cfg(feature = "fsst")]
pub(super) use encode::Symbols;

#[cfg(feature = "fsst")]
mod encode {
    use super::super::nested::Numbers;
    use super::super::texts::lengths;

    /// A table of symbols, and texts made of them.
    pub(in super::super) struct Symbols {
        table: fsst::Compressor,
        lengths: Numbers,
        codes: Vec<u8>,
    }

    impl Symbols {
        /// Of at least one text.
        pub(in super::super) fn of(texts: &[&str]) -> Self {
            let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let table = fsst::Compressor::train(&bytes);
            let each: Vec<_> = bytes.iter().map(|text| table.compress(text)).collect();
            Self {
                table,
                lengths: lengths(each.iter().map(Vec::len)),
                codes: each.concat(),
            }
        }

        pub(in super::super) fn len(&self) -> usize {
            let symbols = self.table.symbol_lengths();
            let bytes: usize = symbols.iter().map(|length| usize::from(*length)).sum();
            4 + symbols.len() + bytes + self.lengths.len() + self.codes.len()
        }

        pub(in super::super) fn encode(&self, out: &mut Vec<u8>) {
            let lengths = self.table.symbol_lengths();
            out.extend_from_slice(&[lengths.len() as u8, 0, 0, 0]);
            out.extend_from_slice(lengths);
            for (symbol, length) in self.table.symbol_table().iter().zip(lengths) {
                let bytes = symbol.to_u64().to_le_bytes();
                out.extend_from_slice(&bytes[..usize::from(*length)]);
            }
            self.lengths.encode(out);
            out.extend_from_slice(&self.codes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "the ", "cat" and, as no symbol, "s"; the texts are "the cats" and "".
    const PAYLOAD: &[u8] = &[
        2, 0, 0, 0, 4, 3, b't', b'h', b'e', b' ', b'c', b'a', b't', // table
        2, 8, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4,
        0, // lengths
        0, 1, 255, b's', // codes
    ];

    fn decoded(payload: &[u8]) -> Option<Vec<String>> {
        let (texts, rows) = decode(payload, &mut [0; 2], 8)?;
        let text = |row: Range<usize>| String::from_utf8(texts[row].to_vec()).ok();
        rows.into_iter().map(text).collect()
    }

    #[test]
    fn texts_are_made_of_symbols_and_other_bytes() {
        assert_eq!(decoded(PAYLOAD).unwrap(), ["the cats", ""]);
    }

    #[test]
    fn what_is_cut_off_or_has_no_symbol_is_refused() {
        for len in 0..PAYLOAD.len() {
            assert_eq!(decoded(&PAYLOAD[..len]), None);
        }
        let with = |at: usize, value: u8| {
            let mut payload = PAYLOAD.to_vec();
            payload[at] = value;
            decoded(&payload)
        };
        let mut cut = PAYLOAD.to_vec();
        cut[PAYLOAD.len() - 6..PAYLOAD.len() - 4].copy_from_slice(&[3, 1]);
        assert_eq!(decoded(&cut), None, "nothing behind an escape");
        let codes = PAYLOAD.len() - 4;
        assert_eq!(with(codes + 1, 2), None, "no such symbol");
        assert_eq!(with(codes + 3, 255).map(|_| ()), None, "no UTF-8");
        assert_eq!(with(codes + 2, 1), None, "115 is no symbol");
        assert_eq!(with(codes + 3, 0).unwrap(), ["the cat\0", ""]);
        assert_eq!(with(4, 0), None, "a symbol of no bytes");
        assert_eq!(with(4, 9), None, "a symbol of nine bytes");
        assert_eq!(with(1, 1), None, "reserved");
        assert_eq!(with(codes + 1, 0), None, "nine bytes");
    }
}

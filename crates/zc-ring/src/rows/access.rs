//! One number in the words of a row, set and read at its [`Place`]. Whoever calls this has made sure that
//! the place is one of the row's schema.

use super::schema::{Join, Place};
use super::words::Span;

/// Sets a plain number of `width` bytes, which is a constant where this is called; what else lies in the
/// word stays as it is.
#[inline(always)]
pub(super) fn merge_plain(words: Span<'_>, place: &Place, width: usize, logical: u64) {
    let index = place.word.into();
    if width == 8 {
        words.store(index, logical);
    } else {
        let mask = u64::MAX >> (64 - 8 * width);
        let rest = words.load(index) & !(mask << place.shift);
        words.store(index, rest | (logical & mask) << place.shift);
    }
}

/// The same, joined with the rest of the word as the place says.
#[inline(always)]
pub(super) fn put_plain(words: Span<'_>, place: &Place, width: usize, logical: u64) {
    if width == 8 {
        words.store(place.word.into(), logical);
    } else {
        let mask = u64::MAX >> (64 - 8 * width);
        join(words, place, (logical & mask) << place.shift);
    }
}

/// Sets a number to its distance from `base`. Not 0 if that is too long to tell it.
#[inline(always)]
pub(super) fn put_delta(words: Span<'_>, place: &Place, base: u64, logical: u64) -> u64 {
    let distance = logical.wrapping_sub(base);
    let upper = distance << place.unused;
    join(words, place, upper >> place.up);
    let told = (upper as i64 >> place.unused) as u64;
    told ^ distance
}

/// Sets the bits of a number, which stand where they belong in its word.
#[inline(always)]
fn join(words: Span<'_>, place: &Place, bits: u64) {
    let index = place.word.into();
    let rest = match place.join {
        // Not loaded: the line may still be with another core.
        Join::Begin => 0,
        Join::Add => words.load(index),
        Join::Replace => words.load(index) & !(u64::MAX >> place.unused << place.shift),
    };
    words.store(index, rest | bits);
}

/// A plain number of `width` bytes, in the low bits.
#[inline(always)]
pub(super) fn take_plain(words: Span<'_>, place: &Place, width: usize) -> u64 {
    let word = words.load(place.word.into());
    // Where it is as wide as the word, it is the word: the compiler knows.
    if width == 8 {
        word
    } else {
        word >> place.shift
    }
}

/// A number that is the sum of `base` and its distance from that.
#[inline(always)]
pub(super) fn take_delta(words: Span<'_>, place: &Place, base: u64) -> u64 {
    let word = words.load(place.word.into());
    let distance = word << place.up;
    base.wrapping_add((distance as i64 >> place.unused) as u64)
}

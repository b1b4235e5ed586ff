//! What a quote is, and what all of them add up to.

/// Time, sequence, price, quantity, instrument, tag.
pub(crate) type Quote = (i64, i64, i64, i64, u32, u32);

/// Random walks in the manner of a feed.
#[inline]
pub(crate) fn quote(number: u64) -> Quote {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let noise = i64::try_from(noise).unwrap_or(0);
    let n = number.cast_signed();
    (
        1_700_000_000_000_000 + n * 977 + noise % 500,
        n * 3 + 9_000_000,
        6_512_300 + noise % 2_000 - 1_000,
        noise % 90_000,
        u32::try_from(number % 6).unwrap_or(0),
        u32::try_from(noise & 7).unwrap_or(0),
    )
}

/// Of every column of a quote.
#[inline]
pub(crate) fn sum((ts, seq, px, qty, instrument, tag): Quote) -> i64 {
    let rest = i64::from(instrument) + i64::from(tag);
    ts.wrapping_add(seq)
        .wrapping_add(px)
        .wrapping_add(qty)
        .wrapping_add(rest)
}

pub(crate) fn expected(rows: u64) -> i64 {
    (0..rows).fold(0, |total: i64, n| total.wrapping_add(sum(quote(n))))
}

//! The bitmap of a nullable column: a bit for each row, set where there is a value, least significant
//! first, as Arrow has it. It stands before the values, filled up to [`ALIGN`], only where some row
//! has no value.

use super::format::ALIGN;

/// Bytes that the bitmap takes, filled up.
pub(super) fn filled_len(rows: usize) -> usize {
    rows.div_ceil(8).next_multiple_of(ALIGN)
}

/// Appends the bitmap.
pub(super) fn seal(nulls: &[bool], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + filled_len(nulls.len()), 0);
    for (byte, nulls) in out[start..].iter_mut().zip(nulls.chunks(8)) {
        for (bit, is_null) in nulls.iter().enumerate() {
            *byte |= u8::from(!is_null) << bit;
        }
    }
}

/// The values behind a bitmap of `rows` rows of which at least one has none, and which says nothing
/// of others.
pub(super) fn check(payload: &[u8], rows: usize) -> Option<&[u8]> {
    let (bitmap, values) = payload.split_at_checked(filled_len(rows))?;
    let is_set = |bit: usize| bitmap[bit / 8] >> (bit % 8) & 1 == 1;
    let is_good = !(0..rows).all(is_set) && !(rows..8 * bitmap.len()).any(is_set);
    is_good.then_some(values)
}

/// Whether row `row` has no value.
pub(super) fn is_null(bitmap: &[u8], row: usize) -> bool {
    bitmap[row / 8] >> (row % 8) & 1 == 0
}

/// Repeats, in the rows that have no value, the value before (the first, before it): it costs the
/// codecs the least, and smallest and largest remain those of the values there are. `zero` if there
/// are none.
pub(super) fn fill<V: Copy>(values: &mut [V], nulls: &[bool], zero: V) {
    let first = nulls.iter().position(|is_null| !is_null);
    let mut last = first.map_or(zero, |first| values[first]);
    for (value, is_null) in values.iter_mut().zip(nulls) {
        if *is_null {
            *value = last;
        }
        last = *value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_take_the_value_before_them_or_the_first() {
        let filled = |mut values: Vec<u64>, nulls: &[bool]| {
            fill(&mut values, nulls, 0);
            values
        };
        let (null, value) = (true, false);
        assert_eq!(
            filled(vec![9, 9, 4, 9, 5], &[null, null, value, null, value]),
            [4, 4, 4, 4, 5]
        );
        assert_eq!(filled(vec![9, 9], &[null, null]), [0, 0]);
    }

    #[test]
    fn a_bitmap_says_which_rows_are_null_and_nothing_else() {
        for rows in [1, 7, 8, 9, 512, 513, 1024] {
            let nulls: Vec<bool> = (0..rows).map(|row| row % 3 == 0).collect();
            let mut out = Vec::new();
            seal(&nulls, &mut out);
            out.push(7);
            assert_eq!(check(&out, rows), Some(&[7][..]));
            assert!((0..rows).all(|row| is_null(&out, row) == nulls[row]));
            if rows % 512 != 0 {
                let mut beyond = out.clone();
                beyond[rows / 8] |= 1 << (rows % 8);
                assert_eq!(check(&beyond, rows), None);
            }
            assert_eq!(check(&out[..filled_len(rows) - 1], rows), None);
            let mut none = Vec::new();
            seal(&vec![false; rows], &mut none);
            assert_eq!(
                check(&none, rows),
                None,
                "without a null there is no bitmap"
            );
        }
    }
}

//! Codings of values of several bytes each: raw, constant, dictionary.
//!
//! A dictionary's payload is the number of entries as u16, the entries in ascending order, and the
//! entry of each row, packed at as few bits as name them all.

use std::collections::BTreeMap;

use super::bits::{self, packed_len};
use super::kernels::{self, Level};
use super::{CONSTANT, Coding, DICTIONARY, RAW};
use crate::block::MAX_ROWS;

/// Appends the values of a column, at least one, as small as may be, or raw where `is_plain`.
pub(crate) fn seal<'a>(
    values: impl Iterator<Item = &'a [u8]> + Clone,
    is_plain: bool,
    out: &mut Vec<u8>,
) -> Coding {
    let raw = |out: &mut Vec<u8>| {
        values
            .clone()
            .for_each(|value| out.extend_from_slice(value));
        Coding::new(RAW, 0, 0)
    };
    if is_plain {
        return raw(out);
    }
    let mut entries: BTreeMap<&[u8], u64> = values.clone().map(|value| (value, 0)).collect();
    for (number, entry) in (0..).zip(entries.values_mut()) {
        *entry = number;
    }
    let width = entries.keys().next().map_or(0, |value| value.len());
    if entries.len() == 1 {
        entries
            .keys()
            .for_each(|value| out.extend_from_slice(value));
        return Coding::new(CONSTANT, 0, 0);
    }
    let rows = values.clone().count();
    let bits = bits_for(entries.len());
    if 2 + entries.len() * width + packed_len(rows, bits) >= rows * width {
        return raw(out);
    }
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    entries
        .keys()
        .for_each(|value| out.extend_from_slice(value));
    let numbers: Vec<u64> = values.clone().map(|value| entries[value]).collect();
    bits::pack(&numbers, bits, out);
    Coding::new(DICTIONARY, 0, 0)
}

/// Bits that name one of `entries`, at least two.
fn bits_for(entries: usize) -> u32 {
    usize::BITS - (entries - 1).leading_zeros()
}

/// A dictionary in a payload: its entries, the bits of each row's, and those.
fn read(payload: &[u8], width: usize) -> Option<(&[u8], u32, &[u8])> {
    let (head, rest) = payload.split_first_chunk::<2>()?;
    let count = usize::from(u16::from_le_bytes(*head));
    if !(2..=MAX_ROWS).contains(&count) {
        return None;
    }
    let (entries, rows) = rest.split_at_checked(count * width)?;
    Some((entries, bits_for(count), rows))
}

/// Whether `payload` is exactly `rows` values of `width` bytes so coded.
pub(crate) fn check(coding: &Coding, payload: &[u8], rows: usize, width: usize) -> bool {
    *coding == Coding::new(coding.codec, 0, 0)
        && match coding.codec {
            RAW => payload.len() == rows * width,
            CONSTANT => payload.len() == width,
            DICTIONARY => read(payload, width)
                .is_some_and(|(_, bits, packed)| packed.len() == packed_len(rows, bits)),
            _ => false,
        }
}

/// The values, end to end. `None` where `payload` is none that [`check`] lets pass, or names an
/// entry that is not there.
pub(crate) fn decode(
    coding: &Coding,
    payload: &[u8],
    rows: usize,
    width: usize,
) -> Option<Vec<u8>> {
    match coding.codec {
        RAW => Some(payload.to_vec()),
        CONSTANT => Some(payload.repeat(rows)),
        DICTIONARY => {
            let (entries, bits, packed) = read(payload, width)?;
            let mut numbers = [0; MAX_ROWS];
            let numbers = numbers.get_mut(..rows)?;
            kernels::unpack(Level::detect(), packed, bits, 0, numbers);
            let mut out = Vec::with_capacity(rows * width);
            for number in numbers {
                let start = usize::try_from(*number).ok()? * width;
                out.extend_from_slice(entries.get(start..start + width)?);
            }
            Some(out)
        }
        _ => None,
    }
}

//! Bit packing: numbers of `bits` bits each, one after the other, least significant bit first.
//!
//! Number `i` takes the bits `i * bits .. (i + 1) * bits`, where bit `b` is bit `b % 8` of byte
//! `b / 8`. Eight numbers take exactly `bits` bytes, so that in each group of eight every number
//! lies at the same place: with `bits` known to the compiler, unpacking is a load, a shift and a
//! mask at constant offsets. Any one number is found without the others ([`get`]).

/// Bytes that `count` numbers of `bits` bits take.
pub(crate) fn packed_len(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Appends `numbers`, of which the low `bits` bits (0 to 64) count.
pub(crate) fn pack(numbers: &[u64], bits: u32, out: &mut Vec<u8>) {
    macro_rules! by_bits {
        ($($bits:literal)*) => {
            match bits {
                $($bits => pack_const::<$bits>(numbers, out),)*
                _ => {}
            }
        };
    }
    by_bits!(
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
        63 64
    );
}

fn pack_const<const BITS: usize>(numbers: &[u64], out: &mut Vec<u8>) {
    out.reserve(packed_len(numbers.len(), BITS as u32));
    let (groups, rest) = numbers.as_chunks();
    for group in groups {
        out.extend_from_slice(&pack_group::<BITS>(group)[..BITS]);
    }
    if !rest.is_empty() {
        let mut group = [0; 8];
        group[..rest.len()].copy_from_slice(rest);
        let len = packed_len(rest.len(), BITS as u32);
        out.extend_from_slice(&pack_group::<BITS>(&group)[..len]);
    }
}

#[inline(always)]
fn pack_group<const BITS: usize>(group: &[u64; 8]) -> [u8; 64] {
    let mask = u64::MAX >> (64 - BITS);
    let mut words = [0u64; 8];
    for (index, number) in group.iter().enumerate() {
        let (word, shift) = (index * BITS / 64, index * BITS % 64);
        let number = number & mask;
        words[word] |= number << shift;
        if shift + BITS > 64 {
            words[word + 1] |= number >> (64 - shift);
        }
    }
    let mut bytes = [0; 64];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

/// Number `index` of those packed in `bytes`; `None` beyond their end.
pub(crate) fn get(bytes: &[u8], bits: u32, index: usize) -> Option<u64> {
    if bits == 0 {
        return Some(0);
    }
    // The index may be any number that stands in a payload.
    let bit = index.checked_mul(bits as usize)?;
    let end = bit.checked_add(bits as usize)?.div_ceil(8);
    let own = bytes.get(bit / 8..end)?;
    let mut window = [0; 16];
    window[..own.len()].copy_from_slice(own);
    let number = u128::from_le_bytes(window) >> (bit % 8);
    Some(number as u64 & (u64::MAX >> (64 - bits)))
}

/// Unpacks `out.len()` numbers of `bits` bits (0 to 64) from `bytes` and adds `base` to each,
/// wrapping. What is missing in `bytes` counts as zeros.
#[inline(always)]
pub(crate) fn unpack(bytes: &[u8], bits: u32, base: u64, out: &mut [u64]) {
    macro_rules! by_bits {
        ($($bits:literal)*) => {
            match bits {
                $($bits => unpack_const::<$bits>(bytes, base, out),)*
                _ => out.fill(base),
            }
        };
    }
    by_bits!(
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
        63 64
    );
}

#[inline(always)]
fn unpack_const<const BITS: usize>(bytes: &[u8], base: u64, out: &mut [u64]) {
    let mut groups = out.chunks_exact_mut(8);
    let mut at = 0;
    for group in &mut groups {
        // The last number's window reaches at most 16 bytes beyond the group.
        if let Some(window) = bytes.get(at..at + BITS + 16) {
            unpack_group::<BITS>(window, base, group);
        } else {
            unpack_group::<BITS>(&padded(bytes, at), base, group);
        }
        at += BITS;
    }
    let rest = groups.into_remainder();
    if !rest.is_empty() {
        let mut group = [0; 8];
        unpack_group::<BITS>(&padded(bytes, at), base, &mut group);
        rest.copy_from_slice(&group[..rest.len()]);
    }
}

/// The bytes from `at` on, with zeros behind them: as many as any group's windows take.
pub(super) fn padded(bytes: &[u8], at: usize) -> [u8; 80] {
    let mut window = [0; 80];
    let rest = bytes.get(at..).unwrap_or_default();
    let len = rest.len().min(window.len());
    window[..len].copy_from_slice(&rest[..len]);
    window
}

#[inline(always)]
fn unpack_group<const BITS: usize>(window: &[u8], base: u64, group: &mut [u64]) {
    let window = &window[..BITS + 16];
    let mask = u64::MAX >> (64 - BITS);
    for (index, out) in group.iter_mut().enumerate().take(8) {
        let (byte, shift) = (index * BITS / 8, index * BITS % 8);
        let number = if BITS <= 57 {
            let mut word = [0; 8];
            word.copy_from_slice(&window[byte..byte + 8]);
            u64::from_le_bytes(word) >> shift
        } else {
            let mut word = [0; 16];
            word.copy_from_slice(&window[byte..byte + 16]);
            (u128::from_le_bytes(word) >> shift) as u64
        };
        *out = (number & mask).wrapping_add(base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_count_comes_back() {
        for bits in 0..=64u32 {
            let mask = if bits == 0 {
                0
            } else {
                u64::MAX >> (64 - bits)
            };
            for count in [0, 1, 7, 8, 9, 63, 64, 65, 200] {
                let numbers: Vec<u64> = (0..count as u64)
                    .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(n as u32) & mask)
                    .collect();
                let mut bytes = vec![0xAA];
                pack(&numbers, bits, &mut bytes);
                let bytes = &bytes[1..];
                assert_eq!(bytes.len(), packed_len(count, bits));
                let mut back = vec![1; count];
                unpack(bytes, bits, 0, &mut back);
                assert_eq!(back, numbers, "{bits} bits");
                for (index, number) in numbers.iter().enumerate() {
                    assert_eq!(get(bytes, bits, index), Some(*number));
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_zero_or_none() {
        let mut out = [9; 3];
        unpack(&[1], 8, 5, &mut out);
        assert_eq!(out, [6, 5, 5]);
        assert_eq!(get(&[1], 8, 1), None);
    }
}

//! Bit packing: numbers of `bits` bits each, one after the other, least significant bit first.
//!
//! Number `i` takes the bits `i * bits .. (i + 1) * bits`, where bit `b` is bit `b % 8` of byte
//! `b / 8`.

/// Bytes that `count` numbers of `bits` bits take.
pub(crate) fn packed_len(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Appends `numbers`, each of which fits into `bits` bits (0 to 64).
pub(crate) fn pack(numbers: impl Iterator<Item = u64>, bits: u32, out: &mut Vec<u8>) {
    // At most 7 bits wait from one number to the next, so that 128 bits hold them all.
    let (mut waiting, mut count) = (0u128, 0u32);
    for number in numbers {
        debug_assert!(bits == 64 || number >> bits == 0);
        waiting |= u128::from(number) << count;
        count += bits;
        while count >= 8 {
            out.push(waiting as u8);
            waiting >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        out.push(waiting as u8);
    }
}

/// Calls `take` with each of the `count` numbers packed in `bytes`, which is long enough
/// ([`packed_len`]).
pub(crate) fn unpack(bytes: &[u8], bits: u32, count: usize, mut take: impl FnMut(u64)) {
    if bits == 0 {
        return (0..count).for_each(|_| take(0));
    }
    let mask = u64::MAX >> (64 - bits);
    for index in 0..count {
        let bit = index * bits as usize;
        let (byte, within) = (bit / 8, bit % 8);
        // 64 bits from anywhere within a byte end in the ninth byte at the latest.
        let window = match bytes.get(byte..byte + 16) {
            Some(window) => window.try_into().map_or(0, u128::from_le_bytes),
            None => {
                let mut last = [0; 16];
                let rest = &bytes[byte..];
                last[..rest.len()].copy_from_slice(rest);
                u128::from_le_bytes(last)
            }
        };
        take((window >> within) as u64 & mask);
    }
}

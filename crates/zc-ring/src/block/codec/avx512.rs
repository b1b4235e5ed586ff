//! The loops for AVX-512: eight numbers at a time.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm512_add_epi64, _mm512_and_si512,
    _mm512_cmpeq_epi8_mask, _mm512_cvtepi64_epi8, _mm512_loadu_si512, _mm512_lzcnt_epi64,
    _mm512_mask_storeu_epi64, _mm512_maskz_compress_epi64, _mm512_maskz_expand_epi64,
    _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_epi64, _mm512_maskz_permutexvar_epi64,
    _mm512_or_si512, _mm512_permutexvar_epi8, _mm512_permutexvar_epi64, _mm512_reduce_or_epi64,
    _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sll_epi64, _mm512_sllv_epi64,
    _mm512_srl_epi64, _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_storeu_si512, _mm512_sub_epi64,
    _mm512_test_epi64_mask, _mm512_xor_si512,
};

use super::super::bits;

/// How many numbers [`lengths`] has the lengths of at once: as many as a block has rows.
const LENGTHS: usize = 1024;

#[inline]
#[target_feature(enable = "avx512f")]
fn load(numbers: &[u64; 8]) -> __m512i {
    // SAFETY: 64 bytes are there, and any alignment will do.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// The first eight; zeros for those that are not there.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_some(numbers: &[u64]) -> __m512i {
    if let Some(numbers) = numbers.first_chunk() {
        return load(numbers);
    }
    let there = (1 << numbers.len()) - 1;
    // SAFETY: what the mask leaves out, which is what is not there, is not accessed.
    unsafe { _mm512_maskz_loadu_epi64(there, numbers.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are there, and any alignment will do.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The first 64; zeros for those that are not there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_some_bytes(bytes: &[u8]) -> __m512i {
    if let Some(bytes) = bytes.first_chunk() {
        return load_bytes(bytes);
    }
    let there = (1 << bytes.len()) - 1;
    // SAFETY: what the mask leaves out, which is what is not there, is not accessed.
    unsafe { _mm512_maskz_loadu_epi8(there, bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: &mut [u64; 8], value: __m512i) {
    // SAFETY: 64 bytes are there, exclusively, and any alignment will do.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), value) }
}

/// As many as there is room for.
#[inline]
#[target_feature(enable = "avx512f")]
fn store_some(numbers: &mut [u64], value: __m512i) {
    if let Some(numbers) = numbers.first_chunk_mut() {
        return store(numbers, value);
    }
    let there = (1 << numbers.len()) - 1;
    // SAFETY: what the mask leaves out, which is what is not there, is not accessed.
    unsafe { _mm512_mask_storeu_epi64(numbers.as_mut_ptr().cast(), there, value) }
}

/// How eight packed numbers of some width are put into their lanes.
struct Places {
    /// The bytes that go to each byte of the lanes.
    bytes: [u8; 64],
    /// By how much each lane is shifted down then.
    shifts: [u64; 8],
}

/// By width.
static PLACES: [Places; 65] = {
    const NONE: Places = Places {
        bytes: [0; 64],
        shifts: [0; 8],
    };
    let mut all = [NONE; 65];
    let mut bits = 0;
    while bits <= 64 {
        let mut at = 0;
        while at < 64 {
            all[bits].bytes[at] = (at / 8 * bits / 8 + at % 8) as u8;
            at += 1;
        }
        let mut lane = 0;
        while lane < 8 {
            all[bits].shifts[lane] = (lane * bits % 8) as u64;
            lane += 1;
        }
        bits += 1;
    }
    all
};

/// The groups of eight numbers that some bytes are.
struct Packed<'a> {
    bytes: &'a [u8],
    bits: usize,
    places: __m512i,
    shifts: __m512i,
    mask: __m512i,
    base: __m512i,
}

impl<'a> Packed<'a> {
    /// `None` for the widths of which a number may spread over nine bytes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(bytes: &'a [u8], bits: u32, base: u64) -> Option<Self> {
        if !matches!(bits, 0..=58 | 60 | 64) {
            return None;
        }
        let places = PLACES.get(bits as usize)?;
        let mask = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        Some(Self {
            bytes,
            bits: bits as usize,
            places: load_bytes(&places.bytes),
            shifts: load(&places.shifts),
            mask: _mm512_set1_epi64(mask as i64),
            base: _mm512_set1_epi64(base as i64),
        })
    }

    /// The next eight. What is missing counts as zeros.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn next(&mut self) -> __m512i {
        let window = load_some_bytes(self.bytes);
        self.bytes = self.bytes.get(self.bits..).unwrap_or_default();
        let spread = _mm512_permutexvar_epi8(self.places, window);
        let numbers = _mm512_and_si512(_mm512_srlv_epi64(spread, self.shifts), self.mask);
        _mm512_add_epi64(numbers, self.base)
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub(super) fn unpack(bytes: &[u8], bits: u32, base: u64, out: &mut [u64]) {
    match Packed::new(bytes, bits, base) {
        Some(mut packed) if bits > 0 => {
            for group in out.chunks_mut(8) {
                store_some(group, packed.next());
            }
        }
        _ => bits::unpack(bytes, bits, base, out),
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")]
pub(super) fn unpack_merged(
    bytes: &[u8],
    bits: u32,
    base: u64,
    bitmap: &[u8],
    highs: usize,
    out: &mut [u64],
) {
    let Some(mut packed) = Packed::new(bytes, bits, base) else {
        return super::portable::unpack_merged(bytes, bits, base, bitmap, highs, out);
    };
    let shift = _mm_cvtsi64_si128(i64::from(bits));
    let (mut at, mut next) = (0, highs);
    for &set in bitmap {
        let highs = load_some(out.get(next..).unwrap_or_default());
        let highs = _mm512_sll_epi64(_mm512_maskz_expand_epi64(set, highs), shift);
        let numbers = _mm512_add_epi64(packed.next(), highs);
        store_some(out.get_mut(at..).unwrap_or_default(), numbers);
        at += 8;
        next += set.count_ones() as usize;
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")]
pub(super) fn split(numbers: &mut [u64], width: u32, bitmap: &mut [u8]) -> usize {
    let width = _mm_cvtsi64_si128(i64::from(width));
    let (mut at, mut count) = (0, 0);
    for set in bitmap {
        let group = load_some(numbers.get(at..).unwrap_or_default());
        let high = _mm512_srl_epi64(group, width);
        *set = _mm512_test_epi64_mask(high, high);
        let places = numbers.get_mut(count..).unwrap_or_default();
        store_some(places, _mm512_maskz_compress_epi64(*set, high));
        at += 8;
        count += set.count_ones() as usize;
    }
    count
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,popcnt")]
pub(super) fn lengths(numbers: &[u64]) -> [u16; 65] {
    let mut all = [0; 65];
    for numbers in numbers.chunks(LENGTHS) {
        // The length of each as a byte, and which lengths there are at all. None is 255 bits long.
        let (mut lengths, mut there) = ([[255; 64]; LENGTHS / 64], _mm512_setzero_si512());
        let (one, full) = (_mm512_set1_epi64(1), _mm512_set1_epi64(64));
        let (bytes, _) = lengths.as_flattened_mut().as_chunks_mut();
        for (group, bytes) in numbers.chunks(8).zip(bytes) {
            let lengths = _mm512_sub_epi64(full, _mm512_lzcnt_epi64(load_some(group)));
            *bytes = _mm_cvtsi128_si64(_mm512_cvtepi64_epi8(lengths)).to_le_bytes();
            there = _mm512_or_si512(there, _mm512_sllv_epi64(one, lengths));
        }
        // Those of 64 bits are the others: no lane has a bit for them. What is not there at the end
        // was counted as zeros.
        let missing = (numbers.len().next_multiple_of(8) - numbers.len()) as u16;
        let mut others = numbers.len() as u16 + missing;
        let mut there = _mm512_reduce_or_epi64(there) as u64;
        while there != 0 {
            let length = there.trailing_zeros();
            there &= there - 1;
            let wanted = _mm512_set1_epi8(length as i8);
            let equal = |bytes| _mm512_cmpeq_epi8_mask(load_bytes(bytes), wanted).count_ones();
            let count = lengths.iter().map(equal).sum::<u32>() as u16;
            all[length as usize] += count;
            others -= count;
        }
        all[64] += others;
        all[0] -= missing;
    }
    all
}

/// Eight steps → what they lead to from 0 on.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_within(steps: __m512i) -> __m512i {
    let lanes = |lanes: [u64; 8]| load(&lanes);
    let one = _mm512_maskz_permutexvar_epi64(0xfe, lanes([0, 0, 1, 2, 3, 4, 5, 6]), steps);
    let steps = _mm512_add_epi64(steps, one);
    let two = _mm512_maskz_permutexvar_epi64(0xfc, lanes([0, 0, 0, 1, 2, 3, 4, 5]), steps);
    let steps = _mm512_add_epi64(steps, two);
    let four = _mm512_maskz_permutexvar_epi64(0xf0, lanes([0, 0, 0, 0, 0, 1, 2, 3]), steps);
    _mm512_add_epi64(steps, four)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn carry(sums: __m512i) -> __m512i {
    _mm512_permutexvar_epi64(_mm512_set1_epi64(7), sums)
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub(super) fn prefix_sum(steps: &mut [u64], last: u64, base: u64) {
    let added = _mm512_set1_epi64(base as i64);
    let mut before = _mm512_set1_epi64(last as i64);
    let (groups, rest) = steps.as_chunks_mut::<8>();
    let mut end = last;
    for group in groups {
        let within = sum_within(_mm512_add_epi64(load(group), added));
        store(group, _mm512_add_epi64(within, before));
        before = _mm512_add_epi64(before, carry(within));
        end = group[7];
    }
    for step in rest {
        end = end.wrapping_add(step.wrapping_add(base));
        *step = end;
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub(super) fn zigzag_prefix_sum(steps: &mut [u64], last: u64) {
    let one = _mm512_set1_epi64(1);
    let mut before = _mm512_set1_epi64(last as i64);
    let (groups, rest) = steps.as_chunks_mut::<8>();
    let mut end = last;
    for group in groups {
        let coded = load(group);
        let sign = _mm512_sub_epi64(_mm512_setzero_si512(), _mm512_and_si512(coded, one));
        let step = _mm512_xor_si512(_mm512_srli_epi64::<1>(coded), sign);
        let within = sum_within(step);
        store(group, _mm512_add_epi64(within, before));
        before = _mm512_add_epi64(before, carry(within));
        end = group[7];
    }
    for step in rest {
        end = end.wrapping_add(super::unzigzag(*step));
        *step = end;
    }
}

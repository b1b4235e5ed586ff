//! The loops for AVX-512: eight numbers at a time.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi64_si128, _mm512_add_epi64, _mm512_and_si512, _mm512_loadu_si512,
    _mm512_maskz_expand_epi64, _mm512_maskz_permutexvar_epi64, _mm512_permutexvar_epi8,
    _mm512_permutexvar_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sll_epi64,
    _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_storeu_si512, _mm512_sub_epi64, _mm512_xor_si512,
};

use super::super::bits;

#[inline]
#[target_feature(enable = "avx512f")]
fn load(numbers: &[u64; 8]) -> __m512i {
    // SAFETY: 64 bytes are there, and any alignment will do.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are there, and any alignment will do.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: &mut [u64; 8], value: __m512i) {
    // SAFETY: 64 bytes are there, exclusively, and any alignment will do.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), value) }
}

/// Where the bytes of eight numbers of `bits` bits lie in a group, and by how much each is shifted.
/// `None` where a number may spread over nine bytes.
fn places(bits: u32) -> Option<([u8; 64], [u64; 8])> {
    if !matches!(bits, 1..=58 | 60 | 64) {
        return None;
    }
    let mut bytes = [0; 64];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = ((index / 8 * bits as usize) / 8 + index % 8) as u8;
    }
    let mut shifts = [0; 8];
    for (lane, shift) in shifts.iter_mut().enumerate() {
        *shift = (lane as u64 * u64::from(bits)) % 8;
    }
    Some((bytes, shifts))
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
pub(super) fn unpack(bytes: &[u8], bits: u32, base: u64, out: &mut [u64]) {
    let Some((places, shifts)) = places(bits) else {
        return bits::unpack(bytes, bits, base, out);
    };
    let (places, shifts) = (load_bytes(&places), load(&shifts));
    let mask = _mm512_set1_epi64((u64::MAX >> (64 - bits)) as i64);
    let base = _mm512_set1_epi64(base as i64);
    let group_of = |window: &[u8; 64]| {
        let spread = _mm512_permutexvar_epi8(places, load_bytes(window));
        let numbers = _mm512_and_si512(_mm512_srlv_epi64(spread, shifts), mask);
        _mm512_add_epi64(numbers, base)
    };
    let mut at = 0;
    let (groups, rest) = out.as_chunks_mut::<8>();
    for group in groups {
        match bytes.get(at..).and_then(|bytes| bytes.first_chunk()) {
            Some(window) => store(group, group_of(window)),
            None => store(group, group_of(&last(bytes, at))),
        }
        at += bits as usize;
    }
    if !rest.is_empty() {
        let mut group = [0; 8];
        store(&mut group, group_of(&last(bytes, at)));
        rest.copy_from_slice(&group[..rest.len()]);
    }
}

/// The bytes from `at` on, with zeros behind them.
fn last(bytes: &[u8], at: usize) -> [u8; 64] {
    let mut window = [0; 64];
    window.copy_from_slice(&bits::padded(bytes, at)[..64]);
    window
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")]
pub(super) fn merge(out: &mut [u64], bitmap: &[u8], highs: &[u64], shift: u32) {
    let shift = _mm_cvtsi64_si128(i64::from(shift));
    let mut rest = highs;
    let add = |numbers: &mut [u64; 8], set: u8, rest: &mut &[u64]| {
        // What is not there counts as zeros, which change nothing.
        let highs = match rest.first_chunk() {
            Some(highs) => load(highs),
            None => {
                let mut highs = [0; 8];
                highs[..rest.len()].copy_from_slice(rest);
                load(&highs)
            }
        };
        let highs = _mm512_sll_epi64(_mm512_maskz_expand_epi64(set, highs), shift);
        store(numbers, _mm512_add_epi64(load(numbers), highs));
        *rest = rest.get(set.count_ones() as usize..).unwrap_or_default();
    };
    let (groups, tail) = out.as_chunks_mut::<8>();
    let mut sets = bitmap.iter();
    for (group, set) in groups.iter_mut().zip(&mut sets) {
        add(group, *set, &mut rest);
    }
    if let (false, Some(set)) = (tail.is_empty(), bitmap.get(groups.len())) {
        let mut group = [0; 8];
        group[..tail.len()].copy_from_slice(tail);
        add(&mut group, *set, &mut rest);
        tail.copy_from_slice(&group[..tail.len()]);
    }
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

//! The loops that decoding spends its time in, each for several levels of the processor.
//!
//! The portable code is the definition; every other level is tested to give the same. AVX2 is the
//! same code compiled for it. AVX-512 (with VBMI, as from Ice Lake and Zen 4 on) has own loops of
//! eight numbers at a time: a byte permutation puts the bytes of eight packed numbers into their
//! lanes, a compression takes exceptions out and an expansion puts them back, a prefix sum takes
//! three shifted additions and a carry; masks leave out what is not there at the end, where copying
//! it to where there is room took as long as all that came before. What is chosen does not show in
//! any result.
//!
//! # Invariant
//!
//! * **K1** A [`Level`] above `Portable` exists only where the processor has been asked for all that
//!   its functions enable.

use super::bits;

/// What the processor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best that this processor has. Costs a load after the first time.
    #[inline]
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            return Self::Avx512;
        } else if has_avx2() {
            return Self::Avx2;
        }
        Self::Portable
    }

    /// All that this processor has.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(has_avx2().then_some(Self::Avx2));
            all.extend(has_avx512().then_some(Self::Avx512));
        }
        all
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! has {
    ($first:tt $($feature:tt)*) => {
        std::arch::is_x86_feature_detected!($first)
            $(&& std::arch::is_x86_feature_detected!($feature))*
    };
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    has!("avx2" "bmi1" "bmi2" "lzcnt" "popcnt" "fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2() && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl" "avx512vbmi")
}

/// `fn name(level, …)`: calls `portable::name` compiled for the level, or the level's own loop. Those
/// before the `+` have their own for AVX-512.
macro_rules! kernels {
    (
        $(
            $(#[$own_doc:meta])*
            $own:ident($($own_arg:ident: $own_type:ty),*) $(-> $own_result:ty)?;
        )*
        +
        $($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*
    ) => {
        $(kernels!(
            @ avx512, $(#[$own_doc])* $own($($own_arg: $own_type),*) $(-> $own_result)?
        );)*
        $(kernels!(@ wide, $(#[$doc])* $name($($arg: $type),*) $(-> $result)?);)*

        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            $(
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                pub(super) fn $own($($own_arg: $own_type),*) $(-> $own_result)? {
                    super::portable::$own($($own_arg),*)
                }
            )*
            $(
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                pub(super) fn $name($($arg: $type),*) $(-> $result)? {
                    super::portable::$name($($arg),*)
                }
            )*
        }

        /// The portable loops, compiled for the widest registers.
        #[cfg(target_arch = "x86_64")]
        mod wide {
            $(
                #[target_feature(
                    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi"
                )]
                pub(super) fn $name($($arg: $type),*) $(-> $result)? {
                    super::portable::$name($($arg),*)
                }
            )*
        }
    };
    (@ $wide:ident, $(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name(level: Level, $($arg: $type),*) $(-> $result)? {
            match level {
                Level::Portable => portable::$name($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a level is only made where the processor has been asked for it (K1).
                Level::Avx2 => unsafe { avx2::$name($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Level::Avx512 => unsafe { $wide::$name($($arg),*) },
            }
        }
    };
}

kernels! {
    /// Unpacks `out.len()` numbers of `bits` bits and adds `base` to each.
    unpack(bytes: &[u8], bits: u32, base: u64, out: &mut [u64]);
    /// The same for numbers of which some have more bits: a bit of `bitmap` each. What those have above
    /// `bits` bits (less than 64) stands in `out` from `highs` on, in order, up to its end. Each is
    /// read before its place is written to, for there are never more of them left than numbers.
    unpack_merged(bytes: &[u8], bits: u32, base: u64, bitmap: &[u8], highs: usize, out: &mut [u64]);
    /// The reverse: sets a bit of `bitmap` for each number that has more than `width` bits, less than
    /// 64, and puts what it has above them to the front of `numbers`, in order; how many those are.
    split(numbers: &mut [u64], width: u32, bitmap: &mut [u8]) -> usize;
    /// How many numbers have each bit length.
    lengths(numbers: &[u64]) -> [u16; 65];
    /// Replaces steps by what they lead to, from `last` on; to each step `base` is added.
    prefix_sum(steps: &mut [u64], last: u64, base: u64);
    /// The same for steps in zigzag form.
    zigzag_prefix_sum(steps: &mut [u64], last: u64);
    +
    /// The smallest and the largest number after flipping the bits of `flip` (the sign bit, for
    /// the order of signed numbers), which are flipped back.
    min_max(numbers: &[u64], flip: u64) -> (u64, u64);
    /// The smallest and the largest of bits of floats in IEEE total order, after shifting them left
    /// by `up` (32 for those that are half as wide), which is undone.
    min_max_floats(numbers: &[u64], up: u32) -> (u64, u64);
    /// Integers as the decimals they stand for: `integer / scale`, as bits of doubles.
    decimals(numbers: &mut [u64], scale: f64);
    /// The same, as bits of floats.
    decimals_f32(numbers: &mut [u64], scale: f64);
    /// The distances from `base`.
    distances(numbers: &[u64], base: u64, out: &mut [u64]);
    /// How far the steps from one number to the next are above `base`: one less than there are
    /// numbers.
    steps(numbers: &[u64], base: u64, out: &mut [u64]);
    /// The steps from one number to the next, in zigzag form: one less than there are numbers.
    zigzag_steps(numbers: &[u64], out: &mut [u64]);
    /// The steps from step to step, in zigzag form: two less than there are numbers.
    zigzag_second_steps(numbers: &[u64], out: &mut [u64]);
    /// The cheapest of some pairs of layers, as `bytes << 8 | index`: the first one holds what `many`
    /// numbers have from `first` bits on up to those of `widths`, of which none is `most`, and the
    /// second what is above, up to `most` bits; so many as in `longer` have any. Without their heads.
    cheapest(widths: &[u32], longer: &[u32], first: u32, many: u32, most: u32) -> u32;
    /// The least of the steps in signed order, and how far the greatest is above it.
    steps_range(numbers: &[u64]) -> (u64, u64);
}

/// Small numbers of either sign as small unsigned ones.
#[inline(always)]
pub(crate) fn zigzag(step: u64) -> u64 {
    (step << 1) ^ ((step as i64 >> 63) as u64)
}

#[inline(always)]
pub(crate) fn unzigzag(coded: u64) -> u64 {
    (coded >> 1) ^ (coded & 1).wrapping_neg()
}

mod portable {
    use super::{bits, unzigzag, zigzag};

    #[inline(always)]
    pub(super) fn unpack(bytes: &[u8], bits: u32, base: u64, out: &mut [u64]) {
        bits::unpack(bytes, bits, base, out);
    }

    #[inline(always)]
    pub(super) fn unpack_merged(
        bytes: &[u8],
        bits: u32,
        base: u64,
        bitmap: &[u8],
        highs: usize,
        out: &mut [u64],
    ) {
        let (mut at, mut next) = (0, highs);
        for (index, set) in bitmap.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..set.len()].copy_from_slice(set);
            let mut left = u64::from_le_bytes(word);
            let mut numbers = [0; 64];
            let numbers = &mut numbers[..(out.len() - at).min(64)];
            let bytes = bytes.get(8 * bits as usize * index..).unwrap_or_default();
            bits::unpack(bytes, bits, base, numbers);
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                if let (Some(number), Some(high)) = (numbers.get_mut(place), out.get(next)) {
                    *number = number.wrapping_add(high << bits);
                }
                next += 1;
            }
            out[at..][..numbers.len()].copy_from_slice(numbers);
            at += numbers.len();
        }
    }

    #[inline(always)]
    pub(super) fn split(numbers: &mut [u64], width: u32, bitmap: &mut [u8]) -> usize {
        let (mut at, mut count) = (0, 0);
        for set in bitmap {
            *set = 0;
            for bit in 0..(numbers.len() - at).min(8) {
                let high = numbers[at] >> width;
                // Without branches: what has no more bits is overwritten by the next that has.
                numbers[count] = high;
                count += usize::from(high != 0);
                *set |= u8::from(high != 0) << bit;
                at += 1;
            }
        }
        count
    }

    #[inline(always)]
    pub(super) fn prefix_sum(steps: &mut [u64], mut last: u64, base: u64) {
        for step in steps {
            last = last.wrapping_add(step.wrapping_add(base));
            *step = last;
        }
    }

    #[inline(always)]
    pub(super) fn zigzag_prefix_sum(steps: &mut [u64], mut last: u64) {
        for step in steps {
            last = last.wrapping_add(unzigzag(*step));
            *step = last;
        }
    }

    #[inline(always)]
    pub(super) fn min_max(numbers: &[u64], flip: u64) -> (u64, u64) {
        let (mut min, mut max) = (u64::MAX, 0);
        for number in numbers {
            min = min.min(number ^ flip);
            max = max.max(number ^ flip);
        }
        (min ^ flip, max ^ flip)
    }

    #[inline(always)]
    pub(super) fn min_max_floats(numbers: &[u64], up: u32) -> (u64, u64) {
        // Bits of negative floats grow away from zero: all but their sign are turned around. Doing
        // it twice undoes it.
        let turned = |bits: i64| bits ^ ((bits >> 63) as u64 >> 1) as i64;
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for number in numbers {
            let key = turned((number << up) as i64);
            min = min.min(key);
            max = max.max(key);
        }
        (turned(min) as u64 >> up, turned(max) as u64 >> up)
    }

    #[inline(always)]
    pub(super) fn decimals(numbers: &mut [u64], scale: f64) {
        for number in numbers {
            *number = (*number as i64 as f64 / scale).to_bits();
        }
    }

    #[inline(always)]
    pub(super) fn decimals_f32(numbers: &mut [u64], scale: f64) {
        for number in numbers {
            *number = ((*number as i64 as f64 / scale) as f32).to_bits().into();
        }
    }

    #[inline(always)]
    pub(super) fn lengths(numbers: &[u64]) -> [u16; 65] {
        // Four counters of each length, so that equal neighbours do not wait for each other.
        let mut counts = [[0u16; 65]; 4];
        let mut groups = numbers.chunks_exact(4);
        for group in &mut groups {
            for (counts, number) in counts.iter_mut().zip(group) {
                counts[(64 - number.leading_zeros()) as usize] += 1;
            }
        }
        for number in groups.remainder() {
            counts[0][(64 - number.leading_zeros()) as usize] += 1;
        }
        let [mut all, others @ ..] = counts;
        for other in &others {
            for (all, count) in all.iter_mut().zip(other) {
                *all += count;
            }
        }
        all
    }

    #[inline(always)]
    pub(super) fn distances(numbers: &[u64], base: u64, out: &mut [u64]) {
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = number.wrapping_sub(base);
        }
    }

    #[inline(always)]
    pub(super) fn steps(numbers: &[u64], base: u64, out: &mut [u64]) {
        for (out, pair) in out.iter_mut().zip(numbers.windows(2)) {
            *out = pair[1].wrapping_sub(pair[0]).wrapping_sub(base);
        }
    }

    #[inline(always)]
    pub(super) fn zigzag_steps(numbers: &[u64], out: &mut [u64]) {
        for (out, pair) in out.iter_mut().zip(numbers.windows(2)) {
            *out = zigzag(pair[1].wrapping_sub(pair[0]));
        }
    }

    #[inline(always)]
    pub(super) fn zigzag_second_steps(numbers: &[u64], out: &mut [u64]) {
        for (out, three) in out.iter_mut().zip(numbers.windows(3)) {
            let steps = [1, 2].map(|at| three[at].wrapping_sub(three[at - 1]));
            *out = zigzag(steps[1].wrapping_sub(steps[0]));
        }
    }

    #[inline(always)]
    pub(super) fn cheapest(
        widths: &[u32],
        longer: &[u32],
        first: u32,
        many: u32,
        most: u32,
    ) -> u32 {
        let mut cheapest = u32::MAX;
        for (index, (width, few)) in (0..).zip(widths.iter().zip(longer)) {
            let places = (2 * few).min(many.div_ceil(8));
            let packed = (many * (width - first)).div_ceil(8) + (few * (most - width)).div_ceil(8);
            cheapest = cheapest.min((packed + places) << 8 | index);
        }
        cheapest
    }

    #[inline(always)]
    pub(super) fn steps_range(numbers: &[u64]) -> (u64, u64) {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for pair in numbers.windows(2) {
            let step = pair[1].wrapping_sub(pair[0]) as i64;
            least = least.min(step);
            most = most.max(step);
        }
        (least as u64, most.wrapping_sub(least) as u64)
    }
}

#[cfg(target_arch = "x86_64")]
#[path = "avx512.rs"]
mod avx512;

#[cfg(test)]
#[path = "kernels_tests.rs"]
mod tests;

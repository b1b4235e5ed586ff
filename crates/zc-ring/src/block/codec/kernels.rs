//! The loops that decoding spends its time in, each for several levels of the processor.
//!
//! The portable code is the definition; every other level is tested to give the same. AVX2 is the
//! same code compiled for it. AVX-512 (with VBMI, as from Ice Lake and Zen 4 on) has own loops of
//! eight numbers at a time: a byte permutation puts the bytes of eight packed numbers into their
//! lanes, an expansion puts exceptions to their places, a prefix sum takes three shifted additions
//! and a carry. What is chosen does not show in any result.
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
        } else if std::arch::is_x86_feature_detected!("avx2") {
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
            all.extend(std::arch::is_x86_feature_detected!("avx2").then_some(Self::Avx2));
            all.extend(has_avx512().then_some(Self::Avx512));
        }
        all
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("popcnt")
}

/// `fn name(level, …)`: calls `portable::name` compiled for the level, or the level's own loop. Those
/// before the `+` have their own for AVX-512.
macro_rules! kernels {
    (
        $($(#[$own_doc:meta])* $own:ident($($own_arg:ident: $own_type:ty),*);)*
        +
        $($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*
    ) => {
        $(kernels!(@ avx512, $(#[$own_doc])* $own($($own_arg: $own_type),*));)*
        $(kernels!(@ wide, $(#[$doc])* $name($($arg: $type),*) $(-> $result)?);)*

        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            $(
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                pub(super) fn $own($($own_arg: $own_type),*) {
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
    /// Adds `highs`, shifted left by `shift`, to those numbers of `out` whose bit is set in
    /// `bitmap`, in order. Stops where `highs` or `bitmap` ends.
    merge(out: &mut [u64], bitmap: &[u8], highs: &[u64], shift: u32);
    /// Replaces steps by what they lead to, from `last` on; to each step `base` is added.
    prefix_sum(steps: &mut [u64], last: u64, base: u64);
    /// The same for steps in zigzag form.
    zigzag_prefix_sum(steps: &mut [u64], last: u64);
    +
    /// The smallest and the largest number after flipping the bits of `flip` (the sign bit, for
    /// the order of signed numbers), which are flipped back.
    min_max(numbers: &[u64], flip: u64) -> (u64, u64);
    /// Integers as the decimals they stand for: `integer / scale`, as bits of doubles.
    decimals(numbers: &mut [u64], scale: f64);
    /// The same, as bits of floats.
    decimals_f32(numbers: &mut [u64], scale: f64);
    /// How many numbers have each bit length.
    lengths(numbers: &[u64]) -> [u16; 65];
    /// The distances from `base`.
    distances(numbers: &[u64], base: u64, out: &mut [u64]);
    /// The steps from one number to the next: one less than there are numbers.
    steps(numbers: &[u64], out: &mut [u64]);
    /// The steps from one number to the next, in zigzag form: one less than there are numbers.
    zigzag_steps(numbers: &[u64], out: &mut [u64]);
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
    pub(super) fn merge(out: &mut [u64], bitmap: &[u8], highs: &[u64], shift: u32) {
        let mut highs = highs.iter();
        for (word, group) in bitmap.chunks(8).zip(out.chunks_mut(64)) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            let mut left = u64::from_le_bytes(bytes);
            while left != 0 {
                let index = left.trailing_zeros() as usize;
                left &= left - 1;
                if let (Some(number), Some(high)) = (group.get_mut(index), highs.next()) {
                    *number = number.wrapping_add(high << shift);
                }
            }
        }
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
    pub(super) fn steps(numbers: &[u64], out: &mut [u64]) {
        for (out, pair) in out.iter_mut().zip(numbers.windows(2)) {
            *out = pair[1].wrapping_sub(pair[0]);
        }
    }

    #[inline(always)]
    pub(super) fn zigzag_steps(numbers: &[u64], out: &mut [u64]) {
        for (out, pair) in out.iter_mut().zip(numbers.windows(2)) {
            *out = zigzag(pair[1].wrapping_sub(pair[0]));
        }
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

//! Every level of the processor gives what the portable code gives.

use super::*;

/// Numbers of all lengths, small ones more often.
fn noise(count: usize, seed: u64) -> Vec<u64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let mixed = state ^ (state >> 29);
            mixed.rotate_left(17) >> (mixed % 64)
        })
        .collect()
}

const COUNTS: [usize; 9] = [0, 1, 7, 8, 9, 63, 64, 1023, 1024];

#[test]
fn unpacking_is_the_same_on_every_level() {
    for bits in 0..=64 {
        for count in COUNTS {
            let mut bytes = Vec::new();
            bits::pack(&noise(count, 3), bits, &mut bytes);
            let mut wanted = vec![0; count];
            portable::unpack(&bytes, bits, 77, &mut wanted);
            for level in Level::all() {
                let mut out = vec![1; count];
                unpack(level, &bytes, bits, 77, &mut out);
                assert_eq!(out, wanted, "{level:?}, {bits} bits, {count} numbers");
            }
        }
    }
}

#[test]
fn splitting_and_merging_are_the_same_on_every_level_and_undo_each_other() {
    for bits in 0..64 {
        for count in COUNTS {
            let numbers = noise(count, 8);
            let mut packed = Vec::new();
            bits::pack(&numbers, bits, &mut packed);
            for level in Level::all() {
                let mut out = numbers.clone();
                let mut bitmap = vec![9; count.div_ceil(8)];
                let exceptions = split(level, &mut out, bits, &mut bitmap);
                let is_set = |n: usize| bitmap[n / 8] >> (n % 8) & 1 == 1;
                assert!((0..count).all(|n| is_set(n) == (numbers[n] >> bits != 0)));
                let set: u32 = bitmap.iter().map(|byte| byte.count_ones()).sum();
                assert_eq!(exceptions, set as usize);
                let highs = numbers.iter().map(|n| n >> bits).filter(|high| *high != 0);
                assert!(highs.eq(out[..exceptions].iter().copied()));
                out.copy_within(..exceptions, count - exceptions);
                unpack_merged(
                    level,
                    &packed,
                    bits,
                    9,
                    &bitmap,
                    count - exceptions,
                    &mut out,
                );
                let same = out
                    .iter()
                    .zip(&numbers)
                    .all(|(out, n)| *out == n.wrapping_add(9));
                assert!(same, "{level:?}, {bits} bits, {count} numbers");
            }
        }
    }
}

#[test]
fn the_cheapest_layers_are_the_same_on_every_level() {
    let widths: Vec<u32> = (3..50).collect();
    let longer: Vec<u32> = (0..47).map(|n| 900 / (n + 1)).collect();
    for take in [0, 1, 15, 16, 17, 47] {
        let (widths, longer) = (&widths[..take], &longer[..take]);
        let wanted = portable::cheapest(widths, longer, 2, 950, 60);
        for level in Level::all() {
            assert_eq!(cheapest(level, widths, longer, 2, 950, 60), wanted);
        }
    }
}

#[test]
fn sums_and_statistics_are_the_same_on_every_level() {
    for count in COUNTS {
        let numbers = noise(count, 11);
        for level in Level::all() {
            let (mut out, mut wanted) = (numbers.clone(), numbers.clone());
            prefix_sum(level, &mut out, 5, u64::MAX - 8);
            portable::prefix_sum(&mut wanted, 5, u64::MAX - 8);
            assert_eq!(out, wanted);
            let (mut out, mut wanted) = (numbers.clone(), numbers.clone());
            zigzag_prefix_sum(level, &mut out, 5);
            portable::zigzag_prefix_sum(&mut wanted, 5);
            assert_eq!(out, wanted);
            let (mut out, mut wanted) = (numbers.clone(), numbers.clone());
            decimals(level, &mut out, 1000.0);
            portable::decimals(&mut wanted, 1000.0);
            assert_eq!(out, wanted);
            assert_eq!(lengths(level, &numbers), portable::lengths(&numbers));
            let same = vec![numbers.last().copied().unwrap_or(0); 3 * count];
            assert_eq!(lengths(level, &same), portable::lengths(&same));
            assert_eq!(
                min_max(level, &numbers, 1 << 63),
                portable::min_max(&numbers, 1 << 63)
            );
            for up in [0, 32] {
                assert_eq!(
                    min_max_floats(level, &numbers, up),
                    portable::min_max_floats(&numbers, up)
                );
            }
            assert_eq!(
                steps_range(level, &numbers),
                portable::steps_range(&numbers)
            );
        }
    }
}

#[test]
fn zigzag_is_undone() {
    for number in noise(500, 1).into_iter().chain([0, 1, u64::MAX, 1 << 63]) {
        assert_eq!(unzigzag(zigzag(number)), number);
    }
}

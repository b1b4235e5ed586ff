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
fn merging_is_the_same_on_every_level_also_where_highs_are_missing() {
    for count in COUNTS {
        for density in [1, 2, 9, 60] {
            let bitmap: Vec<u8> = noise(count.div_ceil(8), density)
                .iter()
                .map(|n| if n % density == 0 { *n as u8 } else { 0 })
                .collect();
            let set: u32 = bitmap.iter().map(|byte| byte.count_ones()).sum();
            for highs in [set as usize, set as usize / 2] {
                let highs = noise(highs, 5);
                let mut wanted = noise(count, 6);
                portable::merge(&mut wanted, &bitmap, &highs, 13);
                for level in Level::all() {
                    let mut out = noise(count, 6);
                    merge(level, &mut out, &bitmap, &highs, 13);
                    assert_eq!(out, wanted, "{level:?}, {count} numbers");
                }
            }
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
            assert_eq!(
                min_max(level, &numbers, 1 << 63),
                portable::min_max(&numbers, 1 << 63)
            );
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

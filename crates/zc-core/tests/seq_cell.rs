//! `SeqCell` from the outside: never torn, any size, any number of writers.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::thread;

use zc_core::SeqCell;
use zc_core::sync::atomic::{AtomicBool, Ordering};

#[test]
fn what_is_stored_comes_back_at_every_size() {
    macro_rules! sizes {
        ($($n:literal)*) => {$({
            let cell = SeqCell::new([0_u8; $n]);
            assert_eq!(cell.load(), [0; $n]);
            let value = std::array::from_fn(|i| i as u8 + 1);
            cell.store(value);
            assert_eq!(cell.load(), value);
            assert_eq!(cell.try_load(), Some(value));
        })*};
    }
    sizes!(0 1 2 7 8 9 15 16 17 64 255);
    let cell = SeqCell::new((-1.5_f64).to_bits());
    cell.store(f64::NAN.to_bits());
    assert!(f64::from_bits(cell.load()).is_nan());
    assert_eq!(format!("{:?}", SeqCell::<u32>::default()), "SeqCell(0)");
}

#[test]
fn no_copy_is_ever_torn_or_older_than_the_last() {
    let cell = SeqCell::new([0_u64; 9]);
    let done = AtomicBool::new(false);
    thread::scope(|s| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                s.spawn(|| {
                    let mut last = 0;
                    while !done.load(Ordering::Relaxed) {
                        let value = cell.load();
                        assert!(
                            value.iter().all(|&word| word == value[0]),
                            "torn: {value:?}"
                        );
                        assert!(value[0] >= last, "went back");
                        last = value[0];
                    }
                })
            })
            .collect();
        for i in 1..20_000 {
            cell.store([i; 9]);
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(cell.load(), [19_999; 9]);
}

#[test]
fn writers_take_turns() {
    let cell = SeqCell::new([0_u32; 5]);
    thread::scope(|s| {
        for i in 1..=3 {
            let cell = &cell;
            s.spawn(move || {
                for _ in 0..3_000 {
                    cell.store([i; 5]);
                    let value = cell.load();
                    assert!(
                        value.iter().all(|&word| word == value[0]),
                        "torn: {value:?}"
                    );
                }
            });
        }
    });
}

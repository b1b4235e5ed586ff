//! Everything at once on real threads, for the sanitizers. `ZC_STRESS` multiplies the work.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::thread;
use std::time::Duration;

use zc_core::sync::block_on;
use zc_core::{Frozen, RegionPool, SharedBuffer};

fn rounds(base: usize) -> usize {
    let factor = std::env::var("ZC_STRESS").ok().and_then(|f| f.parse().ok());
    base * factor.unwrap_or(1_usize)
}

#[test]
fn readers_writers_snapshots_and_tasks_on_one_buffer() {
    let buffer = SharedBuffer::from_vec(vec![0_u64; 16]);
    let rounds = rounds(300);
    thread::scope(|s| {
        for i in 0..2 {
            let buffer = &buffer;
            s.spawn(move || {
                for n in 0..rounds {
                    let add = |guard: &mut [u64]| guard.iter_mut().for_each(|x| *x += 1);
                    match (n + i) % 3 {
                        0 => add(&mut buffer.write().unwrap()),
                        1 => add(&mut block_on(buffer.write_async()).unwrap()),
                        _ => add(&mut buffer.write_owned().unwrap()),
                    }
                }
            });
            s.spawn(move || {
                let mut last = 0;
                let mut kept = Vec::new();
                for n in 0..rounds {
                    let snapshot = buffer.snapshot().unwrap();
                    assert!(snapshot.iter().all(|&x| x == snapshot[0]), "torn");
                    assert!(snapshot[0] >= last, "went back");
                    last = snapshot[0];
                    kept.push(snapshot);
                    if n % 7 == 0 {
                        kept.clear();
                    }
                    if let Ok(guard) = buffer.read_timeout(Duration::from_micros(50)) {
                        assert!(guard.iter().all(|&x| x == guard[0]), "torn");
                    }
                }
            });
        }
    });
    assert_eq!(buffer.read().unwrap()[0], 2 * rounds as u64);
}

#[test]
fn pooled_views_are_passed_around_and_come_home() {
    let pool = RegionPool::new(1 << 20);
    thread::scope(|s| {
        for i in 0..3_u8 {
            let pool = &pool;
            s.spawn(move || {
                for n in 0..rounds(200) {
                    let mut region = pool.acquire(4096 + n).unwrap();
                    region.as_mut_slice().fill(i);
                    let view = Frozen::from(region);
                    let part = view.slice(1..);
                    let reader = thread::spawn(move || part.iter().all(|&b| b == i));
                    drop(view);
                    assert!(reader.join().unwrap());
                }
            });
        }
    });
    assert_eq!(pool.stats().outstanding_bytes, 0);
    assert!(pool.stats().idle_bytes <= 1 << 20);
}

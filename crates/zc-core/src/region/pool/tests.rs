use super::*;
use crate::Frozen;

const PAGE: usize = 4096;

#[test]
fn a_dropped_region_is_used_again() {
    let pool = RegionPool::new(1 << 20);
    let first = pool.acquire(10_000).unwrap();
    let address = first.as_ptr();
    assert_eq!(first.len(), 12_288);
    drop(first);
    assert_eq!(pool.stats().idle_bytes, 12_288);

    let second = pool.acquire(9_000).unwrap();
    assert_eq!(second.as_ptr(), address);
    let stats = pool.stats();
    assert_eq!((stats.fresh, stats.reused), (1, 1));
    assert_eq!((stats.idle_bytes, stats.outstanding_bytes), (0, 12_288));
}

#[test]
fn a_class_wastes_a_quarter_at_most() {
    let mut last = 0;
    for len in (1..1 << 20).step_by(997) {
        let class = class(len, PAGE).unwrap();
        assert!(class >= len && class >= last, "{len} {class}");
        assert!(class - len < PAGE.max(len / 4 + PAGE), "{len} {class}");
        assert_eq!(super::class(class, PAGE), Some(class), "a class is its own");
        last = class;
    }
    assert_eq!(class(16 << 20, PAGE), Some(16 << 20));
    assert_eq!(class(usize::MAX, PAGE), None);
    assert_eq!(class(3 << 20, 2 << 20), Some(4 << 20), "whole huge pages");
}

#[test]
fn a_region_far_too_long_is_not_wasted_on_a_short_request() {
    let pool = RegionPool::new(1 << 20);
    drop(pool.acquire(64 << 10).unwrap());
    assert_eq!(pool.acquire(4096).unwrap().len(), 4096);
}

#[test]
fn the_stock_is_bounded_and_keeps_the_newest() {
    let pool = RegionPool::new(8192);
    let regions: Vec<_> = (0..4).map(|_| pool.acquire(4096).unwrap()).collect();
    let newest = regions[3].as_ptr();
    assert_eq!(pool.stats().outstanding_bytes, 4 * 4096);
    drop(regions);
    let stats = pool.stats();
    assert_eq!((stats.idle_bytes, stats.outstanding_bytes), (8192, 0));
    assert_eq!((stats.displaced, stats.peak_outstanding_bytes), (2, 16384));
    assert_eq!(pool.acquire(4096).unwrap().as_ptr(), newest);
    drop(pool.acquire(1 << 20).unwrap());
    assert_eq!(pool.stats().idle_bytes, 8192, "too long to be kept");
    pool.trim();
    assert_eq!(pool.stats().idle_bytes, 0);
}

#[test]
fn a_snapshot_held_for_ever_does_not_unbound_the_pool() {
    let pool = RegionPool::with_total(16 << 10, 32 << 10);
    let held = Frozen::from(pool.acquire(4096).unwrap());
    for _ in 0..100 {
        let views: Vec<_> = (0..7)
            .map(|_| Frozen::from(pool.acquire(4096).unwrap()).slice(..10))
            .collect();
        assert!(matches!(
            pool.acquire(4096),
            Err(RegionError::Limit {
                wanted: 36_864,
                limit: 32_768
            })
        ));
        drop(views);
        let stats = pool.stats();
        assert_eq!((stats.idle_bytes, stats.outstanding_bytes), (16384, 4096));
    }
    assert_eq!(pool.stats().refused, 100);
    // Idle regions of another class make room.
    assert_eq!(pool.acquire(28 << 10).unwrap().len(), 28 << 10);
    assert!(held.iter().all(|&b| b == 0));
}

#[test]
fn regions_outlive_the_pool_handle() {
    let pool = RegionPool::new(8192);
    let mut region = pool.acquire(1).unwrap();
    drop(pool);
    region.as_mut_slice()[0] = 1;
}

#[test]
fn the_options_are_used() {
    #[cfg(unix)]
    {
        let options = RegionOptions::new().huge_pages(super::super::HugePages::Advised);
        let pool = RegionPool::new(8 << 20).with_options(options);
        let region = pool.acquire(4 << 20).unwrap();
        assert_eq!(region.as_ptr().addr().get() % (2 << 20), 0);
    }
}

#[test]
fn lengths_near_the_maximum_are_refused_and_not_accounted_for() {
    let pool = RegionPool::new(8192);
    for len in [usize::MAX, isize::MAX as usize, isize::MAX as usize + 1] {
        assert!(pool.acquire(len).is_err());
    }
    assert_eq!(pool.stats().outstanding_bytes, 0);
}

//! The bare ring buffer, the seed's scenarios first.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use zc_core::sync::atomic::{AtomicUsize, Ordering};

use common::Census;
use zc_channel::{CapacityError, MAX_CAPACITY, RingBuffer};

#[test]
fn wrap_around_with_capacity_4() {
    let buffer = RingBuffer::new(4);
    assert_eq!(buffer.capacity(), 4);
    // Ten laps with every fill level: indices cycle 0 → 1 → 2 → 3 → 0.
    let mut next = 0;
    let mut expected = 0;
    for round in 0..40 {
        let fill = round % 4 + 1;
        for _ in 0..fill {
            buffer.push(next).unwrap();
            next += 1;
        }
        assert_eq!(buffer.len(), fill);
        assert_eq!(buffer.is_full(), fill == 4);
        for _ in 0..fill {
            assert_eq!(buffer.pop(), Some(expected));
            expected += 1;
        }
        assert!(buffer.is_empty());
    }
}

#[test]
fn full_at_exactly_the_capacity_asked_for() {
    for capacity in [1, 2, 3, 4, 5, 63, 64, 65] {
        let buffer = RingBuffer::new(capacity);
        for i in 0..capacity {
            assert!(!buffer.is_full());
            buffer.push(i).unwrap();
        }
        assert!(buffer.is_full());
        assert_eq!(buffer.push(usize::MAX), Err(usize::MAX));
        assert_eq!(buffer.pop(), Some(0));
        buffer.push(capacity).unwrap();
        assert!((1..=capacity).all(|i| buffer.pop() == Some(i)));
        assert_eq!(buffer.pop(), None);
    }
}

#[test]
fn uninitialised_slots_are_never_dropped() {
    // Every number of items, at every place in the ring.
    for offset in 0..8 {
        for queued in 0..=4 {
            let census = Census::default();
            let buffer = RingBuffer::new(4);
            for i in 0..offset {
                buffer.push(census.item(i)).unwrap();
                buffer.pop().unwrap();
            }
            for i in 0..queued {
                buffer.push(census.item(i)).unwrap();
            }
            assert_eq!(census.alive(), queued);
            drop(buffer);
            assert_eq!((census.made(), census.alive()), (offset + queued, 0));
        }
    }
}

#[test]
fn a_panicking_drop_leaves_no_item_behind() {
    struct Bomb<'a>(&'a AtomicUsize);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            if self.0.fetch_add(1, Ordering::Relaxed) == 1 {
                panic!("an item that panics when dropped, on purpose");
            }
        }
    }
    let dropped = AtomicUsize::new(0);
    let buffer = RingBuffer::new(4);
    for _ in 0..4 {
        assert!(buffer.push(Bomb(&dropped)).is_ok());
    }
    let raised = catch_unwind(AssertUnwindSafe(|| drop(buffer)));
    assert!(raised.is_err(), "the panic is raised again");
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
}

#[test]
fn impossible_capacities_are_refused() {
    assert_eq!(
        RingBuffer::<u8>::try_new(0).unwrap_err(),
        CapacityError::Zero
    );
    for capacity in [MAX_CAPACITY + 1, isize::MAX as usize, usize::MAX] {
        let error = RingBuffer::<u8>::try_new(capacity).unwrap_err();
        assert!(matches!(error, CapacityError::TooLarge { .. }));
        assert!(error.to_string().contains(&capacity.to_string()));
    }
    // 2^28 slots of 16 MiB fit no address space; 2^28 of 64 GiB not even a pointer's range.
    let error = RingBuffer::<[u8; 1 << 24]>::try_new(MAX_CAPACITY).unwrap_err();
    assert!(
        matches!(error, CapacityError::OutOfMemory { .. }),
        "{error}"
    );
    // Under AddressSanitizer the compiler keeps a shadow of every stack frame: 8 GiB for this one.
    #[cfg(not(zc_asan))]
    let error = RingBuffer::<[u8; 1 << 36]>::try_new(MAX_CAPACITY).unwrap_err();
    #[cfg(not(zc_asan))]
    assert!(matches!(error, CapacityError::TooLarge { .. }), "{error}");
}

#[test]
#[should_panic(expected = "capacity must be at least 1")]
fn new_panics_on_zero() {
    drop(RingBuffer::<u8>::new(0));
}

#[test]
fn zero_sized_items_are_counted() {
    let buffer = RingBuffer::new(3);
    assert!((0..3).all(|_| buffer.push(()).is_ok()));
    assert_eq!(buffer.push(()), Err(()));
    assert_eq!((0..5).filter(|_| buffer.pop().is_some()).count(), 3);
}

#[test]
fn every_item_comes_out_once_under_contention() {
    const PER_THREAD: usize = 20_000;
    for capacity in [1, 3, 64] {
        let buffer = RingBuffer::new(capacity);
        let census = Census::default();
        let (sum, count) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            for p in 0..2 {
                let (buffer, census) = (&buffer, census.clone());
                s.spawn(move || {
                    for i in 0..PER_THREAD {
                        let mut item = census.item(p * PER_THREAD + i);
                        while let Err(back) = buffer.push(item) {
                            item = back;
                            thread::yield_now();
                        }
                    }
                });
            }
            for _ in 0..2 {
                s.spawn(|| {
                    let mut last = [None, None];
                    while count.load(Ordering::Relaxed) < 2 * PER_THREAD {
                        let Some(item) = buffer.pop() else {
                            thread::yield_now();
                            continue;
                        };
                        let producer = item.id / PER_THREAD;
                        assert!(last[producer] < Some(item.id), "order within a producer");
                        last[producer] = Some(item.id);
                        sum.fetch_add(item.id, Ordering::Relaxed);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let n = 2 * PER_THREAD;
        assert_eq!(sum.into_inner(), n * (n - 1) / 2);
        assert_eq!((census.made(), census.alive()), (n, 0));
    }
}

#[test]
fn threads_may_share_it_if_items_may_be_sent() {
    fn shareable<T: Send + Sync>() {}
    // `Cell` is Send and not Sync: no `&T` is ever handed out.
    shareable::<RingBuffer<std::cell::Cell<u8>>>();
}

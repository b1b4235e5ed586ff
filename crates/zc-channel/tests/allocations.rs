//! Nothing is allocated after construction: not per message, not per waiter, not per cancel.
//!
//! One test in a file of its own, for the allocator is the whole process's. It counts by thread,
//! because the test harness allocates in its own.
#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Waker};

use zc_channel::{bounded, spsc};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn assert_no_allocation(what: &str, f: impl FnOnce()) {
    let before = ALLOCATIONS.get();
    f();
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in: {what}");
}

#[test]
fn nothing_is_allocated_after_construction() {
    const TIMES: usize = 100_000;
    let (tx, rx) = bounded::<u64>(8);
    let mut cx = Context::from_waker(Waker::noop());

    assert_no_allocation("send and receive", || {
        for i in 0..TIMES as u64 {
            tx.try_send(i).unwrap();
            assert_eq!(rx.try_recv(), Ok(i));
            assert!(pin!(tx.send(i)).poll(&mut cx).is_ready());
            assert!(pin!(rx.recv()).poll(&mut cx).is_ready());
        }
    });
    assert_no_allocation("cancelled receives", || {
        for _ in 0..TIMES {
            assert!(pin!(rx.recv()).poll(&mut cx).is_pending());
        }
    });
    assert_no_allocation("permits", || {
        for i in 0..TIMES as u64 {
            tx.try_reserve().unwrap().send(i);
            drop(tx.try_reserve_many(3).unwrap());
            rx.try_recv().unwrap();
        }
    });
    for i in 0..8 {
        tx.try_send(i).unwrap();
    }
    assert_no_allocation("cancelled sends", || {
        for i in 0..TIMES as u64 {
            let mut send = pin!(tx.send(i));
            assert!(send.as_mut().poll(&mut cx).is_pending());
            assert_eq!(send.as_mut().take(), Some(i));
            assert!(pin!(tx.reserve()).poll(&mut cx).is_pending());
            assert!(pin!(tx.reserve_many(2)).poll(&mut cx).is_pending());
        }
    });
    assert_no_allocation("forced sends", || {
        for i in 0..TIMES as u64 {
            assert!(tx.force_send(i).unwrap().is_some());
        }
    });
    rx.drain().for_each(drop);

    let mut into = Vec::with_capacity(8);
    let mut batch = Vec::with_capacity(8);
    batch.extend(0..8);
    assert_no_allocation("a batch in a vector that is there", || {
        tx.try_send_many(batch).unwrap();
        assert_eq!(rx.try_recv_many(&mut into, 8), Ok(8));
    });

    let (mut producer, mut consumer) = spsc::channel::<u64>(8);
    assert_no_allocation("spsc items, chunks and cancelled waits", || {
        for i in 0..TIMES as u64 {
            producer.push(i).unwrap();
            assert_eq!(consumer.pop(), Some(i));
            producer.write_chunk(5).unwrap().commit_all();
            consumer.read_chunk(5).unwrap().commit_all();
            assert!(pin!(consumer.pop_async()).poll(&mut cx).is_pending());
        }
    });
}

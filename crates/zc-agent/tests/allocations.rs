//! In the steady state a reservation allocates nothing, whichever way it is filled (with adopted
//! `Bytes`, one view that carries them): a fixed number of small allocations is made for each group,
//! however many reservations it has.
//!
//! One test in a file of its own, for the allocator is the whole process's. It counts by thread,
//! because the test harness allocates in its own.
#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes};
use zc_agent::{Groups, Manager, Received, ZeroCopyHandle};

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

/// Most allocations for opening, completing, handing on and dropping a group.
const PER_GROUP: usize = 8;
const SIZE: usize = 64;

fn counted(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("there is room"),
    }
}

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn drain(groups: &mut Groups) -> usize {
    let mut n = 0;
    while let Some(Received::Item(group)) = groups.try_recv() {
        drop(group);
        n += 1;
    }
    n
}

/// Writes a number of pieces, and says how many groups that made.
type Way<'a> = &'a mut dyn FnMut(&ZeroCopyHandle, &mut Groups, usize) -> usize;

/// Nothing within a group, and no more than `PER_GROUP` for each over many.
fn check(what: &str, way: Way<'_>) {
    check_with(what, 0, way);
}

/// As [`check`], with so many allocations for each piece (of a 128th as many pieces).
fn check_with(what: &str, each: usize, way: Way<'_>) {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(1 << 20)
        .max_reservation(1 << 20)
        .memory_budget(8 << 20)
        .adopt_threshold(1024)
        .spawn()
        .unwrap();
    // The steady state: slabs, records and queues have been used before.
    for _ in 0..4 {
        way(&handle, &mut groups, 3 << 14);
    }
    handle.flush();
    drain(&mut groups);
    way(&handle, &mut groups, 100);
    let within = counted(|| {
        way(&handle, &mut groups, 10_000);
    });
    let pieces = each * 10_000_usize.div_ceil(128);
    assert_eq!(within, pieces, "{what}: allocations within a group");
    let mut made = 0;
    let over_many = counted(|| made = way(&handle, &mut groups, 20 << 14));
    let over_many = over_many - each * ((20 << 14) / 128);
    assert!(made >= 19, "{what}: {made} groups");
    assert!(
        over_many <= (made + 1) * PER_GROUP,
        "{what}: {over_many} allocations for {made} groups"
    );
}

#[test]
fn a_reservation_allocates_nothing() {
    let piece = [7; SIZE];
    check("in place", &mut |handle, groups, n| {
        let mut made = 0;
        for _ in 0..n {
            let mut agent = now(handle.reserve_writer(size(SIZE))).unwrap();
            agent.put_slice(&piece);
            agent.commit().unwrap();
            made += drain(groups);
        }
        made
    });
    check("tried, in place", &mut |handle, groups, n| {
        let mut made = 0;
        for _ in 0..n {
            let mut agent = handle.try_reserve_writer(size(SIZE)).unwrap();
            agent.put_slice(&piece);
            agent.commit().unwrap();
            made += drain(groups);
        }
        made
    });
    let bytes = Bytes::from_static(&[7; SIZE]);
    check("submitted", &mut |handle, groups, n| {
        let mut made = 0;
        for _ in 0..n {
            let agent = now(handle.reserve_writer(size(SIZE))).unwrap();
            let submitted = agent.into_single_agent().submit_bytes(bytes.clone());
            now(submitted).unwrap();
            made += drain(groups);
        }
        made
    });
    let half = Bytes::from_static(&[7; SIZE / 2]);
    check("in chunks", &mut |handle, groups, n| {
        let mut made = 0;
        for _ in 0..n {
            let mut agent = now(handle.reserve_writer(size(SIZE)))
                .unwrap()
                .into_chunk_agent();
            agent.submit_chunk(half.clone()).unwrap();
            agent.submit_chunk(half.clone()).unwrap();
            now(agent.commit()).unwrap();
            made += drain(groups);
        }
        made
    });
    // The view that carries the foreign bytes is the one allocation of each.
    let large = Bytes::from_static(&[7; 8192]);
    check_with("adopted", 1, &mut |handle, groups, n| {
        let mut made = 0;
        for _ in 0..n.div_ceil(128) {
            let agent = now(handle.reserve_writer(size(8192))).unwrap();
            let submitted = agent.into_single_agent().submit_bytes(large.clone());
            now(submitted).unwrap();
            made += drain(groups);
        }
        made
    });
    let mut writer = None;
    check("in runs", &mut |handle, groups, n| {
        let writer = writer.get_or_insert_with(|| handle.writer(4096));
        let mut made = 0;
        for _ in 0..n {
            now(writer.write(&piece)).unwrap();
            made += drain(groups);
        }
        made
    });
}

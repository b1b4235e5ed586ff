//! An allocator that counts, for whoever puts this module into a bench.
#![allow(
    clippy::allow_attributes,
    clippy::disallowed_types,
    reason = "counters of a bench synchronise nothing"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counters for threads, each on cache lines of its own. Two threads share one only where there are
/// more threads than counters.
const LANES: usize = 64;

#[repr(align(128))]
struct Lane(AtomicU64);

static COUNTS: [Lane; LANES] = [const { Lane(AtomicU64::new(0)) }; LANES];
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }
}

fn count() {
    let mut lane = LANE.get();
    if lane == usize::MAX {
        lane = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
        LANE.set(lane);
    }
    COUNTS[lane].0.fetch_add(1, Ordering::Relaxed);
}

/// What `f` gives, and how often this process allocated meanwhile.
pub(crate) fn during<R>(f: impl FnOnce() -> R) -> (R, u64) {
    let total = || {
        COUNTS
            .iter()
            .map(|lane| lane.0.load(Ordering::Relaxed))
            .sum::<u64>()
    };
    let before = total();
    (f(), total() - before)
}

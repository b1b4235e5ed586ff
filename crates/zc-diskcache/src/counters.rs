//! Counters that a hit can afford: a thread adds to words that no other thread writes.
//!
//! A shard belongs to the thread that has its number (see [`thread_number`]), which is the only one
//! to write it, so adding is a load and a store, a nanosecond together, where a locked instruction is
//! five. Threads without a number of their own share the last shard, with locked additions.
//!
//! What a thread left in its shard is there for the next owner of the number, by the edge that hands
//! the number over.

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::Ordering;
use zc_core::sync::unmodelled::AtomicU64;

use crate::thread_number::{self, SHARED};

/// `N` counters.
#[derive(Debug)]
pub(crate) struct Counters<const N: usize>(Box<[CachePadded<[AtomicU64; N]>]>);

impl<const N: usize> Counters<N> {
    pub(crate) fn new() -> Self {
        let shard = || CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Self((0..=SHARED).map(|_| shard()).collect())
    }

    #[inline]
    pub(crate) fn add(&self, which: usize, n: u64) {
        let number = thread_number::get();
        let counter = &self.0[number][which];
        if number == SHARED {
            counter.fetch_add(n, Ordering::Relaxed);
        } else {
            let now = counter.load(Ordering::Relaxed).wrapping_add(n);
            counter.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn sum(&self, which: usize) -> u64 {
        self.0
            .iter()
            .map(|shard| shard[which].load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thread_number::OWNED;

    /// More threads than there are shards, and more after those have ended: nothing is lost.
    #[test]
    fn many_threads_lose_no_count() {
        let counters = Counters::<2>::new();
        for round in 1..=3 {
            std::thread::scope(|scope| {
                for _ in 0..OWNED + 10 {
                    scope.spawn(|| {
                        for _ in 0..1000 {
                            counters.add(1, 3);
                        }
                    });
                }
            });
            assert_eq!(counters.sum(1), round * 3000 * (OWNED as u64 + 10));
        }
        assert_eq!(counters.sum(0), 0);
    }
}

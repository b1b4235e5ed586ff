//! Counters that a hit can afford: a thread adds to words that no other thread writes.
//!
//! Every thread takes one of [`OWNED`] numbers when it counts for the first time, and gives it back
//! when it ends. Whoever has a number is the only one to write its shard, so adding is a load and a
//! store, a nanosecond together, where a locked instruction is five. Threads beyond that many share
//! the last shard, with locked additions.
//!
//! # Edges
//!
//! - `cache.shard`: a number given back → taken. The next owner adds to what the last one left.

use std::cell::Cell;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::Ordering;
use zc_core::sync::edge;
use zc_core::sync::unmodelled::AtomicU64;

/// Shards that belong to one thread at a time.
const OWNED: usize = 63;
/// The one for everybody else.
const SHARED: usize = OWNED;

/// Bit `n`: shard `n` has an owner.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The shard is not known yet.
const UNKNOWN: usize = usize::MAX;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = const { Lease };
}

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
        let shard = shard();
        let counter = &self.0[shard][which];
        if shard == SHARED {
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

/// The shard of this thread, in 0 ..= [`SHARED`].
#[inline]
fn shard() -> usize {
    match SHARD.get() {
        UNKNOWN => take_shard(),
        shard => shard,
    }
}

#[cold]
fn take_shard() -> usize {
    // So that the lease ends with the thread; while the thread is ending already, none begins.
    let shard = match LEASE.try_with(|_| ()) {
        Ok(()) => take_free().unwrap_or(SHARED),
        Err(_) => SHARED,
    };
    SHARD.set(shard);
    shard
}

fn take_free() -> Option<usize> {
    let mut taken = TAKEN.load(Ordering::Relaxed);
    loop {
        let free = taken.trailing_ones() as usize;
        if free >= OWNED {
            return None;
        }
        let acquire = edge("cache.shard", Ordering::Acquire);
        match TAKEN.compare_exchange_weak(taken, taken | 1 << free, acquire, Ordering::Relaxed) {
            Ok(_) => return Some(free),
            Err(now) => taken = now,
        }
    }
}

/// Gives the thread's shard back when the thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        // What this thread still counts while it ends goes to the shared shard.
        let shard = SHARD.replace(SHARED);
        if shard < OWNED {
            TAKEN.fetch_and(!(1 << shard), edge("cache.shard", Ordering::Release));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_shard_comes_back_when_its_thread_ends() {
        let mine = shard();
        assert_eq!(shard(), mine, "it stays the same");
        for _ in 0..3 * OWNED {
            let other = std::thread::spawn(shard).join().unwrap();
            assert!(other != mine || mine == SHARED);
        }
    }
}

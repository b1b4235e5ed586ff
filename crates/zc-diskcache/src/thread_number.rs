//! A small number for each thread, which no other living thread has.
//!
//! Every thread takes one of [`OWNED`] numbers when it asks for the first time, and gives it back
//! when it ends. Threads beyond that many have [`SHARED`], and so has a thread that asks while it is
//! ending. It selects the words that a thread counts in, and the lane in which it pins.
//!
//! # Edges
//!
//! - `cache.shard`: a number given back → taken. The next owner finds what the last one wrote.

use std::cell::Cell;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::edge;
use zc_core::sync::unmodelled::AtomicU64;

/// Numbers that belong to one thread at a time: 0 .. `OWNED`.
pub(crate) const OWNED: usize = 63;
/// The one for everybody else.
pub(crate) const SHARED: usize = OWNED;

/// Bit `n`: number `n` has an owner.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The number is not known yet.
const UNKNOWN: usize = usize::MAX;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static LEASE: Lease = const { Lease };
}

/// The number of this thread, in 0 ..= [`SHARED`].
#[inline]
pub(crate) fn get() -> usize {
    match NUMBER.get() {
        UNKNOWN => take(),
        number => number,
    }
}

#[cold]
fn take() -> usize {
    // So that the lease ends with the thread; while the thread is ending already, none begins.
    let number = match LEASE.try_with(|_| ()) {
        Ok(()) => take_free().unwrap_or(SHARED),
        Err(_) => SHARED,
    };
    NUMBER.set(number);
    number
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

/// Gives the thread's number back when the thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        // What this thread still does while it ends goes by the shared number.
        let number = NUMBER.replace(SHARED);
        if number < OWNED {
            TAKEN.fetch_and(!(1 << number), edge("cache.shard", Ordering::Release));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_when_its_thread_ends() {
        let mine = get();
        assert_eq!(get(), mine, "it stays the same");
        for _ in 0..3 * OWNED {
            let other = std::thread::spawn(get).join().unwrap();
            assert!(other != mine || mine == SHARED);
        }
    }
}

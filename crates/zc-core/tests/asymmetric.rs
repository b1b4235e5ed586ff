//! The asymmetric barrier on real threads, where no model reaches: two sides that each write one
//! word and then read the other's never both read the old value.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::sync::Barrier;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use zc_core::sync::asymmetric;
use zc_core::sync::atomic::{AtomicBool, AtomicUsize};
use zc_core::wait::{WaitList, WaitStrategy};

/// The often side publishes a count and looks whether it is wanted, round after round; the seldom
/// side wants something, has its heavy barrier, and looks at the count. If it sees an old count the
/// often side must see that it is wanted, within that very round.
#[test]
fn one_of_two_sides_always_sees_the_other() {
    if !asymmetric::is_available() {
        // There is nothing to test: the lists never relax on such a system.
        return;
    }
    const ROUNDS: usize = 2_000;
    let (published, wanted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // For each want: the first count that was published by somebody who saw it.
    let seen_at: Vec<AtomicUsize> = (0..=ROUNDS).map(|_| AtomicUsize::new(0)).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            let (mut count, mut known) = (0, 0);
            while !done.load(Relaxed) {
                count += 1;
                published.store(count, Relaxed);
                asymmetric::light();
                let now = wanted.load(Relaxed);
                if now > known {
                    known = now;
                    seen_at[now].store(count, Release);
                }
            }
        });
        // Set also when an assertion below fails, or the other thread would never end.
        let _done = SetOnDrop(&done);
        for (want, seen_at) in seen_at.iter().enumerate().skip(1) {
            wanted.store(want, Relaxed);
            asymmetric::heavy();
            let seen = published.load(Relaxed);
            // What was published after `seen` was followed by a look that must have succeeded.
            let first = loop {
                match seen_at.load(Acquire) {
                    0 => std::thread::yield_now(),
                    first => break first,
                }
            };
            assert!(
                first <= seen + 1,
                "want {want}: count {seen} was the last one seen, but the want was first seen at \
                 {first}"
            );
        }
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// A list that is relaxed, and a waiter that parks, over and over: no wake is lost.
#[test]
fn a_relaxed_list_loses_no_wake() {
    const ROUNDS: usize = 3_000;
    let list = WaitList::with_patience(1);
    let (asked, given) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(2);
    std::thread::scope(|s| {
        s.spawn(|| {
            start.wait();
            for round in 1..=ROUNDS {
                while asked.load(Acquire) < round {
                    std::hint::spin_loop();
                }
                given.store(round, Release);
                list.notify(1);
                // Nobody waits for these: the list relaxes again.
                list.notify(1);
                list.notify(1);
            }
        });
        start.wait();
        for round in 1..=ROUNDS {
            asked.store(round, Release);
            let deadline = Instant::now() + Duration::from_secs(20);
            let got = list.block_until(WaitStrategy::Park, Some(deadline), || {
                (given.load(Acquire) >= round).then_some(())
            });
            assert!(got.is_some(), "round {round}: nobody woke the waiter");
        }
    });
    assert_eq!(list.waiting(), 0);
}

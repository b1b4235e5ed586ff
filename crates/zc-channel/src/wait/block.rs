//! Blocking a thread: looks with pauses, looks with yields, then the line.
//!
//! Parking and being woken again costs two system calls, an interrupt and a way through the
//! scheduler, tens of microseconds on a virtual machine; what a thread waits for here is often there
//! within one. So it tries for about as long as parking would cost before it parks: whichever comes,
//! it loses no more than twice the best. First a few looks with pauses between, for a peer on another
//! processor that is in the middle of it; then looks with yields between, for one that needs *this*
//! processor. Where there are more threads than processors it is the yields that hand the turn on, at
//! a tenth of what a wake-up costs, so there are many of them, and few pauses, which are in vain then.
//!
//! A thread does not pause where nobody at the other end can run meanwhile ([`Experience`](super::Experience)), and does
//! not yield where that was to make a gift to other programs ([`Turns`](super::turns)).
//!
//! Tried, u64 through one place, ns per item in 1×1, 4×1, 4×4. Pauses that double, each followed by a
//! look at everything, + yields: 8+4: 200 … 12,000, 3,100, 170; 8+32: 201, 3,137, 162; 0+64: 533,
//! 3,583, 2,902; 3+64: 1,315, 976, 2,246; 4+64: 165, 905, 168; 4+128: 165, 870, 185. The same 15
//! pauses with a look at the slot after each: 130, 930, 150; and only where it may be of use: 145, 697,
//! 149. 40 pauses: 145, 1,260, 165; 80: 150, 1,800, 165; 150: 165, 1,330, 155. 400 yields for 128: no
//! difference.
//! Longer pauses let items, or places, gather, so that the two ends do not fight over the line in which
//! both work: at capacity 1024, 1×1 that is 12.2 ns with 1, 10.8 with 4, 10.4 with 8; at 64 it gains
//! nothing, at 1 every pause is in the way (4×1: 920, 2,500, 2,600).
//! Beside four threads that never rest, on two processors: 4×4 148,000 and 1×1 1,416,000 with yields,
//! 14,400 and 33,800 without; yields given up for a while after a long one: 13,900 and 30,800.

use std::time::Instant;

use zc_core::sync::{hint, thread};
use zc_core::wait::WaitStrategy;

use super::Place;
use super::turns;

/// Rounds that pause.
const SPINS: u32 = 15;
/// Rounds that yield after that.
const YIELDS: u32 = 128;

/// Pauses of one round, in a queue for `capacity` items.
const fn pauses(capacity: usize) -> u32 {
    if capacity >= 256 { 8 } else { 1 }
}

/// Blocks until `ready` gives something; `None` once `deadline` has passed, after one last look.
///
/// A caller that wants what is there at once looks before. Between pauses `promises` is asked first
/// whether a look is worth it, so that looking in vain takes no memory from those who work. `received`
/// counts the items that have left the queue, and may wrap. `sleepy` is called each time before the
/// thread goes to sleep.
pub(crate) fn block<R>(
    place: Place<'_>,
    deadline: Option<Instant>,
    promises: impl Fn() -> bool,
    received: impl Fn() -> u32,
    mut ready: impl FnMut() -> Option<R>,
    mut sleepy: impl FnMut(),
) -> Option<R> {
    // A model checker explores what this could only delay.
    if !cfg!(any(zc_loom, zc_shuttle)) {
        if place.experience.others_may_run(place.other) {
            let mut look = || if promises() { ready() } else { None };
            if let Some(result) = spin(pauses(place.capacity), deadline, &mut look) {
                return Some(result);
            }
        }
        if place.experience.turns.are_worth_it()
            && let Some(result) = take_turns(place, deadline, received, &mut ready)
        {
            return Some(result);
        }
    }
    place.list.block_until(WaitStrategy::Park, deadline, || {
        let done = ready();
        if done.is_none() {
            sleepy();
        }
        done
    })
}

/// Looks with pauses between.
fn spin<R>(
    pauses: u32,
    deadline: Option<Instant>,
    look: &mut impl FnMut() -> Option<R>,
) -> Option<R> {
    for _ in 0..SPINS {
        (0..pauses).for_each(|_| hint::spin_loop());
        let found = look();
        if found.is_some() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return found;
        }
    }
    None
}

/// Looks with yields between, until one of them goes to a stranger.
fn take_turns<R>(
    place: Place<'_>,
    deadline: Option<Instant>,
    received: impl Fn() -> u32,
    ready: &mut impl FnMut() -> Option<R>,
) -> Option<R> {
    let turns = &place.experience.turns;
    let mut begin = Instant::now();
    for _ in 0..YIELDS {
        if deadline.is_some_and(|deadline| begin >= deadline) {
            return None;
        }
        let before = received();
        thread::yield_now();
        let end = Instant::now();
        let passed = received().wrapping_sub(before);
        let found = ready();
        if turns::went_to_a_stranger(end - begin, passed) {
            turns.was_lost();
            return found;
        }
        if found.is_some() {
            turns.were_ours();
            return found;
        }
        begin = end;
    }
    turns.were_ours();
    None
}

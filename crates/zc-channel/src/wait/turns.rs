//! Whether to yield is to hand the turn to a peer, or to a stranger.
//!
//! Where the threads of a channel share a processor among themselves, a yield costs a tenth of parking
//! and being woken. Where other programs want it too, the scheduler may let one of them run for a whole
//! slice first, some milliseconds, while a thread that is woken gets its turn at once: the difference
//! is a factor of ten, and of a thousand against a machine that is idle. So a yield that took long, and
//! in which next to nothing passed the queue, ends the yielding, for so many waits as make up for it, and
//! for twice as many each time that the next attempt finds the same.

use std::time::Duration;

use zc_core::sync::atomic::Ordering::Relaxed;
use zc_core::sync::unmodelled::AtomicUsize;

use super::experience::set;

/// A shorter yield is no loss, whoever had the turn.
const LONG: Duration = Duration::from_millis(1);
/// Those who pass items on take less time for each: parking and waking takes some microseconds.
const PASSING: Duration = Duration::from_micros(2);
/// Waits without yields after one that took long for the first time.
const FIRST: usize = 256;
/// The same after many.
const MOST: usize = 1 << 14;

/// Whether a yield of this length, in which so many items passed, was a gift to another program.
pub(super) fn went_to_a_stranger(length: Duration, passed: u32) -> bool {
    length >= LONG && length > PASSING * passed
}

/// What yielding in one line has been like lately. Only a hint: updates may get lost.
#[derive(Debug)]
pub(super) struct Turns {
    /// Waits still to come that do not yield.
    skips: AtomicUsize,
    /// How many there will be the next time.
    next: AtomicUsize,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self {
            skips: AtomicUsize::new(0),
            next: AtomicUsize::new(FIRST),
        }
    }

    /// Whether this wait should yield.
    pub(super) fn are_worth_it(&self) -> bool {
        let skips = self.skips.load(Relaxed);
        if skips > 0 {
            self.skips.store(skips - 1, Relaxed);
        }
        skips == 0
    }

    /// A yield went to a stranger.
    pub(super) fn was_lost(&self) {
        let skips = self.next.load(Relaxed);
        self.skips.store(skips, Relaxed);
        self.next.store((2 * skips).min(MOST), Relaxed);
    }

    /// No yield of a wait did.
    pub(super) fn were_ours(&self) {
        set(&self.next, FIRST);
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_passed_meanwhile_tells_a_peer_from_a_stranger() {
        assert!(!went_to_a_stranger(LONG / 2, 0));
        assert!(went_to_a_stranger(LONG, 0));
        assert!(went_to_a_stranger(4 * LONG, 30));
        assert!(!went_to_a_stranger(4 * LONG, 20_000));
        assert!(!went_to_a_stranger(LONG, u32::MAX));
    }

    #[test]
    fn long_turns_are_tried_ever_more_seldom() {
        let turns = Turns::new();
        let skipped = || (0..).take_while(|_| !turns.are_worth_it()).count();
        assert_eq!(skipped(), 0);
        turns.was_lost();
        assert_eq!(skipped(), FIRST);
        turns.was_lost();
        assert_eq!(skipped(), 2 * FIRST);
        (0..20).for_each(|_| turns.was_lost());
        assert_eq!(skipped(), MOST);
        turns.were_ours();
        turns.was_lost();
        assert_eq!(skipped(), FIRST);
    }
}

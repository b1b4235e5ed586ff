//! Waiting for a peer that is in the middle of a step.

use std::time::Duration;

use zc_core::sync::{hint, thread};

/// Bounded spin, then yield, then sleep: for the few instructions a peer needs to finish a step it
/// has begun, and for the time slice it may have lost in between.
///
/// No peer ever runs user code in such a step, so this is not the place for waits of unknown
/// length: those park on a waiter list.
#[derive(Debug)]
pub(crate) struct Backoff {
    round: u32,
}

impl Backoff {
    /// Rounds that spin, doubling from 1 to 2^6 hints.
    const SPINS: u32 = 7;
    /// Rounds that yield after that.
    const YIELDS: u32 = 16;
    /// How long a round sleeps after that: a peer that needs longer has lost its processor, and
    /// with priorities in play yielding might never give it back.
    const SLEEP: Duration = Duration::from_micros(50);

    pub(crate) const fn new() -> Self {
        Self { round: 0 }
    }

    /// After losing a race that somebody else won: progress was made, try again soon.
    #[inline]
    pub(crate) fn lost_race(&mut self) {
        let rounds = 1 << self.round.min(Self::SPINS - 1);
        for _ in 0..rounds {
            hint::spin_loop();
        }
        if self.round < Self::SPINS {
            self.round += 1;
        }
    }

    /// While a peer has to finish its step first.
    #[cold]
    pub(crate) fn peer_is_busy(&mut self) {
        if cfg!(any(zc_loom, zc_shuttle)) {
            // One scheduling point says it all to a model checker.
            thread::yield_now();
        } else if self.round < Self::SPINS {
            for _ in 0..1 << self.round {
                hint::spin_loop();
            }
            self.round += 1;
        } else if self.round < Self::SPINS + Self::YIELDS {
            thread::yield_now();
            self.round += 1;
        } else {
            thread::sleep(Self::SLEEP);
        }
    }
}

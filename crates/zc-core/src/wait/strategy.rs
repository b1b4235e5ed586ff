//! How a thread passes the time until something is ready.
//!
//! Two threads that share one core must both make progress, so no strategy spins without end: each
//! goes through at most three stages, *spin* (stay on the core, cheap loads with a pause between),
//! *yield* (offer the core to whoever is runnable), *park* (sleep until woken).

use crate::sync::{hint, thread};

/// What a waiting thread does until what it waits for is there.
///
/// | strategy | spins | then yields | then parks | for |
/// |---|---|---|---|---|
/// | `BusySpin` | 1,000 rounds at a time | once between them | never | a core of its own per thread, lowest latency |
/// | `SpinYield` | as told | for ever | never | more threads than cores, no syscall to wake |
/// | `Park` | no | no | at once | rare events |
/// | `Adaptive` | up to about 2 µs | 4 times | then | everything else; the default |
///
/// Only a parked thread costs its waker a system call; one that never parks costs its waker one
/// load of a counter that stays zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Spin; yield once every 1,000 rounds, so that a thread on the same core is not shut out.
    BusySpin,
    /// Spin `spins` rounds, then yield between looks.
    SpinYield {
        /// Rounds of looking and pausing before the first yield.
        spins: u32,
    },
    /// Park at once.
    Park,
    /// Spin for a bounded time (not at all on a machine with one core), yield a few times, park.
    #[default]
    Adaptive,
}

impl WaitStrategy {
    /// A fresh pass through the stages of this strategy.
    #[must_use]
    pub fn spinner(self) -> Spinner {
        Spinner {
            strategy: self,
            round: 0,
        }
    }
}

/// Pause rounds of `Adaptive` before it yields: they double up to this exponent, which sums to
/// about 2 µs at 10 ns a pause.
const ADAPTIVE_SPIN_ROUNDS: u32 = 8;
const ADAPTIVE_YIELD_ROUNDS: u32 = 4;
const BUSY_SPIN_RUN: u32 = 1_000;

/// One pass through the stages of a [`WaitStrategy`], advanced one round at a time.
#[derive(Clone, Debug)]
pub struct Spinner {
    strategy: WaitStrategy,
    round: u32,
}

impl Spinner {
    /// Passes a little time: a pause or a yield. False where it is time to park, in which case
    /// nothing was done.
    #[inline]
    pub fn spin(&mut self) -> bool {
        // A model checker explores what spinning could only delay.
        if cfg!(any(zc_loom, zc_shuttle)) {
            return match self.strategy {
                WaitStrategy::BusySpin | WaitStrategy::SpinYield { .. } => {
                    thread::yield_now();
                    true
                }
                WaitStrategy::Park | WaitStrategy::Adaptive => false,
            };
        }
        let round = self.round;
        self.round = round.wrapping_add(1);
        match self.strategy {
            WaitStrategy::BusySpin => {
                if round % BUSY_SPIN_RUN == BUSY_SPIN_RUN - 1 {
                    thread::yield_now();
                } else {
                    hint::spin_loop();
                }
                true
            }
            WaitStrategy::SpinYield { spins } => {
                if round < spins {
                    hint::spin_loop();
                } else {
                    self.round = spins;
                    thread::yield_now();
                }
                true
            }
            WaitStrategy::Park => false,
            WaitStrategy::Adaptive => adaptive_round(round),
        }
    }
}

fn adaptive_round(round: u32) -> bool {
    let spins = if single_core() {
        0
    } else {
        ADAPTIVE_SPIN_ROUNDS
    };
    if round < spins {
        for _ in 0..1u32 << round.min(6) {
            hint::spin_loop();
        }
        true
    } else if round < spins + ADAPTIVE_YIELD_ROUNDS {
        thread::yield_now();
        true
    } else {
        false
    }
}

/// Whether this process may run on one processor only (as under `taskset -c 0`): spinning then
/// only keeps the other side from running.
fn single_core() -> bool {
    static CORES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from)) == 1
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn only_the_parking_strategies_end() {
        let mut park = WaitStrategy::Park.spinner();
        assert!(!park.spin());

        let mut adaptive = WaitStrategy::Adaptive.spinner();
        let rounds = (0..1_000).take_while(|_| adaptive.spin()).count();
        assert!(rounds <= (ADAPTIVE_SPIN_ROUNDS + ADAPTIVE_YIELD_ROUNDS) as usize);

        let mut busy = WaitStrategy::BusySpin.spinner();
        assert!((0..5_000).all(|_| busy.spin()));
        let mut yielding = WaitStrategy::SpinYield { spins: 3 }.spinner();
        assert!((0..100).all(|_| yielding.spin()));
    }

    #[test]
    fn a_spinner_may_run_for_ever() {
        let mut spinner = Spinner {
            strategy: WaitStrategy::BusySpin,
            round: u32::MAX,
        };
        assert!(spinner.spin());
        assert_eq!(spinner.round, 0);
    }
}

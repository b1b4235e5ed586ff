//! Whether it pays to spin for a moment before a task goes to sleep.
//!
//! Putting a task to sleep and waking it costs some hundred nanoseconds on a runtime, ten times that
//! if a worker sleeps with it. If the other side runs on another processor, what the task waits for is
//! often there sooner, but a channel cannot see that beforehand. So each line learns from what
//! happened: every spin that found something is a point, every one in vain takes several, and without
//! points a task spins only once in a while, to see whether times have changed.
//!
//! A spin is bounded at about the price of a wake-up, and holds up nobody but the other tasks of its
//! worker for so long.

use zc_core::sync::atomic::Ordering::Relaxed;
use zc_core::sync::hint;
use zc_core::sync::unmodelled::AtomicUsize;

use super::experience::set;

/// Waits without a spin between two that try.
const SKIPS: usize = 63;
/// Points that can be saved.
const MOST: usize = 16;
/// Points that a spin in vain costs.
const PRICE: usize = 4;
/// Looks of a spin, with a pause before each.
const PAUSES: u32 = 63;

/// What spinning in one line has been worth lately. Only a hint: updates may get lost.
#[derive(Debug)]
pub(super) struct Luck {
    /// Below `SKIPS`: waits that were not spun for since the last one that was. From there on: points.
    score: AtomicUsize,
}

impl Luck {
    pub(super) const fn new() -> Self {
        Self {
            score: AtomicUsize::new(SKIPS),
        }
    }

    /// Calls `ready` a few times within about a microsecond, where `promises` says that it is worth it,
    /// unless that has been in vain lately.
    #[inline]
    pub(super) fn spin<R>(
        &self,
        promises: impl Fn() -> bool,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let score = self.score.load(Relaxed);
        if score < SKIPS {
            self.score.store(score + 1, Relaxed);
            return None;
        }
        for _ in 0..PAUSES {
            hint::spin_loop();
            if promises()
                && let Some(result) = ready()
            {
                set(&self.score, (score + 1).min(SKIPS + MOST));
                return Some(result);
            }
        }
        self.score.store(
            if score >= SKIPS + PRICE {
                score - PRICE
            } else {
                0
            },
            Relaxed,
        );
        None
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    /// How many looks each of `waits` waits had, if they find something only where `hit` says.
    fn looks(luck: &Luck, waits: usize, hit: bool) -> Vec<usize> {
        let mut all = Vec::new();
        for _ in 0..waits {
            let mut looks = 0;
            let found = luck.spin(
                || true,
                || {
                    looks += 1;
                    hit.then_some(())
                },
            );
            assert_eq!(found.is_some(), hit && looks > 0);
            all.push(looks);
        }
        all
    }

    #[test]
    fn a_spin_in_vain_is_not_repeated_for_a_while() {
        let luck = Luck::new();
        let all = looks(&luck, 1 + SKIPS + 1, false);
        assert_eq!(all[0], PAUSES as usize, "the first one tries");
        assert!(all[1..=SKIPS].iter().all(|&looks| looks == 0));
        assert_eq!(all[SKIPS + 1], PAUSES as usize, "and one tries again");
    }

    #[test]
    fn what_was_of_use_survives_a_few_failures() {
        let luck = Luck::new();
        assert!(looks(&luck, 2 * MOST, true).iter().all(|&looks| looks == 1));
        let tries = looks(&luck, 20, false);
        let tries = tries.into_iter().take_while(|&looks| looks > 0).count();
        assert_eq!(tries, MOST / PRICE + 1);
    }
}

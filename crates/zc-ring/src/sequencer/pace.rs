//! [`Pace`]: how one end waits under [`WaitStrategy::Adaptive`], by what its last waits were like. The
//! other strategies are what they say.
//!
//! # Crowded
//!
//! To spin where more threads are runnable than there are cores keeps those from running that would
//! end the wait. A yield shows it: it takes long where somebody else had the core meanwhile. From then
//! on [`CROWDED`] waits begin with yielding, and nothing gathers. Yields are many before a park, because a
//! park and the wake that ends it cost more than a turn of the others, and bounded, because an idle end must
//! not keep a core awake: [`YIELDS`] in which nobody else ran, and [`ALL_YIELDS`] in any case.
//!
//! # Gathering
//!
//! A consumer that keeps up with a fast producer takes each line from it that it is about to write to
//! next, and both go at the speed of lines that change hands. It shows in waits that end at once. After
//! [`STREAK`] of them in a row the consumer lets rows gather, for about a microsecond, before it looks
//! again, as long as at least [`WORTH`] have gathered then. At lower rates no wait ends at once, or few have
//! gathered, so that rows that come one by one are never held up. A small ring would run full
//! meanwhile, and gets a shorter time.

use std::time::{Duration, Instant};

use zc_core::sync::{hint, thread};
use zc_core::wait::{WaitList, WaitStrategy};

/// Waits that begin with yielding once a yield has shown that others want the core.
const CROWDED: u8 = 32;
/// Yields before a park in which nobody else ran.
const YIELDS: u32 = 64;
/// Yields before a park.
const ALL_YIELDS: u32 = 512;
/// A yield that takes so long has let somebody else run.
const SOMEBODY_RAN: Duration = Duration::from_micros(4);
/// Looks at which a wait has ended at once: three pauses.
const AT_ONCE: u32 = 2;
/// Waits in a row that end at once before rows are left to gather.
const STREAK: u8 = 16;
/// Pauses while rows gather: about 1.25 µs.
const GATHER: usize = 128;
/// Rows that make it worth it.
const WORTH: usize = 32;

/// What one end remembers of its waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Waits left that begin with yielding.
    crowded: u8,
    /// Waits in a row that have ended at once.
    at_once: u8,
}

impl Pace {
    /// Blocks in `list` until `ready` gives something, as `strategy` says; `None` once `deadline` has
    /// passed.
    pub(crate) fn wait<R>(
        &mut self,
        list: &WaitList,
        strategy: WaitStrategy,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        // A model checker explores what spinning could only delay.
        if strategy != WaitStrategy::Adaptive || cfg!(any(zc_loom, zc_shuttle)) {
            return list.block_until(strategy, deadline, ready);
        }
        if let Some(found) = self.spin(&mut ready) {
            return Some(found);
        }
        self.at_once = 0;
        let mut alone = 0;
        for _ in 0..ALL_YIELDS {
            let before = Instant::now();
            if deadline.is_some_and(|deadline| before >= deadline) {
                return ready();
            }
            thread::yield_now();
            if before.elapsed() >= SOMEBODY_RAN {
                self.crowded = CROWDED;
            } else {
                alone += 1;
            }
            if let Some(found) = ready() {
                return Some(found);
            }
            if alone == YIELDS {
                break;
            }
        }
        list.block_until(WaitStrategy::Park, deadline, ready)
    }

    /// Spins for a while, unless others want the core.
    fn spin<R>(&mut self, ready: &mut impl FnMut() -> Option<R>) -> Option<R> {
        if self.crowded > 0 {
            self.crowded -= 1;
            return None;
        }
        let mut spinner = WaitStrategy::Adaptive.spinner();
        let mut looks = 0;
        while spinner.spin() {
            looks += 1;
            if let Some(found) = ready() {
                self.at_once = if looks <= AT_ONCE {
                    (self.at_once + 1).min(STREAK)
                } else {
                    0
                };
                return Some(found);
            }
        }
        None
    }

    /// Lets rows gather in a ring of `capacity` rows, where that pays. Whether it did.
    #[inline]
    pub(crate) fn gather(&self, capacity: usize) -> bool {
        let gathers = self.at_once == STREAK && self.crowded == 0;
        if gathers {
            (0..GATHER.min(capacity / 8)).for_each(|_| hint::spin_loop());
        }
        gathers
    }

    /// So many rows have gathered.
    #[inline]
    pub(crate) fn gathered(&mut self, rows: usize) {
        self.at_once = if rows < WORTH { 0 } else { STREAK };
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    fn wait(pace: &mut Pace, looks: u32) {
        let mut left = looks;
        let ready = || {
            left -= 1;
            (left == 0).then_some(())
        };
        let found = pace.wait(&WaitList::new(), WaitStrategy::Adaptive, None, ready);
        assert_eq!(found, Some(()));
    }

    #[test]
    fn rows_gather_only_while_waits_end_at_once_and_many_have_gathered() {
        let mut pace = Pace::default();
        for _ in 0..STREAK {
            assert!(!pace.gather(1024));
            wait(&mut pace, AT_ONCE);
        }
        assert!(pace.gather(1024));
        pace.gathered(WORTH);
        assert!(pace.gather(1024));
        pace.gathered(WORTH - 1);
        assert!(!pace.gather(1024));
        (0..STREAK).for_each(|_| wait(&mut pace, 1));
        assert!(pace.gather(1024));
        wait(&mut pace, AT_ONCE + 1);
        assert!(!pace.gather(1024));
    }

    #[test]
    fn a_crowd_is_remembered_for_a_while() {
        let mut pace = Pace {
            crowded: 2,
            ..Pace::default()
        };
        assert_eq!(pace.spin(&mut || Some(())), None);
        assert_eq!(pace.spin(&mut || Some(())), None);
        assert_eq!(pace.spin(&mut || Some(())), Some(()));
    }

    #[test]
    fn a_wait_ends_at_its_deadline_in_every_stage() {
        for crowded in [0, 1] {
            let mut pace = Pace {
                crowded,
                ..Pace::default()
            };
            for timeout in [Duration::ZERO, Duration::from_millis(5)] {
                let deadline = Instant::now() + timeout;
                let never = || None::<()>;
                let list = WaitList::new();
                let found = pace.wait(&list, WaitStrategy::Adaptive, Some(deadline), never);
                assert_eq!(found, None);
                assert!(Instant::now() >= deadline);
            }
        }
    }
}

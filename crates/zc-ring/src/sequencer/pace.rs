//! [`Pace`]: how one end waits under [`WaitStrategy::Adaptive`], by what its last waits were like. The
//! other strategies are what they say.
//!
//! # Crowded
//!
//! To spin where more threads are runnable than there are cores keeps those from running that would
//! end the wait. A yield shows it: it takes long where somebody else had the core meanwhile. From then
//! on [`CROWDED`] waits begin with yielding. Yields are many before a park ([`YIELDS`]), because a
//! park and the wake that ends it cost more than a turn of the others, and bounded, because an idle end must
//! not keep a core awake.
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
/// Yields before a park.
const YIELDS: u32 = 64;
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
        for _ in 0..YIELDS {
            let before = Instant::now();
            if deadline.is_some_and(|deadline| before >= deadline) {
                return ready();
            }
            thread::yield_now();
            if before.elapsed() >= SOMEBODY_RAN {
                self.crowded = CROWDED;
            }
            if let Some(found) = ready() {
                return Some(found);
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
        let gathers = self.at_once == STREAK;
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

//! Progress of one group: how many of its bytes are settled, and at how many it is sealed.
//!
//! ```text
//!   63        62       61 ─ 31         30 ─ 0
//!   sealed    slow     sealed length   settled bytes
//! ```
//!
//! All in one word, so that exactly one addition, be it of the last committer or of the sealer,
//! makes the two equal and knows it.

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::edge;

const SEALED: u64 = 1 << 63;
const SLOW: u64 = 1 << 62;
const LEN_SHIFT: u32 = 31;
const MASK: u64 = (1 << LEN_SHIFT) - 1;

/// A value of the progress word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled(u64);

impl Settled {
    /// Whether bytes are counted under the lock instead.
    pub(crate) const fn is_slow(self) -> bool {
        self.0 & SLOW != 0
    }

    /// The sealed length; `None` while the group is open.
    pub(crate) const fn sealed_len(self) -> Option<u32> {
        if self.0 & SEALED == 0 {
            return None;
        }
        Some((self.0 >> LEN_SHIFT & MASK) as u32)
    }

    /// Bytes settled the fast way.
    pub(crate) const fn bytes(self) -> u32 {
        (self.0 & MASK) as u32
    }

    /// Whether every byte is settled, the fast way.
    pub(crate) fn is_complete(self) -> bool {
        !self.is_slow() && self.sealed_len() == Some(self.bytes())
    }
}

#[derive(Debug)]
pub(crate) struct Progress(CachePadded<AtomicU64>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// Settles `len` bytes; what holds after it. If that is slow, nothing has been settled.
    ///
    /// Every settling happens before the completion that counts it: all fills are visible to
    /// whoever completes.
    ///
    /// # Safety
    /// `this` is alive until the addition. It may be gone right after it, which is why this takes
    /// no reference.
    #[inline]
    pub(crate) unsafe fn settle(this: *const Self, len: u32) -> Settled {
        let order = edge("agent.settle", Ordering::AcqRel);
        // SAFETY: the caller's promise; the reference is to the atomic alone, which is all
        // interior, so it may dangle once the addition is done.
        let word: &AtomicU64 = unsafe { &(*this).0 };
        Settled(word.fetch_add(u64::from(len), order) + u64::from(len))
    }

    /// Seals at `len` bytes; what holds after it.
    pub(crate) fn seal(&self, len: u32) -> Settled {
        let seal = SEALED | u64::from(len) << LEN_SHIFT;
        Settled(
            self.0
                .fetch_add(seal, edge("agent.settle", Ordering::AcqRel))
                + seal,
        )
    }

    /// Sends everybody to the lock from now on; what held before. `None` if the group is complete:
    /// then it belongs to whoever completed it. Under the lock.
    pub(crate) fn go_slow(&self) -> Option<Settled> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if Settled(word).is_complete() {
                return None;
            }
            match self.0.compare_exchange_weak(
                word,
                word | SLOW,
                edge("agent.settle", Ordering::AcqRel),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Settled(word)),
                Err(now) => word = now,
            }
        }
    }

    /// The word now. Under the lock, for the sealed length.
    pub(crate) fn peek(&self) -> Settled {
        Settled(self.0.load(edge("agent.settle", Ordering::Acquire)))
    }

    /// Back to nothing, for the next group. Nobody else refers to this one any more.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    fn settle(progress: &Progress, len: u32) -> Settled {
        // SAFETY: borrowed.
        unsafe { Progress::settle(progress, len) }
    }

    #[test]
    fn complete_once_whichever_comes_last() {
        let progress = Progress::new();
        assert!(!settle(&progress, 10).is_complete());
        assert!(!progress.seal(30).is_complete());
        assert!(!settle(&progress, 5).is_complete());
        assert!(settle(&progress, 15).is_complete());
        assert!(progress.go_slow().is_none());

        progress.reset();
        assert!(!settle(&progress, 7).is_complete());
        assert!(progress.seal(7).is_complete());
    }

    #[test]
    fn slow_is_never_complete_by_itself() {
        let progress = Progress::new();
        settle(&progress, 7);
        assert_eq!(progress.go_slow().unwrap().bytes(), 7);
        let sealed = progress.seal(7);
        assert!(sealed.is_slow() && !sealed.is_complete());
        assert_eq!(sealed.sealed_len(), Some(7));
    }
}

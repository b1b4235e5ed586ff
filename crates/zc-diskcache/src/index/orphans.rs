//! Who takes an index down: the last view that outlives the handles.
//!
//! While there is a handle nobody has to count views: each is a pin on its slot. When the last
//! handle goes, no new pin can come any more, and [`close`](Orphans::close) turns what is left into
//! a number: it marks every pin word that still has pins as an *orphan* and counts those words. The
//! unpin that takes an orphan's last pin takes one from the number; whoever takes it to zero is the
//! last, and frees everything. The number starts at one, the closer's own share, so it cannot get
//! there while words are still being marked. A view therefore costs its pin and nothing else.
//!
//! # Edges
//!
//! - `cache.unpin`: the last read through a view → `close`, or the unpin that was the word's last.
//! - `cache.orphans`: each of these → the one that frees.

use zc_core::sync::atomic::{AtomicUsize, Ordering};
use zc_core::sync::edge;

use super::pin::PinWord;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct Orphans(AtomicUsize);

impl Default for Orphans {
    fn default() -> Self {
        Self::new()
    }
}

impl Orphans {
    /// For an index that is open.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// The last handle is gone: marks the words in which views still have pins. Whether there are none, so
    /// that the caller frees everything; else it must not touch the index again.
    #[must_use = "somebody has to free the index"]
    pub fn close<'a>(&'a self, words: impl Iterator<Item = &'a PinWord>) -> bool {
        for pin in words.filter(|word| word.is_pinned()) {
            // Counted before it is marked: its last view may be gone right after the mark.
            self.0.fetch_add(1, Ordering::Relaxed);
            if !pin.orphan() {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.leave()
    }

    /// An orphan's last pin is gone, as [`PinWord::unpin`] said. Whether the caller frees
    /// everything; else it must not touch the index again.
    #[inline]
    #[must_use = "somebody has to free the index"]
    pub fn leave(&self) -> bool {
        self.0.fetch_sub(1, edge("cache.orphans", Ordering::AcqRel)) == 1
    }
}

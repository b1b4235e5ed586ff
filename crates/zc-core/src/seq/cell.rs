//! The cell.

use std::fmt;

use zerocopy::{FromBytes, IntoBytes};

use super::words::Words;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::edge;
use crate::wait::WaitStrategy;

/// A small plain-data value that any thread reads and writes, without locks for readers and
/// without undefined behaviour.
///
/// A sequence lock whose data is atomic words: a reader copies the value out and looks at the
/// sequence number before and after; if a writer came in between, it copies again. Readers write
/// nothing, so any number of them scales, and they never hold a writer up. Writers take turns.
///
/// | | cost |
/// |---|---|
/// | `load`, nobody writing | two loads of the number and one for every 8 bytes (16 on x86-64) |
/// | `store` | one read-modify-write, one store for every 8 bytes, one more store |
///
/// It pays for values up to about 1 KiB. Word-wise copies cannot be vectorised, so above that a
/// [`SharedBuffer`](crate::SharedBuffer) or a published [`Frozen`](crate::Frozen) is faster.
///
/// * A reader may have to try again for as long as writers come faster than it copies;
///   [`try_load`](Self::try_load) tries once. In between it spins, then yields.
/// * A writer that is suspended in the middle of a `store` makes readers and writers wait for it.
///   There is no user code in a `store`, so it cannot panic or be cancelled there.
///
/// Source of the algorithm: the sequence lock of the Linux kernel, with the orderings of Hans
/// Boehm, "Can seqlocks get along with programming language memory models?" (2012), expressed as
/// Release and Acquire on the words instead of by fences.
///
/// ```
/// use zc_core::SeqCell;
///
/// let best = SeqCell::new([100_u64, 101]);
/// best.store([99, 102]);
/// assert_eq!(best.load(), [99, 102]);
/// ```
///
/// # How it is right
///
/// * `core.seq_end`: the writer's last store of the number (Release) → the reader's first load of
///   it (Acquire): a reader that starts after a write sees all of its words.
/// * `core.seq_word`: a reader that copies a word of a newer write thereby sees the number that
///   write made odd beforehand, so its second look differs and the copy is thrown away.
pub struct SeqCell<T> {
    /// Even: at rest. Odd: a writer is in the middle.
    sequence: AtomicUsize,
    words: Words<T>,
}

impl<T: IntoBytes + FromBytes + Copy> SeqCell<T> {
    /// A cell with a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            sequence: AtomicUsize::new(0),
            words: Words::new(value),
        }
    }

    /// The value: one that was stored as a whole, at some moment during the call.
    #[inline]
    pub fn load(&self) -> T {
        // As `try_load`, spelled out, and nobody is given the copy's address: so it is made in
        // registers or where the caller wants it. A copy of the copy would be read by wider words
        // than it was just written by, for which the processor waits longer than for all the rest.
        loop {
            let before = self.sequence.load(edge("core.seq_end", Ordering::Acquire));
            let value = self.words.load();
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return value;
            }
            self.wait();
        }
    }

    /// Until no writer is in the middle.
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let mut spinner = spinner();
        loop {
            spinner.spin();
            if self.sequence.load(Ordering::Relaxed).is_multiple_of(2) {
                return;
            }
        }
    }

    /// The value, unless a writer came in between.
    #[inline]
    pub fn try_load(&self) -> Option<T> {
        let before = self.sequence.load(edge("core.seq_end", Ordering::Acquire));
        if !before.is_multiple_of(2) {
            return None;
        }
        let value = self.words.load();
        // Relaxed is enough: a word of a newer write has brought its odd number along.
        (self.sequence.load(Ordering::Relaxed) == before).then_some(value)
    }

    /// Replaces the value. Concurrent stores take turns.
    pub fn store(&self, value: T) {
        let mut spinner = spinner();
        // An even guess that the exchange corrects. (loom prunes executions that matter after a plain load
        // here, so it guesses without looking.)
        let mut sequence = if cfg!(zc_loom) {
            0
        } else {
            self.sequence.load(Ordering::Relaxed) & !1
        };
        loop {
            // Acquire: what the last writer stored comes before what this one stores.
            match self.sequence.compare_exchange_weak(
                sequence,
                sequence.wrapping_add(1),
                edge("core.seq_end", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) if now.is_multiple_of(2) => sequence = now,
                Err(now) => {
                    // Another writer is in the middle: it will leave the next even number.
                    sequence = now.wrapping_add(1);
                    spinner.spin();
                }
            }
        }
        self.words.store(value);
        self.sequence.store(
            sequence.wrapping_add(2),
            edge("core.seq_end", Ordering::Release),
        );
    }
}

/// For waits of a few instructions, or of a time slice if the other was suspended in them.
fn spinner() -> crate::wait::Spinner {
    WaitStrategy::SpinYield { spins: 64 }.spinner()
}

impl<T: IntoBytes + FromBytes + Copy + Default> Default for SeqCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: IntoBytes + FromBytes + Copy + fmt::Debug> fmt::Debug for SeqCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_load() {
            Some(value) => f.debug_tuple("SeqCell").field(&value).finish(),
            None => f.write_str("SeqCell(<being written>)"),
        }
    }
}

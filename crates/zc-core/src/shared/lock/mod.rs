//! The readers-writer lock under the buffer.
//!
//! # State
//!
//! One word: `WRITER`, held exclusively; `PENDING`, a writer is on a core and about to take the
//! lock; `SUMMONED`, a sleeping writer has been woken for it; `COURTESY`, a task that waits to write
//! has come in vain before; the rest counts readers. Beside it two waiter lists, one of writers, one
//! of readers; and before it the [bias], by which most readers enter without touching the word.
//!
//! | from | step | to |
//! |---|---|---|
//! | no `WRITER`, no `PENDING` | a reader enters and is counted | one reader more |
//! | the bias is on | a reader enters by a slot | the same |
//! | free | a writer enters, and drains the bias if it must | `WRITER` |
//! | readers | a writer arrives | `PENDING` for as long as it spins, a few microseconds |
//! | readers, `PENDING` | the last reader leaves | the writer enters: `WRITER` |
//! | readers, a thread waits to write | the last reader leaves and wakes it | `SUMMONED` |
//! | `SUMMONED` | the woken thread enters, or shuts and opens the door, or gives up | not `SUMMONED` |
//! | readers | a task that waits to write looks in vain for the second time | `COURTESY` |
//! | `COURTESY`, no readers | a writer enters, or the task gives up, or a reader has stood back for long | not `COURTESY` |
//! | `WRITER` | the writer leaves | free, or one reader (downgrade) |
//!
//! A writer is inside once it holds `WRITER` *and* the bias has been drained. A writer that finds
//! readers with slots gives `WRITER` back: it never holds the word while it waits, so that a
//! pending future that is forgotten bars nobody.
//!
//! # Who goes first
//!
//! A newcomer does not pass a writer that waits while readers hold the lock; so readers that come
//! again and again cannot starve it. The last reader out wakes one writer. If that is a thread, the
//! word says `SUMMONED` from before it is woken, and readers stand back until it has been there: it
//! may take a while to get a core, and with readers on all of them it would otherwise find the lock
//! occupied each time. If it is a task, its future may have been forgotten, and nobody stands back
//! for it without end: those who stood back are woken too. The first time whoever is there first
//! enters. A task that has come in vain is alive: it leaves `COURTESY` in the word, and readers stand
//! back until it has been there, but for no longer than a millisecond ([`COURTESY_TIME`]). Whoever
//! has no time to wait (`try_read`, the end of a timeout) does not stand back.
//!
//! A leaving writer wakes one writer and all readers, and whoever is there first enters. A writer
//! that is awake shuts the door (`PENDING`) while it looks, so it needs no luck, only that those
//! inside leave. A writer that gives up wakes the readers that stood back for it.
//!
//! Neither `PENDING` nor `SUMMONED` is left behind by a writer that sleeps: it takes both away and
//! looks once more before it does. A waiting writer bars others only while it is in the list, out of
//! which the next release takes it. A pending future that is forgotten therefore costs one wake (and
//! readers, if it has been polled more than once, a millisecond) and bars nobody once the lock is
//! free.
//!
//! # Edges
//!
//! `core.lock`: leaving (Release) → entering (Acquire). Two critical sections of which one writes
//! never overlap, and the later sees all of the earlier. Readers with slots: see the bias.

mod bias;
mod read;
mod slots;
mod write;

use std::time::Duration;

use crossbeam_utils::CachePadded;

use self::bias::Bias;
use self::slots::Slot;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::edge;
use crate::sync::unmodelled::AtomicUsize as Tally;
use crate::wait::WaitList;

const WRITER: usize = 1;
const PENDING: usize = 2;
const SUMMONED: usize = 4;
const COURTESY: usize = 8;
const READER: usize = 16;
/// What keeps readers out without an end of its own.
const BARS: usize = WRITER | PENDING | SUMMONED;
/// More readers than there can be guards; one more would overflow into nothing.
const MAX_READERS: usize = usize::MAX / READER - 1;

/// How often an arriving writer looks, with the door shut, before it opens it and goes to sleep.
const LOOKS: u32 = if cfg!(any(zc_loom, zc_shuttle)) {
    1
} else {
    100
};

/// How long readers stand back for a task that has been woken to write. In a model: until they
/// look once more.
const COURTESY_TIME: Duration = if cfg!(any(zc_loom, zc_shuttle)) {
    Duration::ZERO
} else {
    Duration::from_millis(1)
};

#[derive(Debug, Default)]
pub(in crate::shared) struct RawLock {
    /// What readers only read while nobody writes.
    calm: CachePadded<Calm>,
    /// What every counted reader writes.
    busy: CachePadded<Busy>,
    writers: WaitList,
    readers: WaitList,
}

#[derive(Debug, Default)]
struct Calm {
    bias: Bias,
    poisoned: AtomicBool,
}

#[derive(Debug, Default)]
struct Busy {
    state: AtomicUsize,
    /// Counted reads since the last write; approximate.
    reads: Tally,
}

/// How a reader entered, and must leave: by a slot, or counted.
#[derive(Debug)]
#[must_use = "the reader stays inside until it has left with this"]
pub(in crate::shared) struct Ticket(Option<&'static Slot>);

impl RawLock {
    /// What slots call this lock. A lock that is in use does not move.
    #[inline]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    #[inline]
    pub(in crate::shared) fn is_poisoned(&self) -> bool {
        self.calm
            .poisoned
            .load(edge("core.poison", Ordering::Acquire))
    }

    pub(in crate::shared) fn set_poisoned(&self, poisoned: bool) {
        self.calm
            .poisoned
            .store(poisoned, edge("core.poison", Ordering::Release));
    }

    /// Whether a writer waits until the readers inside are gone.
    #[cfg(all(debug_assertions, not(any(zc_loom, zc_shuttle)), not(zc_tsan)))]
    pub(in crate::shared) fn has_waiting_writer(&self) -> bool {
        let state = self.busy.state.load(Ordering::Relaxed);
        state & (PENDING | SUMMONED) != 0 || self.writers.waiting() > 0
    }
}

impl Drop for RawLock {
    fn drop(&mut self) {
        super::recursion::forget(self);
        self.calm.bias.forget(self.address());
    }
}

//! The readers-writer lock under the buffer.
//!
//! # State
//!
//! One word: `WRITER`, held exclusively; `PENDING`, a writer is on a core and about to take the
//! lock; the rest counts readers. Beside it two waiter lists, one of writers, one of readers.
//!
//! | from | step | to |
//! |---|---|---|
//! | no `WRITER`, no `PENDING` | a reader enters | one reader more |
//! | free | a writer enters | `WRITER` |
//! | readers | a writer arrives | `PENDING` for as long as it spins, a few microseconds |
//! | readers, `PENDING` | the last reader leaves | the writer enters: `WRITER` |
//! | `WRITER` | the writer leaves | free, or one reader (downgrade) |
//!
//! # Who goes first
//!
//! A newcomer does not pass a writer that waits while readers hold the lock; so readers that come
//! again and again cannot starve it. When the lock becomes free, one writer and all readers that
//! stood back are woken, and whoever is there first enters. The woken writer shuts the door
//! (`PENDING`) while it looks, so it needs no luck, only that those inside leave.
//!
//! `PENDING` is never left behind by a writer that sleeps, and a waiting writer bars others only
//! while it is in the list, out of which the next release takes it. A pending future that is
//! forgotten therefore costs one wake and bars nobody once the lock is free.
//!
//! # Edges
//!
//! `core.lock`: leaving (Release) → entering (Acquire). Two critical sections of which one writes
//! never overlap, and the later sees all of the earlier.

use std::time::Instant;

use crate::error::Holder;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{edge, seeded};
use crate::wait::{WaitList, WaitStrategy};

const WRITER: usize = 1;
const PENDING: usize = 2;
const READER: usize = 4;
/// More readers than there can be guards; one more would overflow into nothing.
const MAX_READERS: usize = usize::MAX / READER - 1;

/// How often an arriving writer looks, with the door shut, before it opens it and goes to sleep.
const WRITER_LOOKS: u32 = if cfg!(any(zc_loom, zc_shuttle)) {
    1
} else {
    100
};

#[derive(Debug, Default)]
pub(super) struct RawLock {
    state: AtomicUsize,
    poisoned: AtomicBool,
    writers: WaitList,
    readers: WaitList,
}

impl RawLock {
    /// Enters as a reader if that is possible now; overtakes writers that wait.
    pub(super) fn try_read(&self) -> Result<(), Holder> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & (WRITER | PENDING) != 0 {
                return Err(Holder::Writer);
            }
            assert!(state / READER < MAX_READERS, "too many read guards");
            match self.state.compare_exchange_weak(
                state,
                state + READER,
                edge("core.lock", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Enters as a reader unless a writer waits for those who are inside.
    fn try_read_politely(&self) -> Option<()> {
        let occupied = self.state.load(Ordering::Relaxed) >= READER;
        if occupied && self.writers.waiting() > 0 {
            return None;
        }
        self.try_read().ok()
    }

    /// Enters as a reader; false once `deadline` has passed.
    pub(super) fn read_until(&self, deadline: Option<Instant>) -> bool {
        self.readers
            .block_until(WaitStrategy::default(), deadline, || {
                self.try_read_politely()
            })
            .is_some()
    }

    pub(super) async fn read_async(&self) {
        let mut waiter = std::pin::pin!(self.readers.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.try_read_politely()))
            .await;
    }

    pub(super) fn unlock_read(&self) {
        let before = self
            .state
            .fetch_sub(READER, edge("core.lock", Ordering::SeqCst));
        debug_assert!(before >= READER);
        if before / READER == 1 {
            self.wake_after_rmw();
        }
    }

    /// Enters as the writer if that is possible now. A refusal costs one load.
    #[inline]
    pub(super) fn try_write(&self) -> Result<(), Holder> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & WRITER != 0 {
                return Err(Holder::Writer);
            }
            if state >= READER {
                return Err(Holder::Readers);
            }
            // Free, perhaps with another writer at the door: taking it closes that door too.
            match self.state.compare_exchange_weak(
                state,
                WRITER,
                edge("core.lock", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Enters as the writer, keeping newcomers out while it looks a bounded number of times.
    fn try_write_with_door_shut(&self) -> Option<()> {
        if self.try_write().is_ok() {
            return Some(());
        }
        for _ in 0..WRITER_LOOKS {
            self.state.fetch_or(PENDING, Ordering::Relaxed);
            if self.try_write().is_ok() {
                return Some(());
            }
            crate::sync::hint::spin_loop();
        }
        // Readers that found the door shut sleep by now: it is open again.
        self.state.fetch_and(!PENDING, Ordering::SeqCst);
        self.readers.notify_after_rmw(usize::MAX);
        None
    }

    /// Enters as the writer; false once `deadline` has passed.
    pub(super) fn write_until(&self, deadline: Option<Instant>) -> bool {
        self.writers
            .block_until(WaitStrategy::Park, deadline, || {
                self.try_write_with_door_shut()
            })
            .is_some()
    }

    pub(super) async fn write_async(&self) {
        let mut waiter = std::pin::pin!(self.writers.waiter());
        std::future::poll_fn(|cx| {
            waiter
                .as_mut()
                .poll_until(cx, || self.try_write_with_door_shut())
        })
        .await;
    }

    /// Leaves as the writer; with `panicked`, the contents may be half changed.
    pub(super) fn unlock_write(&self, panicked: bool) {
        if panicked {
            self.set_poisoned(true);
        }
        self.state
            .fetch_and(!WRITER, edge("core.lock", Ordering::SeqCst));
        self.wake_after_rmw();
    }

    /// Makes the writer the first reader.
    pub(super) fn downgrade(&self) {
        let before = self
            .state
            .fetch_add(READER - WRITER, edge("core.lock", Ordering::SeqCst));
        debug_assert_eq!(before & WRITER, WRITER);
        self.readers.notify_after_rmw(usize::MAX);
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(edge("core.poison", Ordering::Acquire))
    }

    pub(super) fn set_poisoned(&self, poisoned: bool) {
        self.poisoned
            .store(poisoned, edge("core.poison", Ordering::Release));
    }

    /// Whether a writer sleeps until the readers inside are gone.
    #[cfg(all(debug_assertions, not(any(zc_loom, zc_shuttle))))]
    pub(super) fn has_waiting_writer(&self) -> bool {
        self.writers.waiting() > 0
    }

    /// The lock has just become free, by a read-modify-write.
    fn wake_after_rmw(&self) {
        if seeded("core.lock_wake") {
            return;
        }
        self.writers.notify_after_rmw(1);
        self.readers.notify_after_rmw(usize::MAX);
    }
}

impl Drop for RawLock {
    fn drop(&mut self) {
        super::recursion::forget(self);
    }
}

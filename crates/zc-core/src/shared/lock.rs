//! The readers-writer lock under the buffer.
//!
//! # State
//!
//! One word: `WRITER`, held exclusively; `PENDING`, a writer is on a core and about to take the
//! lock; `SUMMONED`, a sleeping writer has been woken for it; the rest counts readers. Beside it two waiter lists, one of writers, one of readers; and
//! before it the [bias](super::bias), by which most readers enter without touching the word.
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
//! occupied each time. If it is a task nobody stands back for it, for its future may have been
//! forgotten: those who stood back are woken too, and whoever is there first enters.
//!
//! A leaving writer wakes one writer and all readers, and whoever is there first enters. A writer
//! that is awake shuts the door (`PENDING`) while it looks, so it needs no luck, only that those
//! inside leave. A writer that gives up wakes the readers that stood back for it.
//!
//! Neither `PENDING` nor `SUMMONED` is left behind by a writer that sleeps: it takes both away and
//! looks once more before it does. A waiting writer bars others only while it is in the list, out of
//! which the next release takes it. A pending future that is forgotten therefore costs one wake and
//! bars nobody once the lock is free.
//!
//! # Edges
//!
//! `core.lock`: leaving (Release) → entering (Acquire). Two critical sections of which one writes
//! never overlap, and the later sees all of the earlier. Readers with slots: see the bias.

use std::time::Instant;

use crossbeam_utils::CachePadded;

use super::bias::{Bias, Entry};
use super::slots::Slot;
use crate::error::Holder;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::unmodelled::AtomicUsize as Tally;
use crate::sync::{edge, hint, seeded, store_load_barrier};
use crate::wait::{WaitList, WaitStrategy, Woken};

const WRITER: usize = 1;
const PENDING: usize = 2;
const SUMMONED: usize = 4;
const READER: usize = 8;
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
pub(super) struct Ticket(Option<&'static Slot>);

impl RawLock {
    /// What slots call this lock. A lock that is in use does not move.
    #[inline]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Enters as a reader if that is possible now; overtakes writers that wait.
    #[inline]
    pub(super) fn try_read(&self) -> Result<Ticket, Holder> {
        self.try_read_by_slot()
            .map_or_else(|| self.try_read_counted(), Ok)
    }

    #[inline]
    fn try_read_by_slot(&self) -> Option<Ticket> {
        match self.calm.bias.enter(self.address()) {
            Entry::Inside(slot) => Some(Ticket(Some(slot))),
            Entry::Barred => None,
            Entry::Retreated => {
                self.after_slot();
                None
            }
        }
    }

    fn try_read_counted(&self) -> Result<Ticket, Holder> {
        self.try_read_unless(WRITER | PENDING)
    }

    /// Enters as one that is counted, unless one of the bits `bars` is set.
    fn try_read_unless(&self, bars: usize) -> Result<Ticket, Holder> {
        let busy = &self.busy;
        let mut state = busy.state.load(Ordering::Relaxed);
        loop {
            if state & bars != 0 {
                return Err(Holder::Writer);
            }
            assert!(state / READER < MAX_READERS, "too many read guards");
            match busy.state.compare_exchange_weak(
                state,
                state + READER,
                edge("core.lock", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        let reads = busy.reads.load(Ordering::Relaxed) + 1;
        busy.reads.store(reads, Ordering::Relaxed);
        self.calm.bias.consider(reads, || {
            state & SUMMONED != 0 || self.writers.waiting() > 0
        });
        Ok(Ticket(None))
    }

    /// Enters as a reader unless a writer waits for those who are inside.
    fn try_read_politely(&self) -> Option<Ticket> {
        if let Some(ticket) = self.try_read_by_slot() {
            return Some(ticket);
        }
        if self.writers.waiting() > 0 && self.has_readers() {
            return None;
        }
        self.try_read_unless(WRITER | PENDING | SUMMONED).ok()
    }

    fn has_readers(&self) -> bool {
        self.busy.state.load(Ordering::Relaxed) >= READER
            || self.calm.bias.is_occupied(self.address())
    }

    /// Enters as a reader.
    #[inline]
    pub(super) fn read(&self) -> Ticket {
        loop {
            if let Some(ticket) = self.read_until(None) {
                return ticket;
            }
        }
    }

    /// Enters as a reader; `None` once `deadline` has passed.
    #[inline]
    pub(super) fn read_until(&self, deadline: Option<Instant>) -> Option<Ticket> {
        self.try_read_by_slot()
            .or_else(|| self.wait_to_read(deadline))
    }

    #[inline(never)]
    fn wait_to_read(&self, deadline: Option<Instant>) -> Option<Ticket> {
        self.readers
            .block_until(WaitStrategy::default(), deadline, || {
                self.try_read_politely()
            })
    }

    pub(super) async fn read_async(&self) -> Ticket {
        let mut waiter = std::pin::pin!(self.readers.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.try_read_politely())).await
    }

    #[inline]
    pub(super) fn unlock_read(&self, ticket: &Ticket) {
        match ticket.0 {
            Some(slot) => {
                if !self.calm.bias.leave(slot) {
                    self.after_slot();
                }
            }
            None => self.unlock_counted(),
        }
    }

    fn unlock_counted(&self) {
        let before = self
            .busy
            .state
            .fetch_sub(READER, edge("core.lock", Ordering::SeqCst));
        debug_assert!(before >= READER);
        if before / READER == 1 {
            self.wake_after_reads();
        }
    }

    /// A slot has been freed while the bias was not on: the last one out wakes those who wait. Of
    /// two that leave at once, the barrier lets at least one see that nobody is left.
    #[cold]
    fn after_slot(&self) {
        store_load_barrier();
        if !self.calm.bias.is_occupied(self.address()) && !seeded("core.slot_wake") {
            self.wake_after_reads();
        }
    }

    /// The last reader has just left: a writer is next. A barrier stands between its leaving and
    /// this.
    fn wake_after_reads(&self) {
        if seeded("core.lock_wake") {
            return;
        }
        if cfg!(any(zc_loom, not(target_arch = "x86_64"))) {
            store_load_barrier();
        }
        if self.writers.waiting() > 0 {
            let state = &self.busy.state;
            // Before the thread is woken, so that it is the one to take it away.
            state.fetch_or(SUMMONED, Ordering::Relaxed);
            if self.writers.notify_one() == Some(Woken::Thread) {
                return;
            }
            state.fetch_and(!SUMMONED, Ordering::SeqCst);
        }
        self.readers.notify_after_rmw(usize::MAX);
    }

    /// Enters as the writer if that is possible now. A refusal costs a few loads.
    #[inline]
    pub(super) fn try_write(&self) -> Result<(), Holder> {
        let state = &self.busy.state;
        let mut seen = state.load(Ordering::Relaxed);
        loop {
            if seen & WRITER != 0 {
                return Err(Holder::Writer);
            }
            if seen >= READER || self.calm.bias.is_occupied(self.address()) {
                return Err(Holder::Readers);
            }
            // Free, perhaps with another writer at the door: taking it closes that door too.
            match state.compare_exchange_weak(
                seen,
                WRITER,
                edge("core.lock", Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if self.calm.bias.revoke(self.address()) {
            self.busy.reads.store(0, Ordering::Relaxed);
            Ok(())
        } else {
            // A reader came by its slot since the look above.
            self.release_word();
            Err(Holder::Readers)
        }
    }

    /// Enters as the writer, keeping newcomers out while it looks a bounded number of times. With
    /// `settle`, whoever is still inside after that will wake a writer.
    fn try_write_with_door_shut(&self, settle: bool) -> Option<()> {
        if self.try_write().is_ok() {
            return Some(());
        }
        self.calm.bias.drain(false);
        for _ in 0..WRITER_LOOKS {
            self.busy.state.fetch_or(PENDING, Ordering::Relaxed);
            if self.try_write().is_ok() {
                return Some(());
            }
            // In a model the hint would make everybody else go first, and nobody ever sleep.
            if !cfg!(any(zc_loom, zc_shuttle)) {
                hint::spin_loop();
            }
        }
        // Readers that found the door shut sleep by now: it is open again.
        self.busy
            .state
            .fetch_and(!(PENDING | SUMMONED), Ordering::SeqCst);
        self.readers.notify_after_rmw(usize::MAX);
        if settle {
            self.calm.bias.drain(true);
            return self.try_write().ok();
        }
        None
    }

    /// Enters as the writer; false once `deadline` has passed.
    pub(super) fn write_until(&self, deadline: Option<Instant>) -> bool {
        // The first look comes before the thread is in the list, and need not settle.
        let mut settle = false;
        let entered = self
            .writers
            .block_until(WaitStrategy::Park, deadline, || {
                self.try_write_with_door_shut(std::mem::replace(&mut settle, true))
            })
            .is_some();
        if !entered {
            self.after_giving_up();
        }
        entered
    }

    pub(super) async fn write_async(&self) {
        let gives_up = GivesUp(self);
        {
            let mut waiter = std::pin::pin!(self.writers.waiter());
            std::future::poll_fn(|cx| {
                let mut settle = false;
                waiter.as_mut().poll_until(cx, || {
                    self.try_write_with_door_shut(std::mem::replace(&mut settle, true))
                })
            })
            .await;
        }
        std::mem::forget(gives_up);
    }

    /// A writer has given up: the readers that stood back for it shall not.
    fn after_giving_up(&self) {
        self.busy.state.fetch_and(!SUMMONED, Ordering::SeqCst);
        if !seeded("core.lock_give_up") {
            self.readers.notify_after_rmw(usize::MAX);
        }
    }

    /// Leaves as the writer; with `panicked`, the contents may be half changed.
    pub(super) fn unlock_write(&self, panicked: bool) {
        if panicked {
            self.set_poisoned(true);
        }
        self.release_word();
    }

    fn release_word(&self) {
        // This writer may have been summoned just when it entered by itself.
        let mut held = WRITER | SUMMONED;
        if seeded("core.lock_summoned") {
            held = WRITER;
        }
        self.busy
            .state
            .fetch_and(!held, edge("core.lock", Ordering::SeqCst));
        if !seeded("core.lock_wake") {
            self.writers.notify_after_rmw(1);
            self.readers.notify_after_rmw(usize::MAX);
        }
    }

    /// Makes the writer the first reader.
    pub(super) fn downgrade(&self) -> Ticket {
        self.busy.state.fetch_and(!SUMMONED, Ordering::Relaxed);
        let before = self
            .busy
            .state
            .fetch_add(READER - WRITER, edge("core.lock", Ordering::SeqCst));
        debug_assert_eq!(before & WRITER, WRITER);
        self.readers.notify_after_rmw(usize::MAX);
        Ticket(None)
    }

    #[inline]
    pub(super) fn is_poisoned(&self) -> bool {
        self.calm
            .poisoned
            .load(edge("core.poison", Ordering::Acquire))
    }

    pub(super) fn set_poisoned(&self, poisoned: bool) {
        self.calm
            .poisoned
            .store(poisoned, edge("core.poison", Ordering::Release));
    }

    /// Whether a writer sleeps until the readers inside are gone.
    #[cfg(all(debug_assertions, not(any(zc_loom, zc_shuttle))))]
    pub(super) fn has_waiting_writer(&self) -> bool {
        self.writers.waiting() > 0
    }
}

/// A future that wants to write and is dropped before it does.
struct GivesUp<'a>(&'a RawLock);

impl Drop for GivesUp<'_> {
    fn drop(&mut self) {
        self.0.after_giving_up();
    }
}

impl Drop for RawLock {
    fn drop(&mut self) {
        super::recursion::forget(self);
        self.calm.bias.forget(self.address());
    }
}

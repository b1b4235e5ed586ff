//! Readers: entering by a slot or counted, standing back, leaving, and waking whoever is next.

use std::time::Instant;

use super::bias::Entry;
use super::{MAX_READERS, PENDING, READER, RawLock, SUMMONED, Ticket, WRITER};
use crate::error::Holder;
use crate::sync::atomic::Ordering;
use crate::sync::{edge, seeded, store_load_barrier};
use crate::wait::{WaitStrategy, Woken};

impl RawLock {
    /// Enters as a reader if that is possible now; overtakes writers that wait.
    #[inline]
    pub(in crate::shared) fn try_read(&self) -> Result<Ticket, Holder> {
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
    pub(in crate::shared) fn read(&self) -> Ticket {
        loop {
            if let Some(ticket) = self.read_until(None) {
                return ticket;
            }
        }
    }

    /// Enters as a reader; `None` once `deadline` has passed.
    #[inline]
    pub(in crate::shared) fn read_until(&self, deadline: Option<Instant>) -> Option<Ticket> {
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

    pub(in crate::shared) async fn read_async(&self) -> Ticket {
        let mut waiter = std::pin::pin!(self.readers.waiter());
        std::future::poll_fn(|cx| waiter.as_mut().poll_until(cx, || self.try_read_politely())).await
    }

    #[inline]
    pub(in crate::shared) fn unlock_read(&self, ticket: &Ticket) {
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
}

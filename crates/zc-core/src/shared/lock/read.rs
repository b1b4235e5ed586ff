//! Readers: entering by a slot or counted, standing back, leaving, and waking whoever is next.

use std::time::Instant;

use super::bias::Entry;
use super::{
    BARS, COURTESY, COURTESY_TIME, MAX_READERS, PENDING, READER, RawLock, SUMMONED, Ticket, WRITER,
};
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
            state & (SUMMONED | COURTESY) != 0 || self.writers.waiting() > 0
        });
        Ok(Ticket(None))
    }

    /// Enters as a reader unless a writer waits for those who are inside, or is on its way.
    fn try_read_politely(&self) -> Option<Ticket> {
        if let Some(ticket) = self.try_read_by_slot() {
            return Some(ticket);
        }
        if self.writer_waits_for_readers() {
            return None;
        }
        self.try_read_unless(WRITER | PENDING | SUMMONED | COURTESY)
            .ok()
    }

    fn writer_waits_for_readers(&self) -> bool {
        self.writers.waiting() > 0 && self.has_readers()
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
        loop {
            let entered = self
                .readers
                .block_until(WaitStrategy::default(), deadline, || {
                    let ticket = self.try_read_politely();
                    (ticket.is_some() || self.owes_courtesy()).then_some(ticket)
                })?;
            if entered.is_some() {
                return entered;
            }
            let patience = Instant::now() + COURTESY_TIME;
            let until = deadline.map_or(patience, |deadline| deadline.min(patience));
            let strategy = WaitStrategy::Park;
            match self.readers.block_until(strategy, Some(until), || {
                let ticket = self.try_read_politely();
                (ticket.is_some() || !self.owes_courtesy()).then_some(ticket)
            }) {
                Some(None) => {}
                Some(entered) => return entered,
                // Who cannot wait for the task need not.
                None if until < patience => return self.try_read_unless(BARS).ok(),
                None => self.end_courtesy(),
            }
        }
    }

    pub(in crate::shared) async fn read_async(&self) -> Ticket {
        let mut waiter = std::pin::pin!(self.readers.waiter());
        let mut patience = None;
        std::future::poll_fn(|cx| {
            let entered = waiter.as_mut().poll_until(cx, || self.try_read_politely());
            if entered.is_ready() || !self.owes_courtesy() {
                patience = None;
                return entered;
            }
            // There is no timer here: let the executor run others, the writer among them.
            match patience {
                None => patience = Some(Instant::now() + COURTESY_TIME),
                Some(end) if Instant::now() >= end => self.end_courtesy(),
                Some(_) => {}
            }
            cx.waker().wake_by_ref();
            entered
        })
        .await
    }

    /// Whether nothing but courtesy towards a task keeps a reader out.
    fn owes_courtesy(&self) -> bool {
        let state = self.busy.state.load(Ordering::Relaxed);
        state & (BARS | COURTESY) == COURTESY && !self.writer_waits_for_readers()
    }

    /// The task has not come: nobody stands back for it any longer.
    #[cold]
    fn end_courtesy(&self) {
        if !seeded("core.lock_courtesy_ends") {
            self.busy.state.fetch_and(!COURTESY, Ordering::SeqCst);
        }
        self.readers.notify_after_rmw(usize::MAX);
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
        // Those who stood back enter, or from now on stand back for a while only.
        self.readers.notify_after_rmw(usize::MAX);
    }
}

//! Writers: draining the bias, shutting the door, sleeping, leaving.

use std::time::Instant;

use super::{COURTESY, LOOKS, PENDING, READER, RawLock, SUMMONED, Ticket, WRITER};
use crate::error::Holder;
use crate::sync::atomic::Ordering;
use crate::sync::{edge, hint, seeded};
use crate::wait::WaitStrategy;

impl RawLock {
    /// Enters as the writer if that is possible now. A refusal costs a few loads.
    #[inline]
    pub(in crate::shared) fn try_write(&self) -> Result<(), Holder> {
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
        for _ in 0..LOOKS {
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
    pub(in crate::shared) fn write_until(&self, deadline: Option<Instant>) -> bool {
        // The first look comes before the thread is in the list, and need not settle.
        let mut settle = false;
        let entered = self
            .writers
            .block_until(WaitStrategy::Park, deadline, || {
                self.try_write_with_door_shut(std::mem::replace(&mut settle, true))
            })
            .is_some();
        if !entered {
            self.after_giving_up(SUMMONED);
        }
        entered
    }

    pub(in crate::shared) async fn write_async(&self) {
        let gives_up = GivesUp(self);
        {
            let mut waiter = std::pin::pin!(self.writers.waiter());
            let mut came_in_vain = false;
            std::future::poll_fn(|cx| {
                let mut settle = false;
                let entered = waiter.as_mut().poll_until(cx, || {
                    let settle = std::mem::replace(&mut settle, true);
                    if settle && came_in_vain && !seeded("core.lock_courtesy") {
                        self.busy.state.fetch_or(COURTESY, Ordering::Relaxed);
                    }
                    self.try_write_with_door_shut(settle)
                });
                came_in_vain = entered.is_pending();
                entered
            })
            .await;
        }
        std::mem::forget(gives_up);
    }

    /// A writer has given up: the readers that stood back for it shall not.
    fn after_giving_up(&self, stood_back_for: usize) {
        self.busy.state.fetch_and(!stood_back_for, Ordering::SeqCst);
        if !seeded("core.lock_give_up") {
            self.readers.notify_after_rmw(usize::MAX);
        }
    }

    /// Leaves as the writer; with `panicked`, the contents may be half changed.
    pub(in crate::shared) fn unlock_write(&self, panicked: bool) {
        if panicked {
            self.set_poisoned(true);
        }
        self.release_word();
    }

    fn release_word(&self) {
        // This writer may have been summoned just when it entered by itself.
        let mut held = WRITER | SUMMONED | COURTESY;
        if seeded("core.lock_summoned") {
            held = WRITER | COURTESY;
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
    pub(in crate::shared) fn downgrade(&self) -> Ticket {
        self.busy.state.fetch_and(!SUMMONED, Ordering::Relaxed);
        let before = self
            .busy
            .state
            .fetch_add(READER - WRITER, edge("core.lock", Ordering::SeqCst));
        debug_assert_eq!(before & WRITER, WRITER);
        self.readers.notify_after_rmw(usize::MAX);
        Ticket(None)
    }
}

/// A future that wants to write and is dropped before it does.
struct GivesUp<'a>(&'a RawLock);

impl Drop for GivesUp<'_> {
    fn drop(&mut self) {
        self.0.after_giving_up(SUMMONED | COURTESY);
    }
}

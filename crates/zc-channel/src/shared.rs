//! What all handles of one channel share: the queue, who waits for it, how many hold it.
//!
//! Five lines of waiters:
//!
//! | line | who waits | woken by |
//! |---|---|---|
//! | `receivers` | receives | every publish, as many as items; closing: all |
//! | `streams` | receivers polled as streams | every publish, and any end: all |
//! | `senders` | sends, and waits for one permit | every freed place, as many; closing: all |
//! | `watchers` | waits for several permits at once, sinks, `finish` | every freed place, and any end: all |
//! | `closing` | `closed()` | closing: all |
//!
//! Whoever makes something ready changes `tail` or `head` by a `SeqCst` read-modify-write, then
//! looks for waiters; whoever waits enters the line, then looks at `tail` and `head`. A wake is a
//! hint: the woken one looks again and may find that somebody else was faster.
//!
//! A waiter that was woken may be a future that nobody polls any more. It keeps the wake it was
//! sent, so whoever is about to sleep first sends another one to the other side if that could
//! proceed ([`Shared::nudge_receivers`], [`Shared::nudge_senders`]).
//!
//! After closing, receivers sleep only while a permit is out, so it is the use and the return of
//! permits (which see the closed flag in the word they change) that wake *all* receivers then: one
//! of them may get the last item, and the others must learn that it was the last.

mod receiving;
mod sending;

use std::fmt;
use std::process::abort;
use std::time::{Duration, Instant};

use zc_core::sync::atomic::{AtomicUsize, Ordering};
use zc_core::sync::seeded;
use zc_core::wait::WaitList;

use crate::core::Stamped;
use crate::drops::drop_each;
use crate::error::CapacityError;
use crate::wait::{Experience, Place};

pub(crate) struct Shared<T> {
    pub(crate) core: Stamped<T>,
    pub(crate) receivers: WaitList,
    pub(crate) streams: WaitList,
    pub(crate) senders: WaitList,
    pub(crate) watchers: WaitList,
    pub(crate) closing: WaitList,
    receiving: Experience,
    sending: Experience,
    sender_count: AtomicUsize,
    receiver_count: AtomicUsize,
}

/// Which of the two counts.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Sender,
    Receiver,
}

impl<T> Shared<T> {
    /// A channel with one sender and one receiver.
    pub(crate) fn new(capacity: usize) -> Result<Self, CapacityError> {
        Ok(Self {
            core: Stamped::new(capacity)?,
            receivers: WaitList::new(),
            streams: WaitList::new(),
            senders: WaitList::new(),
            watchers: WaitList::new(),
            closing: WaitList::new(),
            receiving: Experience::new(),
            sending: Experience::new(),
            sender_count: AtomicUsize::new(1),
            receiver_count: AtomicUsize::new(1),
        })
    }

    // ---- where to wait ----

    /// For items.
    pub(crate) fn at_receivers(&self) -> Place<'_> {
        Place {
            list: &self.receivers,
            experience: &self.receiving,
            other: &self.sending,
            capacity: self.core.capacity(),
        }
    }

    /// For room.
    pub(crate) fn at_senders(&self) -> Place<'_> {
        Place {
            list: &self.senders,
            experience: &self.sending,
            other: &self.receiving,
            capacity: self.core.capacity(),
        }
    }

    // ---- about to sleep ----
    //
    // What is looked at before the line was made ready by a read-modify-write, and whoever entered the
    // line ahead of that has been counted by then: no barrier of our own is needed to see it.

    /// A sender found no room and is about to sleep: a receiver should be awake.
    #[cold]
    pub(crate) fn nudge_receivers(&self) {
        if !self.core.is_empty() && !seeded("channel.nudge_receiver") {
            self.receivers.notify_after_rmw(1);
        }
    }

    /// A receiver found nothing and is about to sleep: a sender should be awake.
    #[cold]
    pub(crate) fn nudge_senders(&self) {
        if !self.core.is_full() && !seeded("channel.nudge_sender") {
            self.senders.notify_after_rmw(1);
        }
    }

    // ---- the end ----

    pub(crate) fn close(&self) -> bool {
        let did = self.core.close();
        if did {
            self.wake_everybody();
        }
        did
    }

    fn wake_everybody(&self) {
        if seeded("channel.close_wakes") {
            return;
        }
        self.end_of_receives();
        self.senders.notify_all();
        self.watchers.notify_all();
        self.closing.notify_all();
    }

    /// Whoever receives must look whether this is the end.
    fn end_of_receives(&self) {
        self.receivers.notify_all();
        self.streams.notify_all();
    }

    /// Permits for `count` items came back.
    pub(crate) fn release(&self, count: usize) {
        let ended = self.core.release(count);
        if ended && !seeded("channel.last_permit_drop_wakes") {
            self.end_of_receives();
        }
        self.freed(count);
    }

    // ---- handles ----

    fn count_of(&self, end: End) -> &AtomicUsize {
        match end {
            End::Sender => &self.sender_count,
            End::Receiver => &self.receiver_count,
        }
    }

    pub(crate) fn count(&self, end: End) -> usize {
        self.count_of(end).load(Ordering::Acquire)
    }

    /// One more handle, made from one that exists.
    pub(crate) fn add(&self, end: End) {
        // As for `Arc`: a count that overflows would free the channel under somebody's feet.
        if self.count_of(end).fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
            abort();
        }
    }

    /// One more handle, made from a weak one: only while there is another.
    pub(crate) fn try_add(&self, end: End) -> bool {
        let count = self.count_of(end);
        let mut now = count.load(Ordering::Relaxed);
        while now != 0 {
            match count.compare_exchange_weak(now, now + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// One handle less. The last sender closes the channel; the last receiver closes it and drops
    /// what is queued.
    pub(crate) fn remove(&self, end: End) {
        // The last one acts after all the others. No memory rests on this order: the queue has its
        // own edges and the handles' `Arc` keeps it alive.
        let before = self.count_of(end).fetch_sub(1, Ordering::AcqRel);
        match (end, before) {
            (End::Sender, 1) => {
                self.close();
            }
            (End::Receiver, 1) => {
                self.core.abandon();
                self.wake_everybody();
                drop_each(|| self.core.pop_discarded());
            }
            // `finish` may be the last one left now.
            (End::Receiver, 2) => self.watchers.notify_all(),
            _ => {}
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("core", &self.core)
            .field("senders", &self.count(End::Sender))
            .field("receivers", &self.count(End::Receiver))
            .finish_non_exhaustive()
    }
}

/// The moment `timeout` from now; `None`, which is never, if that is beyond what can be told.
pub(crate) fn deadline_after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

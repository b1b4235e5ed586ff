//! [`WaitList`]: everybody who waits for the same thing, in the order of arrival.
//!
//! # States of a node
//!
//! A waiter is a node that lives in the waiting future or on the waiting thread's stack, so
//! waiting allocates nothing. A node is
//!
//! * **Idle**: not in the list. Only its owner can reach it.
//! * **Linked**: in the list, counted in `waiting`, with the handle that wakes its owner.
//! * **Notified**: taken out of the list by a notifier, who has taken the handle too. Only its
//!   owner can reach it, and the owner owes the wake: it either finds the thing ready, or links
//!   itself again (at the front, it has waited longest), or passes the wake on when it goes away.
//!
//! | from | step | to | under the lock |
//! |---|---|---|---|
//! | `Idle`, `Notified` | the owner has looked in vain | `Linked` | yes |
//! | `Linked` | a notifier | `Notified` | yes; the store of the state is its last access |
//! | `Linked` | the owner goes away | `Idle` | yes |
//! | `Notified` | the owner goes away | `Idle` | no |
//!
//! So a wait that ends with a wake takes the lock twice, once by each side: the owner sees by one
//! load that the node is its own again, and what it goes on to do with it comes after all that the
//! notifier did (edge `core.wait_notified`).
//!
//! # Why no wake is lost
//!
//! A wake is a hint to look again, never a grant. The notifier makes the thing ready, *then* reads
//! `word`; the waiter raises the count in `word`, *then* looks whether the thing is ready. With a
//! store→load barrier between the two steps on both sides, at least one of them sees the other.
//! Nothing is promised to a particular waiter, so one that is leaked (`mem::forget`) takes at most
//! the one wake it was sent with it; it never bars the others.
//!
//! # Who pays for the barrier
//!
//! A notifier that finds nobody, time after time, should not pay for a barrier each time. `word`
//! has a mode beside the count:
//!
//! | mode | the notifier | the waiter |
//! |---|---|---|
//! | `CAREFUL` (at first) | a barrier, then the count | a barrier |
//! | `RELAXED` (the whole word is 0) | no barrier: one load | the heavy barrier, for all processors |
//! | `SETTLING` | as in `CAREFUL` | the heavy barrier |
//!
//! | from | step | to |
//! |---|---|---|
//! | `CAREFUL` | `patience` notifications in a row have found nobody, and nobody is linked | `RELAXED` |
//! | `RELAXED` | a waiter links itself, and owes a heavy barrier | `SETTLING` |
//! | `SETTLING` | that waiter has had its heavy barrier | `CAREFUL` |
//!
//! A waiter that looks in vain after its heavy barrier knows of every processor that either it has
//! seen what that one made ready, or that one will see the count. In `CAREFUL` every notifier has
//! a barrier of its own since the last heavy one, so that waiters need no more than theirs. All
//! steps are taken under the lock. See [`asymmetric`] for the barrier itself.
//!
//! # Invariants
//!
//! * **I1** The `entry` of a linked node is accessed only while the list's lock is held. The state
//!   becomes `Linked`, and is changed from it, only under the lock.
//! * **I2** A linked node is pinned and stays allocated until it is unlinked: its owner unlinks it
//!   before it drops or returns, and a pinned value that is leaked is never reused.
//! * **I3** `head`, `tail` and the `prev`/`next` of linked nodes form one doubly linked list.
//! * **I4** `word` holds the number of linked nodes and the mode whenever the lock is free.
//! * **I5** No waker runs and none is dropped while the lock is held.
//! * **I6** In `RELAXED` no node is linked.

use super::links::{CAREFUL, Links, Owed, RELAXED};
use super::node::Handle;
use super::waiter::Waiter;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::unmodelled::AtomicUsize as Tally;
use crate::sync::{Mutex, asymmetric, edge, seeded, store_load_barrier};

/// How many handles a notifier takes out of the list per lock; they are woken outside of it.
const WAKE_BATCH: usize = 16;

/// How many notifications in a row must find nobody before they stop paying for a barrier. At 5 ns
/// each they have then cost about as much as the heavy barrier that the next waiter pays.
/// Models of whatever else uses a list are spared the modes.
const PATIENCE: usize = if cfg!(zc_loom) { NEVER } else { 4096 };
const NEVER: usize = usize::MAX;

/// The count in `word`, above the two bits of the mode.
const ONE: usize = 4;

/// A first-in-first-out line of waiting threads and tasks.
///
/// The hot path of a notifier is one load once nobody has been waiting for a while, and a barrier
/// and a load before. The list never allocates. A waker that panics is caught, so that the others
/// are woken all the same.
#[derive(Debug)]
#[repr(align(128))]
pub struct WaitList {
    word: AtomicUsize,
    /// Notifications in a row that found nobody; approximate.
    quiet: Tally,
    patience: usize,
    links: Mutex<Links>,
}

/// Whom a notification has woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Thread,
    Task,
}

impl Default for WaitList {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl WaitList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list whose notifiers stop paying for a barrier after `patience` notifications in a
    /// row that found nobody, and start again when somebody waits. `usize::MAX`: they never stop,
    /// which spares a waiter the heavy barrier (tens of µs).
    #[must_use]
    pub fn with_patience(patience: usize) -> Self {
        if patience != NEVER {
            // Asked for now: in a process with many threads the first answer takes a while.
            let _ = asymmetric::is_available();
        }
        Self {
            word: AtomicUsize::new(CAREFUL),
            quiet: Tally::new(0),
            patience,
            links: Mutex::default(),
        }
    }

    /// Wakes up to `n` waiters that have not been woken yet, longest waiting first.
    ///
    /// Call it after the store that makes something ready; the barrier that must stand between the
    /// two is inside. Costs one load once nobody has been waiting for a while, and 5 to 8 ns more
    /// before.
    #[inline]
    pub fn notify(&self, n: usize) {
        if seeded("core.wait_notify") {
            return;
        }
        if !(cfg!(zc_loom) && self.patience == NEVER) {
            asymmetric::light();
            if self.word.load(Ordering::Relaxed) == RELAXED {
                return;
            }
        }
        self.notify_carefully(n);
    }

    /// Wakes the one that has been waiting longest and tells what it is. A thread that is woken is
    /// sure to look; a task is not, for its future may have been forgotten.
    ///
    /// Has the barrier of [`notify`](Self::notify) in it, whatever the mode.
    pub(crate) fn notify_one(&self) -> Option<Woken> {
        if seeded("core.wait_notify") {
            return None;
        }
        store_load_barrier();
        if self.word.load(Ordering::Relaxed) < ONE {
            return None;
        }
        let handle = self.with_links(Links::pop)?;
        let woken = match handle {
            Handle::Thread(_) => Woken::Thread,
            Handle::Task(_) => Woken::Task,
        };
        handle.wake();
        Some(woken)
    }

    /// As [`notify`](Self::notify), where what makes the thing ready was a `SeqCst`
    /// read-modify-write, which on x86 is the barrier already: costs one load while nobody waits.
    #[inline]
    pub fn notify_after_rmw(&self, n: usize) {
        if cfg!(any(zc_loom, not(target_arch = "x86_64"))) {
            return self.notify(n);
        }
        if self.word.load(Ordering::SeqCst) >= ONE {
            self.wake(n);
        }
    }

    /// Wakes everybody who waits now.
    #[inline]
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    /// How many wait and have not been woken.
    #[inline]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.word.load(edge("core.wait_count", Ordering::Acquire)) / ONE
    }

    /// A node for a future that waits in this list. It is not linked until it is polled.
    #[must_use]
    pub fn waiter(&self) -> Waiter<'_> {
        Waiter::new(self)
    }

    #[inline(never)]
    fn notify_carefully(&self, n: usize) {
        if !seeded("core.wait_notify_barrier") {
            store_load_barrier();
        }
        if self.word.load(Ordering::Relaxed) >= ONE {
            self.quiet.store(0, Ordering::Relaxed);
            return self.wake(n);
        }
        let quiet = self.quiet.load(Ordering::Relaxed) + 1;
        self.quiet.store(quiet, Ordering::Relaxed);
        if quiet >= self.patience {
            self.relax();
        }
    }

    /// Nobody has been waiting for a while: the next one to come shall pay instead of the notifiers.
    #[cold]
    fn relax(&self) {
        self.quiet.store(0, Ordering::Relaxed);
        if asymmetric::is_available() {
            self.with_links(|links| {
                if links.len == 0 && links.mode == CAREFUL {
                    links.mode = RELAXED;
                }
            });
        }
    }

    #[cold]
    fn wake(&self, n: usize) {
        let mut left = n.min(self.waiting());
        if left == 1 {
            // By far the most frequent case, with nothing to set up.
            if let Some(handle) = self.with_links(Links::pop) {
                handle.wake();
            }
            return;
        }
        while left > 0 {
            let mut batch = [const { None }; WAKE_BATCH];
            let want = left.min(WAKE_BATCH);
            let got = self.with_links(|links| links.pop_into(&mut batch[..want]));
            batch.into_iter().flatten().for_each(Handle::wake);
            if got < want {
                return;
            }
            left -= got;
        }
    }

    /// What a waiter does between linking itself and looking once more.
    pub(super) fn pay(&self, owed: Owed) {
        match owed {
            Owed::Barrier => store_load_barrier(),
            Owed::Heavy => asymmetric::heavy(),
            Owed::HeavyAndSettle => {
                asymmetric::heavy();
                self.with_links(|links| links.mode = CAREFUL);
            }
        }
    }

    /// Runs `f` under the lock and publishes the new length and mode. `f` runs no user code (I5).
    pub(super) fn with_links<R>(&self, f: impl FnOnce(&mut Links) -> R) -> R {
        let mut links = self.links.lock();
        let result = f(&mut links);
        self.word.store(
            links.len * ONE + links.mode,
            edge("core.wait_count", Ordering::Release),
        );
        result
    }
}

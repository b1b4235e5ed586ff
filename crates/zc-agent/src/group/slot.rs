//! A slot: the place that one group after the other lives in. Never moves, never goes away before
//! the manager does.
//!
//! # Invariants
//!
//! * **I1** `home` is written under the manager's lock only, before the cursor (or the agent)
//!   first names the slot, and after everybody who may read it is gone: all reservations settled,
//!   all revoked agents dropped.
//! * **I2** Whoever has a reservation that is not settled, or a revoked agent, may read `home`.
//!   So may whoever completes the group, until it retires the slot, and the holder of the lock.
//! * **I3** `home` holds the slab, the slab holds its charge, and the charge the manager: as long
//!   as one reservation is not settled, the manager is alive, whatever else was dropped.

use crossbeam_utils::CachePadded;
use std::sync::Arc;
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::seeded;

use super::progress::Progress;
use super::records::Records;
use super::slab::Slab;

/// What an agent needs to know of its group.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) slab: Arc<Slab>,
    /// Offset of the slab's first byte in the stream.
    pub(crate) base: u64,
    pub(crate) group_id: u64,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    pub(crate) progress: Progress,
    pub(crate) records: Records,
    home: CachePadded<UnsafeCell<Option<Home>>>,
}

// SAFETY: everything but `home` is atomic; I1 and I2 say who may touch `home`, and it is Send and
// Sync itself.
unsafe impl Sync for Slot {}

impl Slot {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            progress: Progress::new(),
            records: Records::new(),
            home: CachePadded::new(UnsafeCell::new(None)),
        }
    }

    /// Looks at the group's home.
    ///
    /// # Safety
    /// The caller is one of those that I2 names.
    #[inline]
    pub(crate) unsafe fn with_home<R>(&self, f: impl FnOnce(&Home) -> R) -> R {
        self.home.with(|home| {
            // SAFETY: I1, I2: nobody writes it now.
            let home = unsafe { &*home };
            f(home.as_ref().expect("the slot of a live group has a home"))
        })
    }

    /// Moves a group in.
    ///
    /// # Safety
    /// The caller holds the lock, and the slot is free.
    pub(crate) unsafe fn move_in(&self, home: Home) {
        self.home.with_mut(|place| {
            // SAFETY: I1: a free slot is known to nobody else.
            let place = unsafe { &mut *place };
            debug_assert!(place.is_none());
            *place = Some(home);
        });
    }

    /// Moves the group out and clears the slot for the next one.
    ///
    /// # Safety
    /// The caller holds the lock, the group is complete, and its revoked agents are gone.
    pub(crate) unsafe fn move_out(&self, count: u32) -> Option<Home> {
        if !seeded("agent.reset_progress") {
            self.progress.reset();
        }
        self.records.reset(count);
        self.home.with_mut(|place| {
            // SAFETY: I1: nobody else refers to the group any more.
            unsafe { &mut *place }.take()
        })
    }
}

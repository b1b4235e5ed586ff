//! The manager: no task and no thread, but state that handles, agents and receivers share.
//!
//! Reserving and committing touch the cursor and the group's progress word, which are atomics.
//! Everything else is bookkeeping at the pace of groups, not of reservations, and lies in [`Core`]
//! behind one lock. [`Shared::with_core`] is the only way in. Whatever might run somebody else's
//! code (wakers, the drop of views and of foreign bytes) is collected in [`After`] and runs when
//! the lock is free again.
//!
//! # Invariants
//!
//! * **I1** Whenever the lock is free: if somebody waits in line, the cursor is closed, so nobody
//!   gets past the line; and the head of the line cannot be admitted.
//! * **I2** Whenever the lock is free, `is_private` is false.
//! * **I3** `used` is the sum of all charges that exist.
//! * **I4** The report exists once every group is complete after finalizing began, and never
//!   changes.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::{Duration, Instant};

use std::sync::Arc;
use zc_core::RegionPool;
use zc_core::sync::Mutex;
use zc_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zc_core::sync::unmodelled::AtomicU64 as PlainU64;

use crate::after::After;
use crate::agent::Run;
use crate::budget::Line;
use crate::builder::ManagerBuilder;
use crate::failure::FailedGroupData;
use crate::finalize::Life;
use crate::group::cursor::{Cursor, Limits};
use crate::group::data::SuccessfulGroupData;
use crate::group::side::Side;
use crate::group::slot::Slot;
use crate::metrics::Counters;
use crate::types::Delivery;

/// Where everything starts. See [`builder`](Self::builder).
#[derive(Debug)]
pub struct Manager;

impl Manager {
    /// Options for a new manager; every one has a default.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder::new()
    }
}

/// The options, validated.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) max_reservation: usize,
    pub(crate) budget: usize,
    pub(crate) linger: Option<Duration>,
    pub(crate) delivery: Delivery,
    pub(crate) abandon_after: Option<Duration>,
    pub(crate) adopt_threshold: usize,
    pub(crate) queue_depth: usize,
    /// Where timers run, if `spawn` was called inside a runtime.
    pub(crate) runtime: Option<tokio::runtime::Handle>,
}

impl Config {
    pub(crate) fn needs_time(&self) -> bool {
        self.linger.is_some() || self.abandon_after.is_some()
    }
}

/// What handles, agents, receivers and views share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cursor: Cursor,
    pub(crate) limits: Limits,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) config: Config,
    /// Tells managers apart.
    pub(crate) id: u64,
    pub(crate) pool: RegionPool,
    /// Handles that exist; the last one to go finalizes.
    pub(crate) handles: AtomicUsize,
    /// Whether runs that start from now on must publish themselves. Written under the lock.
    pub(crate) closing: AtomicBool,
    /// Whether somebody is in line, so that whoever starts a run must come by. Written under the
    /// lock.
    pub(crate) is_short: AtomicBool,
    core: Mutex<Core>,
}

/// What is known under the lock.
#[derive(Debug)]
pub(crate) struct Core {
    /// Offset in the stream of the current group, or of the next if there is none.
    pub(crate) base: u64,
    /// Slot of the group that the cursor is about.
    pub(crate) current: Option<usize>,
    /// Whether the current group takes reservations from the holder of the lock only.
    pub(crate) is_private: bool,
    pub(crate) next_group: u64,
    pub(crate) sides: Vec<Side>,
    pub(crate) free: Vec<usize>,

    next_turn: u64,
    /// The group that is next in the order of delivery.
    pub(crate) turn: u64,
    /// Complete groups that wait for their turn.
    pub(crate) parked: BTreeMap<u64, Vec<SuccessfulGroupData>>,
    /// Complete groups that wait to be received.
    pub(crate) ready: VecDeque<SuccessfulGroupData>,
    pub(crate) failures: VecDeque<FailedGroupData>,
    /// Failed reservations in `failures`.
    pub(crate) unread_failures: usize,
    pub(crate) groups_waker: Option<Waker>,
    pub(crate) failures_waker: Option<Waker>,
    pub(crate) groups_gone: bool,
    pub(crate) failures_gone: bool,

    /// Bytes of the budget that are charged, and the most that ever were.
    pub(crate) used: usize,
    pub(crate) peak: usize,
    pub(crate) waiters: Line,
    /// Run writers that exist, and the number that names each.
    writers: Vec<(u64, Run)>,
    next_writer: u64,
    pub(crate) life: Life,
    /// A reservation that is to be revoked had not written its record yet.
    pub(crate) unseen: bool,
    pub(crate) counters: Counters,
}

impl Core {
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.used += bytes;
        self.peak = self.peak.max(self.used);
    }

    pub(crate) fn take_turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn - 1
    }
}

impl Shared {
    pub(crate) fn new(config: Config, limits: Limits, slots: usize) -> Self {
        static NEXT_ID: PlainU64 = PlainU64::new(0);
        Self {
            cursor: Cursor::new(),
            limits,
            slots: (0..slots).map(Slot::new).collect(),
            pool: slab_pool(config.budget),
            config,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            handles: AtomicUsize::new(1),
            closing: AtomicBool::new(false),
            is_short: AtomicBool::new(false),
            core: Mutex::new(Core {
                base: 0,
                current: None,
                is_private: false,
                next_group: 0,
                sides: (0..slots).map(|_| Side::default()).collect(),
                free: (0..slots).rev().collect(),
                next_turn: 0,
                turn: 0,
                parked: BTreeMap::new(),
                ready: VecDeque::new(),
                failures: VecDeque::new(),
                unread_failures: 0,
                groups_waker: None,
                failures_waker: None,
                groups_gone: false,
                failures_gone: false,
                used: 0,
                peak: 0,
                waiters: Line::default(),
                writers: Vec::new(),
                next_writer: 0,
                life: Life::default(),
                unseen: false,
                counters: Counters::default(),
            }),
        }
    }

    /// Runs `f` under the lock, brings everything that follows from its changes up to date, and
    /// runs what `f` left for afterwards.
    pub(crate) fn with_core<R>(self: &Arc<Self>, f: impl FnOnce(&mut Core, &mut After) -> R) -> R {
        let mut after = After::default();
        let result = {
            let core = &mut *self.core.lock();
            let result = f(core, &mut after);
            self.revoke_unseen(core, &mut after);
            self.admit_waiters(core, &mut after);
            self.publish(core);
            self.finish(core, &mut after);
            self.clear_orphan(core, &mut after);
            result
        };
        if after.run() {
            // There may be others in the way, behind the runs that were published.
            self.come_by();
        }
        result
    }

    /// Brings everything up to date.
    pub(crate) fn come_by(self: &Arc<Self>) {
        self.with_core(|_, _| ());
    }

    /// Reads something under the lock.
    pub(crate) fn peek_core<R>(&self, f: impl FnOnce(&Core) -> R) -> R {
        f(&self.core.lock())
    }

    /// Gives `bytes` of the budget back.
    pub(crate) fn release(self: &Arc<Self>, bytes: usize) {
        self.with_core(|core, _| core.used -= bytes);
    }

    /// Seals and revokes what is due. When to look again, if time has to do with it.
    pub(crate) fn tick(self: &Arc<Self>, core: &mut Core, after: &mut After) -> Option<Instant> {
        if !self.config.needs_time() {
            return None;
        }
        let now = Instant::now();
        let linger = self.tick_linger(core, now, after);
        let abandon = self.tick_abandon(core, now, after);
        [linger, abandon].into_iter().flatten().min()
    }

    /// A run writer has been made; the number that names it.
    pub(crate) fn register(&self, run: Run) -> u64 {
        let core = &mut *self.core.lock();
        core.next_writer += 1;
        core.writers.push((core.next_writer, run));
        core.next_writer
    }

    /// A run writer is going, and publishes its run itself.
    pub(crate) fn unregister(&self, id: u64) {
        let core = &mut *self.core.lock();
        core.writers.retain(|(writer, _)| *writer != id);
    }

    /// Whether a writer has a run in the group in `slot`.
    pub(crate) fn has_run(&self, core: &Core, slot: usize) -> bool {
        let group_id = core.sides[slot].group_id;
        core.writers.iter().any(|(_, run)| run.is_in(group_id))
    }

    /// Publishes the runs of the group in `slot`, once the lock is free.
    pub(crate) fn publish_runs(&self, core: &Core, slot: usize, after: &mut After) {
        let group_id = core.sides[slot].group_id;
        let runs = core.writers.iter().filter(|(_, run)| run.is_in(group_id));
        let runs = runs.map(|(_, run)| (run.clone(), Some(group_id)));
        after.runs.extend(runs);
    }

    /// Publishes the runs that the next group waits for, once the lock is free: none while the
    /// consumer has something to receive.
    pub(crate) fn publish_runs_in_way(&self, core: &Core, after: &mut After) {
        if !core.ready.is_empty() || core.writers.is_empty() {
            return;
        }
        let incomplete = (0..core.sides.len()).filter(|&slot| core.sides[slot].is_incomplete());
        let next = match self.config.delivery {
            Delivery::Ordered => {
                let mut incomplete = incomplete;
                incomplete.find(|&slot| core.sides[slot].turn == Some(core.turn))
            }
            Delivery::AsReady => incomplete
                .filter(|&slot| self.has_run(core, slot))
                .min_by_key(|&slot| core.sides[slot].group_id),
        };
        if let Some(slot) = next {
            self.publish_runs(core, slot, after);
        }
    }

    /// Publishes every run there is, once the lock is free.
    pub(crate) fn publish_all_runs(&self, core: &Core, after: &mut After) {
        let runs = core.writers.iter().map(|(_, run)| (run.clone(), None));
        after.runs.extend(runs);
    }

    /// A group has been opened: whoever waits for time to pass must set the alarm.
    pub(crate) fn wake_timers(&self, core: &mut Core, after: &mut After) {
        if self.config.needs_time() {
            after.wake(core.groups_waker.take());
            after.wake(core.failures_waker.take());
        }
    }

    /// Breaks the circle of groups that keep the manager and are kept by it, once nobody is left
    /// who could ask for them.
    fn clear_orphan(&self, core: &mut Core, after: &mut After) {
        let is_orphan = core.groups_gone
            && core.failures_gone
            && core.life.is_done()
            && self.handles.load(Ordering::Relaxed) == 0;
        if is_orphan {
            after.groups.extend(core.ready.drain(..));
            after.failures.extend(core.failures.drain(..));
            after.reports.extend(core.life.take_report());
        }
    }
}

/// Slabs of 2 MiB and more lie on huge pages, where the system has some: a fresh one is filled in
/// half the time.
fn slab_pool(budget: usize) -> RegionPool {
    let pool = RegionPool::new(budget);
    #[cfg(unix)]
    let pool = {
        use zc_core::region::{HugePages, RegionOptions};
        pool.with_options(RegionOptions::new().huge_pages(HugePages::Advised))
    };
    pool
}

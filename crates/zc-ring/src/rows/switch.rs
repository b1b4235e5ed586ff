//! [`Switch`]: from one [`Generation`] to the next, between two pushes.
//!
//! # States
//!
//! * **Steady**: rows go to `current`.
//! * **Pending**: a change was asked for while a push was in progress. The push goes on into
//!   `current`; whoever finds that none is in progress any more makes the change.
//!
//! The change itself, under the lock: `current` is sealed at the head, the gate counts from there, the
//! new generation is `current`; consumers and a blocked producer are woken. Nobody waits for a
//! consumer, and nobody for a push: not the one who asks, who leaves the change to the push; not the
//! producer, who makes it when its push ends.
//!
//! # A push and a change
//!
//! A push stores `busy`, then looks whether a change was `asked` for since it looked last; a change
//! stores `asked`, then looks whether a push is `busy`. Between store and look stands a barrier on
//! both sides: free for the push and dear for the change, where the system has such a one. So either the
//! push sees the change, ends before it has begun, and makes it; or the change sees the push, and
//! leaves itself to it. The end of a push, `busy` taken back and then another look at `asked`, is the
//! same once more.
//!
//! # Invariants
//!
//! * **T1** A generation is sealed while no push is in progress, under the lock.
//! * **T2** The producer pushes only into the generation that is `current` as of the last `asked` it
//!   saw, and looks at `asked` while it is `busy`.
//! * **T3** At most [`MAX_GENERATIONS`] generations live or are pending.

use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use zc_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zc_core::sync::unmodelled::AtomicUsize;
use zc_core::sync::{Arc, Mutex, MutexGuard, asymmetric, edge, seeded, store_load_barrier};

use super::error::ChangeError;
use super::generation::{End, Generation};
use super::schema::Schema;
use super::store::RowStore;
use crate::consumer::Event;
use crate::error::BuildError;
use crate::sequencer::Sequencer;

/// The most generations of one ring that may live at a time: the newest, and those that somebody
/// still reads.
pub const MAX_GENERATIONS: usize = 32;

/// How many earlier schemas are remembered, to tell their handles from foreign ones.
const MAX_FORMER: usize = 256;

/// Where rows go, and where they go next.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) sequencer: Arc<Sequencer>,
    /// Whether a push is in progress. Written by the one producer.
    busy: CachePadded<AtomicBool>,
    /// How many changes were asked for. Written under the lock.
    asked: CachePadded<AtomicU64>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    current: Arc<Generation>,
    pending: VecDeque<(RowStore, Event)>,
    living: std::sync::Arc<AtomicUsize>,
}

/// As long as this lives a push is in progress.
#[derive(Debug)]
pub(crate) struct Push<'a> {
    switch: &'a Switch,
    asked: u64,
}

impl Switch {
    /// A ring's first generation.
    pub(crate) fn new(sequencer: &Arc<Sequencer>, store: RowStore) -> Arc<Self> {
        let living = std::sync::Arc::default();
        Arc::new(Self {
            sequencer: Arc::clone(sequencer),
            busy: CachePadded::default(),
            asked: CachePadded::default(),
            state: Mutex::new(State {
                current: Generation::new(store, 0, &living),
                pending: VecDeque::new(),
                living,
            }),
        })
    }

    /// The generation that rows go to, and how many changes that takes into account.
    pub(crate) fn current(&self) -> (Arc<Generation>, u64) {
        self.with_current(Arc::clone)
    }

    /// The columns of the rows to come.
    pub(crate) fn schema(&self) -> Schema {
        self.with_current(|generation| generation.store.schema.clone())
            .0
    }

    /// Has `f` look at the generation that rows go to, while that cannot change.
    pub(crate) fn with_current<R>(&self, f: impl FnOnce(&Arc<Generation>) -> R) -> (R, u64) {
        let state = self.state.lock();
        (f(&state.current), state.current.number)
    }

    /// Asks for other columns.
    pub(crate) fn change_schema(&self, schema: Schema) -> Result<(), ChangeError> {
        self.ask(Event::SchemaChanged, |last| {
            let mut former = last.former.clone();
            let fingerprint = last.schema.fingerprint();
            former.retain(|other| *other != fingerprint);
            if former.len() == MAX_FORMER {
                former.remove(0);
            }
            former.push(fingerprint);
            RowStore::new(schema, last.capacity(), former)
        })
    }

    /// Asks for another capacity.
    pub(crate) fn resize(&self, capacity: usize) -> Result<(), ChangeError> {
        Sequencer::check_capacity(capacity)?;
        self.ask(Event::Resized, |last| {
            RowStore::new(last.schema.clone(), capacity, last.former.clone())
        })
    }

    /// Makes a store from the one before it, and the change to it, now or when the push in progress
    /// ends.
    fn ask(
        &self,
        event: Event,
        make: impl FnOnce(&RowStore) -> Result<RowStore, BuildError>,
    ) -> Result<(), ChangeError> {
        let mut state = self.state.lock();
        if state.living.load(Ordering::Relaxed) + state.pending.len() >= MAX_GENERATIONS {
            return Err(ChangeError::TooManyGenerations);
        }
        let last = state.pending.back().map(|(store, _)| store);
        let store = make(last.unwrap_or(&state.current.store))?;
        state.pending.push_back((store, event));
        let asked = state.current.number + state.pending.len() as u64;
        self.asked
            .store(asked, edge("ring.switch", Ordering::Release));
        if !seeded("ring.switch_barrier") {
            heavy_barrier();
        }
        if !self.busy.load(edge("ring.busy", Ordering::Acquire)) {
            self.apply(state);
        }
        Ok(())
    }

    /// Makes the changes that are pending. No push is in progress (T1).
    fn apply(&self, mut state: MutexGuard<'_, State>) {
        if state.pending.is_empty() {
            return;
        }
        let to = self.sequencer.head();
        while let Some((mut store, event)) = state.pending.pop_front() {
            store.begin_at(to);
            self.sequencer
                .gate
                .begin_generation(to, store.capacity() as u64);
            let number = state.current.number + 1;
            let next = Generation::new(store, number, &state.living);
            let end = End {
                to,
                event,
                next: Arc::clone(&next),
            };
            // SAFETY: the one that is current is open, and changes only here, under the lock.
            unsafe { state.current.seal(end) };
            state.current = next;
        }
        drop(state);
        if !seeded("ring.wake_on_switch") {
            self.sequencer.data.notify_all();
        }
        // A new generation has room.
        if !seeded("ring.wake_producer_on_switch") {
            self.sequencer.space.notify_all();
        }
    }

    /// Whether a change was asked for that `asked` does not take into account.
    #[inline]
    pub(crate) fn is_asked(&self, asked: u64) -> bool {
        self.asked.load(edge("ring.switch", Ordering::Acquire)) != asked
    }

    /// Begins a push, unless a change was asked for that `asked` does not take into account (T2). To be
    /// called by the one producer.
    #[inline]
    pub(crate) fn push(&self, asked: u64) -> Option<Push<'_>> {
        self.busy.store(true, Ordering::Relaxed);
        if !seeded("ring.push_barrier") {
            light_barrier();
        }
        let push = Push {
            switch: self,
            asked,
        };
        (!self.is_asked(asked)).then_some(push)
    }

    /// Makes the changes that are pending, if no push is in progress that will.
    #[cold]
    pub(super) fn settle(&self) {
        let state = self.state.lock();
        if !self.busy.load(edge("ring.busy", Ordering::Acquire)) {
            self.apply(state);
        }
    }
}

impl Drop for Push<'_> {
    #[inline]
    fn drop(&mut self) {
        self.switch
            .busy
            .store(false, edge("ring.busy", Ordering::Release));
        if !seeded("ring.push_end_barrier") {
            light_barrier();
        }
        if self.switch.is_asked(self.asked) {
            self.switch.settle();
        }
    }
}

/// The store→load barrier of a push.
#[inline(always)]
fn light_barrier() {
    if asymmetric::is_available() {
        asymmetric::light();
    } else {
        store_load_barrier();
    }
}

/// The one of a change.
fn heavy_barrier() {
    if asymmetric::is_available() {
        asymmetric::heavy();
    } else {
        store_load_barrier();
    }
}

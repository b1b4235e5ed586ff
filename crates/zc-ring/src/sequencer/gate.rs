//! The gate: who is reading, and how far the producer may write without asking again.
//!
//! The producer does not look at the consumers for every row. It asks the gate for a *licence*:
//! a sequence up to which it may write, computed from the slowest gating consumer under the gate's
//! lock and kept in the producer. Rows that the licence covers can be overwritten at any moment
//! without a word, so whoever joins may only rely on rows that the licence does not reach:
//!
//! ```text
//!        head - capacity     licence - capacity            head          licence
//!   ───────────┼──────────────────────┼─────────────────────┼───────────────┼────▶ sequence
//!              │  may be overwritten  │  safe for a joiner  │  being written│
//! ```
//!
//! # Invariants
//!
//! * **G1** `licence` is the last licence given out, and the producer writes no sequence at or
//!   after it.
//! * **G2** A licence never reaches `cursor + capacity` or beyond of a place that gates and was
//!   listed when it was given out.
//! * **G3** A place joins at `licence - capacity` or later. With G1 and G2: no row that a gating
//!   consumer has yet to read is ever overwritten, whenever it joined.
//! * **G4** A licence says `shared` if any listed place reads by validated copies. With G3: a row
//!   such a reader may look at is only ever overwritten by a writer that knows of it.
//!
//! # Generations
//!
//! Where rows may move to new memory ([`RowRing::resize`](crate::RowRing::resize)), all this is about
//! the newest: `from` is its first sequence, and no writer ever writes to rows before it again. So a
//! place that has not come that far holds the producer back only as if it stood at `from`.
//!
//! The lock is held for a few loads and stores; no user code runs under it. Licences are given out
//! in steps of at most a 64th of the ring (one row in small rings), so that a consumer that
//! starts at the oldest row finds nearly all of the ring (all of it up to 64 rows).

use std::time::{Duration, Instant};

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{Arc, Mutex, seeded};

use super::Sequencer;
use super::lease::GRACE;
use super::multi::Multi;
use super::place::{Place, followed_barrier};
use crate::consumer::{ConsumerId, ConsumerOptions, OnLag, Start};
use crate::error::{JoinError, ProducerError};

/// The listed consumers and the last licence, under one lock.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Slots of the newest generation.
    capacity: u64,
    /// First sequence of the newest generation.
    from: u64,
    places: Vec<Listed>,
    next_id: u64,
    /// See G1.
    licence: u64,
    /// What the last look at the cursors allowed; `licence` may be raised this far without
    /// looking again. A join resets it.
    bound: u64,
    producer: Option<ProducerKind>,
}

/// A consumer on the ring, and who polls it.
#[derive(Debug)]
struct Listed {
    place: Arc<Place>,
    /// The thread that polled it last ([`lease`](super::lease)); 0 for none.
    tenant: u64,
    /// When that thread ended.
    orphaned: Option<Instant>,
    /// Whether it was revoked and rows it had not read were overwritten in an earlier generation.
    has_lost: bool,
}

/// Who holds the producing side.
#[derive(Debug)]
enum ProducerKind {
    Single,
    /// So many handles.
    Multi {
        multi: Arc<Multi>,
        handles: usize,
    },
}

/// The gate's answer to a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Licence {
    /// Write sequences before `until`; atomically if `shared`.
    Granted { until: u64, shared: bool },
    /// The slowest consumer is in the way. `evict_in`: how much longer the producer must have been
    /// blocked until one of those in the way is due for eviction.
    Full { evict_in: Option<Duration> },
}

impl Gate {
    pub(crate) fn new(capacity: u64, initial: u64) -> Self {
        Self {
            state: Mutex::new(State {
                capacity,
                from: initial,
                places: Vec::new(),
                next_id: 0,
                licence: initial,
                bound: initial,
                producer: None,
            }),
        }
    }

    /// Asks for room for rows `next .. next + n`, `n` at most the capacity, by a producer that has
    /// been waiting for it for `blocked`.
    pub(crate) fn ask(&self, next: u64, n: u64, blocked: Duration) -> Licence {
        let mut state = self.state.lock();
        if state.bound.wrapping_sub(next) < n || state.bound.wrapping_sub(next) > state.capacity {
            let mut free = state.free(next);
            if free < n {
                let evict_in = state.evict(next, n, blocked);
                free = state.free(next);
                if free < n {
                    return Licence::Full { evict_in };
                }
            }
            state.bound = next.wrapping_add(free);
        }
        let free = state.bound.wrapping_sub(next);
        state.licence = next.wrapping_add(free.min(n.max(state.step())));
        Licence::Granted {
            until: state.licence,
            shared: state.places.iter().any(|listed| listed.place.copies()),
        }
    }

    /// Lists a new place. `head` is read under the lock, so that it is at least what any earlier
    /// licence was computed from.
    pub(crate) fn join(
        &self,
        options: ConsumerOptions<'_>,
        head: impl FnOnce() -> u64,
    ) -> Result<Arc<Place>, JoinError> {
        let mut state = self.state.lock();
        let head = head();
        let start = state.start(options.from, head)?;
        let find = |id: &ConsumerId| {
            let mut listed = state.places.iter().map(|listed| &listed.place);
            listed.find(|place| place.id == *id).cloned()
        };
        let after = options
            .depends_on
            .iter()
            .map(|id| find(id).ok_or(JoinError::UnknownDependency { id: *id }))
            .collect::<Result<Box<[_]>, _>>()?;
        if !after.is_empty() {
            after.iter().for_each(|place| place.follow());
            followed_barrier();
        }
        let id = ConsumerId::new(state.next_id);
        state.next_id += 1;
        let place = Arc::new(Place::new(id, options.name, options.on_lag, after, start));
        state.places.push(Listed {
            place: Arc::clone(&place),
            tenant: 0,
            orphaned: None,
            has_lost: false,
        });
        // The bound knew nothing of this place; the licence already given out is G3's business.
        state.bound = state.licence;
        Ok(place)
    }

    /// Takes a place off the list.
    pub(crate) fn leave(&self, place: &Arc<Place>) {
        let mut state = self.state.lock();
        state.places.retain(|listed| listed.place.id != place.id);
        place.leave();
    }

    /// The thread `tenant`, 0 for none, polls `place` from now on. False where the place was revoked
    /// and rows it had not read are overwritten, or may be soon.
    pub(crate) fn settle_in(&self, place: &Place, tenant: u64) -> bool {
        let mut state = self.state.lock();
        let (licence, capacity, from) = (state.licence, state.capacity, state.from);
        let Some(listed) = state.listed(place) else {
            return true;
        };
        listed.tenant = tenant;
        listed.orphaned = None;
        if !listed.place.is_revoked() {
            return true;
        }
        // Rows before this generation are not overwritten any more.
        let written = licence.wrapping_sub(from);
        if listed.has_lost || lag(place, licence).min(written) > capacity {
            place.evict();
            return false;
        }
        place.readmit();
        // As for a join: what was looked at before knew nothing of this place.
        state.bound = licence;
        true
    }

    /// The thread `tenant` has ended; whether it was the last to poll `place`.
    pub(crate) fn orphan(&self, place: &Place, tenant: u64) -> bool {
        let mut state = self.state.lock();
        match state.listed(place) {
            Some(listed) if listed.tenant == tenant => {
                listed.orphaned = Some(Instant::now());
                true
            }
            _ => false,
        }
    }

    /// Whether the thread `tenant` was the last to poll `place`.
    pub(crate) fn is_tenant(&self, place: &Place, tenant: u64) -> bool {
        let mut state = self.state.lock();
        state.listed(place).is_some_and(|l| l.tenant == tenant)
    }

    /// Takes the producing side, if it is free.
    pub(crate) fn take_producer(&self) -> Result<(), ProducerError> {
        let mut state = self.state.lock();
        match state.producer {
            None => state.producer = Some(ProducerKind::Single),
            Some(_) => return Err(ProducerError::Taken),
        }
        Ok(())
    }

    /// Gives the producing side back, and the licence for everything from `touched` on: slots
    /// before it may have been written to.
    pub(crate) fn release_producer(&self, touched: u64) {
        let mut state = self.state.lock();
        state.producer = None;
        state.licence = touched;
        state.bound = touched;
    }

    /// From `from` on, rows lie in `capacity` slots of new memory. Nobody is writing, and `from` is the
    /// head: what is left of the licence is given back.
    pub(crate) fn begin_generation(&self, from: u64, capacity: u64) {
        let mut state = self.state.lock();
        let state = &mut *state;
        for listed in &mut state.places {
            let written = state.licence.wrapping_sub(state.from);
            let lost = lag(&listed.place, state.licence).min(written) > state.capacity;
            listed.has_lost |= listed.place.is_revoked() && lost;
        }
        state.from = from;
        state.capacity = capacity;
        state.licence = from;
        state.bound = from;
    }

    /// Takes the producing side for several, or joins those who have it.
    pub(crate) fn take_multi(&self, sequencer: &Sequencer) -> Result<Arc<Multi>, ProducerError> {
        let mut state = self.state.lock();
        match &mut state.producer {
            Some(ProducerKind::Single) => Err(ProducerError::Taken),
            Some(ProducerKind::Multi { multi, handles }) => {
                *handles += 1;
                Ok(Arc::clone(multi))
            }
            None => {
                let next = sequencer.head();
                sequencer.store_claim(next);
                let multi = Arc::new(Multi::new(sequencer.capacity, next));
                state.producer = Some(ProducerKind::Multi {
                    multi: Arc::clone(&multi),
                    handles: 1,
                });
                Ok(multi)
            }
        }
    }

    /// One handle more of several.
    pub(crate) fn add_multi(&self) {
        if let Some(ProducerKind::Multi { handles, .. }) = &mut self.state.lock().producer {
            *handles += 1;
        }
    }

    /// One handle less of several. With the last one the producing side is free, and what is left
    /// of the licence is given back.
    pub(crate) fn release_multi(&self, sequencer: &Sequencer) {
        let mut state = self.state.lock();
        if let Some(ProducerKind::Multi { handles, .. }) = &mut state.producer {
            *handles -= 1;
            if *handles == 0 {
                state.producer = None;
                state.licence = sequencer.claim();
                state.bound = state.licence;
            }
        }
    }

    /// As [`ask`](Self::ask), for rows that several producers claim from `claim`.
    pub(crate) fn ask_multi(
        &self,
        sequencer: &Sequencer,
        multi: &Multi,
        n: u64,
        blocked: Duration,
    ) -> Licence {
        let mut state = self.state.lock();
        // The head first: whoever moved it there had claimed up to there before.
        let head = sequencer.head();
        let next = sequencer.claim();
        let until = state.licence;
        let shared = state.places.iter().any(|listed| listed.place.copies());
        // Somebody else may have asked meanwhile.
        if (until.wrapping_sub(next) as i64) < n as i64 {
            // A slot is not claimed again before it is published (M2).
            let unpublished = next.wrapping_sub(head);
            let in_flight = state.capacity.saturating_sub(unpublished);
            if state.free(next).min(in_flight) < n {
                let evict_in = state.evict(next, n, blocked);
                if state.free(next).min(in_flight) < n {
                    return Licence::Full { evict_in };
                }
            }
            let free = state.free(next).min(in_flight);
            state.licence = next.wrapping_add(free.min(n.max(state.step())));
            state.bound = state.licence;
        }
        // Also where nothing is added: the licence may be one that a single producer has left.
        multi.grant(state.licence, shared);
        Licence::Granted {
            until: state.licence,
            shared,
        }
    }

    /// The listed places, in order of joining, and whether the thread that polled each has ended.
    pub(crate) fn places(&self) -> Vec<(Arc<Place>, bool)> {
        let state = self.state.lock();
        let places = state.places.iter();
        places
            .map(|listed| (Arc::clone(&listed.place), listed.orphaned.is_some()))
            .collect()
    }
}

impl State {
    /// The first row for a place that wants to start at `from` (G3).
    fn start(&self, from: Start, head: u64) -> Result<u64, JoinError> {
        let published = head.wrapping_sub(self.from);
        let licensed = if seeded("ring.join_licence") {
            0
        } else {
            self.licence.wrapping_sub(head)
        };
        let kept = published.min(self.capacity - licensed);
        let oldest = head.wrapping_sub(kept);
        match from {
            Start::Tail => Ok(head),
            Start::Oldest => Ok(oldest),
            Start::Sequence(n) if n.wrapping_sub(oldest) <= kept => Ok(n),
            Start::Sequence(requested) => Err(JoinError::SequenceOutOfRange {
                requested,
                oldest,
                head,
            }),
        }
    }

    /// Rows that the slowest gating place leaves free in front of `next`.
    fn free(&self, next: u64) -> u64 {
        let gating = self.places.iter().filter(|listed| listed.place.gates());
        let held = gating.map(|listed| self.held(&listed.place, next)).max();
        self.capacity - held.unwrap_or(0)
    }

    /// Slots that `place` holds: rows of this generation that it has not read.
    fn held(&self, place: &Place, next: u64) -> u64 {
        let written = next.wrapping_sub(self.from);
        lag(place, next).min(written).min(self.capacity)
    }

    /// How many rows a licence is given out for at a time.
    fn step(&self) -> u64 {
        (self.capacity / 64).max(1)
    }

    /// Evicts those in the way of `n` rows whose policy says so, and revokes those whose thread has
    /// ended; the time until the next is due.
    fn evict(&self, next: u64, n: u64, blocked: Duration) -> Option<Duration> {
        let mut soonest = None;
        for listed in self.places.iter().filter(|listed| listed.place.gates()) {
            let place = &listed.place;
            let lag = lag(place, next);
            if self.capacity - self.held(place, next) >= n {
                continue;
            }
            let due = match place.policy {
                OnLag::Evict { rows, after } if lag >= rows => after.checked_sub(blocked),
                OnLag::Block if listed.is_leaked() => GRACE.checked_sub(listed.age()),
                _ => continue,
            };
            match due {
                Some(left) if !left.is_zero() => {
                    soonest = Some(soonest.map_or(left, |s: Duration| s.min(left)));
                }
                _ if matches!(place.policy, OnLag::Block) => place.revoke(),
                _ => place.evict(),
            }
        }
        soonest
    }

    fn listed(&mut self, place: &Place) -> Option<&mut Listed> {
        self.places
            .iter_mut()
            .find(|listed| listed.place.id == place.id)
    }
}

impl Listed {
    /// Whether its thread has ended and nothing of it can still look at rows: a batch in hand may
    /// have been leaked as well, and be referred to from anywhere.
    fn is_leaked(&self) -> bool {
        self.orphaned.is_some() && self.place.stats.in_hand.load(Ordering::Relaxed) == 0
    }

    /// How long ago its thread ended.
    fn age(&self) -> Duration {
        self.orphaned
            .map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// How far `place` is behind `next`; 0 where rows claimed since `next` was read have been published
/// and read already.
fn lag(place: &Place, next: u64) -> u64 {
    (next.wrapping_sub(place.cursor()) as i64).max(0) as u64
}

//! [`Group`]: consumers who share the rows, each row read by one of them.
//!
//! # Epochs
//!
//! Who reads a row follows from the row and from who was a *member* when it came. The members are
//! fixed for an *epoch*, a range of sequences; whoever joins or leaves begins a new one at the head.
//! Each member walks over all rows with a place of its own and passes over those of the others, so
//! members need not agree on anything while the epoch lasts, and the slowest holds the producer back
//! for all.
//!
//! An epoch begins only when the rows before it are read: what belongs together (the rows of one
//! key) is read in order, also where it goes from one member to another.
//!
//! # Estates
//!
//! A member that leaves has rows before the new epoch that are its own and unread: its *estate*, a
//! place with a range. The next member that finds nothing else to read takes it over and walks it
//! in the name of the one who left. While there is no member, estates wait, and rows from
//! `frontier` on belong to whoever joins next.
//!
//! # Invariants
//!
//! * **G1** Epochs are in order and without gaps, and no member walks beyond what the list said under
//!   the lock: `part.end` is at most the head at that time, and a new epoch begins at the head or
//!   later.
//! * **G2** Every row that is not read by the one it belongs to lies behind the cursor of a listed
//!   place of the group, so it is not overwritten.
//! * **G3** A place is in the hands of one member, or in `estates`. Whoever walks it has the member's
//!   tenancy, which a member asks for before anything else that it does on another thread than the
//!   time before, so a place that has gone to others is not touched by the one it was taken from.
//!
//! The group's lock is taken before the gate's. No user code runs under it.

use std::fmt;

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{Arc, Mutex, seeded};

use super::Sequencer;
use super::place::Place;
use crate::consumer::{ConsumerId, ConsumerOptions, Start};
use crate::error::JoinError;

/// What the members of a group share.
pub(crate) struct Group {
    pub(crate) sequencer: Arc<Sequencer>,
    name: Box<str>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epochs: Vec<Epoch>,
    members: Vec<Member>,
    estates: Vec<Estate>,
    /// While there is no member: where the next one begins.
    frontier: Option<u64>,
}

/// From `from` on, up to the next one, these share the rows.
#[derive(Clone, Debug)]
struct Epoch {
    from: u64,
    members: Arc<Vec<ConsumerId>>,
}

#[derive(Debug)]
struct Member {
    place: Arc<Place>,
    /// The thread that polls it ([`lease`](super::lease)).
    tenant: u64,
    /// What it has taken over.
    inherited: Vec<Estate>,
}

/// The rows of one who left, from its cursor up to `until`.
#[derive(Clone, Debug)]
pub(crate) struct Estate {
    pub(crate) place: Arc<Place>,
    pub(crate) until: u64,
}

/// Rows that may be walked over, all of one epoch.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) end: u64,
    /// First sequence of the epoch.
    pub(crate) epoch: u64,
    /// Which of how many members' rows to look for.
    pub(crate) mine: u64,
    pub(crate) members: u64,
}

impl Group {
    /// A group without members, from the head on.
    pub(crate) fn new(sequencer: &Arc<Sequencer>, name: &str) -> Result<Arc<Self>, JoinError> {
        let group = Self {
            sequencer: Arc::clone(sequencer),
            name: name.into(),
            state: Mutex::default(),
        };
        let place = group.place(Start::Tail)?;
        let until = place.cursor();
        {
            let mut state = group.state.lock();
            state.frontier = Some(until);
            state.estates.push(Estate { place, until });
        }
        Ok(Arc::new(group))
    }

    fn place(&self, from: Start) -> Result<Arc<Place>, JoinError> {
        let options = ConsumerOptions {
            name: &self.name,
            from,
            ..Default::default()
        };
        let place = self
            .sequencer
            .gate
            .join(options, || self.sequencer.head())?;
        // Members wait for each other at the beginning of an epoch. Nobody has this place yet, so
        // nobody needs a barrier.
        place.follow();
        Ok(place)
    }

    /// One member more.
    pub(crate) fn join(&self) -> Result<Arc<Place>, JoinError> {
        let (place, idle) = {
            let mut state = self.state.lock();
            // The head under the lock: nobody has walked beyond it (G1).
            let from = state.frontier.unwrap_or_else(|| self.sequencer.head());
            let place = self.place(Start::Sequence(from))?;
            state.frontier = None;
            state.members.push(Member {
                place: Arc::clone(&place),
                tenant: 0,
                inherited: Vec::new(),
            });
            state.begin_epoch(from);
            // Estates without a row have held the frontier; the new place does that now.
            let is_idle = |estate: &mut Estate| estate.place.cursor() == estate.until;
            let idle: Vec<_> = state.estates.extract_if(.., is_idle).collect();
            (place, idle)
        };
        for estate in idle {
            self.sequencer.leave(&estate.place);
        }
        Ok(place)
    }

    /// The rows from `next` on that may be walked over now in the name of `owner`, up to `until`.
    /// `entered` is the epoch that the walker is in.
    pub(crate) fn part(&self, walk: &Walk) -> Option<Part> {
        let mut state = self.state.lock();
        let head = self.sequencer.head();
        let next = walk.next;
        let is_before = |from: u64| next.wrapping_sub(from) as i64 >= 0;
        let at = state.epochs.iter().rposition(|e| is_before(e.from))?;
        let epoch = state.epochs[at].clone();
        let is_new = walk.epoch != Some(epoch.from) && !seeded("ring.epoch_order");
        if is_new && !state.is_read_before(epoch.from) {
            return None;
        }
        let ends = [
            Some(head),
            state.epochs.get(at + 1).map(|e| e.from),
            walk.until,
        ];
        let left = ends
            .iter()
            .flatten()
            .map(|end| end.wrapping_sub(next))
            .min()?;
        state.forget_epochs();
        let mine = epoch.members.iter().position(|id| *id == walk.owner)?;
        (left > 0).then(|| Part {
            end: next.wrapping_add(left),
            epoch: epoch.from,
            mine: mine as u64,
            members: epoch.members.len() as u64,
        })
    }

    /// Estates that nobody has taken over yet go to the member with this place.
    pub(crate) fn inherit(&self, heir: &Place) -> Vec<Estate> {
        let mut state = self.state.lock();
        let State {
            members, estates, ..
        } = &mut *state;
        let Some(heir) = members.iter_mut().find(|m| m.place.id == heir.id) else {
            return Vec::new();
        };
        let taken: Vec<_> = std::mem::take(estates);
        heir.inherited.extend(taken.iter().cloned());
        taken
    }

    /// An estate has been read to its end.
    pub(crate) fn close_estate(&self, heir: &Place, estate: &Arc<Place>) {
        {
            let mut state = self.state.lock();
            for member in state.members.iter_mut().filter(|m| m.place.id == heir.id) {
                member.inherited.retain(|e| e.place.id != estate.id);
            }
        }
        self.sequencer.leave(estate);
    }

    /// The thread `tenant` polls the member with this place from now on. False where the place has
    /// gone to others because the thread that polled it before has ended.
    pub(crate) fn settle_in(&self, place: &Place, tenant: u64) -> bool {
        let mut state = self.state.lock();
        let mut members = state.members.iter_mut();
        match members.find(|m| m.place.id == place.id) {
            Some(member) => {
                member.tenant = tenant;
                true
            }
            None => false,
        }
    }

    /// Whether the thread `tenant` was the last to poll the member with this place.
    pub(crate) fn is_tenant(&self, place: &Place, tenant: u64) -> bool {
        let state = self.state.lock();
        let mut members = state.members.iter();
        members.any(|m| m.place.id == place.id && m.tenant == tenant)
    }

    /// The thread `tenant` has ended: if it was the last to poll the member with this place, and
    /// no batch of that can be referred to any more, the others take its rows.
    pub(crate) fn orphan(&self, place: &Place, tenant: u64) {
        let is_free = |p: &Place| p.stats.in_hand.load(Ordering::Relaxed) == 0;
        self.remove(place, |member| {
            let mut places = member.inherited.iter().map(|estate| &estate.place);
            member.tenant == tenant && is_free(&member.place) && places.all(|p| is_free(p))
        });
    }

    /// One member less: what it has not read becomes an estate.
    pub(crate) fn leave(&self, place: &Place) {
        self.remove(place, |_| true);
    }

    /// Takes the member with this place out, if `is_due` says so; both under one lock, or the member
    /// might be polled by another thread in between.
    fn remove(&self, place: &Place, is_due: impl FnOnce(&Member) -> bool) {
        let mut done = None;
        {
            let mut state = self.state.lock();
            let at = state.members.iter().position(|m| m.place.id == place.id);
            let Some(at) = at.filter(|at| is_due(&state.members[*at])) else {
                return;
            };
            let Member {
                place, inherited, ..
            } = state.members.remove(at);
            state.estates.extend(inherited);
            let head = self.sequencer.head();
            let is_last = state.members.is_empty();
            if is_last {
                state.frontier = Some(head);
            } else {
                state.begin_epoch(head);
            }
            if place.cursor() == head && !is_last {
                done = Some(place);
            } else {
                let until = head;
                state.estates.push(Estate { place, until });
            }
        }
        match done {
            Some(place) => self.sequencer.leave(&place),
            // The others have something to take over.
            None if seeded("ring.wake_heirs") => {}
            None => self.sequencer.data.notify_all(),
        }
    }
}

/// Where somebody is on the way over the rows.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) next: u64,
    /// Whose rows it looks for.
    pub(crate) owner: ConsumerId,
    /// The epoch it is in, if it is in one.
    pub(crate) epoch: Option<u64>,
    pub(crate) until: Option<u64>,
}

impl State {
    fn begin_epoch(&mut self, from: u64) {
        let members = self.members.iter().map(|member| member.place.id).collect();
        // An epoch in which no row has come has not been.
        if self.epochs.last().is_some_and(|last| last.from == from) {
            self.epochs.pop();
        }
        self.epochs.push(Epoch {
            from,
            members: Arc::new(members),
        });
    }

    fn places(&self) -> impl Iterator<Item = &Arc<Place>> {
        let inherited = self.members.iter().flat_map(|m| &m.inherited);
        let estates = inherited.chain(&self.estates).map(|e| &e.place);
        self.members.iter().map(|m| &m.place).chain(estates)
    }

    /// Whether every row before `from` has been read.
    fn is_read_before(&self, from: u64) -> bool {
        self.places()
            .all(|place| place.cursor().wrapping_sub(from) as i64 >= 0)
    }

    /// Forgets epochs that all have passed.
    fn forget_epochs(&mut self) {
        while let Some(second) = self.epochs.get(1)
            && self.is_read_before(second.from)
        {
            self.epochs.remove(0);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // No member is left: each holds the group.
        let estates = std::mem::take(&mut self.state.lock().estates);
        for estate in estates {
            self.sequencer.leave(&estate.place);
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

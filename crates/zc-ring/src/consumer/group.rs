//! [`ConsumerGroup`]: consumers who share the rows.
//!
//! # States of a member's walk
//!
//! A member has a walk over its own rows, and one for each estate it has taken over. A walk stands
//! at `state.next`, has looked at rows up to there and may look at rows up to `part.end`:
//!
//! * **Searching**: rows that are not its owner's are passed over. The cursor stays behind until
//!   something is read, or everything has been looked at.
//! * **Found**: a run of its owner's rows begins at `state.next`; `take` and `commit` are those of any
//!   consumer.

use std::fmt;

use zc_core::sync::Arc;

use super::Poll;
use super::reader::ReadState;
use crate::error::JoinError;
use crate::sequencer::Sequencer;
use crate::sequencer::group::{Estate, Group, Part, Walk};
use crate::sequencer::lease;
use crate::sequencer::place::Place;
use crate::slots::Slots;

/// How a [`ConsumerGroup`] shares the rows among its members.
pub enum Partition<T> {
    /// One row each, in turn.
    RoundRobin,
    /// All rows for which the function gives the same number go to the same member, in order; also
    /// in order where they go to another one because a member has joined or left. The function is
    /// called by every member for every row.
    ByKey(fn(&T) -> u64),
}

/// Consumers who share the rows of a [`Ring`](crate::Ring): each row is read by exactly one.
///
/// To the producer they are one consumer, as slow as the slowest member. Members may join and leave
/// at any time: the rows from then on are shared among those who are there, and what one who left
/// had not read, by whatever way it went (also by a panic, or leaked by a thread that has ended),
/// goes to the others. Rows that have come while there is no member wait for the next one; they hold
/// the producer back, until this handle is dropped too.
///
/// Rows after a change are read when all rows before it have been, so that rows of one key stay in
/// order.
///
/// ```
/// use zc_ring::{Partition, Poll, Ring};
///
/// let ring = Ring::<u64>::builder(8).build()?;
/// let group = ring.consumer_group("workers", Partition::RoundRobin)?;
/// let (mut one, mut two) = (group.member()?, group.member()?);
/// ring.producer()?.publish_slice(&[1, 2, 3])?;
///
/// assert_eq!(one.poll(8).rows().map(|batch| batch[0]), Some(1));
/// assert_eq!(two.poll(8).rows().map(|batch| batch[0]), Some(2));
/// drop(one); // The third was hers.
/// assert_eq!(two.poll(8).rows().map(|batch| batch[0]), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ConsumerGroup<T> {
    group: Arc<Group>,
    slots: Arc<Slots<T>>,
    partition: Partition<T>,
}

/// What a consumer that is a member has beside its own place.
pub(super) struct Membership<T> {
    pub(super) group: Arc<Group>,
    place: Arc<Place>,
    partition: Partition<T>,
    part: Option<Part>,
    inherited: Vec<Inherited>,
}

struct Inherited {
    state: ReadState,
    part: Option<Part>,
    until: u64,
}

/// Where rows to read have been found.
pub(super) struct Found<'a> {
    pub(super) state: &'a mut ReadState,
    pub(super) rows: usize,
}

impl<T> ConsumerGroup<T> {
    pub(crate) fn new(
        sequencer: &Arc<Sequencer>,
        slots: &Arc<Slots<T>>,
        name: &str,
        partition: Partition<T>,
    ) -> Result<Self, JoinError> {
        Ok(Self {
            group: Group::new(sequencer, name)?,
            slots: Arc::clone(slots),
            partition,
        })
    }

    /// One member more. It blocks the producer like any [`OnLag::Block`](crate::OnLag::Block)
    /// consumer; its batches are runs of rows that lie together, which in turns of several members
    /// means single rows.
    ///
    /// It finds [`Poll::Closed`] when its own rows are read. If a member that had more leaves after
    /// that, polling again finds the rest.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn member(&self) -> Result<super::Consumer<T>, JoinError> {
        let place = self.group.join()?;
        let membership = Membership {
            group: Arc::clone(&self.group),
            place: Arc::clone(&place),
            partition: self.partition,
            part: None,
            inherited: Vec::new(),
        };
        Ok(super::Consumer::member(
            place,
            membership,
            Arc::clone(&self.slots),
        ))
    }
}

impl<T> Membership<T> {
    /// Rows to read, at most `limit`, of the member whose own state is `own`.
    pub(super) fn look<'a>(
        &'a mut self,
        own: &'a mut ReadState,
        slots: &Slots<T>,
        limit: usize,
    ) -> Poll<Found<'a>> {
        let sequencer = Arc::clone(&self.group.sequencer);
        let is_closed = sequencer.is_closed();
        match self.seek(own, slots, limit) {
            Some((None, rows)) => Poll::Rows(Found { state: own, rows }),
            Some((Some(at), rows)) => Poll::Rows(Found {
                state: &mut self.inherited[at].state,
                rows,
            }),
            None if is_closed && own.next() == sequencer.head() && self.inherited.is_empty() => {
                Poll::Closed
            }
            None => Poll::Empty,
        }
    }

    /// Whether a look would find something.
    pub(super) fn is_ready(&mut self, own: &mut ReadState, slots: &Slots<T>) -> Option<()> {
        if own.is_revoked() {
            return Some(());
        }
        match self.look(own, slots, 1) {
            Poll::Empty => None,
            _ => Some(()),
        }
    }

    /// In which inheritance (`None`: its own) how many rows are.
    fn seek(
        &mut self,
        own: &mut ReadState,
        slots: &Slots<T>,
        limit: usize,
    ) -> Option<(Option<usize>, usize)> {
        if limit == 0 {
            return None;
        }
        loop {
            // From the back: one that is read to its end is taken out.
            for at in (0..self.inherited.len()).rev() {
                let Inherited { state, part, until } = &mut self.inherited[at];
                let until = Some(*until);
                let rows = search(
                    &self.group,
                    &self.partition,
                    state,
                    part,
                    until,
                    slots,
                    limit,
                );
                if rows.is_some() {
                    return rows.map(|rows| (Some(at), rows));
                }
                if until == Some(state.next()) {
                    let done = self.inherited.swap_remove(at);
                    self.group.close_estate(&own.place, &done.state.place);
                }
            }
            let Self {
                group,
                partition,
                part,
                ..
            } = self;
            if let Some(rows) = search(group, partition, own, part, None, slots, limit) {
                return Some((None, rows));
            }
            let estates = self.group.inherit(&own.place);
            if estates.is_empty() {
                return None;
            }
            let inherited = estates
                .into_iter()
                .map(|Estate { place, until }| Inherited {
                    state: ReadState::new(place),
                    part: None,
                    until,
                });
            self.inherited.extend(inherited);
        }
    }

    /// To be called first by whatever polls on behalf of the calling thread, or of a task
    /// ([`lease::NOBODY`]). False where the member had to join again and could not.
    #[cold]
    pub(super) fn settle_in(&mut self, own: &mut ReadState, tenant: u64) -> bool {
        if lease::take_member(&self.group, &own.place, tenant) {
            return true;
        }
        self.rejoin(own).is_ok() && lease::take_member(&self.group, &own.place, tenant)
    }

    /// A member whose rows went to the others joins again; nothing it was to read is lost.
    fn rejoin(&mut self, own: &mut ReadState) -> Result<(), JoinError> {
        // Others may have these by now.
        self.inherited.clear();
        self.part = None;
        self.place = self.group.join()?;
        *own = ReadState::new(Arc::clone(&self.place));
        Ok(())
    }
}

/// Moves `state` to its owner's next run of rows and says how long it is, at most `limit`.
fn search<T>(
    group: &Group,
    partition: &Partition<T>,
    state: &mut ReadState,
    part: &mut Option<Part>,
    until: Option<u64>,
    slots: &Slots<T>,
    limit: usize,
) -> Option<usize> {
    let sequencer = &*group.sequencer;
    state.settle(sequencer);
    loop {
        let next = state.next();
        let Some(known) = part.as_ref().filter(|part| part.end != next) else {
            // What was passed over counts now: others may be waiting for it.
            state.publish_passed(sequencer);
            if until == Some(next) {
                return None;
            }
            let walk = Walk {
                next,
                owner: state.place.id,
                epoch: part.as_ref().map(|part| part.epoch),
                until,
            };
            *part = Some(group.part(&walk)?);
            continue;
        };
        let left = known.end.wrapping_sub(next);
        let left = match sequencer.voids.first_within(next, left) {
            Some((0, void)) => {
                state.pass(void);
                continue;
            }
            Some((rows, _)) => rows,
            None => left,
        };
        let (others, run) = partition.run(known, next, left, limit as u64, slots);
        state.pass(others);
        if run > 0 {
            return Some(run as usize);
        }
    }
}

impl<T> Partition<T> {
    /// How many of the `left` rows from `next` on to pass over, and how many to read then.
    fn run(&self, part: &Part, next: u64, left: u64, limit: u64, slots: &Slots<T>) -> (u64, u64) {
        if part.members == 1 {
            return (0, left.min(limit));
        }
        match self {
            Self::RoundRobin => {
                let turn = next.wrapping_sub(part.epoch) % part.members;
                let others = (part.mine + part.members - turn) % part.members;
                (others.min(left), u64::from(others < left))
            }
            Self::ByKey(key) => {
                let is_mine = |row: u64| {
                    // SAFETY: the row is published, and the walk's cursor has not passed it.
                    let [row, _] = unsafe { slots.read(next.wrapping_add(row), 1) };
                    row.iter()
                        .all(|row| owner(key(row), part.members) == part.mine)
                };
                let others = (0..left).find(|row| is_mine(*row)).unwrap_or(left);
                let end = left.min(others.saturating_add(limit));
                let after = (others..end).find(|row| !is_mine(*row)).unwrap_or(end);
                (others, after - others)
            }
        }
    }
}

/// Which of so many members a key belongs to: its upper bits after a multiplication that mixes them.
fn owner(key: u64, members: u64) -> u64 {
    let mixed = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u128::from(mixed) * u128::from(members)) >> 64) as u64
}

impl<T> Drop for Membership<T> {
    fn drop(&mut self) {
        // A batch that was forgotten counts as read, unless others have these walks by now (G3 of
        // the group).
        if lease::take_member(&self.group, &self.place, lease::NOBODY) {
            for inherited in &mut self.inherited {
                inherited.state.settle(&self.group.sequencer);
            }
        }
    }
}

impl<T> Clone for Partition<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Partition<T> {}

impl<T> fmt::Debug for Partition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundRobin => "RoundRobin",
            Self::ByKey(_) => "ByKey",
        })
    }
}

impl<T> fmt::Debug for ConsumerGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerGroup")
            .field("group", &self.group)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

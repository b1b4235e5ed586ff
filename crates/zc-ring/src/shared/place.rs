//! [`Place`]: a consumer's place in a shared ring. Taking one is joining, dropping it is leaving.

use std::time::Duration;

use zc_core::sync::Arc;
use zc_core::sync::atomic::Ordering;
use zc_core::sync::seeded;

use super::attachment::Attachment;
use super::control::{BLOCK, Control, EVICT, LOSSY};
use super::layout::{
    BATCHES, EVICT_AFTER, EVICT_ROWS, EVICTIONS, FOLLOWED, ID, IN_HAND, LATENCY, LEASE,
    MAX_CONSUMERS, MISSED, NAME, NAME_LEN, NAME_WORDS, NEXT_ID, POLICY, USED, WAITS, place,
};
use super::lease::{Lease, State};
use super::process::Process;
use super::writer::nanos;
use crate::consumer::{ConsumerId, ConsumerOptions, OnLag, Start};
use crate::error::JoinError;
use crate::metrics::BUCKETS;

/// The longest a consumer's name may be, in bytes.
pub(crate) const MAX_NAME: usize = NAME_WORDS * 8;

/// A consumer's place.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) attachment: Arc<Attachment>,
    pub(crate) index: usize,
    pub(crate) id: ConsumerId,
    /// The lease as it stands while nobody has evicted it.
    lease: Lease,
    /// Consumers to read after.
    pub(crate) after: Box<[Followed]>,
}

/// A consumer that is read after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    index: usize,
    id: u64,
}

impl Place {
    /// Joins the ring; the place, and the first row to read.
    pub(crate) fn join(
        attachment: &Arc<Attachment>,
        options: ConsumerOptions<'_>,
    ) -> Result<(Self, u64), JoinError> {
        let control = &attachment.control;
        let len = options.name.len();
        if len > MAX_NAME {
            let limit = MAX_NAME;
            return Err(JoinError::NameTooLong { len, limit });
        }
        let after = options.depends_on.iter().map(|id| follow(control, *id));
        let after = after.collect::<Result<Box<[_]>, _>>()?;
        let (index, taken) = take(control, attachment.process)?;
        // From here on, dropping it gives it back.
        let mut place = Self {
            attachment: Arc::clone(attachment),
            index,
            id: ConsumerId::new(0),
            lease: taken,
            after,
        };
        place.describe(options);
        let start = place.settle(options.from, matches!(options.on_lag, OnLag::Lossy))?;
        Ok((place, start))
    }

    fn control(&self) -> &Control {
        &self.attachment.control
    }

    /// Writes the words of the place that nobody reads before it gates.
    fn describe(&mut self, options: ConsumerOptions<'_>) {
        let cells = &self.control().cells;
        let set = |word, value| {
            cells
                .counter(place(self.index, word))
                .store(value, Ordering::Relaxed)
        };
        let (policy, rows, after) = match options.on_lag {
            OnLag::Block => (BLOCK, 0, Duration::ZERO),
            OnLag::Lossy => (LOSSY, 0, Duration::ZERO),
            OnLag::Evict { rows, after } => (EVICT, rows, after),
        };
        set(POLICY, policy);
        set(EVICT_ROWS, rows);
        set(EVICT_AFTER, nanos(after));
        let mut name = [0; MAX_NAME];
        name[..options.name.len()].copy_from_slice(options.name.as_bytes());
        let (words, _) = name.as_chunks();
        for (word, bytes) in words.iter().enumerate() {
            set(NAME + word, u64::from_ne_bytes(*bytes));
        }
        set(NAME_LEN, options.name.len() as u64);
        for word in [BATCHES, WAITS, MISSED, IN_HAND, EVICTIONS] {
            set(word, 0);
        }
        (0..BUCKETS).for_each(|bucket| set(LATENCY + bucket, 0));
        let id = cells.counter(NEXT_ID).fetch_add(1, Ordering::Relaxed);
        set(ID, id);
        cells
            .word(place(self.index, FOLLOWED))
            .store(0, Ordering::Relaxed);
        self.id = ConsumerId::new(id);
    }

    /// Makes the place gate at a row that the producer's licence does not reach (G3); the row.
    fn settle(&mut self, from: Start, is_lossy: bool) -> Result<u64, JoinError> {
        loop {
            let control = &self.attachment.control;
            let start = start(control, from)?;
            control.store_cursor(self.index, start);
            if self.lease.state() == State::Taken {
                let used = self.index as u64 + 1;
                control.cells.word(USED).fetch_max(used, Ordering::AcqRel);
                self.advance(State::Joining);
                self.attachment.control.count_join();
            }
            let control = &self.attachment.control;
            control.barrier();
            let reach = control.licence().wrapping_sub(start);
            // One that misses rows is told so anyway. The others gate here already, so that the
            // next licence leaves them more.
            if reach <= control.capacity || is_lossy || seeded("ring.shared_join_licence") {
                self.advance(State::Active);
                return Ok(start);
            }
        }
    }

    fn advance(&mut self, state: State) {
        let word = self.control().cells.word(place(self.index, LEASE));
        let to = self.lease.at(state);
        // It fails only in a corrupt ring, which the next poll finds out.
        if self.lease.swap(word, to) {
            self.lease = to;
        }
    }

    /// How the lease stands: as it was taken, or evicted, or somebody else's.
    #[inline]
    pub(crate) fn standing(&self) -> Standing {
        let now = self.control().lease(self.index);
        if now == self.lease {
            Standing::Held
        } else if now == self.lease.at(State::Evicted) {
            Standing::Evicted
        } else {
            Standing::Lost
        }
    }
}

/// What has become of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Held,
    Evicted,
    Lost,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.attachment.is_ours() {
            return;
        }
        let control = self.control();
        let word = control.cells.word(place(self.index, LEASE));
        let freed = self.lease.swap(word, Lease::FREE)
            || self.lease.at(State::Evicted).swap(word, Lease::FREE);
        if freed {
            control.wake_all();
        }
    }
}

impl Followed {
    /// Where the one followed is, while it holds others back.
    pub(crate) fn cursor(self, control: &Control) -> Option<u64> {
        let cursor = control.cursor(self.index);
        let lease = control.lease(self.index);
        // The id behind the cursor: who takes the place writes its id first.
        let id = control.cells.counter(place(self.index, ID));
        (lease.gates() && id.load(Ordering::Relaxed) == self.id).then_some(cursor)
    }
}

/// Finds the consumer `id`, and has it wake those who read after it.
fn follow(control: &Control, id: ConsumerId) -> Result<Followed, JoinError> {
    let followed = |index| Followed {
        index,
        id: id.number(),
    };
    let mut places = (0..control.used()).map(followed);
    let found = places.find(|followed| followed.cursor(control).is_some());
    let followed = found.ok_or(JoinError::UnknownDependency { id })?;
    let word = control.cells.word(place(followed.index, FOLLOWED));
    // A wake-up that is missed until this is seen comes some milliseconds later.
    word.store(1, Ordering::Relaxed);
    Ok(followed)
}

/// Takes a free place, or one of a dead process.
fn take(control: &Control, process: Process) -> Result<(usize, Lease), JoinError> {
    let taken = Lease::new(process, State::Taken);
    let take = || {
        (0..MAX_CONSUMERS)
            .find(|&index| Lease::FREE.swap(control.cells.word(place(index, LEASE)), taken))
    };
    let found = take().or_else(|| {
        control.reap_places();
        take()
    });
    let index = found.ok_or(JoinError::TooManyConsumers {
        limit: MAX_CONSUMERS,
    })?;
    Ok((index, taken))
}

/// The first row for a place that wants to start at `from`.
fn start(control: &Control, from: Start) -> Result<u64, JoinError> {
    let head = control.head();
    let published = head.wrapping_sub(control.initial);
    let licensed = control.licence().wrapping_sub(head);
    let kept = published.min(control.capacity.saturating_sub(licensed));
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

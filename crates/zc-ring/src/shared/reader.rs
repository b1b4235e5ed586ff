//! [`Reader`]: the consuming side of a shared ring, without its rows. The states of a batch are those
//! of the [in-process one](crate::consumer).

use std::time::{Duration, Instant};

use zc_core::sync::atomic::Ordering;

use super::control::Control;
use super::error::SharedError;
use super::layout::{
    BATCHES, DATA, IN_HAND, LATENCY, MAX_STAMPS, MISSED, STAMPS, WAITS, place as word_of,
};
use super::place::{Place, Standing};
use super::wait;
use super::writer::now;
use crate::consumer::{OnLag, Poll};
use crate::metrics::bucket;
use crate::sequencer::place::bump;
use crate::sequencer::stamps::{EVERY, stamped};

/// How often a consumer that finds nothing looks whether there is anybody left to publish.
const CLOSER_LOOK: Duration = Duration::from_millis(100);

/// Polls that find nothing between two looks at the clock.
const EMPTY_POLLS: u32 = 16;

/// One consumer's handle on a shared ring. Dropping it leaves the ring.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) place: Place,
    pub(crate) policy: OnLag,
    next: u64,
    /// Rows before this were seen to be readable.
    seen: u64,
    in_hand: u64,
    empty_polls: u32,
    looked: Option<Instant>,
    fault: Option<&'static str>,
}

impl Reader {
    pub(crate) fn new(place: Place, policy: OnLag, start: u64) -> Self {
        Self {
            place,
            policy,
            next: start,
            seen: start,
            in_hand: 0,
            empty_polls: 0,
            looked: None,
            fault: None,
        }
    }

    #[inline]
    fn control(&self) -> &Control {
        &self.place.attachment.control
    }

    fn count(&self, word: usize, by: u64) {
        let word = word_of(self.place.index, word);
        bump(self.control().cells.counter(word), by);
    }

    /// The first row of the batch in hand, or to be taken.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The next row to read, a batch that was forgotten counted as read.
    pub(crate) fn sequence(&self) -> u64 {
        self.next.wrapping_add(self.in_hand)
    }

    /// Rows published and not read.
    pub(crate) fn lag(&self) -> u64 {
        self.control().head().wrapping_sub(self.sequence())
    }

    /// What is wrong with the ring, if this consumer is off it for that.
    pub(crate) fn fault(&self) -> Option<SharedError> {
        let what = self.fault?;
        Some(SharedError::Corrupt { what })
    }

    /// Whether it reads copies.
    pub(crate) fn copies(&self) -> bool {
        !matches!(self.policy, OnLag::Block)
    }

    /// How many rows the last look found, limit or not.
    pub(crate) fn readable(&self) -> usize {
        usize::try_from(self.ready()).unwrap_or(usize::MAX)
    }

    /// Rows that can be read now, up to `limit`.
    #[inline]
    pub(crate) fn look(&mut self, limit: usize) -> Poll<usize> {
        if self.in_hand == 0 && !self.copies() && limit > 0 && self.readable() >= limit {
            return Poll::Rows(limit);
        }
        self.look_closely(limit)
    }

    fn look_closely(&mut self, limit: usize) -> Poll<usize> {
        self.settle();
        if self.fault.is_some() || self.is_evicted() {
            return Poll::Evicted;
        }
        if self.readable() < limit {
            let is_closed = self.is_closed();
            let head = self.control().head();
            if let Err(what) = self.see(head) {
                self.fault = Some(what);
                return Poll::Evicted;
            }
            if self.ready() == 0 && is_closed && head == self.next {
                return Poll::Closed;
            }
        }
        match self.readable().min(limit) {
            0 => Poll::Empty,
            rows => {
                self.empty_polls = 0;
                Poll::Rows(rows)
            }
        }
    }

    /// Takes note of the head, and of those this one reads after.
    fn see(&mut self, head: u64) -> Result<(), &'static str> {
        let ahead = head.wrapping_sub(self.next);
        let capacity = self.control().capacity;
        match self.policy {
            OnLag::Block => {
                if ahead > capacity {
                    return Err("the head is out of range");
                }
                if self.place.standing() != Standing::Held {
                    return Err("this consumer's place was taken away");
                }
            }
            // The eviction may have come between the look at the lease and that at the head.
            OnLag::Evict { .. } if ahead > capacity && self.is_evicted() => return Ok(()),
            OnLag::Evict { .. } if ahead > capacity => return Err("the head is out of range"),
            _ if (ahead as i64) < 0 => return Err("the head is out of range"),
            _ => {}
        }
        let control = &self.place.attachment.control;
        let cursors = self
            .place
            .after
            .iter()
            .filter_map(|followed| followed.cursor(control));
        let behind = cursors.map(|cursor| head.wrapping_sub(cursor)).max();
        self.seen = head.wrapping_sub(behind.unwrap_or(0));
        Ok(())
    }

    /// Whether nothing more will be published, as far as it is worth asking.
    fn is_closed(&mut self) -> bool {
        self.empty_polls += 1;
        if self.empty_polls >= EMPTY_POLLS {
            self.empty_polls = 0;
            let now = Instant::now();
            let last = *self.looked.get_or_insert(now);
            if now.duration_since(last) >= CLOSER_LOOK {
                self.looked = Some(now);
                self.control().reap_sources();
                return self.control().is_closed();
            }
        }
        self.control().may_be_closed() && self.control().is_closed()
    }

    fn is_evicted(&self) -> bool {
        matches!(self.policy, OnLag::Evict { .. }) && self.place.standing() != Standing::Held
    }

    /// Whether an eviction is why a copy failed.
    pub(crate) fn was_evicted(&self) -> bool {
        self.is_evicted()
    }

    /// How many rows from `next` were seen to be readable. `seen` may be behind `next` where this
    /// consumer started ahead of one it reads after.
    #[inline]
    fn ready(&self) -> u64 {
        let ready = self.seen.wrapping_sub(self.next);
        if ready > i64::MAX as u64 { 0 } else { ready }
    }

    /// Waits until there is something other than `Empty` to find, or until `deadline`.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) -> bool {
        let is_ready = |reader: &mut Self| match reader.look(1) {
            Poll::Empty => None,
            _ => Some(()),
        };
        if is_ready(self).is_some() {
            return true;
        }
        self.count(WAITS, 1);
        let attachment = zc_core::sync::Arc::clone(&self.place.attachment);
        let (cells, strategy) = (&attachment.control.cells, attachment.strategy);
        wait::block_until(cells, DATA, strategy, deadline, || {
            // Who waits looks seldom enough to look at the clock each time.
            self.empty_polls = self.empty_polls.max(EMPTY_POLLS / 2);
            is_ready(self)
        })
        .is_some()
    }

    /// Takes `rows` rows in hand.
    #[inline]
    pub(crate) fn take(&mut self, rows: usize) {
        debug_assert_eq!(self.in_hand, 0);
        self.in_hand = rows as u64;
        let in_hand = word_of(self.place.index, IN_HAND);
        let in_hand = self.control().cells.counter(in_hand);
        in_hand.store(rows as u64, Ordering::Relaxed);
        self.count(BATCHES, 1);
        if let Some(row) = stamped(self.sequence(), rows as u64) {
            self.measure(row);
        }
    }

    /// Counts how long ago the row was published.
    #[cold]
    fn measure(&self, row: u64) {
        let cells = &self.control().cells;
        let at = STAMPS + 2 * ((row / EVERY) as usize % MAX_STAMPS);
        let time = cells.counter(at + 1).load(Ordering::Relaxed);
        if cells.counter(at).load(Ordering::Relaxed) == row {
            let nanos = now().saturating_sub(time);
            self.count(LATENCY + bucket(nanos), 1);
        }
    }

    /// The batch in hand has been read up to `rows`; the rest is there again at the next look.
    #[inline]
    pub(crate) fn commit(&mut self, rows: usize) {
        debug_assert!(rows as u64 <= self.in_hand);
        self.abandon();
        if rows > 0 {
            self.skip(rows as u64);
        }
    }

    /// The batch in hand counts for nothing.
    #[inline]
    pub(crate) fn abandon(&mut self) {
        self.in_hand = 0;
        let in_hand = word_of(self.place.index, IN_HAND);
        self.control()
            .cells
            .counter(in_hand)
            .store(0, Ordering::Relaxed);
    }

    /// Rows that were overwritten before they could be read.
    pub(crate) fn miss(&mut self, rows: u64) {
        self.count(MISSED, rows);
        self.skip(rows);
    }

    #[inline]
    fn skip(&mut self, rows: u64) {
        self.next = self.next.wrapping_add(rows);
        let control = &self.place.attachment.control;
        control.store_cursor(self.place.index, self.next);
        control.consumed(self.place.index);
    }

    /// A batch still in hand at this point was forgotten: it counts as read.
    fn settle(&mut self) {
        if self.in_hand > 0 {
            let rows = self.in_hand;
            self.abandon();
            self.skip(rows);
        }
    }
}

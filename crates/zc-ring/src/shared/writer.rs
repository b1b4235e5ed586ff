//! [`Writer`]: the producing side of a shared ring, without its rows.
//!
//! As the [in-process one](crate::sequencer), with the licence taken by announcement
//! ([`control`](super::control)). `next ≤ licence ≤ next + capacity`. While nobody has joined since
//! the last look at the places, the licence is renewed up to `bound` without another look.

use std::time::{Duration, Instant};

use zc_core::sync::Arc;
use zc_core::sync::atomic::Ordering;
use zc_core::wait::WaitStrategy;

use super::attachment::Attachment;
use super::control::{Control, Corrupt};
use super::layout::{BATCH_SIZE, BLOCKED_NANOS, FULL_STALLS, MAX_STAMPS, SPACE, STAMPS};
use super::wait;
use crate::error::ProducerError;
use crate::metrics::bucket;
use crate::sequencer::place::bump;
use crate::sequencer::stamps::{EVERY, stamped};

/// How often a blocked producer looks whether those in its way are dead.
const REAP_EVERY: Duration = Duration::from_millis(100);

/// The lease of the producing side.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) attachment: Arc<Attachment>,
    state: State,
}

#[derive(Debug)]
struct State {
    next: u64,
    licence: u64,
    /// What the last look at the places allowed.
    bound: u64,
    /// Consumers that had joined before that look.
    joins: u64,
    /// What stands in the control area, by this or a dead producer.
    announced: u64,
    claim: u64,
    blocked_since: Option<Instant>,
    reaped: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(attachment: &Arc<Attachment>) -> Result<Self, ProducerError> {
        let control = &attachment.control;
        if !control.take_producer(attachment.process) {
            return Err(ProducerError::Taken);
        }
        // From here on nobody else writes these.
        let next = control.head();
        Ok(Self {
            attachment: Arc::clone(attachment),
            state: State {
                next,
                licence: next,
                bound: next,
                joins: control.joins().wrapping_sub(1),
                announced: control.licence(),
                claim: control.claim(),
                blocked_since: None,
                reaped: None,
            },
        })
    }

    /// The sequence the next row will get.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.state.next
    }

    /// Reserves `n` rows, `n` at most the capacity, if they are free now.
    #[inline]
    pub(crate) fn try_reserve(&mut self, n: u64) -> Result<bool, Corrupt> {
        self.state.try_reserve(&self.attachment.control, n)
    }

    /// Reserves `n` rows, waiting for them until `deadline`.
    #[cold]
    pub(crate) fn wait(&mut self, n: u64, deadline: Option<Instant>) -> Result<bool, Corrupt> {
        let Self { attachment, state } = self;
        let control = &attachment.control;
        let counter = |word| control.cells.counter(word);
        bump(counter(FULL_STALLS), 1);
        let started = Instant::now();
        let strategy: WaitStrategy = attachment.strategy;
        let reserved = wait::block_until(&control.cells, SPACE, strategy, deadline, || match state
            .try_reserve(control, n)
        {
            Ok(false) => None,
            found => Some(found),
        });
        bump(counter(BLOCKED_NANOS), nanos(started.elapsed()));
        reserved.unwrap_or(Ok(false))
    }

    /// Announces that the slots of the next `n` rows, which are reserved, will be written to.
    #[inline]
    pub(crate) fn begin(&mut self, n: u64) {
        let state = &mut self.state;
        let end = state.next.wrapping_add(n);
        // Never back: what a closure that failed, or a dead producer, has begun stays half written.
        if (end.wrapping_sub(state.claim) as i64) > 0 {
            state.claim = end;
            self.attachment.control.store_claim(end);
        }
    }

    /// Publishes the next `n` rows, which are complete.
    #[inline]
    pub(crate) fn publish(&mut self, n: u64) {
        let state = &mut self.state;
        let next = state.next.wrapping_add(n);
        debug_assert!(state.licence.wrapping_sub(next) <= self.attachment.control.capacity);
        let control = &self.attachment.control;
        bump(control.cells.counter(BATCH_SIZE + bucket(n)), 1);
        if let Some(row) = stamped(next, n) {
            stamp(control, row);
        }
        state.next = next;
        control.publish(next);
    }
}

/// Says when a row is published that is about to be, for consumers to measure how long it took.
#[cold]
fn stamp(control: &Control, row: u64) {
    let at = STAMPS + 2 * ((row / EVERY) as usize % MAX_STAMPS);
    let words = [control.cells.counter(at), control.cells.counter(at + 1)];
    words[1].store(now(), Ordering::Relaxed);
    words[0].store(row, Ordering::Relaxed);
}

/// Nanoseconds of a clock that all processes of the machine share.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `time`, which is there.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    debug_assert_eq!(result, 0);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000) + time.tv_nsec as u64
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl State {
    #[inline]
    fn try_reserve(&mut self, control: &Control, n: u64) -> Result<bool, Corrupt> {
        debug_assert!(n <= control.capacity);
        if self.licence.wrapping_sub(self.next) >= n {
            return Ok(true);
        }
        self.renew(control, n)
    }

    #[cold]
    fn renew(&mut self, control: &Control, n: u64) -> Result<bool, Corrupt> {
        // In steps, so that who starts at the oldest row finds nearly all of the ring.
        let step = n.max(control.capacity / 64);
        let known = self.bound.wrapping_sub(self.next);
        if known >= n && known <= control.capacity {
            let licence = self.next.wrapping_add(known.min(step));
            self.announce(control, licence);
            control.barrier();
            if control.joins() == self.joins {
                return Ok(self.take(licence));
            }
        }
        let free = control.capacity - control.slowest(self.next)?;
        if free >= n {
            let wanted = self.next.wrapping_add(free.min(step));
            self.announce(control, wanted);
            control.barrier();
            self.joins = control.joins();
            // Those who have joined meanwhile are seen now, or see what was announced (G3).
            let free = control.capacity - control.slowest(self.next)?;
            self.bound = self.next.wrapping_add(free);
            let licence = self.next.wrapping_add(free.min(step));
            if free >= n {
                self.withdraw(control, licence);
                return Ok(self.take(licence));
            }
        }
        self.withdraw(control, self.licence);
        self.make_room(control, n);
        Ok(false)
    }

    fn announce(&mut self, control: &Control, licence: u64) {
        if (licence.wrapping_sub(self.announced) as i64) > 0 {
            self.announced = licence;
            control.store_licence(licence);
        }
    }

    /// Nothing from `licence` on will be written without asking again.
    fn withdraw(&mut self, control: &Control, licence: u64) {
        let torn = self.claim.wrapping_sub(licence);
        let licence = if (torn as i64) > 0 {
            self.claim
        } else {
            licence
        };
        if (self.announced.wrapping_sub(licence) as i64) > 0 {
            self.announced = licence;
            control.store_licence(licence);
        }
    }

    fn take(&mut self, licence: u64) -> bool {
        self.licence = licence;
        self.blocked_since = None;
        self.reaped = None;
        true
    }

    /// The ring is full: evicts those who may be, and frees the places of the dead.
    fn make_room(&mut self, control: &Control, n: u64) {
        let now = Instant::now();
        let blocked = now.duration_since(*self.blocked_since.get_or_insert(now));
        if control.evict(self.next, n, nanos(blocked)) {
            control.wake_all();
        }
        let is_due = |last: Instant| now.duration_since(last) >= REAP_EVERY;
        if self.reaped.is_none_or(is_due) {
            self.reaped = Some(now);
            control.reap_places();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.attachment.is_ours() {
            let control = &self.attachment.control;
            self.state.withdraw(control, self.state.next);
            control.release_producer(self.attachment.process);
        }
    }
}

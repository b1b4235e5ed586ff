//! Time: the alarm of whoever waits, and what is due when it rings.
//!
//! The manager has no task of its own. Whoever waits in a receiver or in `finalize` also minds the
//! clock; when nobody waits, nobody is kept waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep_until};

use crate::after::After;
use crate::error::BufferError;
use crate::manager::{Core, Shared};
use crate::types::{FailReason, SealedBy};

/// The time that tokio's timers count in. They ring at the end of the tick that their time falls
/// into, and sleep whole ticks: up to two late, one on average.
const TICK: Duration = Duration::from_millis(1);

/// An alarm, made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Errs if there is no runtime to run the alarm.
    pub(crate) fn check(&self, runtime: &Option<Handle>) -> Result<(), BufferError> {
        if runtime.is_none() && Handle::try_current().is_err() {
            return Err(BufferError::NoRuntime);
        }
        Ok(())
    }

    /// Ready once it is `at`.
    pub(crate) fn poll_at(
        &mut self,
        runtime: &Option<Handle>,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let at = at.into();
        let sleep = self.0.get_or_insert_with(|| {
            let _entered = runtime.as_ref().map(Handle::enter);
            Box::pin(sleep_until(at))
        });
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

impl Shared {
    /// Seals the open group if its first byte is old enough, and publishes runs of groups that
    /// are; when the next will be.
    pub(crate) fn tick_linger(
        self: &Arc<Self>,
        core: &mut Core,
        now: Instant,
        after: &mut After,
    ) -> Option<Instant> {
        let linger = self.config.linger?;
        // Set for a tick earlier, a timer rings at most one late, and on time for whole ticks.
        let linger = linger - (linger / 2).min(TICK);
        let open = core.current.filter(|_| !self.cursor.peek().is_closed());
        let mut next = None;
        for slot in 0..core.sides.len() {
            let side = &core.sides[slot];
            let Some(due) = side.since.and_then(|since| since.checked_add(linger)) else {
                continue;
            };
            let has_run = side.is_incomplete() && self.has_run(core, slot);
            if !side.is_incomplete() || (open != Some(slot) && !has_run) {
                continue;
            }
            if due > now {
                next = next.map_or(Some(due), |next: Instant| Some(next.min(due)));
                continue;
            }
            let side = &mut core.sides[slot];
            if has_run && !std::mem::replace(&mut side.has_lingered, true) {
                // First the runs, while the tail of the last one can still go back; then the seal.
                self.publish_runs(core, slot, after);
                next = Some(now);
                continue;
            }
            self.publish_runs(core, slot, after);
            if open == Some(slot) {
                self.seal_open(core, SealedBy::Linger, after);
            }
        }
        next
    }

    /// Revokes reservations that are too old; when to look again.
    ///
    /// Reservations carry no time. Instead every look notes how many of them there are by now: they
    /// are at least as old as the note.
    pub(crate) fn tick_abandon(
        self: &Arc<Self>,
        core: &mut Core,
        now: Instant,
        after: &mut After,
    ) -> Option<Instant> {
        let patience = self.config.abandon_after?;
        let mut is_needed = false;
        for slot in 0..core.sides.len() {
            if !core.sides[slot].is_incomplete() {
                continue;
            }
            let count = self.count(core, slot);
            let notes = &mut core.sides[slot].notes;
            let mut below = 0;
            let is_due = |at: Instant| at.checked_add(patience).is_some_and(|due| due <= now);
            if notes.front().is_some_and(|&(at, _)| is_due(at)) && self.has_run(core, slot) {
                // What was written to a run is no less good for the writer's being idle. Whatever
                // is still held at the next look is revoked.
                self.publish_runs(core, slot, after);
                is_needed = true;
                continue;
            }
            let notes = &mut core.sides[slot].notes;
            while let Some(&(at, count)) = notes.front()
                && is_due(at)
            {
                below = count;
                notes.pop_front();
            }
            if notes.back().is_none_or(|&(_, noted)| noted < count) && below < count {
                notes.push_back((now, count));
            }
            if below > 0 && self.has_held(core, slot, below) {
                if core.current == Some(slot) {
                    self.seal_open(core, SealedBy::Pressure, after);
                }
                if core.sides[slot].live && !core.sides[slot].complete {
                    self.revoke(core, slot, below, &FailReason::Abandoned, after);
                }
            }
            is_needed |= core.sides[slot].live && !core.sides[slot].complete;
        }
        is_needed.then(|| now.checked_add(patience / 4)).flatten()
    }
}

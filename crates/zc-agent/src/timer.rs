//! Time: the alarm of whoever waits, and what is due when it rings.
//!
//! The manager has no task of its own. Whoever waits in a receiver or in `finalize` also minds the
//! clock; when nobody waits, nobody is kept waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep_until};

use crate::error::BufferError;
use crate::manager::{After, Core, Shared};
use crate::types::{FailReason, SealedBy};

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
    /// Seals the open group if its first byte is old enough; when it will be.
    pub(crate) fn tick_linger(
        self: &Arc<Self>,
        core: &mut Core,
        now: Instant,
        after: &mut After,
    ) -> Option<Instant> {
        let linger = self.config.linger?;
        let slot = core.current?;
        if self.cursor.peek().is_closed() {
            return None;
        }
        let due = core.sides[slot].since?.checked_add(linger)?;
        if due > now {
            return Some(due);
        }
        self.seal_open(core, SealedBy::Linger, after);
        None
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
            if !core.sides[slot].live || core.sides[slot].complete {
                continue;
            }
            let count = self.count(core, slot);
            let notes = &mut core.sides[slot].notes;
            let mut below = 0;
            while let Some(&(at, count)) = notes.front()
                && at.checked_add(patience).is_some_and(|due| due <= now)
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

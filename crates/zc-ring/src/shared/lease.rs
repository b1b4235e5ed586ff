//! [`Lease`]: who holds a place, a handle or the producing side, and in which state, in one word.
//!
//! # States
//!
//! * **Free**: 0.
//! * **Taken**: somebody is about to join and writes the place's words. It does not gate.
//! * **Joining**: the cursor is there, and gates; whether it is far enough ahead of what the producer
//!   was licensed to overwrite is being looked at. Handles and the producing side are never here.
//! * **Active**.
//! * **Evicted**: it lagged past its policy. It gates no more, and its handle is told.
//!
//! # Invariants
//!
//! * **L1** The word changes by compare-and-swap only. Whoever holds the lease moves it on and frees
//!   it; the producer evicts; anybody frees it whose holder is dead.
//! * **L2** A lease is freed by somebody else only after its holder was seen to be dead. A process
//!   that is dead does nothing any more, and its number is nobody else's: so of the
//!   words of a place that is freed none is being written, and the compare-and-swap frees
//!   the lease that was looked at, or nothing.

use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::edge;

use super::process::Process;

/// What a lease word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease(u64);

/// How far its holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum State {
    Taken = 0,
    Joining = 1,
    Active = 2,
    Evicted = 3,
}

impl Lease {
    pub(crate) const FREE: Self = Self(0);

    pub(crate) fn new(holder: Process, state: State) -> Self {
        Self(holder.bits() << 2 | state as u64)
    }

    /// Reads a lease, and what its holder wrote before it came into this state.
    #[inline]
    pub(crate) fn load(word: &AtomicU64) -> Self {
        Self(word.load(edge("ring.lease", Ordering::Acquire)))
    }

    #[inline]
    pub(crate) fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Taken,
            1 => State::Joining,
            2 => State::Active,
            _ => State::Evicted,
        }
    }

    /// Who holds it; nobody where it is free.
    pub(crate) fn holder(self) -> Option<Process> {
        Process::from_bits(self.0 >> 2)
    }

    pub(crate) fn is_free(self) -> bool {
        self == Self::FREE
    }

    /// Whether the producer must look at the cursor.
    #[inline]
    pub(crate) fn gates(self) -> bool {
        !self.is_free() && matches!(self.state(), State::Joining | State::Active)
    }

    /// The same holder in another state.
    pub(crate) fn at(self, state: State) -> Self {
        Self(self.0 & !3 | state as u64)
    }

    /// Moves `word` from this lease to `to` (L1). What the caller wrote before is seen by whoever
    /// loads `to`, and what the last holder wrote by the caller.
    pub(crate) fn swap(self, word: &AtomicU64, to: Self) -> bool {
        let order = edge("ring.lease", Ordering::AcqRel);
        word.compare_exchange(self.0, to.0, order, Ordering::Relaxed)
            .is_ok()
    }

    /// Frees `word` if its holder is dead (L2).
    pub(crate) fn reap(word: &AtomicU64, is_dead: impl FnOnce(Process) -> bool) -> bool {
        let lease = Self::load(word);
        match lease.holder() {
            Some(holder) if is_dead(holder) => lease.swap(word, Self::FREE),
            // Bits of a state without a holder are nobody's.
            None if !lease.is_free() => lease.swap(word, Self::FREE),
            _ => false,
        }
    }
}

//! [`Sole`]: the one of several producers that has been the only one to claim for a while. It claims in
//! blocks and publishes by plain stores, as if it were alone, until another one wants to claim.
//!
//! # States
//!
//! * **Vacant**: everybody claims by compare-and-swap.
//! * **Held** by a handle, after [`patience`](Sole::patience) claims in a row with none of another's in between. It
//!   takes rows from its *block*, a claimed range, by storing how far it has come (`taken`).
//! * **Leaving**: another handle has taken the seat away, and is giving back what is left of the block.
//!
//! Nobody waits for the holder, which may be anywhere, in its closure for instance: whoever comes takes the
//! seat away (under the lock), executes a barrier on all processors, and looks how much was taken by then. The rest of the
//! block is unclaimed again, or void where somebody has claimed behind it meanwhile; the holder
//! finds out at its next step.
//!
//! # Why no row is taken twice
//!
//! The holder stores `taken`, then looks whether the seat is still its own; the other one takes the seat
//! away, then looks at `taken`. Between the two stands a barrier on both sides, free for the holder and dear
//! for the other. If the holder sees that the seat is lost, it asks under the lock whether its last
//! step was still counted ([`Seat::left`]), and uses the row or not accordingly.
//!
//! The same holds for the head: the holder stores it, then looks at the seat; the other takes the
//! seat away and then looks at the head. Either sees what the other did (M4).
//!
//! # Invariants
//!
//! * **O1** The seat changes hands, and the end of the block changes, under the lock only.
//! * **O2** Of the block, rows before `taken` are the holder's; of those behind, the holder uses none
//!   unless it has taken them while the seat was its own.
//! * **O3** Who claims by compare-and-swap has seen the seat vacant, after it read the `claim` that it
//!   replaces. A claim that was read before the seat was taken and replaced after (the number may come
//!   back when a block is given back) may lie behind a block: its owner looks at the seat again before it leaves
//!   its rows to others to publish.
//! * **O4** Who sits down has published all that it has claimed. Others may have stamped ranges behind rows of its own
//!   before that, which a holder would not look for.
//!
//! Every order that matters is one of a store before a load, so the words themselves are Relaxed: it is the barriers
//! that count, and rows are handed over by the licence and the head.

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::{Arc, Mutex, asymmetric, seeded, store_load_barrier};

use crate::sequencer::Sequencer;

/// Nobody has the seat.
const VACANT: u64 = 0;
/// Somebody is taking it away.
const LEAVING: u64 = u64::MAX;

/// Claims in a row after which a producer sits down: what they could have saved is about what it costs to
/// take the seat away.
const PATIENCE: u32 = 4096;
/// The most rows of a block. No more than a 64th of the ring, like a licence.
const BLOCK: u64 = 64;
/// Blocks of fewer rows are not worth it.
const SMALLEST: u64 = 8;

/// The seat.
#[derive(Debug)]
pub(super) struct Sole {
    /// Number of the handle that has it.
    holder: CachePadded<AtomicU64>,
    state: Mutex<State>,
    /// Claims in a row before a handle sits down.
    pub(super) patience: u32,
    /// Rows to claim at a time.
    pub(super) block: u64,
}

#[derive(Debug)]
struct State {
    last_number: u64,
    /// The holder's.
    seat: Option<Arc<CachePadded<Seat>>>,
    /// Of its block.
    end: u64,
}

/// What others see of a handle.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    /// Rows before this it has taken from its block.
    taken: AtomicU64,
    /// What `taken` was when the seat was taken away. Under the lock.
    left: AtomicU64,
}

/// Rows that a holder has claimed and not taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    pub(super) next: u64,
    pub(super) end: u64,
    /// Whether they must be written atomically.
    pub(super) shared: bool,
}

/// Rows of a block that nobody will fill: first, and how many.
pub(super) type Rest = Option<(u64, u64)>;

impl Sole {
    pub(super) fn new(capacity: usize) -> Self {
        let (patience, block) = match (cfg!(any(zc_loom, zc_shuttle)), capacity as u64 / 64) {
            // Models of a few rows see the seat where the ring has eight.
            (true, _) if capacity == 8 => (1, 2),
            (false, step) if step >= SMALLEST && asymmetric::is_available() => {
                (PATIENCE, step.min(BLOCK))
            }
            _ => (u32::MAX, 1),
        };
        Self {
            holder: CachePadded::new(AtomicU64::new(VACANT)),
            state: Mutex::new(State {
                last_number: VACANT,
                seat: None,
                end: 0,
            }),
            patience,
            block,
        }
    }

    /// What others see of one more handle.
    pub(super) fn seat(&self) -> Arc<CachePadded<Seat>> {
        let mut state = self.state.lock();
        state.last_number += 1;
        Arc::new(CachePadded::new(Seat {
            number: state.last_number,
            taken: AtomicU64::new(0),
            left: AtomicU64::new(0),
        }))
    }

    /// Whether nobody ever has the seat of this ring.
    #[inline]
    fn is_closed(&self) -> bool {
        self.patience == u32::MAX
    }

    /// Whether `seat` is the holder's.
    #[inline]
    pub(super) fn is_held_by(&self, seat: &Seat) -> bool {
        !self.is_closed() && self.holder.load(Ordering::Relaxed) == seat.number
    }

    /// Whether another than `seat` is the holder's.
    #[inline]
    pub(super) fn is_held_by_another(&self, seat: &Seat) -> bool {
        if self.is_closed() {
            return false;
        }
        let holder = self.holder.load(Ordering::Relaxed);
        holder != VACANT && holder != seat.number
    }

    /// Takes the `n` rows from `first` on of the block that `seat` had when it looked last. Where it has
    /// lost the seat since, they may still be its own.
    #[inline]
    pub(super) fn take(&self, seat: &Seat, first: u64, n: u64) -> Taken {
        let end = first.wrapping_add(n);
        seat.taken.store(end, Ordering::Relaxed);
        if !seeded("ring.take_barrier") {
            asymmetric::light();
        }
        if self.is_held_by(seat) {
            return Taken::AndHeld;
        }
        self.ask(seat, end)
    }

    #[cold]
    fn ask(&self, seat: &Seat, end: u64) -> Taken {
        // Whoever takes the seat away has the lock until that is done.
        let _state = self.state.lock();
        if seat.left.load(Ordering::Relaxed) == end {
            Taken::AndLost
        } else {
            Taken::No
        }
    }

    /// Sits down, if nobody else has; without a block.
    #[cold]
    pub(super) fn sit(&self, seat: &Arc<CachePadded<Seat>>) {
        let mut state = self.state.lock();
        if self.holder.load(Ordering::Relaxed) == VACANT {
            seat.taken.store(state.end, Ordering::Relaxed);
            state.seat = Some(Arc::clone(seat));
            self.holder.store(seat.number, Ordering::Relaxed);
            // M4: from here on this one publishes without looking for stamps, unless it loses the seat.
            store_load_barrier();
        }
    }

    /// Claims a block for the holder `seat` and takes its first `n` rows; `None` where the seat is lost,
    /// or the licence does not reach. The block before it has been used up.
    #[cold]
    pub(super) fn next_block(
        &self,
        sequencer: &Sequencer,
        seat: &Seat,
        licence: u64,
        n: u64,
    ) -> Option<(u64, u64)> {
        let mut state = self.state.lock();
        if !self.is_held_by(seat) {
            return None;
        }
        let mut first = sequencer.claim.load(Ordering::Relaxed);
        loop {
            let free = licence.wrapping_sub(first);
            if (free as i64) < n as i64 {
                return None;
            }
            let end = first.wrapping_add(free.min(self.block.max(n)));
            match sequencer.try_claim(first, end) {
                Ok(()) => {
                    state.end = end;
                    let taken = first.wrapping_add(n);
                    seat.taken.store(taken, Ordering::Relaxed);
                    return Some((first, end));
                }
                Err(now) => first = now,
            }
        }
    }

    /// The holder gives back what is left of its block, and keeps the seat.
    #[cold]
    pub(super) fn give_back(&self, sequencer: &Sequencer, seat: &Seat) -> Rest {
        let mut state = self.state.lock();
        if !self.is_held_by(seat) {
            return None;
        }
        state.give_back(sequencer, seat.taken.load(Ordering::Relaxed))
    }

    /// The holder stands up.
    pub(super) fn stand_up(&self, sequencer: &Sequencer, seat: &Seat) -> Rest {
        if !self.is_held_by(seat) {
            return None;
        }
        self.vacate(sequencer, Some(seat))
    }

    /// Takes the seat away from whoever has it (O2).
    #[cold]
    pub(super) fn unseat(&self, sequencer: &Sequencer) -> Rest {
        self.vacate(sequencer, None)
    }

    fn vacate(&self, sequencer: &Sequencer, only: Option<&Seat>) -> Rest {
        let mut state = self.state.lock();
        let is_meant =
            |held: &Arc<CachePadded<Seat>>| only.is_none_or(|seat| seat.number == held.number);
        if !state.seat.as_ref().is_some_and(is_meant) {
            return None;
        }
        let seat = state.seat.take()?;
        self.holder.store(LEAVING, Ordering::Relaxed);
        if only.is_none() && !seeded("ring.unseat_barrier") {
            asymmetric::heavy();
        }
        let taken = seat.taken.load(Ordering::Relaxed);
        seat.left.store(taken, Ordering::Relaxed);
        let rest = state.give_back(sequencer, taken);
        self.holder.store(VACANT, Ordering::Relaxed);
        rest
    }
}

/// What has become of rows that a handle wanted to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    AndHeld,
    /// They are its own, but the seat is not any more.
    AndLost,
    No,
}

impl State {
    /// Claims no more than was `taken`, if nobody has claimed behind the block; otherwise the rest is void.
    fn give_back(&mut self, sequencer: &Sequencer, taken: u64) -> Rest {
        let end = std::mem::replace(&mut self.end, taken);
        let rest = end.wrapping_sub(taken);
        let is_back = rest == 0 || sequencer.try_claim(end, taken).is_ok();
        (!is_back).then_some((taken, rest))
    }
}

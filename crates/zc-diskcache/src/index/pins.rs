//! The pins of one slot: a [`PinWord`] for each *lane*.
//!
//! A pin writes to a word. If all threads wrote to the same one, threads that look up the same
//! objects would hand its cache line to and fro, and two of them would be slower than one. So each
//! thread pins in its lane, and gives a pin back in the lane in which it was taken, wherever the
//! view goes meanwhile. The words of a lane lie together, far from those of other lanes.
//!
//! # States
//!
//! Each word goes through the states of [`PinWord`], and the writer takes all words of a slot from
//! one to the next, lane by lane. Between the first and the last:
//!
//! - while it [publishes](Pins::publish), the table does not name the slot yet. Who comes by from
//!   earlier finds it live or free, and it holds another key than the one looked for.
//! - while it [unlinks](Pins::unlink), the table does not name it any more. Who pins it in a lane
//!   that is still live began before the removal was acknowledged, and has the object as it was.
//! - while it [reclaims](Pins::try_reclaim), a dead word that has come to no pins takes no new ones,
//!   so what is reclaimed stays reclaimed while the others are waited for. The slot is free, and its
//!   extent with it, when all its words are.

use zc_core::sync::seeded;

use super::pin::PinWord;
use super::slot::CHUNK;

/// See the [module documentation](self).
#[derive(Clone, Copy, Debug)]
pub struct Pins<'a> {
    lanes: &'a [Lane],
    /// The slot in its chunk, in 0 .. [`CHUNK`].
    at: usize,
}

/// The words of one lane for a chunk of slots, on lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Lane([PinWord; CHUNK]);

impl Lane {
    /// So many lanes for a chunk of free slots.
    pub(super) fn many(lanes: usize) -> Box<[Self]> {
        let lane = || Self(std::array::from_fn(|_| PinWord::new()));
        (0..lanes).map(|_| lane()).collect()
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &PinWord> {
        self.0.iter()
    }
}

impl<'a> Pins<'a> {
    #[inline]
    pub(super) fn new(lanes: &'a [Lane], at: usize) -> Self {
        debug_assert!(at < CHUNK);
        Self { lanes, at }
    }

    /// Free → live. Writer only, after the slot was filled in and before the table names it.
    pub fn publish(self) {
        self.words().for_each(PinWord::publish);
    }

    /// Live → dead. Writer only, after the table stopped naming the slot.
    pub fn unlink(self) {
        self.words().for_each(PinWord::unlink);
    }

    /// Dead and without pins → free. Writer only; from here it owns the slot and its extent. Where
    /// a word has pins, those before it are free already, and the next try goes on from there.
    #[must_use]
    pub fn try_reclaim(self) -> bool {
        let lanes = match seeded("cache.reclaim_one_lane") {
            true => 1,
            false => self.lanes.len(),
        };
        let mut words = self.words().take(lanes);
        words.all(|word| word.is_free() || word.try_reclaim())
    }

    /// Pins at this moment, passing ones included. For statistics and for choosing victims.
    #[must_use]
    pub fn count(self) -> u64 {
        self.words().map(PinWord::pins).sum()
    }

    /// Whether the slot is live. Writer only: for others it may be on the way.
    #[must_use]
    pub fn is_live(self) -> bool {
        self.word(0).is_live()
    }

    /// The word of `lane`.
    #[inline]
    pub(super) fn word(self, lane: usize) -> &'a PinWord {
        &self.lanes[lane].0[self.at]
    }

    fn words(self) -> impl Iterator<Item = &'a PinWord> {
        self.lanes.iter().map(move |lane| &lane.0[self.at])
    }
}

//! The queue itself, without handles and without waiting.
//!
//! [`Stamped`] is a ring of slots, each with its own stamp (Dmitry Vyukov's bounded MPMC queue),
//! whose claim word also carries the permits and the closed flag, so that *every* answer the
//! channel gives is decided by one word at one moment:
//!
//! * `tail` = position of the next send · permits out · closed · abandoned.
//! * `head` = position of the next receive.
//!
//! In words, with `queued = tail.position − head` and `used = queued + permits`:
//!
//! | step | takes effect at | if |
//! |---|---|---|
//! | send | compare-exchange on `tail`: position + n | open, `used + n ≤ capacity` |
//! | reserve | compare-exchange on `tail`: permits + n | open, `used + n ≤ capacity` |
//! | permit used | compare-exchange on `tail`: position + 1, permits − 1 | not abandoned |
//! | permit dropped | subtraction on `tail`: permits − n | always |
//! | receive | compare-exchange on `head`: + n | the slot at `head` is published |
//! | close | or on `tail`: closed | always |
//! | last receiver gone | or on `tail`: closed, abandoned | always |
//!
//! What follows from it:
//!
//! * `Full` is said only at a moment with `used ≥ capacity`; `Empty` only at a moment with
//!   `queued == 0`; `Closed` (to a receiver) only at a moment with `queued == 0`, no permit out and
//!   the closed flag set: all three are in the one word that was read, so no check can fall between
//!   two others.
//! * Once closed, the position can only move by permits; once closed without permits, never again.
//! * A permit is a number, not a place: an idle one delays nobody.
//!
//! A forced send, which replaces the oldest item, takes several steps and raises a flag in `tail` for
//! as long; nobody else queues anything, or says `Full` or `Empty`, while the flag is there.
//!
//! Winning a position and using it are two steps in the code as well ([`claim`]), so that a value moves
//! once each way. Between its claim and its publish a sender holds a position that nobody may pass, and likewise a
//! receiver between its claim and its release of the slot. No user code runs there: a move of the
//! value and one store. A thread that meets such a peer waits for it ([`Backoff`]: spin, then
//! yield, then sleep), because every other answer would be wrong, and never goes to sleep on a
//! waiter list over it; whoever sleeps has seen `queued == 0` (or `used ≥ capacity`) in the words
//! that the waking side changes by a read-modify-write before it looks for sleepers.

mod at_end;
mod backoff;
mod batch;
mod claim;
mod permits;
mod slots;
mod stamped;
mod word;

use at_end::AtEnd;
pub(crate) use backoff::Backoff;
pub(crate) use claim::Vacancy;
pub(crate) use stamped::Stamped;
pub use word::MAX_CAPACITY;

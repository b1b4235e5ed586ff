//! Groups: from the first reservation to the views that the consumer gets.
//!
//! # Life of a group
//!
//! A group lives in one of a fixed number of *slots*, and its bytes in a *slab* from the pool.
//!
//! ```text
//!            open()                close                  settled == sealed          last agent gone
//!   free ──────────────▶ open ──────────────▶ sealed ──────────────────▶ complete ──────────────▶ free
//!                        takes reservations   takes none, waits          views handed on
//! ```
//!
//! * **open**: the cursor word names the slot, and reservations are carved off its slab by one
//!   compare-and-swap. Only one group is open at a time.
//! * **sealed**: whoever moves the cursor across the line closes it in the same step and then
//!   writes the sealed length into the progress word; linger, flush, pressure and finalize do the
//!   same under the lock.
//! * **complete**: the settled bytes have reached the sealed length. Exactly one thread sees its
//!   own addition do that, and hands the slab on as views.
//! * **free**: the slot may be opened again. Revoked agents that still exist hold it back
//!   (*quarantine*): nobody else writes where they may write.
//!
//! # Two ways to settle
//!
//! A reservation is settled when it is committed, failed or revoked.
//!
//! *Fast*: the agent writes its record and adds its bytes to the progress word. No lock.
//! *Slow*: from the first failure or revocation on, a flag in the progress word sends everybody to
//! the lock, where the bytes are counted instead, because then it matters *which* bytes are good,
//! and not only how many. An agent whose addition returns the flag has not settled by it.

pub(crate) mod cursor;
pub(crate) mod data;
pub(crate) mod deliver;
pub(crate) mod fill;
pub(crate) mod lease;
pub(crate) mod progress;
pub(crate) mod records;
pub(crate) mod seal;
pub(crate) mod side;
pub(crate) mod slab;
pub(crate) mod slot;
pub(crate) mod slow;
pub(crate) mod state;

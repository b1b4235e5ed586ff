//! What a channel writes into the copy ledger.
//!
//! An item moves twice: into its slot and out of it. For an item that owns what it carries (a `Vec`,
//! a `Frozen`) that moves a handle and no payload; one without a `Drop` is its own payload, and the
//! move is a copy of `size_of::<T>()` bytes. What is written and read in place, in chunks of the
//! one-to-one ends, is not copied at all.

use std::mem::needs_drop;

use zc_core::ledger;

/// `count` items moved into their slots.
#[inline(always)]
pub(crate) fn moved_in<T>(count: usize) {
    if !needs_drop::<T>() {
        ledger::copied("channel.send", count * size_of::<T>());
    }
}

/// `count` items moved out of their slots.
#[inline(always)]
pub(crate) fn moved_out<T>(count: usize) {
    if !needs_drop::<T>() {
        ledger::copied("channel.receive", count * size_of::<T>());
    }
}

//! A place inside the lock, which is left on drop. Every guard has one.
//!
//! # Invariants
//!
//! * **I1** A `ReadPlace` is one of the readers that the lock counts; a `WritePlace` is its writer.
//!   They are made by whoever has just entered.

use std::mem::ManuallyDrop;
use std::ptr;

use super::buffer::Inner;
use super::lock::{RawLock, Ticket};
use super::recursion::Entry;
use crate::sync::Arc;

/// What leads to the lock: a borrow of it or of the buffer, or a share in the buffer.
pub(super) trait Hold {
    fn lock(&self) -> &RawLock;

    /// The writer is about to leave.
    fn before_write_ends(&self) {}
}

impl Hold for &RawLock {
    fn lock(&self) -> &RawLock {
        self
    }
}

impl<T> Hold for &Inner<T> {
    fn lock(&self) -> &RawLock {
        &self.lock
    }

    fn before_write_ends(&self) {
        // SAFETY: called by a `WritePlace` (I1).
        unsafe { self.record_size() };
    }
}

impl<T> Hold for Arc<Inner<T>> {
    fn lock(&self) -> &RawLock {
        &self.lock
    }

    fn before_write_ends(&self) {
        // SAFETY: called by a `WritePlace` (I1).
        unsafe { self.record_size() };
    }
}

pub(super) struct ReadPlace<H: Hold> {
    hold: H,
    ticket: Ticket,
    entry: Entry,
}

pub(super) struct WritePlace<H: Hold> {
    hold: H,
    /// A panic that was under way before is not this writer's.
    was_panicking: bool,
}

impl<H: Hold> ReadPlace<H> {
    /// The caller has just entered as a reader, with `ticket`.
    #[inline]
    pub(super) fn new(hold: H, ticket: Ticket) -> Self {
        Self {
            entry: Entry::new(hold.lock()),
            ticket,
            hold,
        }
    }

    pub(super) fn hold(&self) -> &H {
        &self.hold
    }

    /// The same place, held another way.
    pub(super) fn exchange<N: Hold>(self, f: impl FnOnce(H) -> N) -> ReadPlace<N> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped or used again, so each field moves out of it once.
        let hold = unsafe { ptr::read(&raw const this.hold) };
        // SAFETY: as above.
        let entry = unsafe { ptr::read(&raw const this.entry) };
        // SAFETY: as above.
        let ticket = unsafe { ptr::read(&raw const this.ticket) };
        ReadPlace {
            hold: f(hold),
            ticket,
            entry,
        }
    }
}

impl<H: Hold> WritePlace<H> {
    /// The caller has just entered as the writer.
    pub(super) fn new(hold: H) -> Self {
        Self {
            hold,
            was_panicking: std::thread::panicking(),
        }
    }

    pub(super) fn hold(&self) -> &H {
        &self.hold
    }

    /// The same place, held another way.
    pub(super) fn exchange<N: Hold>(self, f: impl FnOnce(H) -> N) -> WritePlace<N> {
        let was_panicking = self.was_panicking;
        self.hold.before_write_ends();
        WritePlace {
            hold: f(self.into_hold()),
            was_panicking,
        }
    }

    /// Becomes a reader without letting another writer in between.
    pub(super) fn downgrade(self) -> ReadPlace<H> {
        self.hold.before_write_ends();
        let ticket = self.hold.lock().downgrade();
        ReadPlace::new(self.into_hold(), ticket)
    }

    /// Takes the hold out without leaving the place.
    fn into_hold(self) -> H {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped or used again, so the field moves out of it once.
        unsafe { ptr::read(&raw const this.hold) }
    }
}

impl<H: Hold> Drop for ReadPlace<H> {
    #[inline]
    fn drop(&mut self) {
        self.hold.lock().unlock_read(&self.ticket);
    }
}

impl<H: Hold> Drop for WritePlace<H> {
    fn drop(&mut self) {
        self.hold.before_write_ends();
        let panicked = !self.was_panicking && std::thread::panicking();
        self.hold.lock().unlock_write(panicked);
    }
}

//! Memory of earlier versions, for the next drafts.

use crate::frozen::{Frozen, FrozenMut};

/// Versions that are still looked at and are tried again later.
const LENT: usize = 2;

/// At most one piece of memory that is free, and [`LENT`] that views are left of.
pub(super) struct Spares<T> {
    /// Nothing is kept for a publisher that never drafts.
    wanted: bool,
    free: Option<FrozenMut<T>>,
    /// The newest first.
    lent: [Option<Frozen<T>>; LENT],
}

impl<T> Spares<T> {
    pub(super) const fn new() -> Self {
        Self {
            wanted: false,
            free: None,
            lent: [const { None }; LENT],
        }
    }

    /// Keeps a version that was replaced and is in no reader's slot, though there may be views of
    /// it.
    pub(super) fn put(&mut self, old: Frozen<T>) {
        if !self.wanted {
            return;
        }
        match old.try_into_mut() {
            Ok(memory) => self.keep(memory),
            Err(old) => {
                // The oldest goes: views that were not dropped in time may never be.
                self.lent.rotate_right(1);
                self.lent[0] = Some(old);
            }
        }
    }

    pub(super) fn keep(&mut self, memory: FrozenMut<T>) {
        self.free = Some(memory);
    }

    /// Memory for `len` elements, if nobody looks at some any more.
    pub(super) fn take(&mut self, len: usize) -> Option<FrozenMut<T>> {
        self.wanted = true;
        if let Some(memory) = self.free.take()
            && memory.len() == len
        {
            return Some(memory);
        }
        for place in &mut self.lent {
            match place.take().map(Frozen::try_into_mut) {
                Some(Ok(memory)) if memory.len() == len => return Some(memory),
                Some(Err(old)) if old.len() == len => *place = Some(old),
                // Of another length: no use any more.
                _ => {}
            }
        }
        None
    }
}

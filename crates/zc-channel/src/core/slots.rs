//! The storage: slots that may or may not hold a value, each with a stamp that says which.
//!
//! A slot's stamp is the scaled position it is ready for, with the lowest bit as the flag
//! "holds that position's item":
//!
//! ```text
//!   p          free, waiting for the sender that claims position p
//!   p | 1      holds the item of position p
//!   p + lap    free again, one lap of the ring later
//! ```
//! With a flag of its own the scheme is unambiguous for a ring of one slot as well, where
//! "published" and "free again" would otherwise be the same number.

use std::fmt;
use std::mem::MaybeUninit;

use zc_core::sync::atomic::{AtomicU64, Ordering};
use zc_core::sync::cell::UnsafeCell;
use zc_core::sync::edge;

use super::word::Layout;
use crate::error::CapacityError;

const HOLDS: u64 = 1;

/// A fixed block of slots.
///
/// * **I1** A slot's value is initialised exactly while its stamp has the flag `HOLDS`, or while
///   the receiver that claimed its position has not read it yet.
/// * **I2** Only the sender that claimed position `p` writes slot `p`, after it saw the stamp `p`
///   and before it stores `p | HOLDS`.
/// * **I3** Only the receiver that claimed position `p` reads slot `p`, once, after it saw the
///   stamp `p | HOLDS` and before it stores `p + lap`.
///
/// I2 and I3 are the callers' promises (`unsafe fn`); each position is claimed once, by a
/// compare-exchange. The stamps carry the edges: `channel.publish` from I2's store to I3's load,
/// `channel.free` from I3's store to I2's load one lap later.
pub(super) struct Slots<T> {
    slots: Box<[Slot<T>]>,
}

struct Slot<T> {
    stamp: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: I2 and I3 give every value one owner at a time, who may be on any thread: `T: Send`.
// No `&T` is ever handed out, so `T: Sync` is not needed.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T> Slots<T> {
    /// Free slots for the positions from `start` (scaled) on.
    pub(super) fn new(layout: &Layout, start: u64) -> Result<Self, CapacityError> {
        let mut slots = Self::allocate(layout)?;
        Self::free_all(&mut slots, layout, start);
        Ok(Self {
            slots: slots.into_boxed_slice(),
        })
    }

    fn allocate(layout: &Layout) -> Result<Vec<Slot<T>>, CapacityError> {
        let count = layout.slots();
        let capacity = layout.capacity();
        let bytes = count
            .checked_mul(size_of::<Slot<T>>())
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or(CapacityError::TooLarge {
                capacity,
                max: super::MAX_CAPACITY,
            })?;
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(count)
            .map_err(|_| CapacityError::OutOfMemory { capacity, bytes })?;
        Ok(slots)
    }

    /// Apart from [`allocate`](Self::allocate), so that refusing a huge slot needs no stack for one.
    #[inline(never)]
    fn free_all(slots: &mut Vec<Slot<T>>, layout: &Layout, start: u64) {
        // `start` may fall into the middle of the ring: the slots before it are a lap ahead.
        let start_slot = layout.slot(start);
        let lap_start = start.wrapping_sub(layout.scaled(start_slot as u64));
        for index in 0..layout.slots() {
            let position = lap_start.wrapping_add(layout.scaled(index as u64));
            let stamp = if index < start_slot {
                layout.next_lap(position)
            } else {
                position
            };
            slots.push(Slot {
                stamp: AtomicU64::new(stamp),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            });
        }
    }

    /// Whether slot `index` is free for `position`. The last value in it is out of the way then.
    #[inline]
    pub(super) fn is_free(&self, index: usize, position: u64) -> bool {
        self.slots[index]
            .stamp
            .load(edge("channel.free", Ordering::Acquire))
            == position
    }

    /// Whether slot `index` holds the item of `position`. The item is visible then.
    #[inline]
    pub(super) fn holds(&self, index: usize, position: u64) -> bool {
        self.slots[index]
            .stamp
            .load(edge("channel.publish", Ordering::Acquire))
            == position | HOLDS
    }

    /// Moves `value` into slot `index`; [`publish`](Self::publish) makes it visible.
    ///
    /// # Safety
    /// The caller has claimed the position of this slot for sending, has seen it free, and has
    /// neither written nor published it yet (I2).
    #[inline]
    pub(super) unsafe fn write(&self, index: usize, value: T) {
        crate::ledger::moved_in::<T>(1);
        self.slots[index].value.with_mut(|slot| {
            // SAFETY: I2: nobody else touches the slot until we publish; it is free, so there is
            // no value in it to lose (I1).
            unsafe { slot.write(MaybeUninit::new(value)) }
        });
    }

    /// Hands the value in slot `index` to the receiver that will claim `position`.
    #[inline]
    pub(super) fn publish(&self, index: usize, position: u64) {
        self.slots[index]
            .stamp
            .store(position | HOLDS, edge("channel.publish", Ordering::Release));
    }

    /// Moves the value out of slot `index`; [`free`](Self::free) gives the slot back.
    ///
    /// # Safety
    /// The caller has claimed the position of this slot for receiving, has seen that it holds its
    /// item, and has not read it before (I3).
    #[inline]
    pub(super) unsafe fn read(&self, index: usize) -> T {
        crate::ledger::moved_out::<T>(1);
        self.slots[index].value.with(|slot| {
            // SAFETY: I3: nobody else touches the slot until we free it.
            let value = unsafe { slot.read() };
            // SAFETY: I1: the stamp said that it holds a value, and it is ours to read once.
            unsafe { value.assume_init() }
        })
    }

    /// Gives slot `index` to the sender that will claim `position`.
    #[inline]
    pub(super) fn free(&self, index: usize, position: u64) {
        self.slots[index]
            .stamp
            .store(position, edge("channel.free", Ordering::Release));
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

//! What the two ends share: the slots, the two indices, and who waits.

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit, needs_drop};
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;
use zc_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zc_core::sync::cell::Shadow;
use zc_core::sync::{edge, seeded};
use zc_core::wait::WaitList;

use crate::core::MAX_CAPACITY;
use crate::error::CapacityError;
use crate::wait::{Experience, Place};

/// The ring of one producer and one consumer.
///
/// Indices run freely and wrap with `usize`; the slot of index `i` is `i & mask`.
///
/// * **I1** `tail` is written by the producer only, `head` by the consumer only, and
///   `0 <= tail − head <= capacity` (wrapping).
/// * **I2** The slots of `head .. tail` are initialised and belong to the consumer; all others are
///   not and belong to the producer.
/// * **I3** `slots` has `mask + 1` slots.
///
/// Edges: `channel.spsc_publish` from the producer's store of `tail` to the consumer's load,
/// `channel.spsc_free` from the consumer's store of `head` to the producer's load, and
/// `channel.spsc_gone` from the store that says that an end is gone to the other's load.
pub(super) struct Ring<T> {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
    slots: Memory<T>,
    mask: usize,
    capacity: usize,
    shadow: Shadow,
    /// The consumer, while it waits for items.
    pub(super) items: WaitList,
    /// The producer, while it waits for room.
    pub(super) room: WaitList,
    consuming: Experience,
    producing: Experience,
}

// SAFETY: I2: every slot belongs to one end at a time, which may be on any thread: `T: Send`. The
// ends hand out `&T` only to their own thread.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; the indices are atomics.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Result<Self, CapacityError> {
        if capacity == 0 {
            return Err(CapacityError::Zero);
        }
        let too_large = CapacityError::TooLarge {
            capacity,
            max: MAX_CAPACITY,
        };
        if capacity > MAX_CAPACITY {
            return Err(too_large);
        }
        let count = capacity.next_power_of_two();
        let bytes = count
            .checked_mul(size_of::<T>())
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or(too_large)?;
        let slots = Memory::new(count).ok_or(CapacityError::OutOfMemory { capacity, bytes })?;
        Ok(Self {
            tail: CachePadded::new(AtomicUsize::new(0)),
            head: CachePadded::new(AtomicUsize::new(0)),
            producer_gone: AtomicBool::new(false),
            consumer_gone: AtomicBool::new(false),
            slots,
            mask: count - 1,
            capacity,
            shadow: Shadow::new(count),
            items: WaitList::new(),
            room: WaitList::new(),
            consuming: Experience::new(),
            producing: Experience::new(),
        })
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where the producer waits for room.
    pub(super) fn at_producer(&self) -> Place<'_> {
        Place {
            list: &self.room,
            experience: &self.producing,
            other: &self.consuming,
            capacity: self.capacity,
        }
    }

    /// Where the consumer waits for items.
    pub(super) fn at_consumer(&self) -> Place<'_> {
        Place {
            list: &self.items,
            experience: &self.consuming,
            other: &self.producing,
            capacity: self.capacity,
        }
    }

    /// The consumer's index, as the producer may see it: the slots before it are free.
    #[inline]
    pub(super) fn head(&self) -> usize {
        self.head.load(edge("channel.spsc_free", Ordering::Acquire))
    }

    /// Items taken so far, modulo 2^32. A hint.
    pub(super) fn received(&self) -> u32 {
        self.head() as u32
    }

    /// The producer's index, as the consumer may see it: the slots before it are filled.
    #[inline]
    pub(super) fn tail(&self) -> usize {
        self.tail
            .load(edge("channel.spsc_publish", Ordering::Acquire))
    }

    /// Hands the slots before `tail` to the consumer. Only the producer calls this.
    #[inline]
    pub(super) fn publish(&self, tail: usize) {
        self.tail
            .store(tail, edge("channel.spsc_publish", Ordering::Release));
        if !seeded("channel.spsc_wake_consumer") {
            self.items.notify(1);
        }
    }

    /// Hands the slots before `head` to the producer. Only the consumer calls this.
    #[inline]
    pub(super) fn free(&self, head: usize) {
        self.head
            .store(head, edge("channel.spsc_free", Ordering::Release));
        if !seeded("channel.spsc_wake_producer") {
            self.room.notify(1);
        }
    }

    #[inline]
    pub(super) fn is_producer_gone(&self) -> bool {
        self.producer_gone
            .load(edge("channel.spsc_gone", Ordering::Acquire))
    }

    #[inline]
    pub(super) fn is_consumer_gone(&self) -> bool {
        self.consumer_gone
            .load(edge("channel.spsc_gone", Ordering::Acquire))
    }

    pub(super) fn producer_goes(&self) {
        self.producer_gone
            .store(true, edge("channel.spsc_gone", Ordering::Release));
        if !seeded("channel.spsc_gone_wakes") {
            self.items.notify_all();
        }
    }

    pub(super) fn consumer_goes(&self) {
        self.consumer_gone
            .store(true, edge("channel.spsc_gone", Ordering::Release));
        if !seeded("channel.spsc_gone_wakes") {
            self.room.notify_all();
        }
    }

    /// Tells a model checker that the `count` slots from `index` on are about to be written.
    #[inline]
    pub(super) fn touch_write(&self, index: usize, count: usize) {
        for i in 0..count {
            self.shadow.write(index.wrapping_add(i) & self.mask);
        }
    }

    /// Tells a model checker that the `count` slots from `index` on are about to be read.
    #[inline]
    pub(super) fn touch_read(&self, index: usize, count: usize) {
        for i in 0..count {
            self.shadow.read(index.wrapping_add(i) & self.mask);
        }
    }

    /// The slot of `index`. Whose it is says I2.
    #[inline]
    pub(super) fn slot(&self, index: usize) -> *mut MaybeUninit<T> {
        // SAFETY: I3: `index & mask` is in the allocation.
        unsafe { self.slots.start.add(index & self.mask) }.as_ptr()
    }

    /// How `count` slots from `index` on lie in memory: so many from `slot(index)` on, and so many
    /// from the beginning of the ring on.
    #[inline]
    pub(super) fn split(&self, index: usize, count: usize) -> (usize, usize) {
        debug_assert!(count <= self.capacity);
        let first = count.min(self.mask + 1 - (index & self.mask));
        (first, count - first)
    }

    /// Moves `value` into the slot of `index`.
    ///
    /// # Safety
    /// The caller is the producer, and the slot is one of its own (I2).
    #[inline]
    pub(super) unsafe fn write(&self, index: usize, value: T) {
        crate::ledger::moved_in::<T>(1);
        self.touch_write(index, 1);
        // SAFETY: I2: nobody else touches the slot.
        unsafe { self.slot(index).write(MaybeUninit::new(value)) };
    }

    /// Moves the value out of the slot of `index`.
    ///
    /// # Safety
    /// The caller is the consumer, the slot is one of its own (I2), and it is not read again
    /// before the producer has filled it again.
    #[inline]
    pub(super) unsafe fn read(&self, index: usize) -> T {
        crate::ledger::moved_out::<T>(1);
        self.touch_read(index, 1);
        // SAFETY: I2: nobody else touches the slot.
        let value = unsafe { self.slot(index).read() };
        // SAFETY: I2: the consumer's slots are initialised.
        unsafe { value.assume_init() }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        if !needs_drop::<T>() {
            return;
        }
        let mut head = self.head();
        let tail = self.tail();
        crate::drops::drop_each(|| {
            if head == tail {
                return None;
            }
            let index = head;
            head = head.wrapping_add(1);
            // SAFETY: both ends are gone; what they left between the indices is read once.
            Some(unsafe { self.read(index) })
        });
    }
}

/// The slots' memory, contiguous and not initialised. Apart from the ring, so that it is freed
/// even if the `Drop` of an item panics; behind a pointer, so that no reference to the whole
/// exists while both ends use their parts.
struct Memory<T> {
    start: NonNull<MaybeUninit<T>>,
    /// The capacity of the `Vec` that it came from.
    capacity: usize,
}

impl<T> Memory<T> {
    fn new(count: usize) -> Option<Self> {
        let mut slots = Vec::<MaybeUninit<T>>::new();
        slots.try_reserve_exact(count).ok()?;
        let mut slots = ManuallyDrop::new(slots);
        Some(Self {
            start: NonNull::new(slots.as_mut_ptr())?,
            capacity: slots.capacity(),
        })
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        // SAFETY: these are the parts of the `Vec` that `new` took apart, with no element in it.
        drop(unsafe { Vec::from_raw_parts(self.start.as_ptr(), 0, self.capacity) });
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity)
            .field("len", &self.tail().wrapping_sub(self.head()))
            .finish_non_exhaustive()
    }
}

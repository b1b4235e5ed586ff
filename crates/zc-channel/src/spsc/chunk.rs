//! Chunks: several slots at once, in place, as slices.
//!
//! A chunk is a promise about slots, not a claim: dropping it without a commit changes nothing.
//! Because the ring may wrap inside a chunk, its slots are two slices, the second often empty.

use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, needs_drop};
use std::slice;

use thiserror::Error;

use super::{Consumer, Producer};
use crate::drops::drop_each;

/// There are not as many slots as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{requested} slots asked for, {available} available")]
pub struct ChunkError {
    /// How many slots were asked for.
    pub requested: usize,
    /// How many there are now: free ones to write, filled ones to read.
    pub available: usize,
}

/// Free slots that hold default values, to be overwritten; made by [`Producer::write_chunk`].
///
/// Dropping it drops the values and publishes nothing.
pub struct WriteChunk<'a, T> {
    slots: WriteChunkUninit<'a, T>,
}

/// Free slots that hold nothing, to be filled; made by [`Producer::write_chunk_uninit`].
///
/// Dropping it publishes nothing and drops nothing: what was written to the slots is leaked.
pub struct WriteChunkUninit<'a, T> {
    producer: &'a mut Producer<T>,
    count: usize,
    /// For threads it counts as the slots that it lends.
    _slots: PhantomData<&'a mut [T]>,
}

/// Queued items, to be read in place; made by [`Consumer::read_chunk`].
///
/// Dropping it takes nothing.
pub struct ReadChunk<'a, T> {
    consumer: &'a mut Consumer<T>,
    count: usize,
    /// It hands out `&T`: it may be shared between threads only if items may.
    _items: PhantomData<&'a mut [T]>,
}

impl<T> Producer<T> {
    /// The next `count` free slots, filled with default values.
    ///
    /// # Errors
    /// [`ChunkError`], if fewer are free, or the consumer is gone: then none is.
    pub fn write_chunk(&mut self, count: usize) -> Result<WriteChunk<'_, T>, ChunkError>
    where
        T: Default,
    {
        let mut slots = self.write_chunk_uninit(count)?;
        let mut filled = Filled {
            chunk: &mut slots,
            count: 0,
        };
        // Should a `default` panic, the ones before it are dropped.
        filled.fill_from(iter::repeat_with(T::default));
        std::mem::forget(filled);
        Ok(WriteChunk { slots })
    }

    /// The next `count` free slots, as they are: not initialised.
    ///
    /// # Errors
    /// [`ChunkError`], if fewer are free, or the consumer is gone: then none is.
    pub fn write_chunk_uninit(
        &mut self,
        count: usize,
    ) -> Result<WriteChunkUninit<'_, T>, ChunkError> {
        let available = if self.is_abandoned() {
            0
        } else {
            self.room(count)
        };
        if available < count {
            return Err(ChunkError {
                requested: count,
                available,
            });
        }
        self.ring.touch_write(self.tail, count);
        Ok(WriteChunkUninit {
            producer: self,
            count,
            _slots: PhantomData,
        })
    }
}

impl<T> Consumer<T> {
    /// The oldest `count` items, in place.
    ///
    /// # Errors
    /// [`ChunkError`], if fewer are queued.
    pub fn read_chunk(&mut self, count: usize) -> Result<ReadChunk<'_, T>, ChunkError> {
        let available = self.queued(count);
        if available < count {
            return Err(ChunkError {
                requested: count,
                available,
            });
        }
        self.ring.touch_read(self.head, count);
        Ok(ReadChunk {
            consumer: self,
            count,
            _items: PhantomData,
        })
    }
}

impl<T> WriteChunkUninit<'_, T> {
    /// Slots in this chunk.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The slots, in order: first those of the first slice.
    pub fn as_mut_slices(&mut self) -> (&mut [MaybeUninit<T>], &mut [MaybeUninit<T>]) {
        let ring = &self.producer.ring;
        let tail = self.producer.tail;
        let (first, second) = ring.split(tail, self.count);
        // SAFETY: free slots belong to the producer (I2 of the ring), which is borrowed
        // exclusively for as long as the slices live; `first` of them lie at `tail`.
        let a = unsafe { slice::from_raw_parts_mut(ring.slot(tail), first) };
        // SAFETY: as above; `second` of them lie at the beginning of the ring, and do not overlap.
        let b = unsafe { slice::from_raw_parts_mut(ring.slot(0), second) };
        (a, b)
    }

    /// Publishes the first `count` slots; they become visible at once.
    ///
    /// # Panics
    /// If that is more than there are.
    ///
    /// # Safety
    /// The first `count` slots have been initialised.
    pub unsafe fn commit(self, count: usize) {
        assert!(
            count <= self.count,
            "committing {count} of {} slots",
            self.count
        );
        if count > 0 {
            self.producer.advance(count);
        }
    }

    /// Publishes all slots; they become visible at once.
    ///
    /// # Safety
    /// All slots have been initialised.
    pub unsafe fn commit_all(self) {
        let count = self.count;
        // SAFETY: as the caller promises.
        unsafe { self.commit(count) };
    }

    /// Fills slots from `items` until either ends, publishes those at once, and gives how many.
    ///
    /// # Panics
    /// If `items` does: what it gave before is dropped.
    pub fn fill_from_iter(mut self, items: impl IntoIterator<Item = T>) -> usize {
        let mut filled = Filled {
            chunk: &mut self,
            count: 0,
        };
        filled.fill_from(items.into_iter());
        let count = filled.count;
        std::mem::forget(filled);
        // SAFETY: so many have just been written.
        unsafe { self.commit(count) };
        count
    }
}

/// The first slots of a chunk, filled and not yet published. Drops them.
struct Filled<'c, 'a, T> {
    chunk: &'c mut WriteChunkUninit<'a, T>,
    count: usize,
}

impl<T> Filled<'_, '_, T> {
    /// Fills the slots until they or the items end; takes no item for which there is no slot.
    #[inline]
    fn fill_from(&mut self, mut items: impl Iterator<Item = T>) {
        debug_assert_eq!(self.count, 0);
        let (first, second) = self.chunk.as_mut_slices();
        for slots in [first, second] {
            for slot in slots {
                let Some(item) = items.next() else { return };
                slot.write(item);
                self.count += 1;
            }
        }
    }
}

impl<T> Drop for Filled<'_, '_, T> {
    fn drop(&mut self) {
        let (first, second) = self.chunk.as_mut_slices();
        let mut slots = first.iter_mut().chain(second).take(self.count);
        drop_each(|| {
            let slot = slots.next()?;
            // SAFETY: `push` has written the first `count` slots, they are not published, and each
            // is read once.
            Some(unsafe { slot.assume_init_read() })
        });
    }
}

impl<T> WriteChunk<'_, T> {
    /// Slots in this chunk.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slots, in order: first those of the first slice.
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let (first, second) = self.slots.as_mut_slices();
        let (a, b) = (first.as_mut_ptr(), second.as_mut_ptr());
        // SAFETY: all slots of this chunk are initialised since it was made.
        let a = unsafe { slice::from_raw_parts_mut(a.cast::<T>(), first.len()) };
        // SAFETY: as above.
        let b = unsafe { slice::from_raw_parts_mut(b.cast::<T>(), second.len()) };
        (a, b)
    }

    /// Publishes the first `count` slots, at once, and drops the values of the others.
    ///
    /// # Panics
    /// If that is more than there are.
    pub fn commit(mut self, count: usize) {
        let len = self.len();
        assert!(count <= len, "committing {count} of {len} slots");
        if count > 0 {
            self.slots.producer.advance(count);
            self.slots.count -= count;
        }
        // What is left of the chunk, now from the new index on, is dropped.
    }

    /// Publishes all slots, at once.
    pub fn commit_all(self) {
        let count = self.len();
        self.commit(count);
    }
}

impl<T> Drop for WriteChunk<'_, T> {
    fn drop(&mut self) {
        let count = self.slots.count;
        drop(Filled {
            chunk: &mut self.slots,
            count,
        });
    }
}

impl<T> ReadChunk<'_, T> {
    /// Items in this chunk.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items, in order: first those of the first slice.
    #[must_use]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let ring = &self.consumer.ring;
        let head = self.consumer.head;
        let (first, second) = ring.split(head, self.count);
        // SAFETY: filled slots belong to the consumer (I2 of the ring), which is borrowed for as
        // long as the slices live; they are initialised, and `first` of them lie at `head`.
        let a = unsafe { slice::from_raw_parts(ring.slot(head).cast::<T>(), first) };
        // SAFETY: as above; `second` of them lie at the beginning of the ring.
        let b = unsafe { slice::from_raw_parts(ring.slot(0).cast::<T>(), second) };
        (a, b)
    }

    /// Takes the first `count` items out of the channel and drops them; their slots become free at
    /// once, also if a `Drop` panics.
    ///
    /// # Panics
    /// If that is more than there are, or if the `Drop` of an item does.
    pub fn commit(self, count: usize) {
        assert!(
            count <= self.count,
            "committing {count} of {} items",
            self.count
        );
        if count == 0 {
            return;
        }
        if !needs_drop::<T>() {
            return self.consumer.discard(count);
        }
        let mut taken = Taken {
            consumer: self.consumer,
            left: count,
        };
        drop_each(|| taken.next());
    }

    /// Takes all items out of the channel and drops them, as [`commit`](Self::commit).
    pub fn commit_all(self) {
        let count = self.count;
        self.commit(count);
    }
}

/// Takes the items one by one; the slots of those that were taken become free at once when the
/// iterator is dropped.
impl<'a, T> IntoIterator for ReadChunk<'a, T> {
    type Item = T;
    type IntoIter = Taken<'a, T>;

    fn into_iter(self) -> Taken<'a, T> {
        Taken {
            consumer: self.consumer,
            left: self.count,
        }
    }
}

/// The items of a [`ReadChunk`], moved out one by one. What is not taken stays queued.
pub struct Taken<'a, T> {
    /// Its index is ahead of the one in the ring by what was moved out. If this value is leaked,
    /// those slots become free with the next ones.
    consumer: &'a mut Consumer<T>,
    left: usize,
}

impl<T> Iterator for Taken<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: the chunk's slots are the consumer's, and its index moves past each at once.
        Some(unsafe { self.consumer.take_unfreed() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Taken<'_, T> {}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        self.consumer.free_taken();
    }
}

impl<T> fmt::Debug for WriteChunk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteChunk")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteChunkUninit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteChunkUninit")
            .field("len", &self.count)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReadChunk<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadChunk")
            .field("len", &self.count)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Taken<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

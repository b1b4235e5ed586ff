//! The buffer and its handles.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::time::{Duration, Instant};

use super::guards::{ReadGuard, WriteGuard};
use super::lock::RawLock;
use super::owned::{OwnedReadGuard, OwnedWriteGuard};
use super::place::{ReadPlace, WritePlace};
use super::store::Store;
use crate::error::{CapacityError, LockTimeoutError, Poisoned, TryLockError};
use crate::frozen::Frozen;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::cell::UnsafeCell;

/// One growable `[T]` that many readers or one writer use at a time, without copying.
///
/// Cloning the value clones the handle; all handles are the same buffer. Readers see the elements
/// themselves, through a guard that dereferences to `[T]`. A [`snapshot`](Self::snapshot) outlives
/// every guard and costs one atomic addition; a later write copies only if it still lives.
///
/// * **Poisoning**: a writer that panics poisons the buffer. `read`, `write` and `snapshot` then
///   return [`Poisoned`] until [`clear_poison`](Self::clear_poison).
/// * **Leaked guards** make others wait, or time out; they are never undefined behaviour.
/// * **Recursion**: a thread that holds a read guard must not `read()` again while a writer waits,
///   it would wait for itself. Debug builds panic there. The `try_*` and `*_timeout` methods never
///   get stuck.
/// * **Fairness**: readers that come again and again do not starve a waiting writer.
///
/// ```
/// use zc_core::SharedBuffer;
///
/// let buffer: SharedBuffer<u32> = vec![1, 2, 3].into();
/// let before = buffer.snapshot()?;
/// buffer.write()?.push(4);
/// assert_eq!(*buffer.read()?, [1, 2, 3, 4]);
/// assert_eq!(*before, [1, 2, 3]);
/// # Ok::<(), zc_core::error::Poisoned>(())
/// ```
pub struct SharedBuffer<T> {
    pub(super) inner: Arc<Inner<T>>,
}

/// What all handles and guards share.
///
/// # Invariants
///
/// * **I1** `store` is read only by whoever is inside `lock`, and written only by the writer
///   inside it. Guards are the proof of being inside.
pub(super) struct Inner<T> {
    pub(super) lock: RawLock,
    store: UnsafeCell<Store<T>>,
    handles: AtomicUsize,
    /// Length and capacity after the last write that ended, for those who only ask.
    len: AtomicUsize,
    capacity: AtomicUsize,
}

// SAFETY: I1. Readers on several threads share the elements (`Sync`); a writer on one thread may
// drop what another has put there (`Send`).
unsafe impl<T: Send + Sync> Sync for Inner<T> {}

// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Inner<T> {}

// As for `std`'s locks: what a panic may have left half done is poisoned.
impl<T> RefUnwindSafe for Inner<T> {}

impl<T> SharedBuffer<T> {
    /// An empty buffer, which allocates no payload.
    #[must_use]
    pub fn new() -> Self {
        Self::from_vec(Vec::new())
    }

    /// An empty buffer with room for `n` elements.
    ///
    /// # Panics
    /// As `Vec::with_capacity` does above `isize::MAX` bytes; see
    /// [`try_with_capacity`](Self::try_with_capacity).
    #[must_use]
    pub fn with_capacity(n: usize) -> Self {
        Self::from_vec(Vec::with_capacity(n))
    }

    /// An empty buffer with room for `n` elements.
    ///
    /// # Errors
    /// [`CapacityError`] above `isize::MAX` bytes or without that much memory.
    pub fn try_with_capacity(n: usize) -> Result<Self, CapacityError> {
        let mut vec = Vec::new();
        match vec.try_reserve_exact(n) {
            Ok(()) => Ok(Self::from_vec(vec)),
            Err(_) => Err(CapacityError {
                elements: n,
                element_size: size_of::<T>(),
            }),
        }
    }

    /// Takes over the vector's allocation; copies nothing.
    #[must_use]
    pub fn from_vec(vec: Vec<T>) -> Self {
        Self {
            inner: Arc::new(Inner {
                lock: RawLock::default(),
                handles: AtomicUsize::new(1),
                len: AtomicUsize::new(vec.len()),
                capacity: AtomicUsize::new(vec.capacity()),
                store: UnsafeCell::new(Store::new(vec)),
            }),
        }
    }

    /// Waits until no writer is inside and gives shared access.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    ///
    /// # Panics
    /// In debug builds, where this thread holds a read guard of this buffer while a writer waits:
    /// in release builds that deadlocks.
    pub fn read(&self) -> Result<ReadGuard<'_, T>, Poisoned> {
        super::recursion::forbid(&self.inner.lock);
        let ticket = self.inner.lock.read();
        self.inner
            .check(ReadGuard::new(ReadPlace::new(&*self.inner, ticket)))
    }

    /// Shared access if it can be had at once.
    ///
    /// # Errors
    /// Who is in the way, or [`Poisoned`].
    pub fn try_read(&self) -> Result<ReadGuard<'_, T>, TryLockError> {
        let ticket = self
            .inner
            .lock
            .try_read()
            .map_err(TryLockError::WouldBlock)?;
        Ok(self
            .inner
            .check(ReadGuard::new(ReadPlace::new(&*self.inner, ticket)))?)
    }

    /// Shared access if it can be had within `timeout`.
    ///
    /// # Errors
    /// That the time ran out, or [`Poisoned`].
    pub fn read_timeout(&self, timeout: Duration) -> Result<ReadGuard<'_, T>, LockTimeoutError> {
        let Some(ticket) = self.inner.lock.read_until(deadline(timeout)) else {
            return Err(LockTimeoutError::Timeout);
        };
        Ok(self
            .inner
            .check(ReadGuard::new(ReadPlace::new(&*self.inner, ticket)))?)
    }

    /// As [`read`](Self::read), with a guard that borrows nothing and can move to other threads.
    /// Costs two more atomic operations.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub fn read_owned(&self) -> Result<OwnedReadGuard<T>, Poisoned> {
        super::recursion::forbid(&self.inner.lock);
        let ticket = self.inner.lock.read();
        let place = ReadPlace::new(self.inner.clone(), ticket);
        self.inner.check(OwnedReadGuard::new(place))
    }

    /// As [`read`](Self::read), on any executor. Cancel-safe: dropping the future leaves nothing
    /// behind; forget-safe: leaking it costs one wake-up.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub async fn read_async(&self) -> Result<ReadGuard<'_, T>, Poisoned> {
        let ticket = self.inner.lock.read_async().await;
        self.inner
            .check(ReadGuard::new(ReadPlace::new(&*self.inner, ticket)))
    }

    /// Waits until nobody is inside and gives exclusive access.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub fn write(&self) -> Result<WriteGuard<'_, T>, Poisoned> {
        self.inner.lock.write_until(None);
        self.inner
            .check(WriteGuard::new(WritePlace::new(&*self.inner)))
    }

    /// Exclusive access if it can be had at once. A refusal costs one load.
    ///
    /// # Errors
    /// Who is in the way, or [`Poisoned`].
    pub fn try_write(&self) -> Result<WriteGuard<'_, T>, TryLockError> {
        self.inner
            .lock
            .try_write()
            .map_err(TryLockError::WouldBlock)?;
        Ok(self
            .inner
            .check(WriteGuard::new(WritePlace::new(&*self.inner)))?)
    }

    /// Exclusive access if it can be had within `timeout`.
    ///
    /// # Errors
    /// That the time ran out, or [`Poisoned`].
    pub fn write_timeout(&self, timeout: Duration) -> Result<WriteGuard<'_, T>, LockTimeoutError> {
        if !self.inner.lock.write_until(deadline(timeout)) {
            return Err(LockTimeoutError::Timeout);
        }
        Ok(self
            .inner
            .check(WriteGuard::new(WritePlace::new(&*self.inner)))?)
    }

    /// As [`write`](Self::write), with a guard that borrows nothing and can move to other threads.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub fn write_owned(&self) -> Result<OwnedWriteGuard<T>, Poisoned> {
        self.inner.lock.write_until(None);
        self.inner
            .check(OwnedWriteGuard::new(WritePlace::new(self.inner.clone())))
    }

    /// As [`write`](Self::write), on any executor. Cancel-safe and forget-safe as
    /// [`read_async`](Self::read_async).
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub async fn write_async(&self) -> Result<WriteGuard<'_, T>, Poisoned> {
        self.inner.lock.write_async().await;
        self.inner
            .check(WriteGuard::new(WritePlace::new(&*self.inner)))
    }

    /// The elements as they are now, for as long as the view lives. Costs a read lock and one
    /// atomic addition, whatever the length; the first write after it copies the elements if the
    /// view is still there.
    ///
    /// # Errors
    /// [`Poisoned`] after a writer's panic.
    pub fn snapshot(&self) -> Result<Frozen<T>, Poisoned>
    where
        T: Clone,
    {
        let _guard = self.read()?;
        // SAFETY: the guard is the right to read the store.
        Ok(unsafe { self.inner.store() }.snapshot())
    }

    /// Number of elements after the last write that ended. Waits for nobody.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len.load(Ordering::Relaxed)
    }

    /// Whether there was no element after the last write that ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements that fit without allocating, after the last write that ended.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.capacity.load(Ordering::Relaxed)
    }

    /// Number of handles to this buffer, this one included. Guards and snapshots do not count.
    #[must_use]
    pub fn handle_count(&self) -> usize {
        self.inner.handles.load(Ordering::Relaxed)
    }

    /// Whether a writer panicked inside.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.inner.lock.is_poisoned()
    }

    /// Says that the contents are good again.
    pub fn clear_poison(&self) {
        self.inner.lock.set_poisoned(false);
    }
}

fn deadline(timeout: Duration) -> Option<Instant> {
    // A timeout past the end of time is no deadline.
    Instant::now().checked_add(timeout)
}

impl<T> Inner<T> {
    /// # Safety
    /// The caller is inside the lock, and makes no use of the reference once it is not.
    pub(super) unsafe fn store(&self) -> &Store<T> {
        // SAFETY: I1.
        self.store.with(|store| unsafe { &*store })
    }

    /// # Safety
    /// The caller is the writer inside the lock, makes no use of the reference once it is not, and
    /// of no two at a time.
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it exclusive")]
    pub(super) unsafe fn store_mut(&self) -> &mut Store<T> {
        // SAFETY: I1.
        self.store.with_mut(|store| unsafe { &mut *store })
    }

    /// `guard`, unless the buffer is poisoned; it is released then.
    fn check<G>(&self, guard: G) -> Result<G, Poisoned> {
        if self.lock.is_poisoned() {
            Err(Poisoned)
        } else {
            Ok(guard)
        }
    }

    /// Writes down what those who only ask are told.
    ///
    /// # Safety
    /// The caller is inside the lock as the writer.
    pub(super) unsafe fn record_size(&self) {
        // SAFETY: the caller's promise.
        let store = unsafe { self.store() };
        self.len.store(store.len(), Ordering::Relaxed);
        self.capacity.store(store.capacity(), Ordering::Relaxed);
    }
}

impl<T> Clone for SharedBuffer<T> {
    /// Another handle to the same buffer.
    fn clone(&self) -> Self {
        self.inner.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<T> Drop for SharedBuffer<T> {
    fn drop(&mut self) {
        self.inner.handles.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Default for SharedBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for SharedBuffer<T> {
    fn from(vec: Vec<T>) -> Self {
        Self::from_vec(vec)
    }
}

impl<T> FromIterator<T> for SharedBuffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self::from_vec(iter.into_iter().collect())
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SharedBuffer");
        match self.try_read() {
            Ok(guard) => debug.field("elements", &&*guard).finish(),
            Err(error) => debug.field("elements", &format_args!("<{error}>")).finish(),
        }
    }
}

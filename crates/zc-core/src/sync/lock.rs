//! [`Mutex`] and [`Condvar`] without poisoning.
//!
//! The workspace holds a lock only around its own short bookkeeping, never while user code runs
//! (no waker, no callback, no `Drop` of user data). A panic therefore cannot leave the data half
//! changed, and a poison flag would only turn one thread's panic into everybody's.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use super::imp::raw;

/// A guard that releases its [`Mutex`] on drop.
pub type MutexGuard<'a, T> = raw::MutexGuard<'a, T>;

/// Mutual exclusion for short sections; ignores poisoning.
#[derive(Default)]
pub struct Mutex<T>(raw::Mutex<T>);

impl<T> Mutex<T> {
    /// A mutex around `value`.
    #[cfg(not(any(zc_loom, zc_shuttle)))]
    pub const fn new(value: T) -> Self {
        Self(raw::Mutex::new(value))
    }

    /// A mutex around `value`.
    #[cfg(any(zc_loom, zc_shuttle))]
    pub fn new(value: T) -> Self {
        Self(raw::Mutex::new(value))
    }

    /// Waits for the lock.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if it is free now.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// A condition variable for [`Mutex`].
#[derive(Default)]
pub struct Condvar(raw::Condvar);

impl Condvar {
    /// A condition variable that nobody waits on.
    #[cfg(not(any(zc_loom, zc_shuttle)))]
    #[must_use]
    pub const fn new() -> Self {
        Self(raw::Condvar::new())
    }

    /// A condition variable that nobody waits on.
    #[cfg(any(zc_loom, zc_shuttle))]
    #[must_use]
    pub fn new() -> Self {
        Self(raw::Condvar::new())
    }

    /// Releases the lock, waits to be notified (or for no reason at all), takes the lock again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`wait`](Self::wait), for at most `timeout`; the flag says whether that ran out. Under a
    /// model checker time does not pass: there it may never be true.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, T>, bool) {
        let (guard, result) = self
            .0
            .wait_timeout(guard, timeout)
            .unwrap_or_else(PoisonError::into_inner);
        (guard, result.timed_out())
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every waiter.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

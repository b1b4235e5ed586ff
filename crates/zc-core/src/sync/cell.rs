//! Interior mutability that a model checker can watch.

use std::fmt;

use super::imp::raw;

/// `UnsafeCell` with loom's closure interface: a pointer is only handed out for the length of one
/// access, so that a model checker sees when the access begins and ends.
pub struct UnsafeCell<T>(raw::UnsafeCell<T>);

// SAFETY: like `std::cell::UnsafeCell` the wrapper adds nothing of its own; moving it to another
// thread moves the `T`. (loom's cell is not `Send` by itself for every `T: Send`.)
unsafe impl<T: Send> Send for UnsafeCell<T> {}

impl<T> UnsafeCell<T> {
    /// A cell around `value`.
    #[cfg(not(zc_loom))]
    pub const fn new(value: T) -> Self {
        Self(raw::UnsafeCell::new(value))
    }

    /// A cell around `value`.
    #[cfg(zc_loom)]
    pub fn new(value: T) -> Self {
        Self(raw::UnsafeCell::new(value))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// A shared access. Reading through the pointer is the caller's `unsafe`.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        #[cfg(zc_loom)]
        return self.0.with(f);
        #[cfg(not(zc_loom))]
        f(self.0.get())
    }

    /// An exclusive access. Using the pointer is the caller's `unsafe`.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(zc_loom)]
        return self.0.with_mut(f);
        #[cfg(not(zc_loom))]
        f(self.0.get())
    }
}

impl<T> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}

/// Lets a model checker watch memory that is not made of [`UnsafeCell`]s: one shadow a slot.
///
/// Rings keep their slots as one contiguous block, so that a batch is a slice. They call
/// [`read`](Self::read) and [`write`](Self::write) on the shadow just before they touch a slot;
/// under loom an access that races is reported, in every other build both are nothing.
#[derive(Debug)]
pub struct Shadow {
    #[cfg(zc_loom)]
    slots: Box<[UnsafeCell<()>]>,
}

impl Shadow {
    /// Shadows for `slots` slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        #[cfg(not(zc_loom))]
        let _ = slots;
        Self {
            #[cfg(zc_loom)]
            slots: (0..slots).map(|_| UnsafeCell::new(())).collect(),
        }
    }

    /// Slot `index` is about to be read.
    #[inline(always)]
    pub fn read(&self, index: usize) {
        #[cfg(zc_loom)]
        self.slots[index].with(|_| ());
        #[cfg(not(zc_loom))]
        let _ = index;
    }

    /// Slot `index` is about to be written.
    #[inline(always)]
    pub fn write(&self, index: usize) {
        #[cfg(zc_loom)]
        self.slots[index].with_mut(|_| ());
        #[cfg(not(zc_loom))]
        let _ = index;
    }
}

// SAFETY: a shadow holds no data; loom's own bookkeeping inside is what watches the accesses, and
// it is only meaningful when several threads may reach it.
#[cfg(zc_loom)]
unsafe impl Sync for Shadow {}

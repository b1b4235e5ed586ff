//! How long a cache lives: until the last handle and the last view are gone.
//!
//! Handles, and work under way on other threads, share an `Arc` of the [`Root`]. Views do not: each
//! is a pin on its slot, which is all it costs (see `index::orphans`). So the [`Shared`] is freed by
//! whoever goes last: the last handle, if no view is left, else the last view.
//!
//! Invariants of [`Root`]:
//! - I1: `shared` was made by `Box::leak` and is freed exactly once, when `Orphans` says so.
//! - I2: it is there while a `Root` is, and while a slot of it is pinned.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::shared::Shared;

/// See the [module documentation](self).
pub(crate) struct Root {
    shared: NonNull<Shared>,
}

// SAFETY: it is a shared reference to a `Shared`, which is `Send` and `Sync`, and may be the last.
unsafe impl Send for Root {}

// SAFETY: as above.
unsafe impl Sync for Root {}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Shared>();
};

impl Root {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: NonNull::from(Box::leak(Box::new(shared))),
        }
    }

    /// What a view keeps beside its pin.
    #[inline]
    pub(crate) fn as_ptr(&self) -> NonNull<Shared> {
        self.shared
    }
}

impl Deref for Root {
    type Target = Shared;

    #[inline]
    fn deref(&self) -> &Shared {
        // SAFETY: I2.
        unsafe { self.shared.as_ref() }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let shared = &**self;
        if shared.orphans.close(shared.slots.words()) {
            // SAFETY: there is no handle and no view.
            unsafe { free(self.shared) };
        }
    }
}

/// Unmaps, closes and unlocks the file, and frees the index.
///
/// # Safety
/// `Orphans` said that the caller is the last one.
#[cold]
pub(crate) unsafe fn free(shared: NonNull<Shared>) {
    // SAFETY: I1, with the caller's promise.
    drop(unsafe { Box::from_raw(shared.as_ptr()) });
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Root").field(&**self).finish()
    }
}

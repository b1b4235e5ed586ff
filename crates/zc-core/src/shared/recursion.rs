//! Debug builds only: finds the thread that is about to wait for itself.
//!
//! A thread that holds a read guard and reads again while a writer waits is let in by nobody: the
//! writer waits for the guard, the second read for the writer. Which guards a thread holds is
//! written down here. A guard may be dropped on another thread, so the book is one for all.
//!
//! In other builds everything here is empty. Models explore such waits themselves; and one book for
//! all would order what ThreadSanitizer is to find unordered.

pub(super) use imp::{Entry, forbid, forget};

#[cfg(all(debug_assertions, not(any(zc_loom, zc_shuttle)), not(zc_tsan)))]
mod imp {
    use std::thread::{self, ThreadId};

    use crate::shared::lock::RawLock;
    use crate::sync::Mutex;

    static BOOK: Mutex<Vec<(usize, ThreadId)>> = Mutex::new(Vec::new());

    /// One read guard of one lock, held by the thread that took it.
    pub(in crate::shared) struct Entry(usize, ThreadId);

    impl Entry {
        pub(in crate::shared) fn new(lock: &RawLock) -> Self {
            let (lock, thread) = here(lock);
            BOOK.lock().push((lock, thread));
            Self(lock, thread)
        }
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            let mut book = BOOK.lock();
            if let Some(at) = book.iter().rposition(|e| *e == (self.0, self.1)) {
                book.swap_remove(at);
            }
        }
    }

    /// Panics where this thread holds a read guard of `lock` and a writer waits for it.
    pub(in crate::shared) fn forbid(lock: &RawLock) {
        if !lock.has_waiting_writer() {
            return;
        }
        let held = BOOK.lock().contains(&here(lock));
        assert!(
            !held,
            "read() on a buffer that this thread already reads while a writer waits: \
             this would wait for itself for ever in a release build"
        );
    }

    /// The lock is gone; so are guards of it that were leaked.
    pub(in crate::shared) fn forget(lock: &RawLock) {
        let (lock, _) = here(lock);
        BOOK.lock().retain(|entry| entry.0 != lock);
    }

    fn here(lock: &RawLock) -> (usize, ThreadId) {
        (std::ptr::from_ref(lock).addr(), thread::current().id())
    }
}

#[cfg(not(all(debug_assertions, not(any(zc_loom, zc_shuttle)), not(zc_tsan))))]
mod imp {
    use crate::shared::lock::RawLock;

    pub(in crate::shared) struct Entry;

    impl Entry {
        pub(in crate::shared) fn new(_: &RawLock) -> Self {
            Self
        }
    }

    pub(in crate::shared) fn forbid(_: &RawLock) {}

    pub(in crate::shared) fn forget(_: &RawLock) {}
}

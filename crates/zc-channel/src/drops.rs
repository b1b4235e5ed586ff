//! Dropping many values although one of them may panic.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Drops what `next` yields until it yields nothing. A panic of one value's `Drop` stops no other
/// value from being dropped; the first is raised again at the end, unless this thread is
/// unwinding already (a second panic would abort the process). Returns how many there were.
pub(crate) fn drop_each<T>(mut next: impl FnMut() -> Option<T>) -> u64 {
    let mut count = 0;
    let mut first: Option<Box<dyn Any + Send>> = None;
    while let Some(value) = next() {
        count += 1;
        if !mem::needs_drop::<T>() {
            continue;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            match first {
                None => first = Some(panic),
                // Its `Drop` is the user's as well, and might panic in turn.
                Some(_) => mem::forget(panic),
            }
        }
    }
    if let Some(panic) = first
        && !std::thread::panicking()
    {
        resume_unwind(panic);
    }
    count
}

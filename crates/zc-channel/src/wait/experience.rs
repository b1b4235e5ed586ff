//! What waiting at one end of a channel has been like: hints for the next one who waits.

use std::sync::OnceLock;
use std::thread::available_parallelism;

use zc_core::sync::atomic::Ordering::Relaxed;
use zc_core::sync::unmodelled::AtomicUsize;

use super::luck::Luck;
use super::turns::Turns;

/// What waiting in one line has been like lately, and where. Orders nothing; updates may get lost.
///
/// In memory of its own, and written only where something changes: those who wait at the other end
/// read it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Experience {
    /// The processor on which one waited last.
    place: AtomicUsize,
    pub(super) luck: Luck,
    pub(super) turns: Turns,
}

impl Experience {
    pub(crate) fn new() -> Self {
        // Asked for now: the first answer reads files, and waiting must allocate nothing.
        let _ = is_alone();
        Self {
            place: AtomicUsize::new(NOWHERE),
            luck: Luck::new(),
            turns: Turns::new(),
        }
    }

    /// Notes that one waits here, and tells whether anybody at the `other` end may run meanwhile, as
    /// far as can be seen: not if the last one that waited there did so on this very processor. Two
    /// tasks that take turns gather on one worker, for a task that is woken runs where its waker does;
    /// two threads may have been put on one processor.
    pub(super) fn others_may_run(&self, other: &Self) -> bool {
        if is_alone() {
            return false;
        }
        let here = this_processor();
        set(&self.place, here);
        other.place.load(Relaxed) != here
    }
}

/// Leaves memory that others read alone where nothing changes.
pub(super) fn set(place: &AtomicUsize, value: usize) {
    if place.load(Relaxed) != value {
        place.store(value, Relaxed);
    }
}

/// No processor.
const NOWHERE: usize = usize::MAX;

/// A number for the processor on which this thread runs.
#[cfg(all(target_os = "linux", not(miri)))]
fn this_processor() -> usize {
    // SAFETY: the call takes nothing and touches no memory of ours.
    let number = unsafe { libc::sched_getcpu() };
    usize::try_from(number).unwrap_or(NOWHERE - 1)
}

/// A number for this thread, which is as good where no two threads share a processor.
#[cfg(not(all(target_os = "linux", not(miri))))]
fn this_processor() -> usize {
    thread_local! { static MARK: u8 = const { 0 }; }
    // While a thread ends it may be without: then it is like no other.
    MARK.try_with(|mark| std::ptr::from_ref(mark).addr())
        .unwrap_or(NOWHERE - 1)
}

/// Whether there is no other processor on which anything could happen meanwhile.
fn is_alone() -> bool {
    static ALONE: OnceLock<bool> = OnceLock::new();
    *ALONE.get_or_init(|| available_parallelism().is_ok_and(|count| count.get() == 1))
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_other_end_is_what_counts() {
        let (senders, receivers) = (Experience::new(), Experience::new());
        assert_eq!(senders.others_may_run(&receivers), !is_alone());
        receivers.place.store(this_processor(), Relaxed);
        // This thread may be moved in between, but not every time.
        assert!((0..1000).any(|_| {
            receivers.place.store(this_processor(), Relaxed);
            !senders.others_may_run(&receivers)
        }));
        assert_ne!(senders.place.load(Relaxed), NOWHERE);
    }
}

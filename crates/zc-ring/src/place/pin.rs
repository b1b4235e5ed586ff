//! On which core a thread runs, and before whom.

use std::io;

use super::PlaceError;

/// Lets the calling thread run on core `core` only, counted from 0.
///
/// # Errors
/// [`PlaceError::Core`] where there is no such core or this process may not use it.
pub fn pin_current_thread(core: usize) -> Result<(), PlaceError> {
    let failed = |source| PlaceError::Core { core, source };
    // The set holds so many; a larger number is no core of any system.
    if core >= 8 * size_of::<libc::cpu_set_t>() {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    // SAFETY: the set is plain bits, for which zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is within the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set is there and as long as said; 0 is the calling thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if result == 0 {
        Ok(())
    } else {
        Err(failed(io::Error::last_os_error()))
    }
}

/// Runs the calling thread before all that have no real-time priority (`SCHED_FIFO`), at a level
/// from 1 to 99. A thread that spins at such a level keeps others off its core for good: pin it.
///
/// # Errors
/// [`PlaceError::Level`], and [`PlaceError::Priority`] without the right to.
pub fn set_realtime_priority(level: u8) -> Result<(), PlaceError> {
    // SAFETY: the calls take an integer.
    let lowest = unsafe { libc::sched_get_priority_min(libc::SCHED_FIFO) };
    // SAFETY: as above.
    let highest = unsafe { libc::sched_get_priority_max(libc::SCHED_FIFO) };
    if !(lowest..=highest).contains(&i32::from(level)) {
        return Err(PlaceError::Level {
            level,
            lowest: lowest.clamp(0, 255) as u8,
            highest: highest.clamp(0, 255) as u8,
        });
    }
    let parameter = libc::sched_param {
        sched_priority: i32::from(level),
    };
    // SAFETY: the parameter is there; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) };
    if result == 0 {
        Ok(())
    } else {
        let source = io::Error::last_os_error();
        Err(PlaceError::Priority { level, source })
    }
}

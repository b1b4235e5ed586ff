//! Memory that stays in memory.

use std::io;

use super::PlaceError;

/// Keeps all memory of the process in memory, what it has and what it will get: no page fault waits
/// for a disk.
///
/// # Errors
/// [`PlaceError::Lock`] where the process may not lock so much.
pub fn lock_memory() -> Result<(), PlaceError> {
    // SAFETY: the call takes an integer.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) };
    if result == 0 {
        Ok(())
    } else {
        let source = io::Error::last_os_error();
        Err(PlaceError::Lock { source })
    }
}

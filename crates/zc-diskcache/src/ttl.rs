//! Time to live: the monotonic clock while the cache is open, the wall clock from one opening to
//! the next.
//!
//! Deadlines are set with the precise clock and checked with the coarse one (a few milliseconds
//! behind, a few nanoseconds to read), so an object never expires early.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{CacheError, CacheErrorKind};

/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;

/// Milliseconds of `ttl`, rounded up; `Duration::MAX`, and everything beyond 500 million years,
/// is [`NEVER`].
pub(crate) fn millis(ttl: Duration) -> Result<u64, CacheError> {
    if ttl.is_zero() {
        return Err(CacheErrorKind::InvalidTtl.into());
    }
    Ok(u64::try_from(ttl.as_nanos().div_ceil(1_000_000))
        .ok()
        .filter(|ms| *ms < NEVER / 2)
        .unwrap_or(NEVER))
}

/// `now + ttl`.
pub(crate) fn deadline(now_ms: u64, ttl_ms: u64) -> u64 {
    if ttl_ms == NEVER {
        NEVER
    } else {
        now_ms.saturating_add(ttl_ms)
    }
}

/// What is left at `now` of an object's life when the file is opened again; `None` if nothing is.
/// A wall clock that went back gives no object more than its time to live.
pub(crate) fn left(expires_wall_ms: u64, ttl_ms: u64, now_wall_ms: u64) -> Option<u64> {
    if expires_wall_ms == NEVER || ttl_ms == NEVER {
        return Some(NEVER);
    }
    match expires_wall_ms.saturating_sub(now_wall_ms) {
        0 => None,
        left => Some(left.min(ttl_ms)),
    }
}

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    // A clock before 1970 counts as 1970.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(NEVER - 1)
}

/// Milliseconds of the monotonic clock, exactly.
pub(crate) fn precise_ms() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Milliseconds of the monotonic clock, cheaply; up to one timer tick behind.
#[inline]
pub(crate) fn coarse_ms() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return clock(libc::CLOCK_MONOTONIC_COARSE);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    clock(libc::CLOCK_MONOTONIC)
}

#[inline]
fn clock(which: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local `timespec`. These clocks exist, so the call succeeds.
    let result = unsafe { libc::clock_gettime(which, &raw mut now) };
    debug_assert_eq!(result, 0);
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_zero_is_refused() {
        assert_eq!(millis(Duration::from_nanos(1)).unwrap(), 1);
        assert_eq!(millis(Duration::from_millis(1500)).unwrap(), 1500);
        assert_eq!(millis(Duration::MAX).unwrap(), NEVER);
        assert_eq!(
            millis(Duration::ZERO).unwrap_err().kind(),
            CacheErrorKind::InvalidTtl
        );
    }

    #[test]
    fn a_wall_clock_that_went_back_prolongs_no_life_beyond_its_ttl() {
        // Stored at 10,000 with 5 s; opened when the clock says 2,000.
        assert_eq!(left(15_000, 5_000, 2_000), Some(5_000));
        assert_eq!(left(15_000, 5_000, 12_000), Some(3_000));
        assert_eq!(left(15_000, 5_000, 15_000), None);
        assert_eq!(left(15_000, 5_000, 99_000), None);
        assert_eq!(left(NEVER, NEVER, 99_000), Some(NEVER));
    }

    #[test]
    fn the_coarse_clock_is_never_ahead() {
        for _ in 0..1000 {
            let coarse = coarse_ms();
            assert!(coarse <= precise_ms());
        }
    }
}

//! Waiting and waking across processes.
//!
//! Each side sleeps on a word of the control area (a futex) beside a *flag*. Who sleeps reads the
//! word, raises the flag, has every processor pass a barrier, looks once more and sleeps unless
//! the word has changed. Who wakes has published before and looks at the flag: where it is up, takes
//! it down, changes the word and wakes everybody. So a publish that wakes nobody costs one load
//! of a word that nobody writes, and a sleeper that was killed costs one wake.
//!
//! The barrier is `membarrier(2)`, global expedited, for which every process that opens a ring
//! registers. Where the system has none, a wake-up may be lost. Every sleep ends after
//! [`LOOK_AGAIN`] in any case, which also covers those that died between publishing and waking.

use std::time::{Duration, Instant};

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{asymmetric, hint, store_load_barrier, thread};
use zc_core::wait::WaitStrategy;

use super::map::Cells;

/// The longest that anybody sleeps without looking.
const LOOK_AGAIN: Duration = Duration::from_millis(4);

/// Spins and yields of the adaptive strategy, before it sleeps.
const SPINS: u32 = 200;
const YIELDS: u32 = 20;

/// Looks between two looks at the clock.
const LOOKS: u32 = 64;

/// Wakes all who sleep on `side`. The caller has published what they wait for.
#[inline]
pub(crate) fn wake(cells: &Cells, side: usize) {
    // Between the publish and the look at the flag: see the module.
    asymmetric::light();
    if cells.word(side).load(Ordering::Relaxed) != 0 {
        wake_sleepers(cells, side);
    }
}

#[cold]
fn wake_sleepers(cells: &Cells, side: usize) {
    cells.word(side).store(0, Ordering::Relaxed);
    // Release: who reads the new word raises its flag after it was taken down.
    cells.word(side + 1).fetch_add(1, Ordering::Release);
    futex::wake(cells, side + 1);
}

/// Waits on `side` until `ready` gives something, or the deadline has passed.
pub(crate) fn block_until<R>(
    cells: &Cells,
    side: usize,
    strategy: WaitStrategy,
    deadline: Option<Instant>,
    mut ready: impl FnMut() -> Option<R>,
) -> Option<R> {
    // Spins, then yields, then sleep; as asked for, the first or the second go on for ever.
    let (spins, yields) = match strategy {
        WaitStrategy::BusySpin => (u32::MAX, 0),
        WaitStrategy::SpinYield { spins } => (spins, u32::MAX),
        WaitStrategy::Park => (0, 0),
        _ => (SPINS, YIELDS),
    };
    let (mut spun, mut yielded, mut looks) = (0, 0, 0_u32);
    loop {
        if let Some(found) = ready() {
            return Some(found);
        }
        let is_asleep = spun == spins && yielded == yields;
        if let Some(deadline) = deadline
            && (is_asleep || looks.is_multiple_of(LOOKS))
            && Instant::now() >= deadline
        {
            return None;
        }
        looks = looks.wrapping_add(1);
        if spun < spins {
            hint::spin_loop();
            spun += u32::from(spins != u32::MAX);
        } else if yielded < yields {
            thread::yield_now();
            yielded += u32::from(yields != u32::MAX);
        } else if let Some(found) = sleep(cells, side, deadline, &mut ready) {
            return Some(found);
        }
    }
}

/// Sleeps until somebody wakes `side`, the deadline, or it is time to look again.
fn sleep<R>(
    cells: &Cells,
    side: usize,
    deadline: Option<Instant>,
    ready: &mut impl FnMut() -> Option<R>,
) -> Option<R> {
    // Acquire: before the flag goes up, for whoever takes it down changes the word after that.
    let word = cells.word(side + 1).load(Ordering::Acquire);
    cells.word(side).store(1, Ordering::Relaxed);
    barrier::everywhere();
    if let Some(found) = ready() {
        return Some(found);
    }
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    futex::wait(
        cells,
        side + 1,
        word as u32,
        left.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN),
    );
    None
}

/// Registers the process for barriers of others, once for each ring it opens.
pub(crate) fn register() {
    barrier::register();
}

mod barrier {
    use super::store_load_barrier;

    /// Every thread of every registered process passes a barrier, and so does this one.
    pub(super) fn everywhere() {
        if cfg!(any(zc_loom, zc_shuttle)) || !command(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED) {
            // The sleep is bounded: a lost wake-up costs some milliseconds.
            store_load_barrier();
        }
    }

    pub(super) fn register() {
        // Where the system has none, `everywhere` finds that out each time.
        let _: bool = command(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
    }

    fn command(command: libc::c_int) -> bool {
        // SAFETY: the call takes three integers and touches no memory of ours.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        result == 0
    }
}

mod futex {
    use std::ptr::null;
    use std::time::Duration;

    use super::Cells;

    /// The low half of a word, which is what the system compares.
    fn address(cells: &Cells, word: usize) -> *const u32 {
        let word = std::ptr::from_ref(cells.counter(word)).cast::<u32>();
        if cfg!(target_endian = "big") {
            word.wrapping_add(1)
        } else {
            word
        }
    }

    /// Sleeps while the word is `value`, for at most `timeout`. May come back early.
    pub(super) fn wait(cells: &Cells, word: usize, value: u32, timeout: Duration) {
        if cfg!(any(zc_loom, zc_shuttle)) {
            return super::thread::yield_now();
        }
        let timeout = libc::timespec {
            tv_sec: 0,
            // At most `LOOK_AGAIN`, some milliseconds.
            tv_nsec: i64::from(timeout.subsec_nanos()) as libc::c_long,
        };
        let (at, op) = (address(cells, word), libc::FUTEX_WAIT);
        let end = std::ptr::from_ref(&timeout);
        // SAFETY: the word is in memory that is mapped while `cells` lives. Whatever comes of the
        // call (woken, timed out, interrupted, the word has changed), the caller looks again.
        unsafe { libc::syscall(libc::SYS_futex, at, op, value, end, null::<u32>(), 0) };
    }

    /// Wakes everybody who sleeps on the word, in whatever process.
    pub(super) fn wake(cells: &Cells, word: usize) {
        let (at, op) = (address(cells, word), libc::FUTEX_WAKE);
        // SAFETY: as for `wait`; waking touches no memory.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                at,
                op,
                i32::MAX,
                null::<u32>(),
                null::<u32>(),
                0,
            )
        };
    }
}

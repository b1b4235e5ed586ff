//! Blocking a thread: looks with pauses, looks with yields, then the line.

use std::sync::OnceLock;
use std::time::Instant;

use zc_core::sync::{hint, thread};
use zc_core::wait::{WaitList, WaitStrategy};

fn tune(name: &str, default: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}
static SPINS: OnceLock<(u32, u32)> = OnceLock::new();

/// Blocks until `ready` gives something; `None` once `deadline` has passed, after one last look.
/// `sleepy` is called each time before the thread goes to sleep.
pub(crate) fn block<R>(
    list: &WaitList,
    deadline: Option<Instant>,
    mut ready: impl FnMut() -> Option<R>,
    mut sleepy: impl FnMut(),
) -> Option<R> {
    let (spins, yields) = *SPINS.get_or_init(|| (tune("SPINS", 8), tune("YIELDS", 4)));
    let mut round = 0;
    while !cfg!(any(zc_loom, zc_shuttle)) && round < spins + yields {
        if let Some(result) = ready() {
            return Some(result);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        if round < spins {
            for _ in 0..1u32 << round.min(6) {
                hint::spin_loop();
            }
        } else {
            thread::yield_now();
        }
        round += 1;
    }
    list.block_until(WaitStrategy::Park, deadline, || {
        let done = ready();
        if done.is_none() {
            sleepy();
        }
        done
    })
}

//! Waiting in a line of waiters: for futures that need no name, and for handles that are polled.

mod block;
mod experience;
mod lazy;
mod luck;
mod owned;
mod turns;

use std::future::poll_fn;
use std::pin::pin;

use zc_core::wait::WaitList;

pub(crate) use block::block;
pub(crate) use experience::Experience;
pub(crate) use lazy::LazyWaiter;
pub(crate) use owned::OwnedWaiter;

/// Where to wait, and what is known about waiting there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) list: &'a WaitList,
    pub(crate) experience: &'a Experience,
    /// That of those who are waited for.
    pub(crate) other: &'a Experience,
    /// Of the queue.
    pub(crate) capacity: usize,
}

/// Waits in `list` until `ready` gives something. `sleepy` is called each time before the task
/// goes to sleep.
///
/// Cancel-safe and forget-safe as long as `ready` takes something only when it gives it.
pub(crate) async fn until<R>(
    list: &WaitList,
    mut ready: impl FnMut() -> Option<R>,
    mut sleepy: impl FnMut(),
) -> R {
    let mut waiter = pin!(LazyWaiter::new(list));
    poll_fn(|cx| {
        let polled = waiter.as_mut().poll_until(cx, || true, &mut ready);
        if polled.is_pending() {
            sleepy();
        }
        polled
    })
    .await
}

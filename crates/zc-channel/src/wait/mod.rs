//! Waiting in a line of waiters: for futures that need no name, and for handles that are polled.

mod block;
mod lazy;
mod luck;
mod owned;

use std::future::poll_fn;
use std::pin::pin;

use zc_core::wait::WaitList;

pub(crate) use block::block;
pub(crate) use lazy::LazyWaiter;
pub(crate) use luck::Luck;
pub(crate) use owned::OwnedWaiter;

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

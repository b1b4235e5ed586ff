//! A waiter that outlives the call it was made in.

use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use zc_core::sync::Arc;
use zc_core::wait::{WaitList, Waiter};

use crate::shared::Shared;

/// A waiter of one of a channel's lines that keeps the channel alive: for handles that are polled
/// directly, such as a stream, and have no future in which a borrowed waiter could live.
///
/// Costs one allocation when it is made. It may be polled any number of times. Between a pending
/// poll and the next it stays in its line although nobody may ever poll it again, so it belongs
/// only into lines that are woken as a whole.
///
/// * **I1** `waiter` borrows from the `Shared` that `shared` holds, which neither moves nor goes
///   away while `shared` is there.
/// * **I2** `waiter` is dropped before `shared`: fields drop in the order in which they stand.
/// * **I3** The waiter is never handed out, so nobody sees the lifetime that it is given.
#[derive(Debug)]
pub(crate) struct OwnedWaiter<T> {
    waiter: Pin<Box<Waiter<'static>>>,
    shared: Arc<Shared<T>>,
}

impl<T> OwnedWaiter<T> {
    /// A waiter for the line of `shared` that `line` picks.
    pub(crate) fn new(shared: &Arc<Shared<T>>, line: fn(&Shared<T>) -> &WaitList) -> Self {
        let shared = Arc::clone(shared);
        // SAFETY: I1, I2, I3: the list outlives the waiter, which is the only user of this
        // reference.
        let list: &'static WaitList = unsafe { &*ptr::from_ref(line(&shared)) };
        Self {
            waiter: Box::pin(list.waiter()),
            shared,
        }
    }

    /// See [`Waiter::poll_until`]; `ready` gets the channel.
    pub(crate) fn poll_until<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&Shared<T>) -> Option<R>,
    ) -> Poll<R> {
        let shared = &*self.shared;
        self.waiter.as_mut().poll_until(cx, || ready(shared))
    }
}

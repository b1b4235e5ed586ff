//! A waiter that is made when it is needed.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use zc_core::wait::{WaitList, Waiter};

pin_project! {
    /// A waiter for a future that mostly does not have to wait: until it has to, it costs two words.
    ///
    /// Cancel-safe and forget-safe as [`Waiter`] is.
    pub(crate) struct LazyWaiter<'a> {
        list: &'a WaitList,
        #[pin]
        waiter: Option<Waiter<'a>>,
    }
}

impl<'a> LazyWaiter<'a> {
    pub(crate) const fn new(list: &'a WaitList) -> Self {
        Self { list, waiter: None }
    }

    /// See [`Waiter::poll_until`].
    #[inline]
    pub(crate) fn poll_until<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        let mut this = self.project();
        if this.waiter.is_none() {
            if let Some(result) = ready() {
                return Poll::Ready(result);
            }
            this.waiter.set(Some(this.list.waiter()));
        }
        match this.waiter.as_pin_mut() {
            Some(waiter) => waiter.poll_until(cx, ready),
            None => Poll::Pending,
        }
    }

    /// See [`Waiter::cancel`].
    pub(crate) fn cancel(self: Pin<&mut Self>) {
        if let Some(waiter) = self.project().waiter.as_pin_mut() {
            waiter.cancel();
        }
    }
}

impl fmt::Debug for LazyWaiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyWaiter")
            .field("waits", &self.waiter.is_some())
            .finish_non_exhaustive()
    }
}

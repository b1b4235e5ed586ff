//! A waiter that is made when it is needed.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use zc_core::wait::{WaitList, Waiter};

use super::{Experience, Place};

/// The largest queue at which a future spins. In a larger one a task that waits lets the other side
/// fill it, or empty it, in one turn, and two that take turns so on one worker keep the items in its
/// cache; spinning keeps both sides at work on the same lines.
const SPINS_UP_TO: usize = 8;

pin_project! {
    /// A waiter for a future that mostly does not have to wait: until it has to, it costs four words.
    ///
    /// Cancel-safe and forget-safe as [`Waiter`] is.
    pub(crate) struct LazyWaiter<'a> {
        list: &'a WaitList,
        spins: Option<[&'a Experience; 2]>,
        #[pin]
        waiter: Option<Waiter<'a>>,
    }
}

impl<'a> LazyWaiter<'a> {
    pub(crate) const fn new(list: &'a WaitList) -> Self {
        Self {
            list,
            spins: None,
            waiter: None,
        }
    }

    /// One that spins for a moment before it waits, if the queue is small and that has been of use.
    pub(crate) const fn spinning(place: Place<'a>) -> Self {
        Self {
            list: place.list,
            spins: if place.capacity <= SPINS_UP_TO {
                Some([place.experience, place.other])
            } else {
                None
            },
            waiter: None,
        }
    }

    /// See [`Waiter::poll_until`]. While it spins, a look is taken where `promises` says that it is
    /// worth it.
    #[inline]
    pub(crate) fn poll_until<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        promises: impl Fn() -> bool,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        let mut this = self.project();
        let mut has_looked = false;
        if this.waiter.is_none() {
            if let Some(result) = ready() {
                return Poll::Ready(result);
            }
            // All of it is inlined: with this part in a function of its own, a value that is ready at
            // once is copied once more (`pair async`: 25 ns, 31 so, with 64 B; 65, 76 so, with 1 KiB).
            if let Some([experience, other]) = *this.spins
                && !cfg!(any(zc_loom, zc_shuttle))
                && experience.others_may_run(other)
                && let Some(result) = experience.luck.spin(promises, &mut ready)
            {
                return Poll::Ready(result);
            }
            this.waiter.set(Some(this.list.waiter()));
            has_looked = true;
        }
        match this.waiter.as_pin_mut() {
            // It looks before it enters the line and after; the first of these may be done already.
            Some(waiter) => waiter.poll_until(cx, || match mem::take(&mut has_looked) {
                true => None,
                false => ready(),
            }),
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

//! A consumer as a stream of rows.
//!
//! # Invariants
//!
//! * **I1** The waiter's list lives in the sequencer that `_sequencer` keeps alive, at an address
//!   that does not change; the waiter is dropped first (fields are dropped in order).

use std::pin::Pin;
use std::task::{Context, Poll as Task, ready};

use futures_core::Stream;
use zc_core::sync::Arc;
use zc_core::wait::{WaitList, Waiter};

use super::{Consumer, Poll};
use crate::error::RecvError;
use crate::sequencer::{Sequencer, lease};

/// A waiter in the `data` list that lives as long as it likes.
pub(super) struct StreamWaiter {
    waiter: Pin<Box<Waiter<'static>>>,
    _sequencer: Arc<Sequencer>,
    has_ended: bool,
}

impl StreamWaiter {
    fn new(sequencer: &Arc<Sequencer>) -> Self {
        let list: *const WaitList = &sequencer.data;
        // SAFETY: I1.
        let list: &'static WaitList = unsafe { &*list };
        Self {
            waiter: Box::pin(list.waiter()),
            _sequencer: Arc::clone(sequencer),
            has_ended: false,
        }
    }
}

impl<T: Clone> Stream for Consumer<T> {
    type Item = Result<T, RecvError>;

    /// Allocates once, at the first call. Cancel-safe: a row is taken only when it is returned.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Task<Option<Self::Item>> {
        let this = self.get_mut();
        this.settle_in(lease::NOBODY);
        loop {
            let mut waiter = this
                .waiter
                .take()
                .unwrap_or_else(|| StreamWaiter::new(&this.reader.sequencer));
            if waiter.has_ended {
                this.waiter = Some(waiter);
                return Task::Ready(None);
            }
            let found = waiter.waiter.as_mut().poll_until(cx, || this.is_ready());
            this.waiter = Some(waiter);
            ready!(found);
            let item = match this.look(1) {
                Poll::Rows(batch) => Some(Ok(batch[0].clone())),
                Poll::Lagged { missed } => Some(Err(RecvError::Lagged { missed })),
                Poll::Evicted => Some(Err(RecvError::Evicted)),
                Poll::Closed => None,
                // Ready a moment ago, and nobody else reads here: look again.
                Poll::Empty | Poll::Event(_) => continue,
            };
            if let (Some(Err(RecvError::Evicted)), Some(waiter)) = (&item, &mut this.waiter) {
                waiter.has_ended = true;
            }
            return Task::Ready(item);
        }
    }
}

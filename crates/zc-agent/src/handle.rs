//! The writers' end.

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use zc_core::sync::atomic::Ordering;
use zc_core::sync::{Parker, Unparker, block_on, edge};

use crate::agent::{RunWriter, SubmitAgent};
use crate::budget::{Attempt, Request};
use crate::error::{BufferError, ManagerError};
use crate::failure::FailedReservationInfo;
use crate::finalize::FinalizeResult;
use crate::manager::Shared;
use crate::metrics::AgentMetrics;
use crate::reserve::Reserve;
use crate::timer::Timer;
use crate::types::{FinalizeMode, GroupId, GroupState, SealedBy};

/// The writers' end of a manager. Clones share it; when the last one is dropped, the manager
/// finalizes as by [`FinalizeMode::SealNow`].
pub struct ZeroCopyHandle {
    shared: Arc<Shared>,
}

impl ZeroCopyHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Reserves the next `size` bytes of the stream. One atomic step where the open group has
    /// room; else it waits in line for memory, first come, first served.
    ///
    /// Cancel-safe: the reservation is made for this call before it is woken, and undone if the
    /// future is dropped instead of polled.
    ///
    /// # Errors
    /// [`TooLarge`](BufferError::TooLarge), [`Finalizing`](BufferError::Finalizing),
    /// [`ConsumerGone`](BufferError::ConsumerGone), [`OutOfMemory`](BufferError::OutOfMemory);
    /// [`Full`](BufferError::Full) only if 65,536 wait already.
    #[inline]
    pub fn reserve_writer(
        &self,
        size: NonZeroUsize,
    ) -> impl Future<Output = Result<SubmitAgent, BufferError>> + Send + '_ {
        Reserve::next(&self.shared, size.get())
    }

    /// As [`reserve_writer`](Self::reserve_writer), without waiting.
    ///
    /// # Errors
    /// As there; [`Full`](BufferError::Full) if there is no room now, or others wait already.
    #[inline]
    pub fn try_reserve_writer(&self, size: NonZeroUsize) -> Result<SubmitAgent, BufferError> {
        let size = size.get();
        match self.shared.reserve_fast(size) {
            Some(lease) => Ok(SubmitAgent::new(lease)),
            None => self.try_reserve_slow(size),
        }
    }

    #[cold]
    fn try_reserve_slow(&self, size: usize) -> Result<SubmitAgent, BufferError> {
        match self.shared.attempt(&Request::Next { size }, false)? {
            Attempt::Got(lease) => Ok(SubmitAgent::new(lease)),
            Attempt::Wait(_) => Err(self.shared.peek_core(|core| self.shared.full(core, size))),
        }
    }

    /// As [`reserve_writer`](Self::reserve_writer), waiting for at most `timeout`. Cancel-safe.
    ///
    /// # Errors
    /// As there, and [`Timeout`](BufferError::Timeout); [`NoRuntime`](BufferError::NoRuntime)
    /// outside of a tokio runtime.
    pub async fn reserve_writer_timeout(
        &self,
        size: NonZeroUsize,
        timeout: Duration,
    ) -> Result<SubmitAgent, BufferError> {
        let size = size.get();
        let mut timer = Timer::default();
        let runtime = &self.shared.config.runtime;
        timer.check(runtime)?;
        // A deadline past what the clock can tell is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut reserve = pin!(Reserve::next(&self.shared, size));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = reserve.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            match deadline {
                Some(at) => timer.poll_at(runtime, at, cx).map(|()| {
                    Err(BufferError::Timeout {
                        size,
                        after: timeout,
                    })
                }),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// As [`reserve_writer`](Self::reserve_writer), parking this thread while it waits. Needs no
    /// runtime; must not be called on a thread that runs async tasks.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_reserve_writer(&self, size: NonZeroUsize) -> Result<SubmitAgent, BufferError> {
        block_on(self.reserve_writer(size))
    }

    /// As [`blocking_reserve_writer`](Self::blocking_reserve_writer), for at most `timeout`.
    ///
    /// # Errors
    /// As there, and [`Timeout`](BufferError::Timeout).
    pub fn blocking_reserve_writer_timeout(
        &self,
        size: NonZeroUsize,
        timeout: Duration,
    ) -> Result<SubmitAgent, BufferError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => park_until(self.reserve_writer(size), deadline).unwrap_or(Err(
                BufferError::Timeout {
                    size: size.get(),
                    after: timeout,
                },
            )),
            None => self.blocking_reserve_writer(size),
        }
    }

    /// Reserves a failed range again. It is delivered as a group of its own at its old offset, as
    /// soon as it is committed. Waits in the same line as everybody. Cancel-safe: until this
    /// returns the agent, the range can still be retried.
    ///
    /// # Errors
    /// [`AlreadyRetried`](ManagerError::AlreadyRetried) if this reservation, or a clone of its
    /// report, has been retried before; [`ForeignReservation`](ManagerError::ForeignReservation);
    /// and as [`reserve_writer`](Self::reserve_writer).
    pub async fn retry(&self, failed: &FailedReservationInfo) -> Result<SubmitAgent, BufferError> {
        if failed.manager != self.shared.id {
            let reservation_id = failed.id;
            return Err(ManagerError::ForeignReservation { reservation_id }.into());
        }
        Reserve::again(&self.shared, failed).await
    }

    /// Seals the open group, however small it is, and publishes what is written to runs. The group
    /// is delivered once its agents have settled.
    pub fn flush(&self) {
        // The runs first, while the tail of the last one can still go back.
        self.shared
            .with_core(|core, after| self.shared.publish_all_runs(core, after));
        self.shared
            .with_core(|core, after| self.shared.seal_open(core, SealedBy::Flush, after));
    }

    /// A writer for many small pieces: it reserves `run_bytes` at a time (1 ..=
    /// [`max_reservation`](crate::ManagerBuilder::max_reservation), and clamped to that; 4 to 64 KiB
    /// is a good choice) and hands them out to itself.
    #[must_use]
    pub fn writer(&self, run_bytes: usize) -> RunWriter {
        RunWriter::new(self.clone(), run_bytes)
    }

    /// Finalizes: no more reservations, agents that exist may still commit. Gives the report once
    /// every reservation is settled. What is queued then can still be received.
    ///
    /// Cancel-safe: dropped, the manager goes on finalizing, and another call gives the same
    /// report. Every call gives the same report.
    ///
    /// # Errors
    /// None without a deadline; the result has room for what later versions may report.
    pub async fn finalize(self) -> Result<Arc<FinalizeResult>, BufferError> {
        self.finalize_with(FinalizeMode::Drain { deadline: None })
            .await
    }

    /// As [`finalize`](Self::finalize), with a choice what becomes of agents that exist. A later
    /// call with a stronger mode takes over.
    ///
    /// # Errors
    /// [`BufferError::NoRuntime`] if there is a deadline and no tokio runtime; nothing has begun
    /// then.
    pub async fn finalize_with(
        self,
        mode: FinalizeMode,
    ) -> Result<Arc<FinalizeResult>, BufferError> {
        self.shared.finalize(mode).await
    }

    /// Accounts as of now.
    #[must_use]
    pub fn metrics(&self) -> AgentMetrics {
        self.shared.metrics()
    }

    /// Where a group stands; `None` if there has been no such group yet.
    #[must_use]
    pub fn group_state(&self, group_id: GroupId) -> Option<GroupState> {
        self.shared.group_state(group_id)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Clone for ZeroCopyHandle {
    fn clone(&self) -> Self {
        self.shared.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl Drop for ZeroCopyHandle {
    fn drop(&mut self) {
        let order = edge("agent.handles", Ordering::AcqRel);
        if self.shared.handles.fetch_sub(1, order) == 1 {
            self.shared.begin_finalize(FinalizeMode::SealNow, true);
        }
    }
}

impl std::fmt::Debug for ZeroCopyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZeroCopyHandle")
            .field("metrics", &self.metrics())
            .finish()
    }
}

/// Polls `future` on this thread until `deadline`, parking in between.
fn park_until<F: Future>(future: F, deadline: Instant) -> Option<F::Output> {
    struct Unpark(Unparker);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let parker = Parker::new();
    let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
    let mut cx = Context::from_waker(&waker);
    let mut future: Pin<&mut F> = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        parker.park_timeout(left);
    }
}

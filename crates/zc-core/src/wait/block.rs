//! Blocking a thread in a [`WaitList`].

use std::pin::pin;
use std::time::Instant;

use super::list::WaitList;
use super::node::Handle;
use super::strategy::WaitStrategy;
use super::waiter::{Waiter, Wake};
use crate::sync::Parker;

impl WaitList {
    /// Blocks until `ready` gives something; `None` once `deadline` has passed (after one last
    /// look).
    ///
    /// The thread spins, yields and parks as `strategy` says; the strategies that never park also
    /// never enter the list, and cost their notifier nothing. `ready` may be called any number of
    /// times and must not block. Parking uses the thread's own park token, so a thread that uses
    /// `std::thread::park` for something else may see a spurious return there, which `std` allows.
    pub fn block_until<R>(
        &self,
        strategy: WaitStrategy,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let mut spinner = strategy.spinner();
        loop {
            if let Some(result) = ready() {
                return Some(result);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            if !spinner.spin() {
                return self.park_until(deadline, ready);
            }
        }
    }

    #[cold]
    fn park_until<R>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let parker = Parker::new();
        let mut waiter = pin!(Waiter::new(self));
        loop {
            let owed = waiter.as_mut().link(Handle::Thread(parker.unparker()));
            self.pay(owed);
            if let Some(result) = ready() {
                // See `Waiter::poll_until`: a wake that came meanwhile was for something else.
                waiter.leave(Wake::PassOn);
                return Some(result);
            }
            while !waiter.is_notified() {
                match deadline.map(|d| d.saturating_duration_since(Instant::now())) {
                    None => parker.park(),
                    Some(left) if left.is_zero() => {
                        waiter.cancel();
                        return ready();
                    }
                    Some(left) => parker.park_timeout(left),
                }
            }
            if let Some(result) = ready() {
                waiter.leave(Wake::Used);
                return Some(result);
            }
        }
    }
}

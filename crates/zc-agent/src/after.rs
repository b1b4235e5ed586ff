//! What must not run under the manager's lock: other people's code. It is collected here, and runs
//! when the lock is free again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use zc_core::Frozen;

use crate::agent::Run;
use crate::failure::FailedGroupData;
use crate::finalize::FinalizeResult;
use crate::group::data::SuccessfulGroupData;
use crate::group::lease::Lease;
use crate::group::slot::Home;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct After {
    wakers: Few<Waker>,
    /// Wakers that are not needed any more; dropping one is somebody else's code too.
    pub(crate) stale: Few<Waker>,
    pub(crate) homes: Few<Home>,
    pub(crate) views: Vec<Frozen<u8>>,
    pub(crate) groups: Vec<SuccessfulGroupData>,
    pub(crate) failures: Vec<FailedGroupData>,
    pub(crate) reports: Vec<Arc<FinalizeResult>>,
    /// Runs to be published; with a group, only those in it.
    pub(crate) runs: Vec<(Run, Option<u64>)>,
    /// Reservations that nobody ever saw.
    pub(crate) retired: Vec<Lease>,
}

impl After {
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.wakers.extend(waker);
    }

    /// Whether a run was published.
    pub(crate) fn run(self) -> bool {
        // One waker's panic must not keep the others from being woken.
        for waker in self.wakers {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        self.retired.into_iter().for_each(Lease::retire);
        let runs = self.runs.into_iter();
        runs.fold(false, |published, (run, group_id)| {
            run.publish(group_id) || published
        })
    }
}

/// Mostly none or one, for which nothing is allocated.
#[derive(Debug)]
pub(crate) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.rest.push(value),
        }
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn few_keep_their_order() {
        let mut few = Few::default();
        few.extend([1, 2]);
        few.push(3);
        assert_eq!(few.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Few::<u8>::default().into_iter().next(), None);
    }
}

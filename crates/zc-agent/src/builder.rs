//! Options of a manager.

use std::time::Duration;

use std::sync::Arc;

use crate::error::BuildError;
use crate::group::cursor::{Limits, MAX_SLAB, MAX_SLOTS};
use crate::handle::ZeroCopyHandle;
use crate::manager::{Config, Shared};
use crate::receive::{Failures, Groups};
use crate::types::Delivery;

/// Largest group, so that the slab of a group and one more reservation still has a length.
pub(crate) const MAX_GROUP: usize = MAX_SLAB / 2;
/// Most complete groups that may wait to be received.
pub(crate) const MAX_QUEUE: usize = 1 << 24;
const DEFAULT_GROUP: usize = 1 << 20;
const DEFAULT_MAX_RESERVATION: usize = 256 << 20;
const DEFAULT_BUDGET: usize = 64 << 20;
const DEFAULT_ADOPT: usize = 8 << 10;
const DEFAULT_QUEUE: usize = 1024;
/// Fewest groups that can be incomplete at the same time.
const MIN_SLOTS: usize = if cfg!(zc_loom) { 2 } else { 4 };

/// Options of a new manager. Made by [`Manager::builder`](crate::Manager::builder).
///
/// ```
/// use std::time::Duration;
/// use zc_agent::{BuildError, Manager};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BuildError> {
/// let (handle, groups, failures) = Manager::builder()
///     .min_group_commit_size(256 << 10)
///     .memory_budget(8 << 20)
///     .linger(Duration::from_millis(5))
///     .spawn()?;
///
/// let error = Manager::builder().queue_depth(0).spawn().unwrap_err();
/// assert_eq!(error.to_string(), "queue_depth is 0, which is not in 1..=16777216");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ManagerBuilder {
    min_group: Option<usize>,
    max_reservation: usize,
    budget: Option<usize>,
    linger: Option<Duration>,
    delivery: Delivery,
    abandon_after: Option<Duration>,
    adopt_threshold: usize,
    queue_depth: usize,
}

impl ManagerBuilder {
    pub(crate) const fn new() -> Self {
        Self {
            min_group: None,
            max_reservation: DEFAULT_MAX_RESERVATION,
            budget: None,
            linger: None,
            delivery: Delivery::Ordered,
            abandon_after: None,
            adopt_threshold: DEFAULT_ADOPT,
            queue_depth: DEFAULT_QUEUE,
        }
    }

    /// Bytes from which on a group is sealed: 1 to 512 MiB; 1 MiB unless set, or the budget if
    /// that is less.
    ///
    /// The slab of a group is this plus the smaller of this and `max_reservation`, less one, so
    /// that the reservation that crosses the line always fits.
    pub const fn min_group_commit_size(mut self, bytes: usize) -> Self {
        self.min_group = Some(bytes);
        self
    }

    /// Largest single reservation in bytes: 1 to 1 GiB; 256 MiB unless set.
    pub const fn max_reservation(mut self, bytes: usize) -> Self {
        self.max_reservation = bytes;
        self
    }

    /// Bytes of slabs and adopted `Bytes` that may exist until the consumer drops the last view of
    /// them; 64 MiB unless set, or four slabs if that is more. When it is used up, reservations
    /// wait. What is larger than the whole budget is admitted when nothing else is in use; adopted
    /// `Bytes` are counted, but never wait: their reservation did.
    pub const fn memory_budget(mut self, bytes: usize) -> Self {
        self.budget = Some(bytes);
        self
    }

    /// Seals a group this long after its first byte was reserved, however small it is; never
    /// unless set. Timers count in milliseconds: it may be one of them early or late. Needs a tokio
    /// runtime with time. The receivers mind the clock while they wait.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = Some(linger);
        self
    }

    /// In which order groups are delivered; by offset unless set.
    pub const fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Revokes a reservation that is this old and not settled; never unless set. It fails with
    /// [`FailReason::Abandoned`](crate::FailReason::Abandoned) after this long, or up to a half
    /// more. Needs a tokio runtime with time. The receivers mind the clock while they wait.
    pub const fn abandon_after(mut self, patience: Duration) -> Self {
        self.abandon_after = Some(patience);
        self
    }

    /// Bytes from which on submitted `Bytes` are delivered as they are; smaller ones are copied
    /// into the group's memory, once. At least 1; 8 KiB unless set.
    pub const fn adopt_threshold(mut self, bytes: usize) -> Self {
        self.adopt_threshold = bytes;
        self
    }

    /// How many complete groups may wait to be received before no new group is opened: 1 to 2^24;
    /// 1024 unless set.
    pub const fn queue_depth(mut self, groups: usize) -> Self {
        self.queue_depth = groups;
        self
    }

    /// Makes the manager, and gives its three ends. Starts no task and no thread, and allocates no
    /// group yet.
    ///
    /// # Errors
    /// [`BuildError`] names the option that cannot be, and why. `linger` and `abandon_after` need
    /// to be called inside a tokio runtime.
    pub fn spawn(self) -> Result<(ZeroCopyHandle, Groups, Failures), BuildError> {
        let smaller = |budget: usize| budget.clamp(1, DEFAULT_GROUP);
        let line = self
            .min_group
            .unwrap_or_else(|| self.budget.map_or(DEFAULT_GROUP, smaller));
        in_range("min_group_commit_size", line, 1, MAX_GROUP)?;
        in_range("max_reservation", self.max_reservation, 1, MAX_SLAB)?;
        in_range("adopt_threshold", self.adopt_threshold, 1, usize::MAX)?;
        in_range("queue_depth", self.queue_depth, 1, MAX_QUEUE)?;
        let slab = line + self.max_reservation.min(line) - 1;
        let budget = self.budget.unwrap_or(DEFAULT_BUDGET.max(4 * slab));
        in_range("memory_budget", budget, 1, isize::MAX as usize)?;
        if budget < line {
            return Err(BuildError::BudgetBelowGroup {
                budget,
                min_group_commit_size: line,
            });
        }
        let runtime = tokio::runtime::Handle::try_current().ok();
        for (option, duration) in [
            ("linger", self.linger),
            ("abandon_after", self.abandon_after),
        ] {
            match duration {
                Some(Duration::ZERO) => return Err(BuildError::ZeroDuration { option }),
                Some(_) if runtime.is_none() => return Err(BuildError::NoRuntime { option }),
                _ => {}
            }
        }
        let config = Config {
            max_reservation: self.max_reservation,
            budget,
            linger: self.linger,
            delivery: self.delivery,
            abandon_after: self.abandon_after,
            adopt_threshold: self.adopt_threshold,
            queue_depth: self.queue_depth,
            runtime,
        };
        let limits = Limits {
            line: line as u32,
            slab: slab as u32,
            max: self.max_reservation as u32,
        };
        let slots = (budget / slab + 2).clamp(MIN_SLOTS, MAX_SLOTS);
        let shared = Arc::new(Shared::new(config, limits, slots));
        let ends = (Groups::new(shared.clone()), Failures::new(shared.clone()));
        Ok((ZeroCopyHandle::new(shared), ends.0, ends.1))
    }
}

fn in_range(option: &'static str, value: usize, min: usize, max: usize) -> Result<(), BuildError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(BuildError::OutOfRange {
        option,
        value: value as u64,
        min: min as u64,
        max: max as u64,
    })
}

//! Starting a manager, the original's way.

use std::marker::PhantomData;
use std::num::NonZeroUsize;

use tokio::sync::mpsc;

use super::handle::ZeroCopyHandle;
use super::pump;
use super::types::{FailedGroupDataTransmission, SuccessfulGroupData};
use crate::builder::{MAX_GROUP, MAX_QUEUE, ManagerBuilder};
use crate::group::cursor::MAX_SLAB;

/// What a manager is made of. There is one choice: the parts of the original's actor have no
/// counterpart here.
pub trait ManagerComponents: sealed::Sealed {}

/// The one choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultManagerComponents;

impl ManagerComponents for DefaultManagerComponents {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::DefaultManagerComponents {}
}

/// Where everything starts. See [`spawn`](Self::spawn).
#[derive(Debug)]
pub struct ManagerActor<C = DefaultManagerComponents>(PhantomData<C>);

impl<C: ManagerComponents> ManagerActor<C> {
    /// A manager that seals groups at `min_group_commit_size` bytes (clamped to 1 byte ..=
    /// 512 MiB), and two channels of `channel_size` messages each. Two tasks fill the channels;
    /// they end with the manager, or when the receivers are dropped.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn spawn(
        channel_size: NonZeroUsize,
        min_group_commit_size: &usize,
    ) -> (
        ZeroCopyHandle,
        mpsc::Receiver<SuccessfulGroupData>,
        mpsc::Receiver<FailedGroupDataTransmission>,
    ) {
        let (handle, groups, failures) = ManagerBuilder::new()
            .min_group_commit_size((*min_group_commit_size).clamp(1, MAX_GROUP))
            .max_reservation(MAX_SLAB)
            .queue_depth(channel_size.get().min(MAX_QUEUE))
            .spawn()
            .expect("every option is clamped to what is possible");
        let size = channel_size.get().min(MAX_QUEUE);
        let (completed, completed_rx) = mpsc::channel(size);
        let (failed, failed_rx) = mpsc::channel(size);
        let ends = pump::Ends::new(&completed, &failed);
        // Not a clone of the handle, which would keep the manager from ending.
        let manager = handle.shared().clone();
        tokio::spawn(pump::groups(groups, completed, ends.groups_end()));
        tokio::spawn(pump::failures(
            failures,
            failed,
            manager,
            ends.failures_end(),
        ));
        (ZeroCopyHandle::new(handle, ends), completed_rx, failed_rx)
    }
}

/// [`ManagerActor::spawn`](crate::compat::ManagerActor::spawn): with `default`, or with
/// [`DefaultManagerComponents`](crate::compat::DefaultManagerComponents) as a value.
#[doc(hidden)]
#[macro_export]
macro_rules! __spawn_manager {
    (default, $channel_size:expr, $config:expr) => {
        $crate::compat::ManagerActor::<$crate::compat::DefaultManagerComponents>::spawn(
            $channel_size,
            $config,
        )
    };
    ($components:expr, $channel_size:expr, $config:expr) => {{
        let $crate::compat::DefaultManagerComponents = $components;
        $crate::compat::ManagerActor::<$crate::compat::DefaultManagerComponents>::spawn(
            $channel_size,
            $config,
        )
    }};
}

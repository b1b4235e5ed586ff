//! The reading end.

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::Version;
use super::reclaim::{Node, Shared, Slot};
use crate::error::{Closed, WaitError};
use crate::frozen::Frozen;
use crate::sync::Arc;
use crate::wait::WaitStrategy;

/// Reads the versions of one [`Publisher`](super::Publisher), without ever waiting. Clone it for
/// each thread or task.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    slot: Arc<Slot<T>>,
    /// For [`latest`](Self::latest).
    cached: Option<(Version, Frozen<T>)>,
    /// The newest version that `load` or `latest` has seen.
    seen: Option<Version>,
}

/// One version, held in place while it is looked at.
///
/// It holds no count, and holds nobody up; a reader has one at a time. Leaked, it keeps its version
/// for ever: the reader's next `load` lets go of it.
#[must_use = "the version is let go of as soon as this is dropped"]
pub struct Pinned<'a, T> {
    node: &'a Node<T>,
    slot: &'a Slot<T>,
}

impl<T> Reader<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            slot: shared.register(),
            shared,
            cached: None,
            seen: None,
        }
    }

    /// The current version, in place.
    #[inline]
    pub fn load(&mut self) -> Pinned<'_, T> {
        let node = self.shared.pin(&self.slot);
        self.seen = Some(node.version);
        Pinned {
            node,
            slot: &self.slot,
        }
    }

    /// The current version, kept in this reader until there is a newer one.
    #[inline]
    pub fn latest(&mut self) -> &Frozen<T> {
        let version = self.shared.version();
        if self
            .cached
            .as_ref()
            .is_none_or(|(cached, _)| *cached < version)
        {
            self.refresh();
        }
        match &self.cached {
            Some((_, value)) => value,
            None => unreachable!("refreshed above"),
        }
    }

    #[cold]
    fn refresh(&mut self) {
        let pinned = self.load();
        let fresh = (pinned.version(), pinned.to_frozen());
        drop(pinned);
        self.cached = Some(fresh);
    }

    /// The current version's number.
    #[must_use]
    pub fn version(&self) -> Version {
        self.shared.version()
    }

    /// Blocks until there is a version newer than `version`, at most for `timeout`.
    ///
    /// # Errors
    /// That the time ran out, or that the publisher is gone and there will be none.
    pub fn wait_newer(&self, version: Version, timeout: Duration) -> Result<Version, WaitError> {
        let deadline = Instant::now().checked_add(timeout);
        let newer = || self.newer_than(Some(version));
        match (self.shared.changed).block_until(WaitStrategy::default(), deadline, newer) {
            Some(result) => result.map_err(|Closed| WaitError::Closed),
            None => Err(WaitError::Timeout),
        }
    }

    /// Ready once there is a version newer than what [`load`](Self::load) or
    /// [`latest`](Self::latest) has seen last; at once if they never looked. Cancel-safe and
    /// forget-safe: it takes nothing.
    ///
    /// # Errors
    /// That the publisher is gone and there will be none.
    pub async fn changed(&self) -> Result<Version, Closed> {
        let mut waiter = pin!(self.shared.changed.waiter());
        std::future::poll_fn(|cx| {
            waiter
                .as_mut()
                .poll_until(cx, || self.newer_than(self.seen))
        })
        .await
    }

    fn newer_than(&self, version: Option<Version>) -> Option<Result<Version, Closed>> {
        // The flag first: a version that was published before it was set is seen after it.
        let closed = self.shared.is_closed();
        let now = self.shared.version();
        if version.is_none_or(|version| now > version) {
            Some(Ok(now))
        } else {
            closed.then_some(Err(Closed))
        }
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self {
            slot: self.shared.register(),
            shared: self.shared.clone(),
            cached: self.cached.clone(),
            seen: self.seen,
        }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.shared.unregister(&self.slot);
    }
}

impl<T> Pinned<'_, T> {
    /// Which version it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.node.version
    }

    /// A view of it that outlives the pin: one atomic addition.
    #[must_use]
    pub fn to_frozen(&self) -> Frozen<T> {
        self.node.value().clone()
    }
}

impl<T> Deref for Pinned<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.node.value()
    }
}

impl<T> Drop for Pinned<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.slot.clear();
    }
}

impl<T: fmt::Debug> fmt::Debug for Pinned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("shared", &self.shared)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

//! The reading end.

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::slots::Slot;
use super::version::{Published, Version};
use super::versions::{Node, Shared};
use crate::chunked::ChunkedSnapshot;
use crate::error::{Closed, WaitError};
use crate::frozen::Frozen;
use crate::sync::Arc;
use crate::wait::WaitStrategy;

/// Reads the versions of one publisher, without ever waiting. Clone it for each thread or task.
///
/// [`Reader`](super::Reader) reads those of a [`Publisher`](super::Publisher),
/// [`ChunkedReader`](crate::chunked::ChunkedReader) those of a
/// [`ChunkedPublisher`](crate::chunked::ChunkedPublisher).
///
/// # Invariants
///
/// * **I1** `slot` is in the list of `shared`, and this reader is the only one that has it.
/// * **I2** While `fresh` is not 0 it is the number of the version that `cached` holds, and this
///   reader has seen none that is newer.
pub struct VersionReader<V> {
    shared: Arc<Shared<V>>,
    slot: NonNull<Slot<V>>,
    /// For [`latest`](Self::latest): what it gives while no number above `fresh` is published.
    fresh: u64,
    cached: Option<V>,
    /// The newest version that `load` or `latest` has seen.
    seen: Option<Version>,
}

// SAFETY: the slot is atomic words, and lives as long as `shared` does (I1), which is counted.
unsafe impl<V: Send + Sync> Send for VersionReader<V> {}

// SAFETY: shared, it only looks at version numbers.
unsafe impl<V: Send + Sync> Sync for VersionReader<V> {}

/// One version, held in place while it is looked at.
///
/// It holds no count, and holds nobody up; a reader has one at a time. Leaked, it keeps its version
/// for ever, or until the reader's next `load`.
#[must_use = "the version is let go of as soon as this is dropped"]
pub struct PinnedVersion<'a, V> {
    node: &'a Node<V>,
    slot: &'a Slot<V>,
}

impl<V> VersionReader<V> {
    pub(super) fn new(shared: Arc<Shared<V>>) -> Self {
        Self {
            slot: NonNull::from(shared.slots.register()),
            shared,
            fresh: 0,
            cached: None,
            seen: None,
        }
    }

    #[inline]
    fn slot(&self) -> &Slot<V> {
        // SAFETY: I1.
        unsafe { self.slot.as_ref() }
    }

    /// The current version, in place. One locked instruction and a few loads and stores.
    #[inline]
    pub fn load(&mut self) -> PinnedVersion<'_, V> {
        // SAFETY: I1; not borrowed from `self`, which is written to below.
        let slot = unsafe { self.slot.as_ref() };
        let node = self.shared.pin(slot);
        let version = node.version();
        self.seen = Some(version);
        if version.0 > self.fresh {
            // `latest` must not go back behind what is seen here.
            self.fresh = 0;
        }
        PinnedVersion { node, slot }
    }

    /// The current version, kept in this reader until there is a newer one. One load while there is
    /// not. A version that is kept is not freed: a reader that is not asked for long keeps an old
    /// one for as long.
    #[inline]
    pub fn latest(&mut self) -> &V
    where
        V: Clone,
    {
        if self.shared.version().0 > self.fresh {
            self.refresh();
        }
        // SAFETY: versions count from 1, so `fresh` is not 0 (I2).
        unsafe { self.cached.as_ref().unwrap_unchecked() }
    }

    #[cold]
    #[inline(never)]
    fn refresh(&mut self)
    where
        V: Clone,
    {
        let pinned = self.load();
        let (version, value) = (pinned.version(), pinned.value().clone());
        drop(pinned);
        let old = self.cached.replace(value);
        self.fresh = version.0;
        drop(old);
    }

    /// The current version's number; never less than that of a version this reader has seen.
    #[must_use]
    pub fn version(&self) -> Version {
        // A version can be seen a moment before its number is.
        self.shared
            .version()
            .max(self.seen.unwrap_or(Version::FIRST))
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

impl<V: Clone> Clone for VersionReader<V> {
    fn clone(&self) -> Self {
        Self {
            slot: NonNull::from(self.shared.slots.register()),
            shared: self.shared.clone(),
            fresh: self.fresh,
            cached: self.cached.clone(),
            seen: self.seen,
        }
    }
}

impl<V> Drop for VersionReader<V> {
    fn drop(&mut self) {
        self.slot().leave();
    }
}

impl<'a, V> PinnedVersion<'a, V> {
    /// Which version it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.node.version()
    }

    /// The published value itself, of which a clone outlives the pin.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &V {
        self.node.value()
    }
}

impl<T> PinnedVersion<'_, Frozen<T>> {
    /// A view of it that outlives the pin: one atomic addition.
    #[must_use]
    pub fn to_frozen(&self) -> Frozen<T> {
        self.value().clone()
    }
}

impl<T> PinnedVersion<'_, ChunkedSnapshot<T>> {
    /// A snapshot of it that outlives the pin: two atomic additions.
    #[must_use]
    pub fn to_snapshot(&self) -> ChunkedSnapshot<T> {
        self.value().clone()
    }
}

impl<V: Published> Deref for PinnedVersion<'_, V> {
    type Target = V::Target;

    #[inline]
    fn deref(&self) -> &V::Target {
        self.value().target()
    }
}

impl<V> Drop for PinnedVersion<'_, V> {
    #[inline]
    fn drop(&mut self) {
        self.slot.clear();
    }
}

impl<V: fmt::Debug> fmt::Debug for PinnedVersion<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl<V> fmt::Debug for VersionReader<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionReader")
            .field("shared", &self.shared)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

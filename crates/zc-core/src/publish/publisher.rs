//! The writing end.

use std::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Reader;
use super::draft::Draft;
use super::spares::Spares;
use super::version::Version;
use super::versions::Versions;
use crate::frozen::{Frozen, FrozenMut};
use crate::region::RegionPool;

/// Publishes versions to any number of [`Reader`]s. There is one for each sequence of versions: it
/// cannot be cloned, and publishing borrows it exclusively.
///
/// Publishing never waits for readers. Versions that readers still look at are kept for them, at
/// most one a reader; a reader that is leaked keeps one for ever and holds nobody up.
///
/// When it is dropped, readers keep the last version and waits for a newer one end with `Closed`.
pub struct Publisher<T> {
    versions: Versions<Frozen<T>>,
    spares: Spares<T>,
    memory: Memory<T>,
}

/// Where a draft's memory comes from when none can be recycled.
struct Memory<T> {
    pool: Option<RegionPool>,
    acquire: fn(&RegionPool, usize) -> Option<FrozenMut<T>>,
}

impl<T> Publisher<T> {
    /// A publisher whose first version is `first`.
    #[must_use]
    pub fn new(first: impl Into<Frozen<T>>) -> Self {
        Self {
            versions: Versions::new(first.into()),
            spares: Spares::new(),
            memory: Memory {
                pool: None,
                acquire: |_, _| None,
            },
        }
    }

    /// A publisher whose first version is `first`, and whose drafts are made in regions of `pool`:
    /// of plain elements, which need not be copied to be there. A draft that cannot be recycled
    /// then starts with zeroes or with what was left in the region, instead of as a copy; the first
    /// look at fresh pages is the only cost
    /// (see [`RegionOptions`](crate::region::RegionOptions) for making that small).
    #[must_use]
    pub fn with_pool(first: impl Into<Frozen<T>>, pool: RegionPool) -> Self
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        Self {
            memory: Memory {
                pool: Some(pool),
                acquire: pooled,
            },
            ..Self::new(first)
        }
    }

    /// A reader. Its first look sees the current version.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        self.versions.reader()
    }

    /// Makes `value` the current version. One exchange, one look at every reader's slot; no
    /// allocation after the first time.
    pub fn publish(&mut self, value: impl Into<Frozen<T>>) -> Version {
        self.versions
            .publish(value.into(), |old| self.spares.put(old))
    }

    /// A draft of the next version: as long as the current one, with unspecified old elements in
    /// it.
    ///
    /// It uses the memory of an earlier version where nobody looks at that any more: nothing is
    /// allocated or copied then. Otherwise it is memory from the pool, or, where there is no pool or
    /// it refuses, a copy of the current version. From the first draft on, the publisher keeps the
    /// memory of up to three earlier versions for this.
    pub fn draft(&mut self) -> Draft<'_, T>
    where
        T: Clone,
    {
        let current = self.versions.current();
        let elements = self
            .spares
            .take(current.len())
            .or_else(|| self.memory.take(current.len()))
            .unwrap_or_else(|| copy(current));
        Draft::new(self, elements)
    }

    /// The current version's number.
    #[must_use]
    pub fn version(&self) -> Version {
        self.versions.version()
    }

    /// The current version.
    #[must_use]
    pub fn current(&self) -> Frozen<T> {
        self.versions.current().clone()
    }

    /// Keeps the memory of a draft that was not published.
    pub(super) fn keep(&mut self, spare: FrozenMut<T>) {
        self.spares.keep(spare);
    }
}

impl<T> Memory<T> {
    fn take(&self, len: usize) -> Option<FrozenMut<T>> {
        (self.acquire)(self.pool.as_ref()?, len)
    }
}

fn pooled<T>(pool: &RegionPool, len: usize) -> Option<FrozenMut<T>>
where
    T: FromBytes + IntoBytes + Immutable,
{
    let bytes = len.checked_mul(size_of::<T>())?;
    let region = Frozen::from(pool.acquire(bytes).ok()?);
    let elements = region.slice(..bytes);
    drop(region);
    let elements = elements.try_cast::<T>().ok()?;
    // Elements without a size are never made of bytes.
    elements.try_into_mut().ok().filter(|e| e.len() == len)
}

fn copy<T: Clone>(current: &Frozen<T>) -> FrozenMut<T> {
    crate::ledger::copied("core.publish_draft", size_of_val(current.as_slice()));
    match Frozen::from_vec(current.to_vec()).try_into_mut() {
        Ok(elements) => elements,
        Err(_) => unreachable!("a view that was just made of a vector is the only one"),
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

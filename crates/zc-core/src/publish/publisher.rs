//! The writing end.

use std::fmt;

use super::Version;
use super::draft::Draft;
use super::reader::Reader;
use super::reclaim::Shared;
use crate::frozen::{Frozen, FrozenMut};
use crate::sync::Arc;

/// Publishes versions to any number of [`Reader`]s. There is one for each sequence of versions: it
/// cannot be cloned, and publishing borrows it exclusively.
///
/// Publishing never waits for readers. Versions that readers still look at are kept for them, at
/// most one a reader; a reader that is leaked keeps one for ever and holds nobody up.
///
/// When it is dropped, readers keep the last version and waits for a newer one end with `Closed`.
pub struct Publisher<T> {
    shared: Arc<Shared<T>>,
    /// Memory of a version that nobody looks at any more, for the next draft.
    spare: Option<FrozenMut<T>>,
}

impl<T> Publisher<T> {
    /// A publisher whose first version is `first`.
    #[must_use]
    pub fn new(first: impl Into<Frozen<T>>) -> Self {
        Self {
            shared: Arc::new(Shared::new(first.into())),
            spare: None,
        }
    }

    /// A reader. Its first look sees the current version.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader::new(self.shared.clone())
    }

    /// Makes `value` the current version.
    pub fn publish(&mut self, value: impl Into<Frozen<T>>) -> Version {
        let (version, free) = self.shared.replace(value.into());
        for value in free {
            if let Ok(spare) = value.try_into_mut() {
                self.spare = Some(spare);
            }
        }
        version
    }

    /// A draft of the next version: as long as the current one, with unspecified old elements in
    /// it. It uses the memory of an earlier version where nobody looks at that any more, and a copy
    /// of the current one otherwise.
    pub fn draft(&mut self) -> Draft<'_, T>
    where
        T: Clone,
    {
        let current = self.current();
        let spare = self
            .spare
            .take()
            .filter(|spare| spare.len() == current.len());
        let elements = spare.unwrap_or_else(|| {
            crate::ledger::copied("core.publish_draft", size_of_val(&*current));
            match Frozen::from_vec(current.to_vec()).try_into_mut() {
                Ok(elements) => elements,
                Err(_) => unreachable!("a view that was just made of a vector is the only one"),
            }
        });
        Draft::new(self, elements)
    }

    /// The current version's number.
    #[must_use]
    pub fn version(&self) -> Version {
        self.shared.version()
    }

    /// The current version.
    #[must_use]
    pub fn current(&self) -> Frozen<T> {
        self.shared.peek()
    }

    /// Keeps the memory of a draft that was not published.
    pub(super) fn keep(&mut self, spare: FrozenMut<T>) {
        self.spare = Some(spare);
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

//! What is known of objects without asking the store, and for how long it is believed.
//!
//! Invariants of [`Known`]:
//! - F1: an answer that was asked for before somebody wrote is not learned after it. Every
//!   forgetting moves `epoch` on, and [`learn`](Known::learn) compares it with the one at the
//!   asking, under the lock. (One counter for all objects: a write elsewhere costs one more `HEAD`,
//!   and writes through a read cache are few.)
//! - F2: at most [`CAPACITY`] objects; the one asked for longest ago goes first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{Attributes, ObjectMeta};
use zc_core::sync::Mutex;

/// How long a [`CachedObjectStore`](super::CachedObjectStore) believes what the store said about
/// an object: its length and its edition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// Each read asks the store first. What it returns was current after the read began.
    #[default]
    Checked,
    /// An answer is believed for so long: a read may return what the object was that long ago.
    /// Writes through this handle or a clone of it are seen at once. Right for objects that are
    /// written once.
    For(Duration),
}

/// One edition of an object, as the store described it.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) meta: ObjectMeta,
    pub(super) attributes: Attributes,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Known {
    freshness: Freshness,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    epoch: u64,
    facts: HashMap<Path, (Instant, Arc<Facts>)>,
}

/// When a store was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    epoch: u64,
    at: Instant,
}

const CAPACITY: usize = 4096;

impl Known {
    pub(super) fn new(freshness: Freshness) -> Self {
        Self {
            freshness,
            table: Mutex::new(Table::default()),
        }
    }

    pub(super) fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// What is still believed.
    pub(super) fn get(&self, location: &Path) -> Option<Arc<Facts>> {
        let Freshness::For(time) = self.freshness else {
            return None;
        };
        let table = self.table.lock();
        let (asked, facts) = table.facts.get(location)?;
        (asked.elapsed() < time).then(|| Arc::clone(facts))
    }

    pub(super) fn ask(&self) -> Asked {
        Asked {
            epoch: self.table.lock().epoch,
            at: Instant::now(),
        }
    }

    pub(super) fn learn(&self, asked: Asked, location: &Path, facts: &Arc<Facts>) {
        if self.freshness == Freshness::Checked {
            return;
        }
        let mut table = self.table.lock();
        if table.epoch != asked.epoch {
            return;
        }
        if table.facts.len() >= CAPACITY && !table.facts.contains_key(location) {
            let oldest = table.facts.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(location, _)| location.clone()) {
                table.facts.remove(&oldest);
            }
        }
        let entry = (asked.at, Arc::clone(facts));
        table.facts.insert(location.clone(), entry);
    }

    pub(super) fn forget(&self, location: &Path) {
        let mut table = self.table.lock();
        table.epoch += 1;
        table.facts.remove(location);
    }

    pub(super) fn forget_all(&self) {
        let mut table = self.table.lock();
        table.epoch += 1;
        table.facts.clear();
    }

    /// Forgets when dropped: after a write, however it ended, cancelled included.
    pub(super) fn forgets<'a>(&'a self, location: &'a Path) -> Forgets<'a> {
        Forgets {
            known: self,
            location,
        }
    }
}

#[must_use]
pub(super) struct Forgets<'a> {
    known: &'a Known,
    location: &'a Path,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.known.forget(self.location);
    }
}

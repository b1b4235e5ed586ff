//! Where the objects were at the last look: hash of the key → slot.
//!
//! Invariants of [`Hints`]:
//! - H1: one refresh at a time; who comes meanwhile and need not wait goes on with what is there.
//! - H2: a refresh is skipped only if nothing was written since the one before began. File systems
//!   stamp writes with a clock that ticks every few milliseconds, so a look that began within
//!   [`TICK`] of the last write does not count as having seen it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use zc_core::sync::Mutex;

use crate::error::CacheError;
use crate::io::file::CacheFile;
use crate::log::header::Header;
use crate::log::recover::read_records;

/// More than the tick of any file system's clock that we know of.
const TICK: Duration = Duration::from_millis(50);
/// A look takes at most this part of the time.
const SHARE: u32 = 10;

/// See the [module documentation](self).
pub(super) struct Hints {
    /// By hash; a hash may come several times.
    slots: Mutex<Arc<[(u64, u32)]>>,
    last: Mutex<Last>,
    interval: Mutex<Duration>,
}

/// The refresh before.
#[derive(Default)]
struct Last {
    began: Option<Instant>,
    took: Duration,
    /// The last write that it certainly saw.
    seen: Option<SystemTime>,
    refreshes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    Now,
    IfDue,
}

impl Hints {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            slots: Mutex::new(Arc::new([])),
            last: Mutex::new(Last::default()),
            interval: Mutex::new(interval),
        }
    }

    pub(super) fn set_interval(&self, interval: Duration) {
        *self.interval.lock() = interval;
    }

    pub(super) fn len(&self) -> usize {
        self.slots.lock().len()
    }

    pub(super) fn refreshes(&self) -> u64 {
        self.last.lock().refreshes
    }

    /// Slots that may hold a key with this hash.
    pub(super) fn slots(&self, hash: u64) -> impl Iterator<Item = u32> + use<> {
        let slots = Arc::clone(&self.slots.lock());
        let first = slots.partition_point(|(other, _)| *other < hash);
        (first..slots.len()).map_while(move |at| (slots[at].0 == hash).then(|| slots[at].1))
    }

    /// Looks at all records, if it must be or is due.
    pub(super) fn refresh(
        &self,
        file: &CacheFile,
        header: &Header,
        when: Refresh,
    ) -> Result<(), CacheError> {
        let mut last = match when {
            Refresh::Now => self.last.lock(),
            // Somebody looks right now: that is as good as having looked (H1).
            Refresh::IfDue => match self.last.try_lock() {
                Some(last) => last,
                None => return Ok(()),
            },
        };
        let written = modified(file)?;
        if when == Refresh::IfDue && !last.is_due(written, *self.interval.lock()) {
            return Ok(());
        }
        let (began, now) = (Instant::now(), SystemTime::now());
        let records = read_records(file, &header.layout, header.seed)?;
        let mut slots: Vec<_> = records
            .found
            .into_iter()
            .map(|(slot, record)| (record.hash, slot))
            .collect();
        slots.sort_unstable();
        *self.slots.lock() = slots.into();
        let settled = now.duration_since(written).is_ok_and(|age| age > TICK);
        last.began = Some(began);
        last.took = began.elapsed();
        last.seen = settled.then_some(written);
        last.refreshes += 1;
        Ok(())
    }
}

impl Last {
    fn is_due(&self, written: SystemTime, interval: Duration) -> bool {
        let Some(began) = self.began else {
            return true;
        };
        let pause = match interval.is_zero() {
            true => Duration::ZERO,
            false => interval.max(self.took * SHARE),
        };
        self.seen != Some(written) && began.elapsed() >= pause
    }
}

/// When the file was written last, as its file system says.
fn modified(file: &CacheFile) -> Result<std::time::SystemTime, CacheError> {
    let modified = |file: &File| -> io::Result<_> { file.metadata()?.modified() };
    modified(file.as_file())
        .map_err(|error| CacheError::io("reading the time of the last write", error))
}

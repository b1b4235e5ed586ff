//! What the threads of the pipeline tell each other and the progress bars.

use std::time::Instant;

use zcbuf::core::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Shared {
    pub rows_in: AtomicU64,
    pub malformed: AtomicU64,
    pub bar_rows: AtomicU64,
    pub bars: AtomicU64,
    pub monitor_rows: AtomicU64,
    pub monitor_missed: AtomicU64,
    pub archived_rows: AtomicU64,
    pub blocks: AtomicU64,
    pub sealed_bytes: AtomicU64,
    pub groups: AtomicU64,
    pub stored_bytes: AtomicU64,
    pub fetched_bytes: AtomicU64,
    pub verified_rows: AtomicU64,
    source_ended: AtomicBool,
    stopped: AtomicBool,
    interrupted: AtomicBool,
}

impl Shared {
    /// No row will follow those that are in the ring.
    pub fn end_source(&self) {
        self.source_ended.store(true, Release);
    }

    /// Asked *before* looking into the ring: if it is empty then, everything has been read.
    pub fn source_has_ended(&self) -> bool {
        self.source_ended.load(Acquire)
    }

    /// Take no more rows in; bring those that are inside to their end.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// [`stop`](Self::stop), because the user wants it.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Relaxed);
        self.stop();
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Relaxed)
    }

    /// Runs one stage; its failure stops the source, and so in time all the others.
    pub fn stage<T, E>(&self, stage: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        stage().inspect_err(|_| self.stop())
    }
}

/// One row in this many has the moment of its publication written down.
pub const STAMP_EVERY: u64 = 256;
/// As many stamps as rows can be under way, with room to spare; older ones are overwritten.
const STAMPS: usize = 1 << 16;

/// When rows were published, for measuring how long they took from there.
#[derive(Debug)]
pub struct Stamps {
    start: Instant,
    ns: Box<[AtomicU64]>,
}

impl Stamps {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            ns: (0..STAMPS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn slot(&self, row: u64) -> &AtomicU64 {
        &self.ns[(row / STAMP_EVERY) as usize % STAMPS]
    }

    /// Row `row` is about to be published.
    pub fn stamp(&self, row: u64) {
        if row.is_multiple_of(STAMP_EVERY) {
            self.slot(row).store(self.now_ns(), Relaxed);
        }
    }

    /// Nanoseconds since each stamped row of `rows` was published.
    pub fn ages(&self, rows: std::ops::Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let now = self.now_ns();
        let first = rows.start.next_multiple_of(STAMP_EVERY);
        (first..rows.end)
            .step_by(STAMP_EVERY as usize)
            .map(move |row| now.saturating_sub(self.slot(row).load(Relaxed)))
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

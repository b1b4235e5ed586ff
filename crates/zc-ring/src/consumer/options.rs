//! How a consumer joins: its name, its first row, what happens when it is slow.

use std::fmt;
use std::time::Duration;

/// How a consumer joins a ring.
///
/// ```
/// use zc_ring::{ConsumerOptions, OnLag, Start};
///
/// let archiver = ConsumerOptions { name: "archiver", from: Start::Oldest, ..Default::default() };
/// assert_eq!(archiver.on_lag, OnLag::Block);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsumerOptions<'a> {
    /// What the metrics call it. Need not be unique.
    pub name: &'a str,
    /// The first row it reads.
    pub from: Start,
    /// What happens when it is slow.
    pub on_lag: OnLag,
    /// It reads a row only after these have read it. One that leaves or is evicted stops holding
    /// it back.
    pub depends_on: &'a [ConsumerId],
}

/// The first row a consumer reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The next row to be published.
    #[default]
    Tail,
    /// The oldest row still there: at most `capacity` back, less what the producer has been
    /// licensed to overwrite, which is at most a 64th of the ring and nothing in rings of up to 64
    /// rows.
    Oldest,
    /// Exactly this row; an error where it is gone, or later than the next one to be published.
    Sequence(u64),
}

/// What happens when a consumer is slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLag {
    /// The producer waits for it. It reads rows in place and never misses one.
    #[default]
    Block,
    /// The producer never waits for it. It reads validated copies and is told exactly how many
    /// rows it missed.
    Lossy,
    /// The producer waits for it, up to a point: once the consumer lags by at least `rows` *and*
    /// the producer has been blocked for at least `after`, the consumer is taken off the ring. It
    /// reads validated copies, so that an eviction never waits for a batch in its hands.
    Evict {
        /// Rows it must lag before it may be evicted. More than the ring has slots: never.
        rows: u64,
        /// How long the producer must have been blocked.
        after: Duration,
    },
}

/// Names a consumer for as long as its ring lives; ids are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId(u64);

impl ConsumerId {
    pub(crate) fn new(id: u64) -> Self {
        Self(id)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

//! [`Prefetch`]: rows that a consumer will look at, asked for ahead of time.
//!
//! A row that another core has just written takes a tenth of a microsecond to arrive. A processor that
//! sees rows read in order asks for them by itself, so that asking as well gains nothing; it does not see it
//! where the rows looked at lie far apart, or where much is done between two polls. What is asked for are
//! published rows only: a line taken from a producer that is about to write to it comes back at its cost.

use crate::slots::Slots;

/// Most rows asked for at one poll: processors have room for about so many lines under way.
const MOST: usize = 64;

/// Which rows a [`Consumer`](crate::Consumer) asks for at a poll, beyond what the processor does by itself.
///
/// It changes nothing but the time that reading takes. `Off` by default, and best left so unless a
/// measurement of the consumer itself says otherwise. Without effect on processors other than x86-64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prefetch {
    /// None.
    #[default]
    Off,
    /// So many rows behind the batch, as far as they are published, at most 64: for consumers that poll with
    /// a limit and take long over a batch.
    Ahead(usize),
    /// Every *n*-th row of the batch, beginning with the first, at most 64 of them: for consumers that look
    /// at these only. 0 counts as 1.
    Stride(usize),
    /// As many rows behind the batch as it has itself, while the consumer lags by that much; none while it
    /// keeps up.
    Adaptive,
}

impl Prefetch {
    /// Asks for rows of a batch of `rows` rows from `first` on, `more` published ones behind it.
    pub(super) fn apply<T>(self, slots: &Slots<T>, first: u64, rows: usize, more: usize) {
        for offset in self.offsets(rows, more) {
            slots.prefetch(first.wrapping_add(offset as u64));
        }
    }

    /// Which rows those are, counted from the first of the batch.
    fn offsets(self, rows: usize, more: usize) -> impl Iterator<Item = usize> {
        let (from, to, step) = match self {
            Self::Off => (0, 0, 1),
            Self::Ahead(ahead) => (rows, rows + ahead.min(more), 1),
            Self::Stride(stride) => (0, rows, stride.max(1)),
            Self::Adaptive if more >= rows => (rows, 2 * rows, 1),
            Self::Adaptive => (0, 0, 1),
        };
        (from..to).step_by(step).take(MOST)
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    fn offsets(prefetch: Prefetch, rows: usize, more: usize) -> Vec<usize> {
        prefetch.offsets(rows, more).collect()
    }

    #[test]
    fn what_is_asked_for_is_published_and_within_bounds() {
        assert_eq!(offsets(Prefetch::Off, 8, 8), []);
        assert_eq!(offsets(Prefetch::Ahead(3), 8, 8), [8, 9, 10]);
        assert_eq!(offsets(Prefetch::Ahead(3), 8, 1), [8]);
        assert_eq!(offsets(Prefetch::Ahead(usize::MAX), 8, 0), []);
        assert_eq!(offsets(Prefetch::Ahead(usize::MAX), 8, 1000).len(), MOST);
        assert_eq!(offsets(Prefetch::Stride(3), 8, 8), [0, 3, 6]);
        assert_eq!(offsets(Prefetch::Stride(0), 2, 8), [0, 1]);
        assert_eq!(offsets(Prefetch::Adaptive, 2, 1), []);
        assert_eq!(offsets(Prefetch::Adaptive, 2, 5), [2, 3]);
    }
}

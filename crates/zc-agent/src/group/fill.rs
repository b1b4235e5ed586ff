//! Which bytes of a lease are filled, and filling them in place through `bytes::BufMut`.

use bytes::buf::UninitSlice;

use crate::agent::{ChunkAgent, SubmitAgent};

/// Filled ranges of a lease: a stretch from its start, and others beyond the first gap.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Bytes filled from the start on.
    prefix: u32,
    /// Start and end of filled ranges past the first gap: sorted, apart from each other.
    beyond: Vec<(u32, u32)>,
}

impl Coverage {
    /// Length of the filled stretch at the start.
    pub(crate) fn prefix(&self) -> u32 {
        self.prefix
    }

    /// Bytes filled altogether.
    pub(crate) fn total(&self) -> u32 {
        self.prefix
            + self
                .beyond
                .iter()
                .map(|(start, end)| end - start)
                .sum::<u32>()
    }

    /// Start and length of the first gap in a lease of `len` bytes.
    pub(crate) fn gap(&self, len: u32) -> (u32, u32) {
        let end = self.beyond.first().map_or(len, |range| range.0);
        (self.prefix, end - self.prefix)
    }

    /// Adds `len` bytes at `start`. False, and nothing is changed, if some are filled already.
    pub(crate) fn add(&mut self, start: u32, len: u32) -> bool {
        let end = start + len;
        if len == 0 {
            return true;
        }
        if start < self.prefix {
            return false;
        }
        let at = self.beyond.partition_point(|range| range.1 <= start);
        if self.beyond.get(at).is_some_and(|range| range.0 < end) {
            return false;
        }
        self.beyond.insert(at, (start, end));
        while self
            .beyond
            .first()
            .is_some_and(|range| range.0 == self.prefix)
        {
            self.prefix = self.beyond.remove(0).1;
        }
        true
    }

    /// The next `n` bytes of the first gap are filled. The caller knows that it is that long.
    pub(crate) fn advance(&mut self, n: u32) {
        self.prefix += n;
        while self
            .beyond
            .first()
            .is_some_and(|range| range.0 == self.prefix)
        {
            self.prefix = self.beyond.remove(0).1;
        }
    }
}

/// Writes in place, into the first stretch of the reservation that is not filled.
///
/// # Panics
/// `put_*` past the end of the reservation, as every `BufMut` does.
// SAFETY: `chunk_mut` gives the same uninitialised stretch until `advance_mut` moves past a part
// of it, and `remaining_mut` is never less than what the chunks will add up to.
unsafe impl bytes::BufMut for SubmitAgent {
    fn remaining_mut(&self) -> usize {
        self.size() - self.filled()
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        // SAFETY: the caller has filled them.
        unsafe { self.assume_filled(n) };
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.as_uninit_mut())
    }
}

impl SubmitAgent {
    /// Says that the first `n` bytes of [`as_uninit_mut`](Self::as_uninit_mut) are filled.
    ///
    /// # Safety
    /// They are: every one of them has been written since this agent was made.
    ///
    /// # Panics
    /// If there are fewer than `n` left.
    pub unsafe fn assume_filled(&mut self, n: usize) {
        let gap = self.lease.gap().len();
        advance(&mut self.lease.coverage, gap, n);
    }
}

/// Writes in place, into the first stretch that neither was written nor has a chunk.
///
/// # Panics
/// `put_*` past the end of that stretch, as every `BufMut` does.
// SAFETY: as above.
unsafe impl bytes::BufMut for ChunkAgent {
    fn remaining_mut(&self) -> usize {
        self.gap_len()
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        let lease = self.lease_mut();
        let gap = lease.gap().len();
        advance(&mut lease.coverage, gap, n);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.lease_mut().gap())
    }
}

fn advance(coverage: &mut Coverage, gap: usize, n: usize) {
    assert!(n <= gap, "{n} bytes filled where {gap} are left");
    coverage.advance(n as u32);
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn appending_needs_no_ranges() {
        let mut coverage = Coverage::default();
        assert!(coverage.add(0, 4) && coverage.add(4, 6));
        assert_eq!((coverage.prefix(), coverage.gap(20)), (10, (10, 10)));
        assert!(coverage.beyond.is_empty());
    }

    #[test]
    fn any_order_and_no_overlap() {
        let mut coverage = Coverage::default();
        assert!(coverage.add(10, 5) && coverage.add(20, 5));
        assert_eq!((coverage.total(), coverage.gap(30)), (10, (0, 10)));
        for (start, len) in [(10, 1), (9, 2), (14, 1), (12, 10), (0, 30), (24, 1)] {
            assert!(!coverage.add(start, len), "{start}+{len}");
        }
        assert!(coverage.add(15, 5) && coverage.add(0, 10));
        assert_eq!((coverage.prefix(), coverage.gap(30)), (25, (25, 5)));
        coverage.advance(5);
        assert_eq!(coverage.gap(30), (30, 0));
        assert!(!coverage.add(3, 1));
        assert!(coverage.add(3, 0));
    }
}

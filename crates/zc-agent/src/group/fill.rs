//! Which bytes of a lease are filled, and filling them in place: through slices of uninitialised
//! bytes and through `bytes::BufMut`.

use std::mem::MaybeUninit;

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
    /// The first `prefix` bytes are filled.
    pub(crate) const fn starting_with(prefix: u32) -> Self {
        Self {
            prefix,
            beyond: Vec::new(),
        }
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
        if start == self.prefix && self.beyond.first().is_none_or(|range| end <= range.0) {
            // In order: no range to keep, and nothing to allocate.
            self.advance(len);
            return true;
        }
        let at = self.beyond.partition_point(|range| range.1 <= start);
        if self.beyond.get(at).is_some_and(|range| range.0 < end) {
            return false;
        }
        self.beyond.insert(at, (start, end));
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

/// Writes in place, into the part of the reservation that is not filled.
///
/// # Panics
/// `put_*` past the end of the reservation, as every `BufMut` does.
// SAFETY: `chunk_mut` gives the same uninitialised stretch until `advance_mut` moves past a part
// of it, and `remaining_mut` is its length.
unsafe impl bytes::BufMut for SubmitAgent {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.size() - self.filled()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, n: usize) {
        // SAFETY: the caller has filled them.
        unsafe { self.assume_filled(n) };
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.as_uninit_mut())
    }
}

impl SubmitAgent {
    /// The bytes that are not filled yet: all of them to begin with. They lie in the group's own
    /// memory; nothing is copied later. After writing, say how many with
    /// [`assume_filled`](Self::assume_filled), or write through [`BufMut`](bytes::BufMut), which
    /// keeps count itself.
    #[inline]
    pub fn as_uninit_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let gap = self.lease.size() as u32 - self.filled;
        // SAFETY: what follows the filled bytes, to the end.
        unsafe { self.lease.uninit_mut(self.filled, gap) }
    }

    /// Says that the first `n` bytes of [`as_uninit_mut`](Self::as_uninit_mut) are filled.
    ///
    /// # Safety
    /// They are: every one of them has been written since this agent was made.
    ///
    /// # Panics
    /// If there are fewer than `n` left.
    #[inline]
    pub unsafe fn assume_filled(&mut self, n: usize) {
        check_fits(n, self.size() - self.filled());
        self.filled += n as u32;
    }
}

/// Writes in place, into the first stretch that neither was written nor has a chunk.
///
/// # Panics
/// `put_*` past the end of that stretch, as every `BufMut` does.
// SAFETY: as above.
unsafe impl bytes::BufMut for ChunkAgent {
    fn remaining_mut(&self) -> usize {
        self.gap().1 as usize
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        check_fits(n, self.gap().1 as usize);
        self.coverage.advance(n as u32);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let (at, len) = self.gap();
        // SAFETY: a gap is inside of the lease, and not filled.
        UninitSlice::uninit(unsafe { self.lease.uninit_mut(at, len) })
    }
}

#[inline]
fn check_fits(n: usize, left: usize) {
    assert!(n <= left, "{n} bytes filled where {left} are left");
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn appending_needs_no_ranges() {
        let mut coverage = Coverage::default();
        assert!(coverage.add(0, 4) && coverage.add(4, 6));
        assert_eq!((coverage.prefix, coverage.gap(20)), (10, (10, 10)));
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
        assert_eq!((coverage.prefix, coverage.gap(30)), (25, (25, 5)));
        coverage.advance(5);
        assert_eq!(coverage.gap(30), (30, 0));
        assert!(!coverage.add(3, 1));
        assert!(coverage.add(3, 0));
    }
}

//! Ranges of views: where they begin and end, and whether they are inside.

use std::ops::{Bound, RangeBounds};

/// Where `range` begins and ends, if it is inside of `len` elements.
pub(crate) fn inside(range: &impl RangeBounds<usize>, len: usize) -> Option<(usize, usize)> {
    let start = match range.start_bound() {
        Bound::Included(&n) => n,
        Bound::Excluded(&n) => n.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&n) => n.checked_add(1)?,
        Bound::Excluded(&n) => n,
        Bound::Unbounded => len,
    };
    (start <= end && end <= len).then_some((start, end))
}

/// As [`inside`]; panics where it is not, as slices do.
#[track_caller]
pub(crate) fn inside_or_panic(range: &impl RangeBounds<usize>, len: usize) -> (usize, usize) {
    inside(range, len).unwrap_or_else(|| {
        panic!(
            "range {:?} out of range for length {len}",
            (range.start_bound(), range.end_bound())
        )
    })
}

//! A view compares as the slice that it shows, with other views and with whatever else is a slice.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::view::Frozen;

impl<T: PartialEq> PartialEq for Frozen<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq> Eq for Frozen<T> {}

impl<T: PartialOrd> PartialOrd for Frozen<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.as_slice().partial_cmp(other.as_slice())
    }
}

impl<T: Ord> Ord for Frozen<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl<T: Hash> Hash for Frozen<T> {
    /// As the slice does, so that a map of views can be asked with a slice.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Comparing with another kind of slice, from both sides.
macro_rules! compares_with {
    ($([$($parameters:tt)*] $other:ty,)*) => {$(
        impl<T: PartialEq, $($parameters)*> PartialEq<$other> for Frozen<T> {
            fn eq(&self, other: &$other) -> bool {
                self.as_slice() == &other[..]
            }
        }

        impl<T: PartialEq, $($parameters)*> PartialEq<Frozen<T>> for $other {
            fn eq(&self, other: &Frozen<T>) -> bool {
                &self[..] == other.as_slice()
            }
        }
    )*};
}

compares_with! {
    [] [T],
    [] &[T],
    [] Vec<T>,
    [const N: usize] [T; N],
    [const N: usize] &[T; N],
}

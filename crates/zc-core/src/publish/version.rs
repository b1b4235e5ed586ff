//! What is published, and its number.

use std::fmt;
use std::ops::Deref;

use crate::chunked::ChunkedSnapshot;
use crate::frozen::Frozen;

/// Which of a publisher's versions; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub(super) u64);

impl Version {
    pub(super) const FIRST: Self = Self(1);

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value that can be published: a counted view, of which a clone costs an atomic addition or two.
/// Implemented for [`Frozen`] and [`ChunkedSnapshot`], and closed.
pub trait Published: Clone + sealed::Sealed {
    /// What a pinned version shows.
    type Target: ?Sized;

    /// What a pinned version shows.
    fn target(&self) -> &Self::Target;
}

impl<T> Published for Frozen<T> {
    type Target = [T];

    #[inline]
    fn target(&self) -> &[T] {
        self.deref()
    }
}

impl<T> Published for ChunkedSnapshot<T> {
    type Target = Self;

    #[inline]
    fn target(&self) -> &Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Frozen<T> {}
    impl<T> Sealed for super::ChunkedSnapshot<T> {}
}

//! [`Publisher`] and [`Reader`]: one writer publishes versions; readers never wait and never see a
//! torn one.
//!
//! A version is a [`Frozen`](crate::Frozen) view. Publishing puts a new one in place of the current
//! one; whoever reads keeps the one it has for as long as it likes.
//!
//! | step | cost |
//! |---|---|
//! | [`Reader::load`] | one locked instruction and three loads; no count is touched |
//! | [`Reader::latest`] | one load while nothing new is there |
//! | [`Publisher::publish`] | one allocation, one exchange, one look at every reader's slot |
//!
//! There is a single writer by type, which keeps the proof of reclamation small (see
//! `reclaim.rs`). Algorithm: hazard pointers (Maged Michael, 2004), one for each reader.
//!
//! ```
//! use zc_core::publish::Publisher;
//!
//! let mut publisher = Publisher::new(vec![1, 2, 3]);
//! let mut reader = publisher.reader();
//! assert_eq!(*reader.load(), [1, 2, 3]);
//!
//! let mut draft = publisher.draft(); // recycled memory where there is some
//! draft.copy_from_slice(&[4, 5, 6]);
//! let version = draft.commit();
//! assert_eq!(reader.load().version(), version);
//! assert_eq!(**reader.latest(), [4, 5, 6]);
//! ```

mod draft;
mod publisher;
mod reader;
mod reclaim;

pub use draft::Draft;
pub use publisher::Publisher;
pub use reader::{Pinned, Reader};

/// Which of a publisher's versions; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    const FIRST: Self = Self(1);

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

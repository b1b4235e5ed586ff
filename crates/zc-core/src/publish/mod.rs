//! [`Publisher`] and [`Reader`]: one writer publishes versions; readers never wait and never see a
//! torn one.
//!
//! A version is a [`Frozen`](crate::Frozen) view. Publishing puts a new one in place of the current
//! one; whoever reads keeps the one it has for as long as it likes.
//!
//! | step | cost |
//! |---|---|
//! | [`Reader::load`](VersionReader::load) | one locked instruction and three loads; no count is touched |
//! | [`Reader::latest`](VersionReader::latest) | one load while nothing new is there |
//! | [`Publisher::publish`] | one exchange, one look at every reader's slot |
//! | [`Publisher::draft`] | nothing where memory can be recycled, else one copy |
//!
//! There is a single writer by type, which keeps the proof of reclamation small (see
//! `versions.rs`). Algorithm: hazard pointers (Maged Michael, 2004), one for each reader.
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
//!
//! Large buffers of which little changes are published with a
//! [`ChunkedPublisher`](crate::chunked::ChunkedPublisher), by the same machinery.

mod draft;
mod publisher;
mod reader;
mod slots;
mod spares;
mod version;
mod versions;

pub use draft::Draft;
pub use publisher::Publisher;
pub use reader::{PinnedVersion, VersionReader};
pub use version::{Published, Version};

pub(crate) use versions::Versions;

/// Reads the versions of one [`Publisher`], without ever waiting.
pub type Reader<T> = VersionReader<crate::Frozen<T>>;

/// One version of a [`Publisher`], held in place while it is looked at.
pub type Pinned<'a, T> = PinnedVersion<'a, crate::Frozen<T>>;

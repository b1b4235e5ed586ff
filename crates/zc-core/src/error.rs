//! Every error of the crate. Each names the thing and its limit.

use std::io;

/// Memory could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// No such layout exists.
    #[error("a region of {len} bytes aligned to {align} is not possible (the length must be \
             at most {max}, the alignment a power of two)", max = isize::MAX)]
    Layout {
        /// Bytes asked for.
        len: usize,
        /// Alignment asked for.
        align: usize,
    },
    /// The allocator has no more.
    #[error("out of memory for a region of {len} bytes")]
    OutOfMemory {
        /// Bytes asked for.
        len: usize,
    },
    /// The system refused to map pages.
    #[error("the system refuses to map {len} bytes")]
    Map {
        /// Bytes asked for.
        len: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// There are no free huge pages of that size.
    #[error(
        "no huge pages of {page} bytes for a region of {len} (how many there are is set in \
             /sys/kernel/mm/hugepages; none is the default)"
    )]
    HugePages {
        /// Bytes asked for.
        len: usize,
        /// Size of a page.
        page: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// This system cannot do that.
    #[error("this system has no {what}")]
    Unsupported {
        /// What it does not have.
        what: &'static str,
    },
    /// A file is shorter than what is to be mapped or read, or was.
    #[error("the file has {found} bytes, {expected} are needed")]
    Truncated {
        /// Where the bytes needed end in the file.
        expected: u64,
        /// The file's length now.
        found: u64,
    },
    /// A file could not be made, read, sealed or asked.
    #[error("cannot {what}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody could still write to a memory file, or cut it short.
    #[error("the memory file is not sealed against {against}")]
    NotSealed {
        /// What it is not sealed against.
        against: &'static str,
    },
    /// More was asked for than was set aside.
    #[error("{wanted} bytes do not fit into the {limit} set aside")]
    Limit {
        /// Bytes asked for, those in use included.
        wanted: usize,
        /// The most there can be.
        limit: usize,
    },
}

/// A writer panicked while it held the buffer, so its contents may be half changed. `clear_poison`
/// says that they are good again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a writer panicked while it held the buffer; `clear_poison` makes it usable again")]
pub struct Poisoned;

/// Who keeps a lock from being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// At least one reader.
    Readers,
    /// A writer.
    Writer,
}

/// A lock could not be had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryLockError {
    /// Somebody holds it.
    #[error("the buffer is held by {}", match .0 { Holder::Readers => "readers", Holder::Writer => "a writer" })]
    WouldBlock(Holder),
    /// See [`Poisoned`](struct@Poisoned).
    #[error("{}", Poisoned)]
    Poisoned,
}

/// A lock could not be had in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockTimeoutError {
    /// The time ran out.
    #[error("the buffer was held by others until the timeout")]
    Timeout,
    /// See [`Poisoned`](struct@Poisoned).
    #[error("{}", Poisoned)]
    Poisoned,
}

impl From<Poisoned> for TryLockError {
    fn from(Poisoned: Poisoned) -> Self {
        Self::Poisoned
    }
}

impl From<Poisoned> for LockTimeoutError {
    fn from(Poisoned: Poisoned) -> Self {
        Self::Poisoned
    }
}

/// More capacity was asked for than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for {elements} elements of {element_size} bytes: above {max} bytes or out of memory", max = isize::MAX)]
pub struct CapacityError {
    /// Elements asked for.
    pub elements: usize,
    /// Size of one, in bytes.
    pub element_size: usize,
}

/// A view's bytes cannot be seen as elements of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CastError {
    /// The first byte is not aligned for the type.
    #[error("the view starts {past} bytes past a multiple of the {align} that the type needs")]
    Alignment {
        /// Alignment of the type wanted.
        align: usize,
        /// Distance from the last aligned address.
        past: usize,
    },
    /// The bytes are no whole number of elements.
    #[error("{len} bytes are no whole number of {size}-byte elements")]
    Size {
        /// Bytes in the view.
        len: usize,
        /// Size of the type wanted.
        size: usize,
    },
}

/// The other end is gone, and nothing will come any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the publisher is gone")]
pub struct Closed;

/// What was waited for did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time ran out.
    #[error("nothing newer came in time")]
    Timeout,
    /// See [`Closed`](struct@Closed).
    #[error("{}", Closed)]
    Closed,
}

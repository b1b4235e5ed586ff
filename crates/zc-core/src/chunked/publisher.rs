//! Versions of a chunked buffer, written into chunks that nobody looks at any more.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::ChunkedReader;
use super::buffer::ChunkedBuffer;
use super::snapshot::ChunkedSnapshot;
use crate::publish::{Version, Versions};

/// Publishes versions of a chunked buffer to any number of [`ChunkedReader`]s, which never wait and
/// never see a torn one, in the way [`Publisher`](crate::Publisher) does.
///
/// Writing copies the chunks that it touches in part, once a version, into memory that is recycled
/// from the versions that nobody looks at any more. A version that is looked at, or of which a
/// snapshot lives, keeps its own chunks and holds nobody up.
///
/// ```
/// use zc_core::chunked::ChunkedPublisher;
///
/// let mut publisher = ChunkedPublisher::new(vec![0_u8; 1 << 20]);
/// let mut reader = publisher.reader();
/// let before = reader.latest().clone();
///
/// publisher.write_at(500_000, b"one version");
///
/// let mut draft = publisher.draft();
/// draft.write_at(0, b"another");
/// draft.extend_from_slice(b"in two places");
/// let version = draft.commit();
///
/// let now = reader.load();
/// assert_eq!(now.version(), version);
/// assert_eq!((now[0], now[500_000], now.len()), (b'a', b'o', (1 << 20) + 13));
/// assert_eq!((before[0], before[500_000]), (0, 0));
/// ```
pub struct ChunkedPublisher<T> {
    versions: Versions<ChunkedSnapshot<T>>,
    /// Has the same elements as the current version while there is no draft.
    buffer: ChunkedBuffer<T>,
}

/// The next version in the making: a [`ChunkedBuffer`] that starts as the current version. Dropping
/// it, also by a panic, publishes nothing.
#[must_use = "a draft that is dropped is not published"]
pub struct ChunkedDraft<'a, T> {
    publisher: &'a mut ChunkedPublisher<T>,
}

impl<T> ChunkedPublisher<T> {
    /// A publisher whose first version is `first`: a buffer, a vector, a view.
    ///
    /// It gets memory for the first writes at once: one chunk for every 16 that are full, at most 16.
    #[must_use]
    pub fn new(first: impl Into<ChunkedBuffer<T>>) -> Self {
        let mut buffer = first.into();
        buffer.prepare();
        Self {
            versions: Versions::new(buffer.snapshot()),
            buffer,
        }
    }

    /// A reader. Its first look sees the current version.
    #[must_use]
    pub fn reader(&self) -> ChunkedReader<T> {
        self.versions.reader()
    }

    /// Makes `next` the current version.
    pub fn publish(&mut self, next: impl Into<ChunkedBuffer<T>>) -> Version {
        self.buffer = next.into();
        self.commit()
    }

    /// A draft of the next version, which starts as the current one. Costs nothing.
    pub fn draft(&mut self) -> ChunkedDraft<'_, T> {
        ChunkedDraft { publisher: self }
    }

    /// Publishes a version with clones of `elements` from `at` on.
    ///
    /// # Panics
    /// If they do not all fit within the length; then nothing is published.
    pub fn write_at(&mut self, at: usize, elements: &[T]) -> Version
    where
        T: Clone,
    {
        let mut draft = self.draft();
        draft.write_at(at, elements);
        draft.commit()
    }

    /// The current version's number.
    #[must_use]
    pub fn version(&self) -> Version {
        self.versions.version()
    }

    /// The current version.
    #[must_use]
    pub fn current(&self) -> ChunkedSnapshot<T> {
        self.versions.current().clone()
    }

    fn commit(&mut self) -> Version {
        let buffer = &mut self.buffer;
        self.versions
            .publish(buffer.snapshot(), |old| buffer.recycle(old))
    }
}

impl<T> ChunkedDraft<'_, T> {
    /// Publishes the elements as they are.
    pub fn commit(self) -> Version {
        // Dropping the draft would take the elements back.
        ManuallyDrop::new(self).publisher.commit()
    }
}

impl<T> Deref for ChunkedDraft<'_, T> {
    type Target = ChunkedBuffer<T>;

    fn deref(&self) -> &ChunkedBuffer<T> {
        &self.publisher.buffer
    }
}

impl<T> DerefMut for ChunkedDraft<'_, T> {
    fn deref_mut(&mut self) -> &mut ChunkedBuffer<T> {
        &mut self.publisher.buffer
    }
}

impl<T> Drop for ChunkedDraft<'_, T> {
    fn drop(&mut self) {
        let current = self.publisher.versions.current().clone();
        self.publisher.buffer.reset_to(current);
    }
}

impl<T: fmt::Debug> fmt::Debug for ChunkedDraft<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.publisher.buffer.fmt(f)
    }
}

impl<T> fmt::Debug for ChunkedPublisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkedPublisher")
            .field("version", &self.version())
            .field("len", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

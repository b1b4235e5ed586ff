//! [`Poll`]: what a consumer finds when it looks.

/// What a consumer found.
#[derive(Debug)]
#[must_use]
pub enum Poll<B> {
    /// Rows, at least one.
    Rows(B),
    /// Nothing now. From the waiting calls: nothing within the time given.
    Empty,
    /// This many rows were overwritten before the consumer read them (only [`OnLag::Lossy`]); the
    /// next call goes on behind them.
    ///
    /// [`OnLag::Lossy`]: crate::OnLag::Lossy
    Lagged {
        /// Exactly how many.
        missed: u64,
    },
    /// The consumer lagged past its policy and is off the ring (only [`OnLag::Evict`]).
    ///
    /// [`OnLag::Evict`]: crate::OnLag::Evict
    Evicted,
    /// Every row of one generation has been read, and what this says comes before the next row (only
    /// in a [`RowRing`](crate::RowRing)).
    Event(Event),
    /// Everything has been read, and nothing will come: all producers and ring handles are gone.
    Closed,
}

/// What has become of a [`RowRing`](crate::RowRing) between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Rows have other columns from here on: those of the consumer's
    /// [`schema`](crate::RowConsumer::schema).
    SchemaChanged,
    /// The ring has another capacity from here on.
    Resized,
}

impl<B> Poll<B> {
    /// The rows, where there are some.
    pub fn rows(self) -> Option<B> {
        match self {
            Self::Rows(batch) => Some(batch),
            _ => None,
        }
    }

    /// The same answer around another kind of batch.
    pub(crate) fn map<C>(self, f: impl FnOnce(B) -> C) -> Poll<C> {
        match self {
            Self::Rows(batch) => Poll::Rows(f(batch)),
            Self::Empty => Poll::Empty,
            Self::Lagged { missed } => Poll::Lagged { missed },
            Self::Evicted => Poll::Evicted,
            Self::Event(event) => Poll::Event(event),
            Self::Closed => Poll::Closed,
        }
    }
}

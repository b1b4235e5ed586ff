//! Where a channel is in its life; the table of states stands in the [crate's page](crate#states).

/// Where a channel is in its life; see the [table of states](crate#states).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Sends and receives.
    Open,
    /// No more sends; what is queued, and what permits still bring, can be received.
    Closing,
    /// Nothing is left and nothing will come.
    Closed,
}

/// What went through a channel, counted when it is over:
/// `sent == received + dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Items that were queued.
    pub sent: u64,
    /// Items that a receiver took.
    pub received: u64,
    /// Items that no receiver took: dropped with the last receiver, discarded by
    /// [`finish`](crate::Channel::finish), or pushed out by
    /// [`force_send`](crate::Sender::force_send).
    pub dropped: u64,
}

//! The small words of the crate: ids, options, states.

use std::sync::Arc;
use std::time::Duration;

use crate::finalize::FinalizeResult;

/// Names one reservation of a manager. Never used twice; what the digits mean is private.
pub type ReservationId = u64;

/// A position in the logical byte stream, in bytes from its start.
pub type AbsoluteOffset = u64;

/// Names one group of a manager. Never used twice.
pub type GroupId = u64;

/// In which order complete groups reach the consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// By offset: a group waits for those before it. Retried ranges are exempt.
    #[default]
    Ordered,
    /// As they become complete.
    AsReady,
}

/// What made a group stop taking reservations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealedBy {
    /// It reached `min_group_commit_size`, or was made for one reservation.
    Size,
    /// Its first byte was reserved `linger` ago.
    Linger,
    /// [`flush`](crate::ZeroCopyHandle::flush) was called.
    Flush,
    /// Its memory was wanted: the next reservation did not fit, or one in it was abandoned.
    Pressure,
    /// The manager is finalizing, or nobody is left to receive.
    Finalize,
}

/// Where a group stands. A view of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupState {
    /// Takes reservations.
    Open,
    /// Takes no more; some of its reservations are not settled yet.
    Sealed {
        /// Why.
        by: SealedBy,
    },
    /// Every reservation is settled; waits to be received.
    Complete,
    /// Has left the manager: received, reported as failed, or part of the final report.
    Delivered,
}

/// How [`finalize_with`](crate::ZeroCopyHandle::finalize_with) treats what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinalizeMode {
    /// Agents that exist may still commit.
    Drain {
        /// After this long the rest is treated as by [`SealNow`](Self::SealNow); `None` waits for
        /// as long as it takes.
        deadline: Option<Duration>,
    },
    /// What is committed is delivered; agents that exist are revoked, and their reservations
    /// fail with [`FailReason::Finalized`].
    SealNow,
    /// As `SealNow`, and nothing more is delivered: all of it goes into the report.
    Abort,
}

/// Why a reservation did not become data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailReason {
    /// The agent was dropped.
    Dropped,
    /// The writer gave it up, saying why.
    Failed(String),
    /// The agent was idle for longer than `abandon_after`.
    Abandoned,
    /// The manager finalized without waiting for it.
    Finalized,
    /// The tail that a partial commit left over, where later reservations follow it.
    Unused,
}

impl From<&str> for FailReason {
    fn from(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}

impl From<String> for FailReason {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl std::fmt::Display for FailReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dropped => f.write_str("the agent was dropped"),
            Self::Failed(why) => write!(f, "the writer gave up: {why}"),
            Self::Abandoned => f.write_str("the agent was abandoned"),
            Self::Finalized => f.write_str("the manager finalized"),
            Self::Unused => f.write_str("a partial commit left it over"),
        }
    }
}

/// What a receiver gets: things, and in the end the word that there are no more.
#[derive(Clone, Debug)]
pub enum Received<T> {
    /// The next one.
    Item(T),
    /// The manager has finalized and everything was received. Every receiver and every caller of
    /// `finalize` gets the same report.
    End(Arc<FinalizeResult>),
}

impl<T> Received<T> {
    /// The thing, if it is one.
    pub fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::End(_) => None,
        }
    }

    /// Whether this is the end.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::End(_))
    }
}

//! Accounts of a manager.

use std::time::Duration;

use crate::failure::FailedGroupData;
use crate::manager::{Core, Shared};
use crate::types::SealedBy;

/// Accounts of a manager at one moment. Counts are since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentMetrics {
    /// Reservations made.
    pub reservations: u64,
    /// Bytes of the stream that are reserved so far, without retries.
    pub stream_len: u64,
    /// Reservations that failed, unused tails included.
    pub failed_reservations: u64,
    /// Bytes in them.
    pub bytes_failed: u64,
    /// Of these, reservations that were taken away from their agents.
    pub revoked_reservations: u64,
    /// Failed ranges that were reserved again.
    pub retried_reservations: u64,
    /// Groups received.
    pub groups_received: u64,
    /// Bytes received, in groups.
    pub bytes_received: u64,
    /// Good bytes received beside failures.
    pub bytes_salvaged: u64,
    /// Bytes that were adopted rather than copied or written in place.
    pub bytes_adopted: u64,
    /// Complete groups that were sealed by size.
    pub sealed_by_size: u64,
    /// … by linger.
    pub sealed_by_linger: u64,
    /// … by flush.
    pub sealed_by_flush: u64,
    /// … because their memory was wanted.
    pub sealed_by_pressure: u64,
    /// … by finalize.
    pub sealed_by_finalize: u64,
    /// Groups whose reservations are not all settled.
    pub groups_incomplete: usize,
    /// Complete groups that wait to be received, those that wait for their turn included.
    pub groups_waiting: usize,
    /// Failed reservations that wait to be received.
    pub failures_waiting: usize,
    /// Reservations that wait for memory.
    pub waiters: usize,
    /// Reservations that have had to wait, those that still do included.
    pub waits: u64,
    /// How long ago the oldest group was opened that still has reservations to be settled: a
    /// group that grows old has an agent that was forgotten.
    pub oldest_incomplete: Option<Duration>,
    /// The memory budget, in bytes.
    pub budget: usize,
    /// How much of it is in use.
    pub budget_used: usize,
    /// Most that ever was.
    pub budget_peak: usize,
}

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) reservations: u64,
    pub(crate) revoked: u64,
    pub(crate) retried: u64,
    pub(crate) groups_received: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_salvaged: u64,
    pub(crate) bytes_adopted: u64,
    pub(crate) waits: u64,
    failed_reservations: u64,
    bytes_failed: u64,
    sealed: [u64; 5],
}

impl Counters {
    pub(crate) fn group_sealed(&mut self, by: Option<SealedBy>) {
        self.sealed[by.unwrap_or(SealedBy::Size) as usize] += 1;
    }

    pub(crate) fn failed(&mut self, failed: &FailedGroupData) {
        self.failed_reservations += failed.failed_reservations.len() as u64;
        self.bytes_failed += failed.failed_len() as u64;
    }
}

impl Shared {
    pub(crate) fn metrics(&self) -> AgentMetrics {
        self.peek_core(|core| self.metrics_of(core))
    }

    fn metrics_of(&self, core: &Core) -> AgentMetrics {
        let counters = &core.counters;
        let sealed = |by: SealedBy| counters.sealed[by as usize];
        let open = core.current.map(|_| self.cursor.peek());
        let parked = core.parked.values().map(Vec::len).sum::<usize>();
        AgentMetrics {
            reservations: counters.reservations + open.map_or(0, |word| u64::from(word.count())),
            stream_len: core.base + open.map_or(0, |word| u64::from(word.offset())),
            failed_reservations: counters.failed_reservations,
            bytes_failed: counters.bytes_failed,
            revoked_reservations: counters.revoked,
            retried_reservations: counters.retried,
            groups_received: counters.groups_received,
            bytes_received: counters.bytes_received,
            bytes_salvaged: counters.bytes_salvaged,
            bytes_adopted: counters.bytes_adopted,
            sealed_by_size: sealed(SealedBy::Size),
            sealed_by_linger: sealed(SealedBy::Linger),
            sealed_by_flush: sealed(SealedBy::Flush),
            sealed_by_pressure: sealed(SealedBy::Pressure),
            sealed_by_finalize: sealed(SealedBy::Finalize),
            groups_incomplete: core
                .sides
                .iter()
                .filter(|side| side.is_incomplete())
                .count(),
            groups_waiting: core.ready.len() + parked,
            failures_waiting: core.unread_failures,
            waiters: core.waiters.len(),
            waits: counters.waits,
            oldest_incomplete: core
                .sides
                .iter()
                .filter(|side| side.is_incomplete())
                .filter_map(|side| side.since)
                .min()
                .map(|since| since.elapsed()),
            budget: self.config.budget,
            budget_used: core.used,
            budget_peak: core.peak,
        }
    }
}

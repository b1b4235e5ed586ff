//! What the test files share.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(
    clippy::allow_attributes,
    unreachable_pub,
    reason = "an expectation would fail in some of the files"
)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use zc_agent::*;

/// Long enough for a busy machine; nothing waits for it but a failing test.
pub const LONG: Duration = Duration::from_secs(20);

pub fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// What the stream holds at `offset`.
pub fn pattern(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

pub fn pattern_bytes(offset: u64, len: usize) -> Bytes {
    (0..len as u64).map(|i| pattern(offset + i)).collect()
}

/// Fills an agent with the pattern of its offset.
pub fn fill(agent: &mut SubmitAgent) {
    let bytes = pattern_bytes(
        agent.offset() + agent.filled() as u64,
        agent.size() - agent.filled(),
    );
    agent.put_slice(&bytes);
}

pub fn fill_and_commit(mut agent: SubmitAgent) {
    fill(&mut agent);
    agent.commit().unwrap();
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future)
        .await
        .expect("does not hang")
}

pub async fn next(groups: &mut Groups) -> SuccessfulGroupData {
    within(groups.recv())
        .await
        .item()
        .expect("a group, not the end")
}

pub async fn next_failure(failures: &mut Failures) -> FailedGroupData {
    within(failures.recv())
        .await
        .item()
        .expect("a failure, not the end")
}

/// Every byte of the stream that came out anywhere, checked: no overlap, right contents.
#[derive(Debug, Default)]
pub struct Ranges {
    pub good: BTreeMap<u64, u64>,
    pub bad: BTreeMap<u64, u64>,
    pub failed_ids: Vec<ReservationId>,
}

impl Ranges {
    pub fn group(&mut self, group: &SuccessfulGroupData) {
        let mut at = group.offset;
        for chunk in group.chunks() {
            self.bytes(at, chunk);
            at += chunk.len() as u64;
        }
        assert_eq!(at, group.offset + group.len as u64);
    }

    pub fn bytes(&mut self, offset: u64, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        for (i, &byte) in bytes.iter().enumerate() {
            assert_eq!(byte, pattern(offset + i as u64), "at {}", offset + i as u64);
        }
        assert!(
            self.good.insert(offset, bytes.len() as u64).is_none(),
            "{offset} twice"
        );
    }

    pub fn failure(&mut self, failed: &FailedGroupData) {
        for (&offset, chunk) in &failed.group_chunks {
            self.bytes(offset, chunk);
        }
        for info in &failed.failed_reservations {
            assert!(self.bad.insert(info.offset, info.size as u64).is_none());
            assert!(
                !self.failed_ids.contains(&info.id),
                "reservation {} twice",
                info.id
            );
            self.failed_ids.push(info.id);
        }
    }

    pub fn report(&mut self, report: &FinalizeResult) {
        report
            .undelivered
            .iter()
            .for_each(|group| self.group(group));
        report.failed.iter().for_each(|failed| self.failure(failed));
    }

    /// Good and bad together are exactly `0..len`.
    pub fn assert_cover(&self, len: u64) {
        let mut all: Vec<_> = self
            .good
            .iter()
            .chain(&self.bad)
            .map(|(&o, &l)| (o, l))
            .collect();
        all.sort_unstable();
        let mut at = 0;
        for (offset, l) in all {
            assert_eq!(offset, at, "gap or overlap: {self:?}");
            at += l;
        }
        assert_eq!(at, len);
    }

    pub fn good_len(&self) -> u64 {
        self.good.values().sum()
    }
}

/// Receives everything until both ends have ended.
pub async fn drain(groups: &mut Groups, failures: &mut Failures, ranges: &mut Ranges) {
    let report = loop {
        match within(groups.recv()).await {
            Received::Item(group) => ranges.group(&group),
            Received::End(report) => break report,
        }
    };
    while let Received::Item(failed) = within(failures.recv()).await {
        ranges.failure(&failed);
    }
    ranges.report(&report);
}

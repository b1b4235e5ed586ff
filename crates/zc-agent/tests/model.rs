//! Random sequences of operations, against a plain model of the stream: 10^5 operations, or
//! 10^6 with `ZC_STRESS` in the environment.
#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::num::NonZeroUsize;

use common::*;
use proptest::prelude::*;
use zc_agent::*;

const BUDGET: usize = 3000;

#[derive(Clone, Debug)]
enum Op {
    Reserve(usize),
    Commit(usize),
    CommitPart(usize),
    Submit(usize),
    Fail(usize),
    Drop(usize),
    Flush,
    Receive,
    ReceiveFailure,
    Retry,
}

fn op() -> impl Strategy<Value = Op> {
    let any = any::<usize>();
    prop_oneof![
        6 => (1..130_usize).prop_map(Op::Reserve),
        1 => (300..700_usize).prop_map(Op::Reserve),
        4 => any.prop_map(Op::Commit),
        2 => any.prop_map(Op::CommitPart),
        2 => any.prop_map(Op::Submit),
        1 => any.prop_map(Op::Fail),
        1 => any.prop_map(Op::Drop),
        1 => Just(Op::Flush),
        3 => Just(Op::Receive),
        2 => Just(Op::ReceiveFailure),
        1 => Just(Op::Retry),
    ]
}

/// What is known of the stream without looking inside: one byte of fate for each of its bytes.
#[derive(Default)]
struct Model {
    /// `.` reserved, `c` committed, `x` failed, `C` received, `X` reported; retried is `.` again.
    stream: Vec<u8>,
    agents: Vec<SubmitAgent>,
    failed: Vec<FailedReservationInfo>,
    ordered_up_to: u64,
    retried: Vec<u64>,
}

impl Model {
    fn mark(&mut self, at: u64, len: usize, from: &[u8], to: u8) {
        for byte in &mut self.stream[at as usize..][..len] {
            assert!(
                from.contains(byte),
                "{} where {from:?} was expected",
                *byte as char
            );
            *byte = to;
        }
    }

    fn reserved(&mut self, agent: SubmitAgent) {
        let (at, end) = (
            agent.offset() as usize,
            agent.offset() as usize + agent.size(),
        );
        assert_eq!(at, self.stream.len(), "the next bytes of the stream");
        self.stream.resize(end, b'.');
        self.agents.push(agent);
    }

    fn take(&mut self, n: usize) -> Option<SubmitAgent> {
        let at = n.checked_rem(self.agents.len())?;
        Some(self.agents.swap_remove(at))
    }

    /// A tail that is given back ends the stream there.
    fn committed_part(&mut self, at: u64, size: usize, part: usize, stream_len: u64) {
        self.mark(at, part, b".", b'c');
        let end = at + size as u64;
        if stream_len < end && end == self.stream.len() as u64 {
            assert_eq!(stream_len, at + part as u64);
            self.stream.truncate(stream_len as usize);
        } else {
            self.mark(at + part as u64, size - part, b".", b'x');
        }
    }

    fn received(&mut self, group: &SuccessfulGroupData) {
        Ranges::default().group(group);
        self.mark(group.offset, group.len, b"c", b'C');
        if !self.retried.contains(&group.group_id) {
            assert!(group.offset >= self.ordered_up_to, "in order");
            self.ordered_up_to = group.offset + group.len as u64;
        }
    }

    fn reported(&mut self, failed: FailedGroupData) {
        for (&at, chunk) in &failed.group_chunks {
            Ranges::default().bytes(at, chunk);
            self.mark(at, chunk.len(), b"c", b'C');
        }
        for info in failed.failed_reservations {
            self.mark(info.offset, info.size, b"x", b'X');
            self.failed.push(info);
        }
    }
}

fn run(ops: Vec<Op>) {
    let (handle, mut groups, mut failures) = Manager::builder()
        .min_group_commit_size(150)
        .adopt_threshold(60)
        .memory_budget(BUDGET)
        .queue_depth(4)
        .spawn()
        .unwrap();
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Reserve(n) => match handle.try_reserve_writer(NonZeroUsize::new(n).unwrap()) {
                Ok(agent) => model.reserved(agent),
                Err(BufferError::Full { used, budget, .. }) => {
                    assert!(budget == BUDGET && (used > 0 || handle.metrics().groups_waiting > 0));
                }
                Err(other) => panic!("{other}"),
            },
            Op::Commit(n) => {
                if let Some(agent) = model.take(n) {
                    model.mark(agent.offset(), agent.size(), b".", b'c');
                    fill_and_commit(agent);
                }
            }
            Op::CommitPart(n) => {
                if let Some(mut agent) = model.take(n) {
                    let (at, size, part) = (agent.offset(), agent.size(), n % (agent.size() + 1));
                    fill(&mut agent);
                    agent.commit_partial(part).unwrap();
                    model.committed_part(at, size, part, handle.metrics().stream_len);
                }
            }
            Op::Submit(n) => {
                if let Some(agent) = model.take(n) {
                    let (at, size) = (agent.offset(), agent.size());
                    model.mark(at, size, b".", b'c');
                    let bytes = pattern_bytes(at, size);
                    agent
                        .into_single_agent()
                        .submit_bytes_blocking(bytes)
                        .unwrap();
                }
            }
            Op::Fail(n) | Op::Drop(n) => {
                if let Some(agent) = model.take(n) {
                    model.mark(agent.offset(), agent.size(), b".", b'x');
                    if matches!(op, Op::Fail(_)) {
                        agent.fail("as told");
                    }
                }
            }
            Op::Flush => handle.flush(),
            Op::Receive => {
                if let Some(received) = groups.try_recv() {
                    model.received(&received.item().unwrap());
                }
            }
            Op::ReceiveFailure => {
                if let Some(received) = failures.try_recv() {
                    model.reported(received.item().unwrap());
                }
            }
            Op::Retry => retry(&handle, &mut model),
        }
        assert_eq!(handle.metrics().stream_len, model.stream.len() as u64);
        assert!(
            handle.metrics().budget_used <= 2 * BUDGET,
            "adopted bytes are charged on top"
        );
    }
    finish(handle, groups, failures, model);
}

fn retry(handle: &ZeroCopyHandle, model: &mut Model) {
    let Some(info) = model.failed.pop() else {
        return;
    };
    use futures_util::FutureExt;
    match handle.retry(&info).now_or_never() {
        Some(Ok(agent)) => {
            assert_eq!((agent.offset(), agent.size()), (info.offset, info.size));
            model.mark(info.offset, info.size, b"X", b'.');
            model.retried.push(agent.group_id());
            model.agents.push(agent);
            let again = handle.retry(&info).now_or_never().expect("at once");
            assert!(matches!(
                again,
                Err(BufferError::Manager(ManagerError::AlreadyRetried { .. }))
            ));
        }
        Some(Err(other)) => panic!("{other}"),
        None => model.failed.push(info),
    }
}

fn finish(handle: ZeroCopyHandle, mut groups: Groups, mut failures: Failures, mut model: Model) {
    for agent in std::mem::take(&mut model.agents) {
        model.mark(agent.offset(), agent.size(), b".", b'c');
        fill_and_commit(agent);
    }
    let metrics = handle.clone();
    let report = zc_core::sync::block_on(handle.finalize()).unwrap();
    assert!(report.is_empty());
    while let Received::Item(group) = groups.try_recv().unwrap() {
        model.received(&group);
    }
    while let Received::Item(failed) = failures.try_recv().unwrap() {
        model.reported(failed);
    }
    assert!(
        model.stream.iter().all(|byte| b"CX".contains(byte)),
        "every byte came out"
    );
    assert_eq!(metrics.metrics().budget_used, 0);
    assert_eq!(metrics.metrics().groups_incomplete, 0);
}

/// Sequences, for 10^5 operations altogether, or where stress is asked for 10^6.
fn cases() -> u32 {
    let operations = match std::env::var_os("ZC_STRESS") {
        Some(_) => 1_000_000,
        None => 100_000,
    };
    operations / LENGTH as u32
}

/// Operations in one sequence.
const LENGTH: usize = 200;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_byte_comes_out_once_whatever_is_done(ops in prop::collection::vec(op(), LENGTH)) {
        run(ops);
    }
}

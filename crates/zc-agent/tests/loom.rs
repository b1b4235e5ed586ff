//! Models of the races between reserving, settling, sealing and ending.
#![cfg(zc_loom)]

use std::num::NonZeroUsize;

use bytes::BufMut;
use futures_util::FutureExt;
use zc_agent::*;
use zc_core::sync::{block_on, model, thread};

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn spawn(line: usize, budget: usize) -> (ZeroCopyHandle, Groups, Failures) {
    Manager::builder()
        .min_group_commit_size(line)
        .max_reservation(line)
        .memory_budget(budget)
        .spawn()
        .unwrap()
}

fn write(agent: SubmitAgent, byte: u8) {
    let mut agent = agent;
    agent.put_bytes(byte, agent.size());
    agent.commit().unwrap();
}

/// Two writers race for a group that only one of them can cross into sealed; every byte is handed
/// out once.
#[test]
fn reserve_against_seal() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 6);
        let other = handle.clone();
        // Opens the group.
        let first = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || {
            let agent = other.try_reserve_writer(size(1)).unwrap();
            let offset = agent.offset();
            write(agent, 1);
            offset
        });
        let agent = handle.try_reserve_writer(size(1)).unwrap();
        let offset = agent.offset();
        write(agent, 2);
        write(first, 0);
        let mut offsets = [offset, writer.join().unwrap()];
        offsets.sort_unstable();
        assert_eq!(offsets, [1, 2]);
        let group = groups.try_recv().unwrap().item().unwrap();
        assert_eq!((group.offset, group.len), (0, 2));
        assert_eq!(group.chunks()[0][0], 0);
    });
}

/// Two writers race to open a group: the one that comes second finds all of it in place.
#[test]
fn a_group_is_opened_for_others() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 6);
        // A group before it, so that the slot has its records already: their own edge would hide
        // a missing one.
        write(handle.try_reserve_writer(size(2)).unwrap(), 0);
        drop(groups.try_recv().unwrap());
        let other = handle.clone();
        let writer = thread::spawn(move || write(other.try_reserve_writer(size(1)).unwrap(), 1));
        write(handle.try_reserve_writer(size(1)).unwrap(), 1);
        writer.join().unwrap();
        let group = groups.try_recv().unwrap().item().unwrap();
        assert_eq!(&group.chunks()[0][..], [1, 1]);
    });
}

/// A flush races with the reservation it may or may not include.
#[test]
fn reserve_against_flush() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(3, 10);
        let other = handle.clone();
        write(handle.try_reserve_writer(size(1)).unwrap(), 7);
        let writer = thread::spawn(move || write(other.try_reserve_writer(size(1)).unwrap(), 8));
        handle.flush();
        writer.join().unwrap();
        handle.flush();
        let mut bytes = vec![];
        while let Some(Received::Item(group)) = groups.try_recv() {
            bytes.extend_from_slice(&group.into_bytes());
        }
        assert_eq!(bytes, [7, 8]);
    });
}

/// Whoever commits last publishes, and sees what the other wrote.
#[test]
fn the_last_commit_publishes() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 6);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let b = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || write(a, 1));
        write(b, 2);
        writer.join().unwrap();
        let group = groups.try_recv().unwrap().item().unwrap();
        assert_eq!(&group.chunks()[0][..], [1, 2]);
    });
}

/// The consumer is woken by the last commit, and sees the bytes.
#[test]
fn the_last_commit_wakes_the_consumer() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 6);
        let a = handle.try_reserve_writer(size(2)).unwrap();
        let writer = thread::spawn(move || write(a, 1));
        let group = block_on(groups.recv()).item().unwrap();
        assert_eq!(&group.chunks()[0][..], [1, 1]);
        writer.join().unwrap();
        drop(handle);
    });
}

/// Whoever waits for failures is woken by one.
#[test]
fn a_failure_wakes_its_receiver() {
    model(|| {
        let (handle, _groups, mut failures) = spawn(2, 6);
        let a = handle.try_reserve_writer(size(2)).unwrap();
        let writer = thread::spawn(move || drop(a));
        let failed = block_on(failures.recv()).item().unwrap();
        assert_eq!(failed.failed_len(), 2);
        writer.join().unwrap();
        drop(handle);
    });
}

/// A failure races with the other commit: the good byte is reported once, with it or after it.
#[test]
fn an_abort_reports_every_good_byte_once() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(2, 6);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let b = handle.try_reserve_writer(size(1)).unwrap();
        let id = b.id();
        let writer = thread::spawn(move || write(a, 9));
        drop(b);
        writer.join().unwrap();
        assert!(groups.try_recv().is_none());
        let (mut good, mut bad) = (vec![], vec![]);
        while let Some(Received::Item(failed)) = failures.try_recv() {
            good.extend(
                failed
                    .group_chunks
                    .into_iter()
                    .map(|(at, chunk)| (at, chunk[0])),
            );
            bad.extend(failed.failed_reservations.into_iter().map(|info| info.id));
        }
        assert_eq!(good, [(0, 9)]);
        assert_eq!(bad, [id]);
        assert_eq!(handle.metrics().budget_used, 0);
    });
}

/// A tail given back races with the next reservation: it starts where the tail did, or after it.
#[test]
fn a_tail_given_back_is_written_by_the_next() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(3, 10);
        let other = handle.clone();
        let mut a = handle.try_reserve_writer(size(2)).unwrap();
        let writer = thread::spawn(move || {
            let agent = other.try_reserve_writer(size(1)).unwrap();
            let offset = agent.offset();
            write(agent, 2);
            offset
        });
        a.put_bytes(1, 2);
        a.commit_partial(1).unwrap();
        let offset = writer.join().unwrap();
        handle.flush();
        let mut bytes = vec![];
        while let Some(Received::Item(group)) = groups.try_recv() {
            bytes.push((group.offset, group.into_bytes().to_vec()));
        }
        let unused = failures
            .try_recv()
            .map(|f| f.item().unwrap().failed_reservations[0].offset);
        match offset {
            1 => assert_eq!((bytes, unused), (vec![(0, vec![1, 2])], None)),
            2 => assert_eq!((bytes, unused), (vec![(0, vec![1]), (2, vec![2])], Some(1))),
            _ => panic!("{offset}"),
        }
    });
}

/// A waiter for memory is served by the consumer's drop of the last view.
#[test]
fn a_waiter_is_served_when_memory_comes_back() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(1, 1);
        write(handle.try_reserve_writer(size(1)).unwrap(), 1);
        let group = groups.try_recv().unwrap().item().unwrap();
        let consumer = thread::spawn(move || drop(group));
        let agent = block_on(handle.reserve_writer(size(1))).unwrap();
        assert_eq!(agent.offset(), 1);
        consumer.join().unwrap();
        write(agent, 2);
    });
}

/// A waiter is cancelled while it is being served: the next in line gets its turn, and no byte of
/// the stream is lost.
#[test]
fn a_cancelled_waiter_passes_its_turn_on() {
    use std::task::{Context, Waker};
    model(|| {
        let (handle, mut groups, mut failures) = spawn(1, 1);
        write(handle.try_reserve_writer(size(1)).unwrap(), 1);
        let group = groups.try_recv().unwrap().item().unwrap();
        let waiting = {
            let handle = handle.clone();
            let mut waiting = Box::pin(async move { handle.reserve_writer(size(1)).await });
            let mut cx = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            waiting
        };
        let canceller = thread::spawn(move || drop(waiting));
        drop(group);
        let agent = block_on(handle.reserve_writer(size(1))).unwrap();
        canceller.join().unwrap();
        // Undone before anybody followed, or reported: the one or the other.
        let failed = failures.try_recv().map(|f| f.item().unwrap());
        assert_eq!(
            agent.offset(),
            1 + failed.map_or(0, |f| f.failed_len() as u64)
        );
        write(agent, 2);
    });
}

/// Finalizing takes the reservation away from its agent, or the agent commits: never both, never
/// neither.
#[test]
fn revoke_against_a_late_commit() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(2, 6);
        let mut a = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || {
            a.put_u8(5);
            a.commit().is_ok()
        });
        let report = block_on(handle.finalize_with(FinalizeMode::SealNow)).unwrap();
        assert!(report.is_empty());
        let committed = writer.join().unwrap();
        let good = matches!(groups.try_recv(), Some(Received::Item(_)));
        let bad = matches!(failures.try_recv(), Some(Received::Item(_)));
        assert_eq!((good, bad), (committed, !committed));
        assert!(groups.try_recv().unwrap().is_end() && failures.try_recv().unwrap().is_end());
    });
}

/// The end comes while an agent is idle and another commits.
#[test]
fn an_idle_agent_does_not_keep_the_end_away() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(2, 6);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let idle = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || {
            let mut a = a;
            a.put_u8(5);
            a.commit().is_ok()
        });
        block_on(handle.finalize_with(FinalizeMode::SealNow)).unwrap();
        let committed = writer.join().unwrap();
        assert!(groups.try_recv().unwrap().is_end());
        let (mut good, mut bad) = (0, 0);
        while let Some(Received::Item(failed)) = failures.try_recv() {
            good += failed.good_len();
            bad += failed.failed_len();
        }
        assert_eq!((good, bad), if committed { (1, 1) } else { (0, 2) });
        assert!(
            idle.into_single_agent()
                .submit_bytes_blocking("x".into())
                .is_err()
        );
    });
}

/// The end comes while a reservation crosses the line: whoever seals, somebody completes.
#[test]
fn seal_now_against_the_crossing_reservation() {
    model(|| {
        let (handle, _groups, _failures) = spawn(2, 6);
        let first = handle.try_reserve_writer(size(1)).unwrap();
        let other = handle.clone();
        let writer = thread::spawn(move || other.try_reserve_writer(size(1)));
        block_on(handle.finalize_with(FinalizeMode::SealNow)).unwrap();
        // Kept until here: the end does not wait for it to be dropped.
        drop((writer.join().unwrap(), first));
    });
}

/// A flush publishes a run while its writer goes on writing: every write comes out once.
#[test]
fn a_flush_against_a_write_to_a_run() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(4, 40);
        let mut writer = handle.writer(2);
        writer.blocking_write(&[1]).unwrap();
        let thread = thread::spawn(move || {
            writer.blocking_write(&[2]).unwrap();
        });
        handle.flush();
        thread.join().unwrap();
        handle.flush();
        let mut bytes = vec![];
        while let Some(Received::Item(group)) = groups.try_recv() {
            bytes.extend_from_slice(&group.into_bytes());
        }
        assert_eq!(bytes, [1, 2]);
        while let Some(Received::Item(failed)) = failures.try_recv() {
            assert_eq!(failed.failed_reservations[0].reason, FailReason::Unused);
        }
    });
}

/// A flush that finds the writer busy is let in by it, also if the writer does nothing else.
#[test]
fn a_flush_is_let_in_by_the_last_write() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(4, 40);
        let mut writer = handle.writer(2);
        writer.blocking_write(&[1]).unwrap();
        let thread = thread::spawn(move || {
            writer.blocking_write(&[2]).unwrap();
            writer
        });
        handle.flush();
        drop(thread.join().unwrap());
        handle.flush();
        let mut bytes = vec![];
        while let Some(Received::Item(group)) = groups.try_recv() {
            bytes.extend_from_slice(&group.into_bytes());
        }
        assert_eq!(bytes, [1, 2]);
    });
}

/// One waits for memory that is in a run whose writer stops writing: the run makes way, whether it
/// was there before the wait or came too late to be found by it.
#[test]
fn a_run_makes_way_for_a_waiter() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 3);
        let mut writer = handle.writer(2);
        let writer = thread::spawn(move || {
            writer.blocking_write(&[1]).unwrap();
            // Idle from here on.
            writer
        });
        let mut waiting = Box::pin(handle.reserve_writer(size(2)));
        match waiting.as_mut().now_or_never() {
            Some(first) => {
                write(first.unwrap(), 2);
                assert_eq!(next(&mut groups), [2, 2]);
            }
            None => {
                assert_eq!(next(&mut groups), [1]);
                write(block_on(waiting).unwrap(), 2);
                assert_eq!(next(&mut groups), [2, 2]);
            }
        }
        drop(writer.join().unwrap());
    });
}

fn next(groups: &mut Groups) -> Vec<u8> {
    block_on(groups.recv()).item().unwrap().into_bytes().into()
}

/// The end waits for a reservation that is just being made, or the reservation is refused.
#[test]
fn drain_against_reserve_and_commit() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 6);
        write(handle.try_reserve_writer(size(1)).unwrap(), 1);
        let other = handle.clone();
        let writer = thread::spawn(move || match other.try_reserve_writer(size(1)) {
            Ok(agent) => {
                write(agent, 2);
                2
            }
            Err(BufferError::Finalizing) => 1,
            Err(other) => panic!("{other}"),
        });
        let report = block_on(handle.finalize()).unwrap();
        assert!(report.is_empty());
        // Before the writer is waited for: with the report, everything is there.
        let mut got = 0;
        while let Some(Received::Item(group)) = groups.try_recv() {
            got += group.len;
        }
        assert!(groups.try_recv().unwrap().is_end());
        assert_eq!(got, writer.join().unwrap());
    });
}

/// Groups completed by different threads come out in the order of the stream.
#[test]
fn groups_come_out_in_order() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(1, 4);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let b = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || write(a, 1));
        write(b, 2);
        let early = groups.try_recv().map(|got| got.item().unwrap());
        writer.join().unwrap();
        let mut offsets: Vec<_> = early.into_iter().map(|group| group.offset).collect();
        while let Some(Received::Item(group)) = groups.try_recv() {
            offsets.push(group.offset);
        }
        assert_eq!(offsets, [0, 1]);
    });
}

/// A slot is used again while the writers of its last group are still on their way out: the one that
/// completed it, and the one that was there before.
#[test]
fn a_slot_is_recycled() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(2, 2);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let b = handle.try_reserve_writer(size(1)).unwrap();
        let writer = thread::spawn(move || write(a, 1));
        write(b, 1);
        // The very memory of the first group, once the consumer has dropped it.
        let first = block_on(groups.recv()).item().unwrap();
        assert_eq!(&first.chunks()[0][..], [1, 1]);
        drop(first);
        let c = block_on(handle.reserve_writer(size(2))).unwrap();
        write(c, 2);
        let second = groups.try_recv().unwrap().item().unwrap();
        assert_eq!((second.offset, &second.chunks()[0][..]), (2, &[2, 2][..]));
        writer.join().unwrap();
    });
}

/// An agent that was revoked writes on after its group is complete and everybody else has gone: it
/// still finds its group, and its memory is nobody else's.
#[test]
fn a_late_agent_keeps_its_slot() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(1, 4);
        let mut idle = handle.try_reserve_writer(size(1)).unwrap();
        let id = idle.group_id();
        let other = handle.clone();
        block_on(other.finalize_with(FinalizeMode::SealNow)).unwrap();
        assert!(failures.try_recv().unwrap().item().is_some());
        let late = thread::spawn(move || {
            idle.put_u8(7);
            assert_eq!(idle.group_id(), id);
            assert!(idle.commit().is_err());
        });
        // What is received meanwhile, and what the end leaves, disturbs it as little.
        assert!(groups.try_recv().unwrap().is_end());
        drop((groups, failures));
        drop(handle);
        late.join().unwrap();
    });
}

/// A reservation of which nothing was used leaves its group while another completes it: what has no
/// bytes keeps nobody from anything, so it must not look back.
#[test]
fn an_unused_reservation_leaves_in_time() {
    model(|| {
        let (handle, mut groups, _failures) = spawn(4, 12);
        let a = handle.try_reserve_writer(size(1)).unwrap();
        let unused = handle.try_reserve_writer(size(1)).unwrap();
        let other = handle.clone();
        let leaving = thread::spawn(move || unused.commit_partial(0).unwrap());
        write(a, 1);
        other.flush();
        leaving.join().unwrap();
        handle.flush();
        let group = groups.try_recv().unwrap().item().unwrap();
        assert_eq!(&group.chunks()[0][..], [1]);
    });
}

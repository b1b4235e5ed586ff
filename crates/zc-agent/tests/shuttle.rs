//! Random schedules of a whole small life: writers of every kind, a receiver, failures, retries,
//! cancelled waits, a flush, and an end in one of three ways. Whatever is interleaved, every byte
//! comes out once, the report agrees with what was committed, and nothing stays charged.
//!
//! `SHUTTLE_ITERATIONS` says how many.
#![cfg(zc_shuttle)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::{BufMut, Bytes};
use zc_agent::*;
use zc_core::sync::{Arc, Mutex, block_on, model, thread};

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// Fate of each stretch of the stream, as its writer was told.
#[derive(Debug, Default)]
struct Told {
    committed: BTreeMap<u64, usize>,
    failed: BTreeMap<u64, usize>,
}

type Shared = Arc<Mutex<Told>>;

fn spawn(delivery: Delivery) -> (ZeroCopyHandle, Groups, Failures) {
    Manager::builder()
        .min_group_commit_size(8)
        .max_reservation(8)
        .memory_budget(31)
        .queue_depth(2)
        .adopt_threshold(4)
        .delivery(delivery)
        .spawn()
        .unwrap()
}

/// A writer of a few pieces; what becomes of each depends on its number.
fn write(handle: &ZeroCopyHandle, told: &Shared, seed: u64, pieces: u64) {
    for n in 0..pieces {
        let len = 1 + (seed + n) as usize % 5;
        let agent = match block_on(handle.reserve_writer(size(len))) {
            Ok(agent) => agent,
            Err(BufferError::Finalizing | BufferError::ConsumerGone) => return,
            Err(other) => panic!("{other}"),
        };
        let at = agent.offset();
        let bytes = Bytes::from(vec![at as u8; len]);
        let done = match (seed + n) % 6 {
            0 => {
                let mut agent = agent;
                agent.put_slice(&bytes);
                agent.commit().is_ok()
            }
            1 | 2 => agent
                .into_single_agent()
                .submit_bytes_blocking(bytes)
                .is_ok(),
            3 => {
                let mut agent = agent.into_chunk_agent();
                agent.submit_chunk_at(len - 1, bytes.slice(..1)).unwrap();
                agent.submit_chunk(bytes.slice(1..)).unwrap();
                agent.commit_blocking().is_ok()
            }
            4 => {
                agent.fail("as told");
                false
            }
            _ => {
                drop(agent);
                false
            }
        };
        let mut told = told.lock();
        let map = if done {
            &mut told.committed
        } else {
            &mut told.failed
        };
        assert!(map.insert(at, len).is_none(), "{at} twice");
    }
}

/// What came out.
#[derive(Debug, Default)]
struct Out {
    good: BTreeMap<u64, u8>,
    bad: BTreeMap<u64, u64>,
}

impl Out {
    fn bytes(&mut self, at: u64, bytes: &[u8]) {
        for (at, &byte) in (at..).zip(bytes) {
            assert!(self.good.insert(at, byte).is_none(), "{at} twice");
        }
    }

    fn group(&mut self, group: &SuccessfulGroupData) {
        let mut at = group.offset;
        for chunk in group.chunks() {
            self.bytes(at, chunk);
            at += chunk.len() as u64;
        }
    }

    fn failure(&mut self, failed: &FailedGroupData) {
        for (&at, chunk) in &failed.group_chunks {
            self.bytes(at, chunk);
        }
        for info in &failed.failed_reservations {
            for at in info.offset..info.offset + info.size as u64 {
                assert!(self.bad.insert(at, info.id).is_none(), "{at} twice");
            }
        }
    }
}

fn life(delivery: Delivery, mode: FinalizeMode, seed: u64) {
    let (handle, mut groups, mut failures) = spawn(delivery);
    let told = Shared::default();
    let writers: Vec<_> = (0..2)
        .map(|n| {
            let (handle, told) = (handle.clone(), told.clone());
            thread::spawn(move || write(&handle, &told, seed + n, 4))
        })
        .collect();
    let receiver = thread::spawn(move || {
        let mut out = Out::default();
        let report = loop {
            match block_on(groups.recv()) {
                Received::Item(group) => out.group(&group),
                Received::End(report) => break report,
            }
        };
        while let Received::Item(failed) = block_on(failures.recv()) {
            out.failure(&failed);
        }
        report.undelivered.iter().for_each(|group| out.group(group));
        report.failed.iter().for_each(|failed| out.failure(failed));
        out
    });
    // One that asks and goes away, whether it was served or not.
    {
        let mut waiting = pin!(handle.reserve_writer(size(3)));
        let polled = waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        thread::yield_now();
        drop(polled);
    }
    handle.flush();
    let accounts = handle.clone();
    block_on(handle.finalize_with(mode)).unwrap();
    for writer in writers {
        writer.join().unwrap();
    }
    let out = receiver.join().unwrap();
    let told = told.lock();
    for (&at, &len) in &told.committed {
        for i in at..at + len as u64 {
            assert_eq!(out.good.get(&i), Some(&(at as u8)), "{i} was committed");
        }
    }
    for (&at, &len) in &told.failed {
        for i in at..at + len as u64 {
            assert!(out.bad.contains_key(&i), "{i} failed");
        }
    }
    let len = accounts.metrics().stream_len;
    assert_eq!(
        out.good.len() + out.bad.len(),
        len as usize,
        "{told:?} {out:?}"
    );
    assert_eq!(accounts.metrics().groups_incomplete, 0);
}

#[test]
fn every_byte_comes_out_once_with_drain() {
    model(|| life(Delivery::Ordered, FinalizeMode::Drain { deadline: None }, 0));
}

#[test]
fn every_byte_comes_out_once_with_seal_now() {
    model(|| life(Delivery::AsReady, FinalizeMode::SealNow, 1));
}

#[test]
fn every_byte_comes_out_once_with_abort() {
    model(|| life(Delivery::Ordered, FinalizeMode::Abort, 2));
}

/// Two run writers, flushes from outside, and the last handle's drop for an end: each piece comes
/// out once, or its writer was told.
#[test]
fn runs_lose_nothing_to_flush_and_end() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(Delivery::AsReady);
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let mut writer = handle.writer(4);
                thread::spawn(move || {
                    let mut written = vec![];
                    for _ in 0..4 {
                        match writer.blocking_write(&[9, 9]) {
                            Ok(at) => written.push(at),
                            Err(BufferError::Finalizing) => break,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    // Not revoked: whoever ends it all publishes runs first.
                    writer.flush().unwrap();
                    written
                })
            })
            .collect();
        let flusher = {
            let handle = handle.clone();
            thread::spawn(move || {
                handle.flush();
                thread::yield_now();
                handle.flush();
            })
        };
        let receiver = thread::spawn(move || {
            let mut out = Out::default();
            while let Received::Item(group) = block_on(groups.recv()) {
                out.group(&group);
            }
            while let Received::Item(failed) = block_on(failures.recv()) {
                assert!(
                    failed
                        .failed_reservations
                        .iter()
                        .all(|f| f.reason == FailReason::Unused)
                );
                out.failure(&failed);
            }
            out
        });
        let written: Vec<_> = writers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect();
        flusher.join().unwrap();
        drop(handle);
        let out = receiver.join().unwrap();
        assert_eq!(out.good.len(), 2 * written.len());
        for at in written {
            assert!(out.good.contains_key(&at) && out.good.contains_key(&(at + 1)));
        }
    });
}

/// A failed range, retried by two at once: one of them gets it, the other is told.
#[test]
fn a_range_is_retried_once() {
    model(|| {
        let (handle, mut groups, mut failures) = spawn(Delivery::Ordered);
        drop(block_on(handle.reserve_writer(size(8))).unwrap());
        let failed = block_on(failures.recv()).item().unwrap();
        let info = failed.failed_reservations[0].clone();
        let other = {
            let (handle, info) = (handle.clone(), info.clone());
            thread::spawn(move || block_on(handle.retry(&info)).map(fill).is_ok())
        };
        let here = block_on(handle.retry(&info)).map(fill).is_ok();
        assert!(here != other.join().unwrap(), "one of the two");
        let group = block_on(groups.recv()).item().unwrap();
        assert_eq!((group.offset, &group.into_bytes()[..]), (0, &[7; 8][..]));
    });
}

fn fill(mut agent: SubmitAgent) {
    agent.put_bytes(7, 8);
    agent.commit().unwrap();
}

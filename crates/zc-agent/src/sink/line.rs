//! Groups on their way into a file: a line of them, and how one thread after the other writes it.
//!
//! # States of a group
//!
//! waiting → being written → in `written`, or handed back with the system's error. A thread goes on
//! until the line is empty, so that while groups keep coming nothing waits for a thread to start.
//!
//! # Invariants
//!
//! * **I1** One thread at a time, in the order of the line.
//! * **I2** What is written is noted before it is dropped: dropping gives memory back to its owner,
//!   which is somebody else's code.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::uio::pwritev;
use zc_core::sync::Mutex;

use super::map::hasher;
use crate::group::data::SuccessfulGroupData;

/// Most pieces that the system takes in one call.
const MAX_PIECES: usize = 1024;
/// Groups that follow each other are written together up to this many bytes.
const TOGETHER: usize = 1 << 20;
/// Up to this many bytes a group is hashed by whoever passes it, beside the thread that writes it:
/// some 100 microseconds. Longer ones would hold a runtime up; their thread hashes them.
const HASHED_BESIDE: usize = 2 << 20;

/// The line.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<SuccessfulGroupData>,
    written: Vec<Written>,
}

/// A range that is in the file.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) offset: u64,
    pub(super) len: u64,
    /// None if its bytes are hashed by whoever passed it.
    pub(super) hash: Option<u64>,
}

/// The group that could not be written, and why. Those behind it are in line again.
pub(super) type Failed = (SuccessfulGroupData, io::Error);

impl Line {
    pub(super) fn push(&self, group: SuccessfulGroupData) {
        self.0.lock().waiting.push_back(group);
    }

    /// Groups that no thread has taken.
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Forgets those that no thread has taken.
    pub(super) fn clear(&self) {
        let waiting = std::mem::take(&mut self.0.lock().waiting);
        // Not under the lock: see I2.
        drop(waiting);
    }

    /// What was written since the last call, in its order.
    pub(super) fn take_written(&self) -> Vec<Written> {
        std::mem::take(&mut self.0.lock().written)
    }

    /// Writes until the line is empty or a group cannot be written. Blocks.
    pub(super) fn write(&self, file: &Arc<File>) -> Result<(), Failed> {
        loop {
            let mut batch = self.take_batch();
            if batch.is_empty() {
                return Ok(());
            }
            let hash = |group| (!is_short(group)).then(|| hash(group));
            let hashes: Vec<_> = batch.iter().map(hash).collect();
            let (bytes, result) = write_batch(file, &batch);
            let whole = groups_in(&batch, bytes);
            let unwritten = batch.split_off(whole);
            self.note(&batch, &hashes);
            drop(batch);
            if let Err(error) = result {
                let mut unwritten = unwritten.into_iter();
                let failed = unwritten.next().expect("a group was not written");
                let waiting = &mut self.0.lock().waiting;
                unwritten.rev().for_each(|group| waiting.push_front(group));
                return Err((failed, error));
            }
        }
    }

    fn note(&self, groups: &[SuccessfulGroupData], hashes: &[Option<u64>]) {
        let written = groups.iter().zip(hashes).map(|(group, &hash)| Written {
            offset: group.offset,
            len: group.len as u64,
            hash,
        });
        self.0.lock().written.extend(written);
    }

    /// The head of the line, with those behind it that follow it in the file.
    fn take_batch(&self) -> Vec<SuccessfulGroupData> {
        let waiting = &mut self.0.lock().waiting;
        let (mut batch, mut bytes, mut pieces) = (Vec::new(), 0, 0);
        let mut end = None;
        while let Some(group) = waiting.front() {
            bytes += group.len;
            pieces += group.chunks().len();
            let follows = end == Some(group.offset) && bytes <= TOGETHER && pieces <= MAX_PIECES;
            if end.is_some() && !follows {
                break;
            }
            end = group.offset.checked_add(group.len as u64);
            batch.extend(waiting.pop_front());
            if end.is_none() {
                break;
            }
        }
        batch
    }
}

/// Whether a group is hashed by whoever passes it.
pub(super) const fn is_short(group: &SuccessfulGroupData) -> bool {
    group.len <= HASHED_BESIDE
}

/// The hash of a group's bytes.
pub(super) fn hash(group: &SuccessfulGroupData) -> u64 {
    let mut hash = hasher();
    group.chunks().iter().for_each(|chunk| hash.update(chunk));
    hash.finalize()
}

/// How many of the groups are whole in the first `bytes` bytes.
fn groups_in(batch: &[SuccessfulGroupData], bytes: u64) -> usize {
    let mut end = 0;
    let ends = batch.iter().map(|group| {
        end += group.len as u64;
        end
    });
    ends.take_while(|&end| end <= bytes).count()
}

/// Writes groups that follow each other; how many bytes are written, and whether that is all.
fn write_batch(file: &File, batch: &[SuccessfulGroupData]) -> (u64, io::Result<()>) {
    let chunks = batch.iter().flat_map(|group| group.chunks());
    let mut slices: Vec<_> = chunks.map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = &mut slices[..];
    let (start, mut done) = (batch.first().map_or(0, |group| group.offset), 0);
    // Removes empty slices at the front, of which no progress can be made.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let at = match (start + done).try_into() {
            Ok(at) => at,
            Err(error) => return (done, Err(io::Error::other(error))),
        };
        match pwritev(file, &rest[..rest.len().min(MAX_PIECES)], at) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => {
                done += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return (done, Err(error.into())),
        }
    }
    (done, Ok(()))
}

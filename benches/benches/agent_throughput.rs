//! Pieces written by four threads into one ordered stream of groups of a mebibyte: what a piece
//! costs from its reservation to its group. The receiver checks that each piece came whole, and as
//! often as it was written.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use bytes::BufMut;
use zc_agent::{Manager, Received};
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::sync::block_on;

const WRITERS: usize = 4;
const GROUP: usize = 1 << 20;

fn main() -> ExitCode {
    Bench::main("agent_throughput", |bench| {
        for size in [64, 4096] {
            bench
                .cell(
                    format!("pieces of {size} B, groups of 1 MiB, {WRITERS} writers"),
                    Unit::NsPerOp,
                    256,
                )
                .ours(move |pieces| ours(size, pieces))
                .peer("a Vec a piece over std mpsc", move |pieces| {
                    collected(size, pieces)
                })
                .run();
        }
    })
}

/// The pieces that writer `writer` writes: every fourth.
fn share(writer: usize, pieces: u64) -> u64 {
    let (writers, writer) = (WRITERS as u64, writer as u64);
    (pieces + writers - 1 - writer) / writers
}

/// How many bytes of each writer there are; every byte of a piece is its writer's number.
#[derive(Default)]
struct Count([u64; WRITERS]);

impl Count {
    fn add(&mut self, bytes: &[u8], size: usize) -> Result<(), String> {
        for piece in bytes.chunks(size) {
            let writer = usize::from(piece[0]);
            expect("the last byte of a piece", piece.last(), piece.first())?;
            let count = self.0.get_mut(writer).ok_or("a byte that nobody wrote")?;
            *count += piece.len() as u64;
        }
        Ok(())
    }

    fn check(&self, size: usize, pieces: u64) -> Result<(), String> {
        let wanted: Vec<u64> = (0..WRITERS)
            .map(|w| share(w, pieces) * size as u64)
            .collect();
        expect("bytes of each writer", self.0.to_vec(), wanted)
    }
}

fn ours(size: usize, pieces: u64) -> Result<Duration, String> {
    let builder = Manager::builder().min_group_commit_size(GROUP);
    let (handle, mut groups, failures) = builder.spawn().map_err(|e| e.to_string())?;
    drop(failures);
    let piece = NonZeroUsize::new(size).ok_or("a piece has bytes")?;
    // Each writer leaves by a message; the last one finalizes, so that the groups come to an end.
    let (leave, left) = mpsc::channel::<()>();
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for writer in 0..WRITERS {
        let (handle, leave) = (handle.clone(), leave.clone());
        tasks.push(Box::new(move || {
            let byte = u8::try_from(writer).map_err(|e| e.to_string())?;
            for _ in 0..share(writer, pieces) {
                let mut agent = handle
                    .blocking_reserve_writer(piece)
                    .map_err(|e| e.to_string())?;
                agent.put_bytes(byte, size);
                agent.commit().map_err(|e| e.to_string())?;
            }
            drop(leave);
            Ok(())
        }));
    }
    drop(leave);
    tasks.push(Box::new(move || {
        // Ends when every writer has dropped its end.
        while left.recv().is_ok() {}
        let end = block_on(handle.finalize()).map_err(|e| e.to_string())?;
        expect("a report of failures that is empty", end.is_empty(), true)
    }));
    tasks.push(Box::new(move || {
        let mut count = Count::default();
        while let Received::Item(group) = block_on(groups.recv()) {
            for chunk in group.chunks() {
                count.add(chunk, size)?;
            }
        }
        count.check(size, pieces)
    }));
    together(tasks)
}

/// What one writes without it: a buffer for each piece, a bounded queue, and one thread that
/// copies the pieces together.
fn collected(size: usize, pieces: u64) -> Result<Duration, String> {
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(1024);
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for writer in 0..WRITERS {
        let sender = sender.clone();
        tasks.push(Box::new(move || {
            let byte = u8::try_from(writer).map_err(|e| e.to_string())?;
            for _ in 0..share(writer, pieces) {
                sender.send(vec![byte; size]).map_err(|e| e.to_string())?;
            }
            Ok(())
        }));
    }
    drop(sender);
    tasks.push(Box::new(move || {
        let mut count = Count::default();
        let mut group = Vec::with_capacity(GROUP + size);
        for piece in receiver {
            group.extend_from_slice(&piece);
            if group.len() >= GROUP {
                count.add(&group, size)?;
                group.clear();
            }
        }
        count.add(&group, size)?;
        count.check(size, pieces)
    }));
    together(tasks)
}

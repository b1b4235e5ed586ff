//! What a read costs, and how it scales with readers: one operation takes the guard, reads one
//! element of a thousand, and lets go.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};
use zc_core::SharedBuffer;

const ELEMENTS: usize = 1024;

fn main() -> ExitCode {
    Bench::main("core_read_scaling", |bench| {
        for readers in [1, 2, 4] {
            let name = format!("read one of {ELEMENTS} u64, {readers} readers");
            bench
                .cell(name, Unit::NsPerOp, 1000)
                .ours(move |ops| ours(readers, ops))
                .peer("std RwLock", move |ops| std_lock(readers, ops))
                .peer("parking_lot RwLock", move |ops| {
                    parking_lot_lock(readers, ops)
                })
                .peer("arc-swap", move |ops| arc_swap(readers, ops))
                .run();
        }
    })
}

fn elements() -> Vec<u64> {
    (0..ELEMENTS as u64).collect()
}

/// `ops` reads by each of `readers` threads, so that an operation is one step of all of them; each
/// read is checked.
fn readers<R>(readers: usize, ops: u64, read: R) -> Result<Duration, String>
where
    R: Fn(usize) -> Result<u64, String> + Sync,
{
    let read = &read;
    let one = |_| -> Task<'_> {
        Box::new(move || {
            for i in 0..ops {
                let at = usize::try_from(i).map_err(|e| e.to_string())? % ELEMENTS;
                expect("an element", black_box(read(black_box(at))?), at as u64)?;
            }
            Ok(())
        })
    };
    together((0..readers).map(one).collect())
}

fn ours(threads: usize, ops: u64) -> Result<Duration, String> {
    let buffer = SharedBuffer::from_vec(elements());
    readers(threads, ops, |at| {
        let guard = buffer.read().map_err(|e| e.to_string())?;
        Ok(guard[at])
    })
}

#[expect(clippy::disallowed_types, reason = "it is the peer")]
fn std_lock(threads: usize, ops: u64) -> Result<Duration, String> {
    let buffer = std::sync::RwLock::new(elements());
    readers(threads, ops, |at| {
        let guard = buffer.read().map_err(|e| e.to_string())?;
        Ok(guard[at])
    })
}

fn parking_lot_lock(threads: usize, ops: u64) -> Result<Duration, String> {
    let buffer = parking_lot::RwLock::new(elements());
    readers(threads, ops, |at| Ok(buffer.read()[at]))
}

fn arc_swap(threads: usize, ops: u64) -> Result<Duration, String> {
    let buffer = ArcSwap::new(Arc::new(elements()));
    readers(threads, ops, |at| Ok(buffer.load()[at]))
}

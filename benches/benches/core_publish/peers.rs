//! Peers that are built for measuring only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zc_benches::threads::expect;

use super::{elements, looks, reads};

pub(crate) fn hazarc_load(ops: u64) -> Result<Duration, String> {
    let current = hazarc::AtomicArc::<Vec<u64>>::from(Arc::new(elements()));
    looks(ops, |at| current.load()[at])
}

pub(crate) fn hazarc_cached(ops: u64) -> Result<Duration, String> {
    let current = hazarc::AtomicArc::<Vec<u64>>::from(Arc::new(elements()));
    let mut cache = hazarc::Cache::new(&current);
    looks(ops, |at| cache.load()[at])
}

pub(crate) fn hazarc_store(ops: u64) -> Result<Duration, String> {
    let views = [Arc::new(elements()), Arc::new(elements())];
    let current = hazarc::AtomicArc::<Vec<u64>>::from(views[0].clone());
    let begin = Instant::now();
    for i in 0..ops {
        current.store(views[(i % 2) as usize].clone());
    }
    let elapsed = begin.elapsed();
    let last = &views[((ops + 1) % 2) as usize];
    expect(
        "is the last",
        Arc::ptr_eq(&current.load_owned(), last),
        true,
    )?;
    Ok(elapsed)
}

pub(crate) fn seqlock(readers: usize, ops: u64) -> Result<Duration, String> {
    let cell = seqlock::SeqLock::new([7_u64; 8]);
    reads(readers, ops, || cell.read())
}

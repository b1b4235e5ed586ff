//! Ours, in every way there is to write.

use std::num::NonZeroUsize;
use std::time::Instant;

use bytes::{BufMut, Bytes};
use zc_agent::{BufferError, Groups, Manager, ManagerBuilder, Received, ZeroCopyHandle};
use zc_core::region::{HugePages, RegionOptions};

use super::{GROUP, Outcome, Shape, Tally, all, runtime, say};

/// Eight groups: enough to be ahead of the consumer, and few enough to stay in the caches.
pub(crate) const BUDGET: usize = 8 * GROUP;

/// How a writer writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// A reservation for each piece, filled in place.
    OneByOne,
    /// A run of so many bytes, handed out locally.
    Runs(usize),
    /// A reservation for each piece, and `Bytes` that stand in for it.
    Adopted,
}

pub(crate) fn builder(shape: Shape) -> ManagerBuilder {
    Manager::builder()
        .min_group_commit_size(GROUP)
        .max_reservation(shape.size.max(64 << 10))
        .memory_budget(BUDGET)
}

pub(crate) fn run(how: How, shape: Shape) -> Outcome {
    runtime().block_on(async move {
        let (handle, groups, failures) = builder(shape).spawn().map_err(say)?;
        // Kept: what a writer leaves of its last run is reported there.
        let _failures = failures;
        let start = Instant::now();
        let consumer = tokio::spawn(consume(groups, Tally::new(shape)));
        let writers = shape.spawn(|n| write(how, handle.clone(), shape, n));
        all(writers).await?;
        handle.finalize().await.map_err(say)?;
        let tally = consumer.await.map_err(say)??;
        let elapsed = start.elapsed();
        tally.check()?;
        Ok(elapsed)
    })
}

pub(crate) async fn write(
    how: How,
    handle: ZeroCopyHandle,
    shape: Shape,
    n: usize,
) -> Result<(), String> {
    let piece = shape.piece(n);
    let size = NonZeroUsize::new(shape.size).ok_or("a piece has bytes")?;
    match how {
        How::OneByOne => {
            let pieces = shape.share(n);
            one_by_one(&handle, size, &piece, pieces)
                .await
                .map_err(say)?;
        }
        How::Runs(run_bytes) => {
            let mut writer = handle.writer(run_bytes);
            for _ in 0..shape.share(n) {
                writer.write(&piece).await.map_err(say)?;
            }
        }
        How::Adopted => {
            let piece = Bytes::from(piece);
            for _ in 0..shape.share(n) {
                let agent = handle.reserve_writer(size).await.map_err(say)?;
                let agent = agent.into_single_agent();
                agent.submit_bytes(piece.clone()).await.map_err(say)?;
            }
        }
    }
    Ok(())
}

async fn one_by_one(
    handle: &ZeroCopyHandle,
    size: NonZeroUsize,
    piece: &[u8],
    pieces: u64,
) -> Result<(), BufferError> {
    for _ in 0..pieces {
        let mut agent = handle.reserve_writer(size).await?;
        agent.put_slice(piece);
        agent.commit()?;
    }
    Ok(())
}

/// The bare limit of one writer, one by one: a compare-and-swap, a record that is written twice, the
/// bytes of a piece, and an addition. Through as much memory as three groups have, and nobody looks.
#[expect(clippy::disallowed_types, reason = "nothing but the steps themselves")]
pub(crate) fn bare_steps(shape: Shape) -> Outcome {
    use crossbeam::utils::CachePadded;
    use std::sync::atomic::{AtomicU64, Ordering::*};
    let in_group = GROUP / shape.size;
    let piece = shape.piece(0);
    let (cursor, progress) = (
        CachePadded::new(AtomicU64::new(0)),
        CachePadded::new(AtomicU64::new(0)),
    );
    let mut groups: Vec<_> = (0..3)
        .map(|_| {
            let records: Vec<_> = (0..in_group).map(|_| AtomicU64::new(0)).collect();
            (vec![0_u8; GROUP], records)
        })
        .collect();
    let start = Instant::now();
    let mut left = shape.pieces as usize;
    for n in (0..groups.len()).cycle() {
        let (memory, records) = &mut groups[n];
        for (place, record) in memory
            .chunks_exact_mut(shape.size)
            .zip(&*records)
            .take(left)
        {
            let at = cursor.load(Relaxed);
            let swapped = cursor.compare_exchange_weak(at, at + 1, Acquire, Relaxed);
            record.store(at + 1, Release);
            place.copy_from_slice(std::hint::black_box(&piece));
            record.store(at + 2, Release);
            progress.fetch_add(swapped.map_err(say)?, AcqRel);
        }
        left = left.saturating_sub(in_group);
        if left == 0 {
            break;
        }
    }
    std::hint::black_box(&groups);
    Ok(start.elapsed())
}

pub(crate) async fn consume(mut groups: Groups, mut tally: Tally) -> Result<Tally, String> {
    while let Received::Item(group) = groups.recv().await {
        for chunk in group.chunks() {
            tally.add(chunk)?;
        }
    }
    Ok(tally)
}

/// The original's own benchmark, with the end inside of the time: `shape.writers` writers, a piece
/// each, into two groups of `group` bytes.
pub(crate) fn rounds(shape: Shape, group: usize, adopt: bool) -> Outcome {
    super::rounds(shape, |shape, pieces| async move {
        let (handle, groups, _failures) = Manager::builder()
            .min_group_commit_size(group)
            .max_reservation(shape.size)
            .memory_budget(3 * group)
            .adopt_threshold(if adopt { 1 } else { usize::MAX })
            .spawn()
            .map_err(say)?;
        let start = Instant::now();
        let consumer = tokio::spawn(consume(groups, Tally::new(shape)));
        let writers = shape.spawn(|n| {
            let (handle, piece) = (handle.clone(), pieces[n].clone());
            async move {
                let size = NonZeroUsize::new(piece.len()).ok_or("a piece has bytes")?;
                let agent = handle.reserve_writer(size).await.map_err(say)?;
                let agent = agent.into_single_agent();
                agent.submit_bytes(piece).await.map_err(say)
            }
        });
        all(writers).await?;
        handle.finalize().await.map_err(say)?;
        let tally = consumer.await.map_err(say)??;
        let elapsed = start.elapsed();
        tally.check()?;
        Ok(elapsed)
    })
}

/// The bare limit of the original's benchmark where it copies: two threads, and nothing but `memcpy`
/// of the same pieces into as much fresh memory, each into one half of every group.
pub(crate) fn bare_copy(shape: Shape, group: usize) -> Outcome {
    super::rounds(shape, |shape, pieces| async move {
        let start = Instant::now();
        let groups = shape.bytes().div_ceil(group as u64) as usize;
        // From the system, and zero-filled by it when it is touched; on huge pages, as the slabs.
        let options = RegionOptions::new().huge_pages(HugePages::Advised);
        let mut memory = options.anonymous(groups * group).map_err(say)?;
        let piece = shape.size;
        let half = shape.pieces as usize / 2 * piece;
        let (first, second) = memory.as_mut_slice().split_at_mut(half);
        std::thread::scope(|scope| {
            let copy = |to: &mut [u8], from: &[Bytes]| {
                for (place, bytes) in to.chunks_exact_mut(piece).zip(from) {
                    place.copy_from_slice(bytes);
                }
            };
            let (one, two) = pieces.split_at(half / piece);
            scope.spawn(move || copy(first, one));
            copy(second, two);
        });
        std::hint::black_box(&memory);
        Ok(start.elapsed())
    })
}

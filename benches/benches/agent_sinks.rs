//! From many writers' pieces into a file in the page cache, against a bare `pwrite` of bytes that
//! are contiguous already, and against what one does without: copy pieces together, then write.
//!
//! Nothing is synced inside of the time: that measures the disk. The file is written over and over,
//! so its pages are there. Each contestant reads the file back at the end and checks every byte.
//!
//! The bare `pwrite` takes its mebibytes in turn from as much memory as the agent has: one and the
//! same would come from the second-level cache, which no stream that is made on the way does.
//!
//! Tried, and lost: a hop to the blocking pool for every group, the hash of its bytes on that thread
//! as well: between two groups nothing is written, and it reached 40 to 54 % of the bare `pwrite`.

mod agent;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use agent::ours::How;
use agent::{GROUP, Outcome, Shape, Tally, all, ours, runtime, say};
use tokio::sync::mpsc;
use zc_agent::{FailReason, FileSink, GroupSink, Received};
use zc_benches::{Bench, Unit};

/// Bytes in the file; writing starts over at its end.
///
/// Long enough that the memory that every manager takes anew, 8 MiB, costs next to nothing.
const FILE: u64 = 512 << 20;
const WRITERS: usize = 4;

fn main() -> ExitCode {
    Bench::main("agent_sinks", |bench| {
        for (name, how, size) in [
            ("64 B in runs of 4 KiB", How::Runs(4 << 10), 64),
            ("1 KiB in runs of 64 KiB", How::Runs(64 << 10), 1 << 10),
            ("64 KiB in place", How::OneByOne, 64 << 10),
            ("64 KiB of Bytes, kept as they are", How::Adopted, 64 << 10),
        ] {
            let bytes = size as u64;
            let shape = move |pieces| Shape {
                size,
                writers: WRITERS,
                pieces,
            };
            bench
                .cell(
                    format!("{name}, {WRITERS} writers, to a file"),
                    Unit::GigabytesPerSecond { bytes },
                    256,
                )
                .ours(move |pieces| sink(how, shape(pieces), Pass::All))
                .peer("pieces over tokio mpsc, BufWriter", move |pieces| {
                    buffered(shape(pieces))
                })
                .peer("pieces over tokio mpsc, merged, pwrite", move |pieces| {
                    merged(shape(pieces))
                })
                .peer("one thread fills, another calls pwrite", move |pieces| {
                    two_threads(shape(pieces))
                })
                .limit(move |pieces| bare(shape(pieces)))
                .run();
        }
        let size = 64 << 10;
        let shape = move |pieces| Shape {
            size,
            writers: WRITERS,
            pieces,
        };
        bench
            .cell(
                format!("64 KiB in place, group by group, {WRITERS} writers, to a file"),
                Unit::GigabytesPerSecond { bytes: size as u64 },
                256,
            )
            .ours(move |pieces| sink(How::OneByOne, shape(pieces), Pass::EachGroup))
            .peer("one thread fills, another calls pwrite", move |pieces| {
                two_threads(shape(pieces))
            })
            .limit(move |pieces| bare(shape(pieces)))
            .run();
    })
}

/// How groups get from their receiver into the sink.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// By `write_all`.
    All,
    /// Each by a `write_group` of its own.
    EachGroup,
}

/// A file whose pages are in the cache, in the target folder, which is on a disk.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        folder.join(format!("agent_sinks-{}", std::process::id()))
    })
}

fn open() -> Result<File, String> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.open(path()).map_err(say)
}

/// The file with its pages in the cache, and clean or dirty as the last one left them.
fn warm() -> Result<File, String> {
    let file = open()?;
    if file.metadata().map_err(say)?.len() < FILE {
        let zeros = vec![0; GROUP];
        for at in (0..FILE).step_by(GROUP) {
            file.write_all_at(&zeros, at).map_err(say)?;
        }
    }
    Ok(file)
}

/// Checks the last stretch that was written, every byte of it.
fn read_back(file: &File, shape: Shape) -> Result<(), String> {
    let whole = shape.bytes() / FILE;
    let rest = shape.bytes() % FILE;
    let len = if whole > 0 { FILE } else { rest };
    let mut tally = Tally::new(Shape {
        pieces: len / shape.size as u64,
        ..shape
    });
    let mut buffer = vec![0; GROUP];
    let mut at = 0;
    while at < len {
        let n = (len - at).min(GROUP as u64) as usize;
        file.read_exact_at(&mut buffer[..n], at).map_err(say)?;
        tally.add(&buffer[..n])?;
        at += n as u64;
    }
    Ok(())
}

fn sink(how: How, shape: Shape, pass: Pass) -> Outcome {
    let file = warm()?;
    let mut left = shape.pieces;
    let mut elapsed = Duration::ZERO;
    // A manager for each time over the file: offsets begin at 0 again.
    while left > 0 {
        let pieces = left.min(FILE / shape.size as u64);
        left -= pieces;
        let shape = Shape { pieces, ..shape };
        let once = runtime().block_on(once(how, shape, pass))?;
        elapsed += once.elapsed;
        once.check(&file, shape)?;
    }
    Ok(elapsed)
}

/// Once over the file.
struct Once {
    elapsed: Duration,
    /// Bytes of the stream.
    end: u64,
    /// What runs left out of it, as the failures told: a run that ends early, since its writer was
    /// done or the memory was needed, is followed by others already.
    unused: Vec<Range<u64>>,
}

impl Once {
    /// Between what is said to be unused there must be nothing but pieces, and all of them.
    fn check(mut self, file: &File, shape: Shape) -> Result<(), String> {
        self.unused.sort_by_key(|range| range.start);
        self.unused.push(self.end..self.end);
        let mut tally = Tally::new(shape);
        let mut buffer = vec![0; GROUP];
        let mut at = 0;
        for unused in self.unused {
            while at < unused.start {
                let n = (unused.start - at).min(GROUP as u64) as usize;
                file.read_exact_at(&mut buffer[..n], at).map_err(say)?;
                tally.add(&buffer[..n])?;
                at += n as u64;
            }
            at = unused.end;
        }
        tally.check()
    }
}

async fn once(how: How, shape: Shape, pass: Pass) -> Result<Once, String> {
    let (handle, mut groups, mut failures) = ours::builder(shape).spawn().map_err(say)?;
    let mut sink = FileSink::resume(path()).map_err(say)?.sync_every(u64::MAX);
    let start = Instant::now();
    let consumer = tokio::spawn(async move {
        if let Pass::All = pass {
            return sink.write_all(&mut groups).await.map(drop).map_err(say);
        }
        while let Received::Item(group) = groups.recv().await {
            sink.write_group(group).await.map_err(say)?;
        }
        Ok(())
    });
    let holes = tokio::spawn(async move {
        let mut unused = Vec::new();
        while let Received::Item(group) = failures.recv().await {
            for failed in &group.failed_reservations {
                if failed.reason != FailReason::Unused {
                    return Err(format!("a piece failed: {failed:?}"));
                }
                unused.push(failed.offset..failed.offset + failed.size as u64);
            }
        }
        Ok(unused)
    });
    let writers = shape.spawn(|n| ours::write(how, handle.clone(), shape, n));
    all(writers).await?;
    let end = handle.metrics().stream_len;
    handle.finalize().await.map_err(say)?;
    consumer.await.map_err(say)??;
    let elapsed = start.elapsed();
    let unused = holes.await.map_err(say)??;
    Ok(Once {
        elapsed,
        end,
        unused,
    })
}

/// The bare limit: one thread that writes mebibytes that lie there already.
fn bare(shape: Shape) -> Outcome {
    let file = warm()?;
    let pieces = shape.piece(0).into_iter().cycle();
    let memory: Vec<u8> = pieces.take(ours::BUDGET).collect();
    let mut groups = memory.chunks(GROUP).cycle();
    let start = Instant::now();
    let mut at = 0;
    while at < shape.bytes() {
        let n = (shape.bytes() - at).min(GROUP as u64) as usize;
        let group = groups.next().ok_or("no group")?;
        file.write_all_at(&group[..n], at % FILE).map_err(say)?;
        at += n as u64;
    }
    let elapsed = start.elapsed();
    read_back(&file, shape)?;
    Ok(elapsed)
}

/// What is left of that limit where the bytes have to be put together first: a thread that copies
/// pieces into the same memory, and one that writes it. No offsets, no hashes, no failures.
fn two_threads(shape: Shape) -> Outcome {
    let file = warm()?;
    let piece = shape.piece(0);
    let (filled, fillings) = std::sync::mpsc::sync_channel::<Vec<u8>>(8);
    let (free, empties) = std::sync::mpsc::sync_channel::<Vec<u8>>(8);
    for _ in 0..ours::BUDGET / GROUP {
        free.send(vec![0; GROUP]).map_err(say)?;
    }
    let start = Instant::now();
    std::thread::scope(|scope| {
        let file = &file;
        let writer = scope.spawn(move || {
            let mut at = 0;
            while at < shape.bytes() {
                let group = fillings.recv().map_err(say)?;
                let n = (shape.bytes() - at).min(GROUP as u64) as usize;
                file.write_all_at(&group[..n], at % FILE).map_err(say)?;
                at += n as u64;
                free.send(group).map_err(say)?;
            }
            Ok::<_, String>(())
        });
        let mut left = shape.bytes();
        while left > 0 {
            let mut group = empties.recv().map_err(say)?;
            for place in group.chunks_exact_mut(shape.size) {
                place.copy_from_slice(&piece);
            }
            left = left.saturating_sub(GROUP as u64);
            filled.send(group).map_err(say)?;
        }
        writer.join().map_err(|_| "the writer panicked")?
    })?;
    let elapsed = start.elapsed();
    read_back(&file, shape)?;
    Ok(elapsed)
}

/// Pieces over a channel into a `BufWriter`.
fn buffered(shape: Shape) -> Outcome {
    over_channel(shape, |file, mut pieces| {
        let mut writer = BufWriter::with_capacity(GROUP, file);
        let mut at = 0;
        while let Some(piece) = pieces.blocking_recv() {
            if at == FILE {
                writer.seek(SeekFrom::Start(0)).map_err(say)?;
                at = 0;
            }
            writer.write_all(&piece).map_err(say)?;
            at += piece.len() as u64;
        }
        writer.flush().map_err(say)
    })
}

/// Pieces over a channel, copied together into a fresh buffer, which is written at once.
fn merged(shape: Shape) -> Outcome {
    over_channel(shape, |file, mut pieces| {
        let mut group = Vec::with_capacity(GROUP);
        let mut at = 0;
        while let Some(piece) = pieces.blocking_recv() {
            group.extend_from_slice(&piece);
            if group.len() >= GROUP {
                file.write_all_at(&group, at % FILE).map_err(say)?;
                at += group.len() as u64;
                group = Vec::with_capacity(GROUP);
            }
        }
        file.write_all_at(&group, at % FILE).map_err(say)
    })
}

fn over_channel(
    shape: Shape,
    write: impl FnOnce(File, mpsc::Receiver<Vec<u8>>) -> Result<(), String> + Send + 'static,
) -> Outcome {
    let file = warm()?;
    let elapsed = runtime().block_on(async move {
        let (sender, pieces) = mpsc::channel::<Vec<u8>>(256);
        let start = Instant::now();
        let file = open()?;
        let consumer = tokio::task::spawn_blocking(move || write(file, pieces));
        let writers = shape.spawn(|n| {
            let sender = sender.clone();
            async move {
                let piece = shape.piece(n);
                for _ in 0..shape.share(n) {
                    sender.send(piece.clone()).await.map_err(say)?;
                }
                Ok(())
            }
        });
        all(writers).await?;
        drop(sender);
        consumer.await.map_err(say)??;
        Ok::<_, String>(start.elapsed())
    })?;
    read_back(&file, shape)?;
    Ok(elapsed)
}

//! From many writers' pieces into a file in the page cache, against a bare `pwrite` of bytes that
//! are contiguous already, and against what one does without: copy pieces together, then write.
//!
//! Nothing is synced inside of the time: that measures the disk. The file is written over and over,
//! so its pages are there. Each contestant reads the file back at the end and checks every byte.

mod agent;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use agent::ours::How;
use agent::{GROUP, Outcome, Shape, Tally, all, ours, runtime, say};
use tokio::sync::mpsc;
use zc_agent::{FileSink, GroupSink, Groups, Received};
use zc_benches::{Bench, Unit};

/// Bytes in the file; writing starts over at its end.
const FILE: u64 = 128 << 20;
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
                .ours(move |pieces| sink(how, shape(pieces)))
                .peer("pieces over tokio mpsc, BufWriter", move |pieces| {
                    buffered(shape(pieces))
                })
                .peer("pieces over tokio mpsc, merged, pwrite", move |pieces| {
                    merged(shape(pieces))
                })
                .limit(move |pieces| bare(shape(pieces)))
                .run();
        }
    })
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

fn sink(how: How, shape: Shape) -> Outcome {
    let file = warm()?;
    let elapsed = runtime().block_on(async move {
        let mut left = shape.pieces;
        let mut elapsed = std::time::Duration::ZERO;
        // A manager for each time over the file: offsets begin at 0 again.
        while left > 0 {
            let pieces = left.min(FILE / shape.size as u64);
            left -= pieces;
            elapsed += once(how, Shape { pieces, ..shape }).await?;
        }
        Ok::<_, String>(elapsed)
    })?;
    read_back(&file, shape)?;
    Ok(elapsed)
}

async fn once(how: How, shape: Shape) -> Outcome {
    let (handle, groups, _failures) = ours::builder(shape).spawn().map_err(say)?;
    let sink = FileSink::resume(path()).map_err(say)?.sync_every(u64::MAX);
    let start = Instant::now();
    let consumer = tokio::spawn(write_all(groups, sink));
    let writers = shape.spawn(|n| ours::write(how, handle.clone(), shape, n));
    all(writers).await?;
    handle.finalize().await.map_err(say)?;
    let bytes = consumer.await.map_err(say)??;
    let elapsed = start.elapsed();
    if bytes != shape.bytes() {
        return Err(format!("{bytes} of {} bytes", shape.bytes()));
    }
    Ok(elapsed)
}

async fn write_all(mut groups: Groups, mut sink: FileSink) -> Result<u64, String> {
    let mut bytes = 0;
    while let Received::Item(group) = groups.recv().await {
        bytes += group.len as u64;
        sink.write_group(group).await.map_err(say)?;
    }
    Ok(bytes)
}

/// The bare limit: one thread that writes a mebibyte that lies there already, again and again.
fn bare(shape: Shape) -> Outcome {
    let file = warm()?;
    let group: Vec<u8> = shape.piece(0).into_iter().cycle().take(GROUP).collect();
    let start = Instant::now();
    let mut at = 0;
    while at < shape.bytes() {
        let n = (shape.bytes() - at).min(GROUP as u64) as usize;
        file.write_all_at(&group[..n], at % FILE).map_err(say)?;
        at += n as u64;
    }
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

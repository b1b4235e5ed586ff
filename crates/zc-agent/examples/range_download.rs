//! A parallel range download: a real file, over HTTP from a server on this machine, by many tasks
//! at once into another file. Ranges that fail are asked for again, and in the end the two files
//! have the same hash.
//!
//! Run with `cargo run -p zc-agent --example range_download [FILE]`; without a file it downloads its
//! own program.
//!
//! ```text
//!   server ──ranges──▶ 8 tasks ──reserve, read into place, commit──▶ groups ───┬─▶ FileSink ──▶ copy
//!                        ▲                       │ a broken connection           │
//!                        │                       │ drops the agent               │
//!                        └── retry ◀── failed ───┴──▶ failures ──good neighbours─┘
//! ```
//!
//! The bytes go from the socket into the group's memory, and from there into the file: between the
//! two system calls nothing is copied. The server breaks one connection in five on purpose.
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    dead_code,
    reason = "an example shows what it does; it is a test, too"
)]

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use zc_agent::{
    BufferError, FailedReservationInfo, Failures, FileSink, GroupSink, Groups, Manager, Received,
    SinkError, SubmitAgent, ZeroCopyHandle,
};
use zc_core::sync::atomic::{AtomicU64, Ordering};

const TASKS: usize = 8;
/// Bytes that one request asks for.
const RANGE: usize = 256 << 10;
/// The server breaks every so many-th connection in the middle.
const BREAKS: u64 = 5;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a download came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) bytes: u64,
    pub(crate) retried: u64,
    /// Hashes of the original and of the copy.
    pub(crate) hashes: (u64, u64),
}

/// Serves `original`, and downloads it to `copy`.
pub(crate) async fn run(original: PathBuf, copy: &Path) -> Result<Outcome, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener, File::open(&original)?));

    let (handle, groups, failures) = Manager::builder()
        .min_group_commit_size(1 << 20)
        .max_reservation(RANGE)
        .memory_budget(8 << 20)
        .spawn()?;
    let sink = FileSink::create(copy)?;
    let len = length(address).await?;
    let source = Arc::new(Source {
        address,
        len,
        asked_for: Mutex::new(0),
        failed: Mutex::default(),
        left: AtomicU64::new(len),
        retried: AtomicU64::new(0),
    });
    let writer = tokio::spawn(store(groups, failures, sink, source.clone()));

    let tasks: Vec<_> = (0..TASKS)
        .map(|_| tokio::spawn(download(source.clone(), handle.clone())))
        .collect();
    for task in tasks {
        task.await??;
    }
    // Everything is committed: what is left of the last group goes out, and then the end.
    let report = handle.finalize().await?;
    assert!(report.is_empty(), "both receivers are alive");
    writer.await??;
    server.abort();
    Ok(Outcome {
        bytes: source.len,
        retried: source.retried.load(Ordering::Relaxed),
        hashes: (hash(&original)?, hash(copy)?),
    })
}

/// What all tasks share.
struct Source {
    address: std::net::SocketAddr,
    len: u64,
    /// How far into the file ranges have been reserved. Reserving under this lock keeps the
    /// stream's offsets and the file's the same.
    asked_for: Mutex<u64>,
    /// Ranges that failed and have not been retried: each is in here once.
    failed: Mutex<VecDeque<FailedReservationInfo>>,
    /// Bytes that are not committed yet.
    left: AtomicU64,
    retried: AtomicU64,
}

/// One task: a range that failed, or the next one, until every byte is committed.
async fn download(source: Arc<Source>, handle: ZeroCopyHandle) -> Result<(), Error> {
    while source.left.load(Ordering::Relaxed) > 0 {
        let failed = source.failed.lock().await.pop_front();
        let agent = match failed {
            Some(info) => {
                source.retried.fetch_add(1, Ordering::Relaxed);
                Some(handle.retry(&info).await?)
            }
            None => next(&source, &handle).await?,
        };
        let Some(agent) = agent else {
            // Others are still at it, and may fail yet.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let size = agent.size() as u64;
        // On an error the agent is dropped, and with that reported as failed.
        if fetch(source.address, agent).await.is_ok() {
            source.left.fetch_sub(size, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Reserves the next range of the file; `None` at its end.
async fn next(
    source: &Source,
    handle: &ZeroCopyHandle,
) -> Result<Option<SubmitAgent>, BufferError> {
    let mut asked_for = source.asked_for.lock().await;
    let size = (source.len - *asked_for).min(RANGE as u64) as usize;
    let Some(size) = NonZeroUsize::new(size) else {
        return Ok(None);
    };
    let agent = handle.reserve_writer(size).await?;
    assert_eq!(agent.offset(), *asked_for);
    *asked_for += size.get() as u64;
    Ok(Some(agent))
}

/// Asks the server for the agent's range, and reads it into place.
async fn fetch(address: std::net::SocketAddr, mut agent: SubmitAgent) -> Result<(), Error> {
    let (first, last) = (agent.offset(), agent.offset() + agent.size() as u64 - 1);
    let mut stream = BufReader::with_capacity(1024, TcpStream::connect(address).await?);
    let request = format!("GET / HTTP/1.1\r\nrange: bytes={first}-{last}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 206") {
        return Err(head.into());
    }
    while agent.has_remaining_mut() {
        if stream.read_buf(&mut agent).await? == 0 {
            return Err("the connection broke".into());
        }
    }
    Ok(agent.commit()?)
}

async fn length(address: std::net::SocketAddr) -> Result<u64, Error> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    stream.write_all(b"HEAD / HTTP/1.1\r\n\r\n").await?;
    let head = read_head(&mut stream).await?;
    let line = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "));
    Ok(line.ok_or("the server says no length")?.parse()?)
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 || head.len() > 8 << 10 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// Whatever is good into the file, at its offset: groups, and the neighbours of what has failed. The
/// failed ranges go to whoever retries them.
async fn store(
    mut groups: Groups,
    mut failures: Failures,
    mut sink: FileSink,
    source: Arc<Source>,
) -> Result<(), SinkError> {
    let mut ends = (false, false);
    while ends != (true, true) {
        tokio::select! {
            received = groups.recv(), if !ends.0 => match received {
                Received::Item(group) => sink.write_group(group).await?,
                Received::End(_) => ends.0 = true,
            },
            received = failures.recv(), if !ends.1 => match received {
                Received::Item(report) => {
                    let failed = report.failed_reservations.iter().cloned();
                    source.failed.lock().await.extend(failed);
                    for group in report.into_groups() {
                        sink.write_group(group).await?;
                    }
                }
                Received::End(_) => ends.1 = true,
            },
        }
    }
    sink.finish().await
}

/// A small HTTP server for one file: HEAD, and GET with a range.
async fn serve(listener: TcpListener, file: File) -> Result<(), Error> {
    let file = Arc::new(file);
    let mut connections = 0;
    loop {
        let (stream, _) = listener.accept().await?;
        connections += 1;
        let breaks = connections % BREAKS == 0;
        tokio::spawn(answer(BufReader::new(stream), file.clone(), breaks));
    }
}

async fn answer(mut stream: BufReader<TcpStream>, file: Arc<File>, breaks: bool) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let len = file.metadata()?.len();
    if head.starts_with("HEAD") {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n");
        return stream.write_all(answer.as_bytes()).await;
    }
    let range = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let range = range.and_then(|range| {
        let (first, last) = range.split_once('-')?;
        Some(first.parse::<u64>().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
    });
    let Some(range) = range.filter(|r| r.start < r.end && r.end <= len) else {
        let answer = "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(answer.as_bytes()).await;
    };
    let mut body = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut body, range.start)?;
    let answer = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {}-{}/{len}\r\n\r\n",
        body.len(),
        range.start,
        range.end - 1
    );
    stream.write_all(answer.as_bytes()).await?;
    let sent = if breaks { body.len() / 2 } else { body.len() };
    stream.write_all(&body[..sent]).await?;
    stream.shutdown().await
}

fn hash(path: &Path) -> io::Result<u64> {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.digest()),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let original = match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => std::env::current_exe()?,
    };
    let copy = std::env::temp_dir().join(format!("range_download-{}", std::process::id()));
    let outcome = run(original, &copy).await?;
    std::fs::remove_file(&copy)?;
    println!(
        "{} bytes, {} ranges failed and were retried, hashes {:016x} and {:016x}",
        outcome.bytes, outcome.retried, outcome.hashes.0, outcome.hashes.1
    );
    if outcome.hashes.0 == outcome.hashes.1 {
        Ok(())
    } else {
        Err("the copy differs".into())
    }
}

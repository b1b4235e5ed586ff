//! What the agent's benches share: the runtime, what is written, how it is checked, and what every
//! contestant does with it.
#![allow(
    clippy::allow_attributes,
    clippy::disallowed_types,
    dead_code,
    unused_imports,
    reason = "each bench uses some of it; peers are built on std"
)]

pub(crate) mod ours;
pub(crate) mod peers;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Bytes from which on a group is complete.
pub(crate) const GROUP: usize = 1 << 20;

/// What is written, by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes in a piece.
    pub(crate) size: usize,
    pub(crate) writers: usize,
    pub(crate) pieces: u64,
}

pub(crate) type Outcome = Result<Duration, String>;

/// Two workers, as many as the machine that the goals are for has processors.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let built = builder.worker_threads(2).enable_all().build();
        // The first run writer of a process registers it for the system's barriers, which takes some
        // 20 ms; who is first would be calibrated to a few pieces.
        if let Ok((handle, ..)) = zc_agent::Manager::builder().spawn() {
            drop(handle.writer(1));
        }
        built.expect("a runtime")
    })
}

impl Shape {
    /// How many pieces writer `writer` writes.
    pub(crate) fn share(&self, writer: usize) -> u64 {
        (self.pieces + self.writers as u64 - 1 - writer as u64) / self.writers as u64
    }

    /// The piece that writer `writer` writes: every byte is its number.
    pub(crate) fn piece(&self, writer: usize) -> Vec<u8> {
        vec![writer as u8 + 1; self.size]
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.pieces * self.size as u64
    }

    /// Starts a task for each writer.
    pub(crate) fn spawn<F>(
        &self,
        writer: impl Fn(usize) -> F,
    ) -> Vec<JoinHandle<Result<(), String>>>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        (0..self.writers).map(|n| tokio::spawn(writer(n))).collect()
    }
}

pub(crate) async fn all(tasks: Vec<JoinHandle<Result<(), String>>>) -> Result<(), String> {
    for task in tasks {
        task.await.map_err(say)??;
    }
    Ok(())
}

pub(crate) fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What has arrived. A short run has every piece looked at, a long one every 61st, for the check
/// would cost more than what is measured; the number of bytes is always exact.
#[derive(Debug)]
pub(crate) struct Tally {
    shape: Shape,
    bytes: u64,
    by_writer: [u64; 256],
}

impl Tally {
    pub(crate) const fn new(shape: Shape) -> Self {
        Self {
            shape,
            bytes: 0,
            by_writer: [0; 256],
        }
    }

    fn looks_at_all(&self) -> bool {
        self.shape.pieces < 10_000
    }

    /// A stretch of whole pieces.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let size = self.shape.size;
        if !bytes.len().is_multiple_of(size) {
            return Err(format!("{} bytes are not whole pieces", bytes.len()));
        }
        self.bytes += bytes.len() as u64;
        let stride = if self.looks_at_all() { 1 } else { 61 };
        for piece in bytes.chunks_exact(size).step_by(stride) {
            let (first, last) = (piece[0], piece[size - 1]);
            if first == 0 || usize::from(first) > self.shape.writers || first != last {
                return Err(format!(
                    "a piece that begins with {first} and ends with {last}"
                ));
            }
            self.by_writer[usize::from(first)] += 1;
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.bytes != self.shape.bytes() {
            return Err(format!("{} of {} bytes", self.bytes, self.shape.bytes()));
        }
        let wrong = (0..self.shape.writers)
            .find(|n| self.looks_at_all() && self.by_writer[n + 1] != self.shape.share(*n));
        match wrong {
            Some(n) => Err(format!("{} pieces of writer {n}", self.by_writer[n + 1])),
            None => Ok(()),
        }
    }
}

/// Runs rounds of one piece from each writer until all of `shape.pieces` are written; the time of
/// all rounds together. The pieces are made before, and shared by the rounds.
pub(crate) fn rounds<F>(shape: Shape, round: impl Fn(Shape, Arc<Vec<Bytes>>) -> F) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let pieces: Vec<_> = (0..shape.writers)
        .map(|n| Bytes::from(shape.piece(n)))
        .collect();
    let pieces = Arc::new(pieces);
    let (mut left, mut elapsed) = (shape.pieces, Duration::ZERO);
    while left > 0 {
        let writers = left.min(shape.writers as u64);
        left -= writers;
        let shape = Shape {
            writers: writers as usize,
            pieces: writers,
            ..shape
        };
        elapsed += runtime().block_on(round(shape, pieces.clone()))?;
    }
    Ok(elapsed)
}

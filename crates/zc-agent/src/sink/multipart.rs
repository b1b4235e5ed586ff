//! Groups into a multipart upload of an object store.
//!
//! # States of an upload
//!
//! ```text
//!   open ──finish──▶ completing ──▶ complete
//!     └──a part failed, or abort()──▶ aborted
//! ```
//!
//! * **open**: groups are cut into parts of exactly `part_size` bytes, of the groups' own memory.
//!   A full part goes on its way at once; with `concurrency` parts on their way, the next waits.
//! * **completing**: the last, shorter part is on its way, or a task has the store put the parts
//!   together.
//! * **aborted**: the store is told to forget the parts. An upload cannot be taken up where it
//!   broke, so every later call fails; where telling the store was cancelled or failed, `abort`
//!   tells it again.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload};
use tokio::task::{JoinHandle, JoinSet};

use super::{GroupSink, SinkError};
use crate::group::data::SuccessfulGroupData;
use crate::types::AbsoluteOffset;

/// Parts of five mebibytes are the least that most stores take.
const DEFAULT_PART: usize = 5 << 20;
const DEFAULT_CONCURRENCY: usize = 4;

const LOST: &str = "the upload was lost with a task that panicked";

/// Uploads groups as parts of equal size, except for the last one. Nothing is copied: a part is a
/// list of views of the groups' memory, which comes back to the manager when the part has arrived.
///
/// Parts have no offsets, so groups must follow each other without a gap, as
/// [`Delivery::Ordered`](crate::Delivery::Ordered) yields them while nothing fails.
///
/// A part that fails after the store's own retries ends the upload: it is aborted, so that the
/// store keeps no orphaned parts. Dropped without [`finish`](GroupSink::finish) or
/// [`abort`](Self::abort), parts that have arrived stay with stores that do not clean up by themselves.
///
/// Cancel-safe: what was passed to a cancelled call is uploaded by the next one. (A group whose
/// call was never polled is dropped with it.) Needs a tokio runtime: parts are sent by tasks.
///
/// # Memory
/// Up to `part_size × (concurrency + 1)` bytes are held here. The manager's `memory_budget` must
/// be larger, or the writers and the sink wait for each other.
#[derive(Debug)]
pub struct MultipartSink {
    /// Not here while a task completes it.
    upload: Option<Upload>,
    completing: Option<JoinHandle<(Upload, object_store::Result<()>)>>,
    part_size: usize,
    concurrency: usize,
    state: State,
    /// Where the next byte belongs in the stream.
    position: AbsoluteOffset,
    /// Bytes that are not on their way yet, and how many.
    pending: VecDeque<Bytes>,
    pending_len: usize,
    on_their_way: JoinSet<object_store::Result<()>>,
}

type Upload = Box<dyn MultipartUpload>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Completing,
    Complete,
    /// To be aborted; the store may not know yet.
    Aborting,
    Aborted,
}

impl MultipartSink {
    /// Into `upload`, from offset 0 of the stream on, in parts of 5 MiB, four at a time.
    #[must_use]
    pub fn new(upload: Box<dyn MultipartUpload>) -> Self {
        Self {
            upload: Some(upload),
            completing: None,
            part_size: DEFAULT_PART,
            concurrency: DEFAULT_CONCURRENCY,
            state: State::Open,
            position: 0,
            pending: VecDeque::new(),
            pending_len: 0,
            on_their_way: JoinSet::new(),
        }
    }

    /// Bytes in each part but the last; at least 1. Most stores want 5 MiB or more.
    #[must_use]
    pub const fn part_size(mut self, bytes: usize) -> Self {
        self.part_size = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// How many parts are on their way at the same time; at least 1.
    #[must_use]
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = if parts == 0 { 1 } else { parts };
        self
    }

    /// Where the next byte belongs in the stream.
    #[must_use]
    pub const fn position(&self) -> AbsoluteOffset {
        self.position
    }

    /// Gives the upload up, and tells the store to forget its parts. Does nothing to one that is
    /// complete or aborted; one that a cancelled `finish` was completing may become complete instead.
    ///
    /// # Errors
    /// The store's; then it can be called again.
    pub async fn abort(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Complete | State::Aborted) {
            return Ok(());
        }
        self.state = State::Aborting;
        self.on_their_way.shutdown().await;
        self.pending.clear();
        self.pending_len = 0;
        if self.completing.is_some() && self.join_completing().await.is_ok() {
            self.state = State::Complete;
            return Ok(());
        }
        if let Some(upload) = &mut self.upload {
            upload.abort().await?;
        }
        self.state = State::Aborted;
        Ok(())
    }

    /// Sends every full part, and with `all` the rest too.
    async fn send_parts(&mut self, all: bool) -> io::Result<()> {
        while self.pending_len >= self.part_size || (all && self.pending_len > 0) {
            while self.on_their_way.len() >= self.concurrency {
                self.join_one().await?;
            }
            let part = self.take_part();
            let Some(upload) = &mut self.upload else {
                return Err(io::Error::other(LOST));
            };
            self.on_their_way.spawn(upload.put_part(part));
        }
        Ok(())
    }

    /// The first `part_size` bytes, or as many as there are.
    fn take_part(&mut self) -> PutPayload {
        let mut left = self.part_size.min(self.pending_len);
        self.pending_len -= left;
        let mut part = Vec::new();
        while left > 0 {
            let Some(mut bytes) = self.pending.pop_front() else {
                break;
            };
            if bytes.len() > left {
                self.pending.push_front(bytes.split_off(left));
            }
            left -= bytes.len();
            part.push(bytes);
        }
        part.into_iter().collect()
    }

    async fn join_one(&mut self) -> io::Result<()> {
        match self.on_their_way.join_next().await {
            Some(joined) => Ok(joined.map_err(io::Error::other)??),
            None => Ok(()),
        }
    }

    /// Has the store put the parts together, in a task: a call that is cancelled must not leave
    /// that half done.
    async fn complete(&mut self) -> io::Result<()> {
        if self.completing.is_none() {
            let Some(mut upload) = self.upload.take() else {
                return Err(io::Error::other(LOST));
            };
            self.completing = Some(tokio::spawn(async move {
                let completed = upload.complete().await.map(drop);
                (upload, completed)
            }));
        }
        self.join_completing().await
    }

    async fn join_completing(&mut self) -> io::Result<()> {
        let Some(task) = &mut self.completing else {
            return Ok(());
        };
        let joined = task.await;
        self.completing = None;
        let (upload, completed) = joined.map_err(io::Error::other)?;
        self.upload = Some(upload);
        Ok(completed?)
    }

    /// Aborts because of `source`, which is what matters more if that fails, too.
    async fn fail(&mut self, source: io::Error) -> SinkError {
        let source = match self.abort().await {
            Ok(()) => source,
            Err(abort) => io::Error::new(
                source.kind(),
                format!("{source}; and aborting the upload failed: {abort}"),
            ),
        };
        SinkError::new(None, source)
    }

    fn check_open(&self) -> io::Result<()> {
        let why = match self.state {
            State::Open => return Ok(()),
            State::Completing | State::Complete => "the upload is finished",
            State::Aborting | State::Aborted => "the upload was aborted",
        };
        Err(io::Error::new(io::ErrorKind::BrokenPipe, why))
    }
}

impl GroupSink for MultipartSink {
    /// # Errors
    /// The store's: the upload is aborted then, and nothing comes back, because every group that
    /// went before is lost with it. [`BrokenPipe`](io::ErrorKind::BrokenPipe) with the group once
    /// the upload has ended; [`InvalidInput`](io::ErrorKind::InvalidInput) with the group if it is
    /// not the next.
    async fn write_group(&mut self, group: SuccessfulGroupData) -> Result<(), SinkError> {
        if let Err(source) = self.check_open() {
            return Err(SinkError::new(Some(group), source));
        }
        if group.offset != self.position {
            let source = super::not_next(&group, self.position);
            return Err(SinkError::new(Some(group), source));
        }
        self.position += group.len as u64;
        self.pending_len += group.len;
        let chunks = group.into_chunks().into_iter();
        self.pending.extend(chunks.map(Bytes::from));
        match self.send_parts(false).await {
            Ok(()) => Ok(()),
            Err(source) => Err(self.fail(source).await),
        }
    }

    /// Uploads the rest and makes the object visible. Again after that, it does nothing.
    async fn finish(&mut self) -> Result<(), SinkError> {
        match self.state {
            State::Open => self.state = State::Completing,
            State::Completing => {}
            State::Complete => return Ok(()),
            State::Aborting | State::Aborted => {
                let ended = self.check_open();
                return ended.map_err(|source| SinkError::new(None, source));
            }
        }
        let finished = async {
            self.send_parts(true).await?;
            while !self.on_their_way.is_empty() {
                self.join_one().await?;
            }
            self.complete().await
        };
        match finished.await {
            Ok(()) => {
                self.state = State::Complete;
                Ok(())
            }
            Err(source) => Err(self.fail(source).await),
        }
    }
}

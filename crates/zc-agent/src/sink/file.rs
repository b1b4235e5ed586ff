//! Groups at their offsets in a file.
//!
//! # States of a range
//!
//! written → synced → in the map → part of [`FileSink::completed_ranges`]. Each step happens after
//! the one before it has succeeded, on a blocking thread of the runtime. A range of which anything
//! failed stays out of the map, so it is written again after a resume.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use super::line::{Failed, Line, hash, is_short};
use super::map::{Entry, MapFile, RangeSet, sync_folder};
use super::{GroupSink, SinkError};
use crate::finalize::FinalizeResult;
use crate::group::data::SuccessfulGroupData;
use crate::receive::Groups;
use crate::types::{AbsoluteOffset, Received};

const DEFAULT_SYNC_EVERY: u64 = 64 << 20;
/// Groups in line for the thread that writes, past which no more are received.
const MAX_LINE: usize = 64;

/// Writes groups to a file, each at its own offset, in any order.
///
/// The pieces of a group, and of groups that follow each other, are one `pwritev`. After every
/// [`sync_every`](Self::sync_every) bytes the file is synced (`fdatasync`), and the ranges are
/// noted in a map beside it (the file's name with `.zcmap` behind it), from which
/// [`resume`](Self::resume) knows what need not be written again.
///
/// [`write_all`](GroupSink::write_all) is the fastest way here: it receives and hashes groups while
/// others are being written. [`write_group`](GroupSink::write_group) returns when its group is in
/// the file, so between two calls nothing is written.
///
/// Cancel-safe: a group whose call was cancelled is written all the same, by the next call at the
/// latest. (One whose call was never polled is dropped with it.)
///
/// Needs a tokio runtime; the system calls run on its blocking threads.
#[derive(Debug)]
pub struct FileSink {
    file: Arc<File>,
    /// Not here while a task syncs.
    map: Option<MapFile>,
    sync_every: u64,
    /// Written, not synced; and how many bytes that is.
    written: Vec<Entry>,
    unsynced: u64,
    completed: RangeSet,
    durable: watch::Sender<AbsoluteOffset>,
    /// Groups to be written: the one that was passed, behind those of cancelled calls.
    line: Arc<Line>,
    /// Hashes of the short groups that were passed and are not in `written`, in their order.
    hashes: VecDeque<u64>,
    writing: Option<JoinHandle<Result<(), Failed>>>,
    syncing: Option<JoinHandle<Synced>>,
}

/// The map, what was noted in it, and whether.
type Synced = (MapFile, Vec<Entry>, io::Result<()>);

impl FileSink {
    /// An empty file with an empty map, in place of those that may be there. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open(path.as_ref(), true)
    }

    /// The file as it is, with those ranges completed that its map names: entries that are torn,
    /// that reach past the file's end, or whose bytes are not those that were written, are
    /// dropped. Reads the completed ranges once. Makes a file where there is none. Blocks.
    ///
    /// The source may begin at offset 0 again; writing a range once more does no harm.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open(path.as_ref(), false)
    }

    fn open(path: &Path, fresh: bool) -> io::Result<Self> {
        if fresh {
            // First the map: an old one must not speak for a new file.
            MapFile::replace(path, &[])?;
        }
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(fresh)
            .read(true)
            .write(true)
            .open(path)?;
        sync_folder(path)?;
        let entries = if fresh {
            Vec::new()
        } else {
            MapFile::load(path, &file)?
        };
        let map = MapFile::replace(path, &entries)?;
        let mut completed = RangeSet::default();
        for entry in entries {
            completed.insert(entry.offset, entry.offset + entry.len);
        }
        Ok(Self {
            file: Arc::new(file),
            map: Some(map),
            sync_every: DEFAULT_SYNC_EVERY,
            written: Vec::new(),
            unsynced: 0,
            durable: watch::Sender::new(completed.prefix()),
            completed,
            line: Arc::default(),
            hashes: VecDeque::new(),
            writing: None,
            syncing: None,
        })
    }

    /// Syncs whenever this many bytes are written since the last time; 64 MiB unless set, every
    /// group with 1.
    #[must_use]
    pub fn sync_every(mut self, bytes: u64) -> Self {
        self.sync_every = bytes.max(1);
        self
    }

    /// What is written, synced and noted in the map. Ranges that neither touch nor overlap.
    #[must_use]
    pub fn completed_ranges(&self) -> Vec<Range<AbsoluteOffset>> {
        self.completed.to_vec()
    }

    /// How far the file is completed from its start without a gap.
    #[must_use]
    pub fn durable_offset(&self) -> AbsoluteOffset {
        *self.durable.borrow()
    }

    /// To wait until [`durable_offset`](Self::durable_offset) moves.
    #[must_use]
    pub fn watch_durable(&self) -> watch::Receiver<AbsoluteOffset> {
        self.durable.subscribe()
    }

    /// Syncs what is written, and notes it in the map.
    ///
    /// # Errors
    /// The system's, with a group of a cancelled call if it is that which could not be written.
    /// After a failed sync nobody can tell what is on disk: what was written since the last one
    /// is not completed, and must be written again.
    pub async fn sync(&mut self) -> Result<(), SinkError> {
        poll_fn(|cx| self.poll_write(cx)).await?;
        let synced = poll_fn(|cx| self.poll_sync(cx)).await;
        synced.map_err(|source| SinkError::new(None, source))
    }

    /// Puts a group in line, has a thread write it, and hashes it meanwhile.
    fn pass(&mut self, group: SuccessfulGroupData) {
        self.line.push(group.clone());
        self.start_writing();
        if is_short(&group) {
            self.hashes.push_back(hash(&group));
        }
    }

    fn start_writing(&mut self) {
        if self.writing.is_none() {
            let (line, file) = (self.line.clone(), self.file.clone());
            self.writing = Some(spawn_blocking(move || line.write(&file)));
        }
    }

    /// Ready once the line is empty and everything is written. A group that could not be written
    /// comes back; those behind it stay.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        loop {
            if self.writing.is_none() && self.line.len() > 0 {
                self.start_writing();
            }
            if self.writing.is_none() {
                return Poll::Ready(Ok(()));
            }
            let result = ready!(poll_task(&mut self.writing, cx));
            self.note_written();
            match result {
                Ok(Ok(())) => {}
                Ok(Err((group, error))) => {
                    if is_short(&group) {
                        self.hashes.pop_front();
                    }
                    return Poll::Ready(Err(SinkError::new(Some(group), error)));
                }
                Err(error) => return Poll::Ready(Err(SinkError::new(None, error))),
            }
        }
    }

    fn note_written(&mut self) {
        for written in self.line.take_written() {
            let hash = written.hash.or_else(|| self.hashes.pop_front());
            self.unsynced += written.len;
            self.written.push(Entry {
                offset: written.offset,
                len: written.len,
                hash: hash.expect("a short group is hashed by whoever passes it"),
            });
        }
    }

    fn is_sync_due(&self) -> bool {
        self.unsynced >= self.sync_every || self.syncing.is_some()
    }

    /// Ready once everything in `written` is synced and in the map.
    fn poll_sync(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.syncing.is_none() {
                if self.written.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.start_sync()?;
            }
            let (map, entries, synced) = ready!(poll_task(&mut self.syncing, cx))?;
            self.map = Some(map);
            synced?;
            for entry in entries {
                self.completed
                    .insert(entry.offset, entry.offset + entry.len);
            }
            self.durable.send_if_modified(|durable| {
                std::mem::replace(durable, self.completed.prefix()) != *durable
            });
        }
    }

    fn start_sync(&mut self) -> io::Result<()> {
        let Some(mut map) = self.map.take() else {
            return Err(io::Error::other(
                "the map was lost with a thread that panicked",
            ));
        };
        let entries = std::mem::take(&mut self.written);
        self.unsynced = 0;
        let file = self.file.clone();
        self.syncing = Some(spawn_blocking(move || {
            let synced = file.sync_data().and_then(|()| map.append(&entries));
            (map, entries, synced)
        }));
        Ok(())
    }

    /// Takes groups and has them written, until the end is received and everything is written.
    fn poll_all(
        &mut self,
        groups: &mut Groups,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<FinalizeResult>, SinkError>> {
        loop {
            self.note_written();
            if self.is_sync_due() {
                // Alone: a sync that fails must not have had others' pages among its own.
                ready!(self.poll_write(cx))?;
                let synced = ready!(self.poll_sync(cx));
                synced.map_err(|source| SinkError::new(None, source))?;
            }
            let is_idle = self.poll_write(cx)?.is_ready();
            if self.line.len() >= MAX_LINE {
                return Poll::Pending;
            }
            match groups.poll_recv(cx) {
                Poll::Ready(Received::Item(group)) => self.pass(group),
                Poll::Ready(Received::End(report)) if is_idle => return Poll::Ready(Ok(report)),
                _ => return Poll::Pending,
            }
        }
    }
}

/// What a thread is writing it writes to its end; nothing after it.
impl Drop for FileSink {
    fn drop(&mut self) {
        self.line.clear();
    }
}

impl GroupSink for FileSink {
    /// # Errors
    /// The system's, such as no space left: nothing is lost, and the same group may be passed
    /// again. An error of the sync that was due has the group in it as well, because it is as
    /// little completed as those before it.
    async fn write_group(&mut self, group: SuccessfulGroupData) -> Result<(), SinkError> {
        if group.is_empty() {
            return Ok(());
        }
        let again = group.clone();
        self.pass(group);
        poll_fn(|cx| self.poll_write(cx)).await?;
        if self.is_sync_due()
            && let Err(source) = poll_fn(|cx| self.poll_sync(cx)).await
        {
            return Err(SinkError::new(Some(again), source));
        }
        Ok(())
    }

    /// Receives and hashes groups while others are being written.
    ///
    /// # Errors
    /// As [`write_group`](Self::write_group), with the group that could not be written; those
    /// behind it are in line. An error of a sync has no group in it, and what was written since the
    /// last one is not completed. Either way a call again goes on.
    async fn write_all(&mut self, groups: &mut Groups) -> Result<Arc<FinalizeResult>, SinkError> {
        poll_fn(|cx| self.poll_all(groups, cx)).await
    }

    /// As [`sync`](Self::sync).
    async fn finish(&mut self) -> Result<(), SinkError> {
        self.sync().await
    }
}

/// The result of a task, which is gone with that.
fn poll_task<T>(task: &mut Option<JoinHandle<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
    let Some(running) = task else {
        return Poll::Pending;
    };
    let result = ready!(Pin::new(running).poll(cx));
    *task = None;
    Poll::Ready(result.map_err(io::Error::other))
}

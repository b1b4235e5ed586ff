//! Groups at their offsets in a file.
//!
//! # States of a range
//!
//! written → synced → in the map → part of [`FileSink::completed_ranges`]. Each step happens after
//! the one before it has succeeded, on a blocking thread of the runtime. A range of which anything
//! failed stays out of the map, so it is written again after a resume.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Buf;
use nix::sys::uio::pwritev;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use super::map::{Entry, MapFile, RangeSet, hasher, sync_folder};
use super::{GroupSink, SinkError};
use crate::group::data::SuccessfulGroupData;
use crate::types::AbsoluteOffset;

/// Most pieces that the system takes in one call.
const MAX_PIECES: usize = 1024;
const DEFAULT_SYNC_EVERY: u64 = 64 << 20;

/// Writes groups to a file, each at its own offset, in any order.
///
/// One piece is one `pwrite`, several are one `pwritev`. After every
/// [`sync_every`](Self::sync_every) bytes the file is synced (`fdatasync`), and the ranges are
/// noted in a map beside it (the file's name with `.zcmap` behind it), from which
/// [`resume`](Self::resume) knows what need not be written again.
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
    /// Written, not synced.
    written: Vec<Entry>,
    completed: RangeSet,
    durable: watch::Sender<AbsoluteOffset>,
    /// Groups to be written: the one that was passed, behind those of cancelled calls.
    queue: VecDeque<SuccessfulGroupData>,
    writing: Option<JoinHandle<Written>>,
    syncing: Option<JoinHandle<Synced>>,
}

/// The group, and the hash of its bytes.
type Written = (SuccessfulGroupData, io::Result<u64>);

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
            durable: watch::Sender::new(completed.prefix()),
            completed,
            queue: VecDeque::new(),
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
        self.write_queue().await?;
        let synced = self.sync_written().await;
        synced.map_err(|source| SinkError::new(None, source))
    }

    async fn sync_written(&mut self) -> io::Result<()> {
        self.settle_syncing().await?;
        if self.written.is_empty() {
            return Ok(());
        }
        let Some(mut map) = self.map.take() else {
            return Err(io::Error::other(
                "the map was lost with a thread that panicked",
            ));
        };
        let entries = std::mem::take(&mut self.written);
        let file = self.file.clone();
        self.syncing = Some(spawn_blocking(move || {
            let synced = file.sync_data().and_then(|()| map.append(&entries));
            (map, entries, synced)
        }));
        self.settle_syncing().await
    }

    async fn settle_syncing(&mut self) -> io::Result<()> {
        let Some(task) = &mut self.syncing else {
            return Ok(());
        };
        let result = task.await;
        self.syncing = None;
        let (map, entries, synced) = result.map_err(io::Error::other)?;
        self.map = Some(map);
        synced?;
        for entry in entries {
            self.completed
                .insert(entry.offset, entry.offset + entry.len);
        }
        self.durable.send_if_modified(|durable| {
            std::mem::replace(durable, self.completed.prefix()) != *durable
        });
        Ok(())
    }

    /// Writes what is queued, one after the other. A group that could not be written comes back;
    /// those behind it stay.
    async fn write_queue(&mut self) -> Result<(), SinkError> {
        loop {
            if self.writing.is_none() {
                let Some(group) = self.queue.pop_front() else {
                    return Ok(());
                };
                let file = self.file.clone();
                self.writing = Some(spawn_blocking(move || {
                    let written = write_at(&file, &group);
                    (group, written)
                }));
            }
            let Some(task) = &mut self.writing else {
                continue;
            };
            let result = task.await;
            self.writing = None;
            let (group, written) =
                result.map_err(|error| SinkError::new(None, io::Error::other(error)))?;
            match written {
                Ok(hash) => self.written.push(Entry {
                    offset: group.offset,
                    len: group.len as u64,
                    hash,
                }),
                Err(error) => return Err(SinkError::new(Some(group), error)),
            }
        }
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
        self.queue.push_back(group);
        self.write_queue().await?;
        let due = self.written.iter().map(|entry| entry.len).sum::<u64>() >= self.sync_every;
        if due && let Err(source) = self.sync_written().await {
            return Err(SinkError::new(Some(again), source));
        }
        Ok(())
    }

    /// As [`sync`](Self::sync).
    async fn finish(&mut self) -> Result<(), SinkError> {
        self.sync().await
    }
}

/// Writes a group at its offset; the hash of its bytes.
fn write_at(file: &File, group: &SuccessfulGroupData) -> io::Result<u64> {
    let mut hash = hasher();
    group.chunks().iter().for_each(|chunk| hash.update(chunk));
    if let [only] = group.chunks() {
        file.write_all_at(only, group.offset)?;
        return Ok(hash.finalize());
    }
    let mut rest = group.clone();
    while rest.has_remaining() {
        let slices = rest.io_slices();
        let pieces = &slices[..slices.len().min(MAX_PIECES)];
        let at = rest.offset.try_into().map_err(io::Error::other)?;
        match pwritev(file, pieces, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest.advance(written),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(hash.finalize())
}

//! Where groups go: a file, a channel, an object store, or anything that takes bytes in order.

#![forbid(unsafe_code)]

mod async_write;
#[cfg(feature = "channel")]
mod channel;
#[cfg(unix)]
mod file;
#[cfg(unix)]
mod line;
#[cfg(unix)]
mod map;
#[cfg(feature = "object-store")]
mod multipart;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::finalize::FinalizeResult;
use crate::group::data::SuccessfulGroupData;
use crate::receive::Groups;
use crate::types::{AbsoluteOffset, Received};

pub use async_write::AsyncWriteSink;
#[cfg(feature = "channel")]
pub use channel::ChannelSink;
#[cfg(unix)]
pub use file::FileSink;
#[cfg(feature = "object-store")]
pub use multipart::MultipartSink;

/// Takes groups: [`FileSink`], [`AsyncWriteSink`], `ChannelSink`, `MultipartSink`, or your own.
pub trait GroupSink {
    /// Writes one group. On error the group comes back, and may be passed again.
    ///
    /// # Errors
    /// [`SinkError`] with the group and the system's reason.
    fn write_group(
        &mut self,
        group: SuccessfulGroupData,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Writes every group that comes, until the end; the final report. What was received before an
    /// error and could not be written is in the error, or still here. Does not
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`write_group`](Self::write_group). A call again goes on.
    fn write_all(
        &mut self,
        groups: &mut Groups,
    ) -> impl Future<Output = Result<Arc<FinalizeResult>, SinkError>> + Send
    where
        Self: Send,
    {
        async move {
            loop {
                match groups.recv().await {
                    Received::Item(group) => self.write_group(group).await?,
                    Received::End(report) => return Ok(report),
                }
            }
        }
    }

    /// Writes out whatever is left, as safely as the sink can.
    ///
    /// # Errors
    /// [`SinkError`] with the system's reason.
    fn finish(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// A sink could not write.
#[non_exhaustive]
pub struct SinkError {
    /// The group that was not written, or the part of it that was not.
    pub group: Option<SuccessfulGroupData>,
    /// Why.
    pub source: io::Error,
}

impl SinkError {
    fn new(group: Option<SuccessfulGroupData>, source: io::Error) -> Self {
        Self { group, source }
    }
}

impl fmt::Debug for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.as_ref().map(|group| (group.offset, group.len));
        f.debug_struct("SinkError")
            .field("group", &group)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(
                f,
                "{} bytes at {} were not written",
                group.len, group.offset
            ),
            None => f.write_str("not everything was written"),
        }
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The error of a sink without positions for a group that is not the next.
fn not_next(group: &SuccessfulGroupData, position: AbsoluteOffset) -> io::Error {
    let offset = group.offset;
    let why = format!("the group is at {offset}, and {position} is the next to be written");
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

//! Where groups go: a file, or anything that takes bytes in order.

mod async_write;
#[cfg(unix)]
mod file;
#[cfg(unix)]
mod map;

use std::fmt;
use std::future::Future;
use std::io;

use crate::group::data::SuccessfulGroupData;

pub use async_write::AsyncWriteSink;
#[cfg(unix)]
pub use file::FileSink;

/// Takes groups. See [`FileSink`] and [`AsyncWriteSink`].
pub trait GroupSink {
    /// Writes one group. On error the group comes back, and may be passed again.
    ///
    /// # Errors
    /// [`SinkError`] with the group and the system's reason.
    fn write_group(
        &mut self,
        group: SuccessfulGroupData,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;

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

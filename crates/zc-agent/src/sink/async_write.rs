//! Groups, one after the other, into a writer.

use std::io;

use bytes::Buf;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{GroupSink, SinkError};
use crate::group::data::SuccessfulGroupData;
use crate::types::AbsoluteOffset;

/// Writes groups to an `AsyncWrite`, which has no positions: they must follow each other without a
/// gap, as [`Delivery::Ordered`](crate::Delivery::Ordered) yields them while nothing fails.
///
/// Cancel-safe: a group whose writing was cancelled is kept, and written on by the next call.
#[derive(Debug)]
pub struct AsyncWriteSink<W> {
    writer: W,
    /// Where the next byte belongs in the stream.
    position: AbsoluteOffset,
    /// What is left of a group that is being written.
    pending: Option<SuccessfulGroupData>,
}

impl<W: AsyncWrite + Unpin + Send> AsyncWriteSink<W> {
    /// Writes to `writer`, which stands for the stream from offset 0 on.
    pub const fn new(writer: W) -> Self {
        Self::starting_at(writer, 0)
    }

    /// Writes to `writer`, which stands for the stream from `offset` on.
    pub const fn starting_at(writer: W, offset: AbsoluteOffset) -> Self {
        Self {
            writer,
            position: offset,
            pending: None,
        }
    }

    /// Where the next byte belongs in the stream.
    #[must_use]
    pub const fn position(&self) -> AbsoluteOffset {
        self.position
    }

    /// The writer. What is pending after a cancelled call is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }

    async fn write_pending(&mut self) -> io::Result<()> {
        while let Some(group) = &mut self.pending {
            if !group.has_remaining() {
                self.pending = None;
                return Ok(());
            }
            // Cancel-safe: the buffer moves on in the poll that has written.
            let written = self.writer.write_buf(group).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.position += written as u64;
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin + Send> GroupSink for AsyncWriteSink<W> {
    /// # Errors
    /// The writer's; the group that comes back is what is left of it, and passing it again goes on
    /// there. [`InvalidInput`](io::ErrorKind::InvalidInput) if the group is not the next.
    async fn write_group(&mut self, group: SuccessfulGroupData) -> Result<(), SinkError> {
        if let Err(source) = self.write_pending().await {
            return Err(SinkError::new(Some(group), source));
        }
        if group.offset != self.position {
            let source = super::not_next(&group, self.position);
            return Err(SinkError::new(Some(group), source));
        }
        self.pending = Some(group);
        match self.write_pending().await {
            Ok(()) => Ok(()),
            Err(source) => Err(SinkError::new(self.pending.take(), source)),
        }
    }

    /// Writes what is pending, flushes and shuts the writer down.
    async fn finish(&mut self) -> Result<(), SinkError> {
        let finished = async {
            self.write_pending().await?;
            self.writer.flush().await?;
            self.writer.shutdown().await
        };
        finished
            .await
            .map_err(|source| SinkError::new(None, source))
    }
}

//! Groups into a channel: to another thread, task or executor.

use std::collections::VecDeque;
use std::io;

use zc_channel::Sender;

use super::{GroupSink, SinkError};
use crate::group::data::SuccessfulGroupData;

/// Sends groups, as they are, into a [`zc_channel`]: the views move, the bytes stay where they
/// are. A full channel makes [`write_group`](GroupSink::write_group) wait, and nobody else.
///
/// Cancel-safe: a group whose call was cancelled is sent by the next call at the latest. (One
/// whose call was never polled is dropped with it.)
#[derive(Debug)]
pub struct ChannelSink {
    /// `None` once finished.
    sender: Option<Sender<SuccessfulGroupData>>,
    /// The group that was passed, behind those of cancelled calls.
    queue: VecDeque<SuccessfulGroupData>,
}

impl ChannelSink {
    /// Sends into `sender`'s channel.
    #[must_use]
    pub const fn new(sender: Sender<SuccessfulGroupData>) -> Self {
        Self {
            sender: Some(sender),
            queue: VecDeque::new(),
        }
    }

    async fn send_queue(&mut self) -> Result<(), SinkError> {
        while !self.queue.is_empty() {
            let permit = match &self.sender {
                Some(sender) => sender.reserve().await.map_err(|_| "no receiver is left"),
                None => Err("the sink is finished"),
            };
            // From here on to the send there is no point to be cancelled at.
            match (permit, self.queue.pop_front()) {
                (Ok(permit), Some(group)) => permit.send(group),
                (Ok(_), None) => {}
                (Err(why), group) => {
                    let source = io::Error::new(io::ErrorKind::BrokenPipe, why);
                    return Err(SinkError::new(group, source));
                }
            }
        }
        Ok(())
    }
}

impl GroupSink for ChannelSink {
    /// # Errors
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) with the oldest group that was not sent, if no
    /// receiver is left or the sink is finished.
    async fn write_group(&mut self, group: SuccessfulGroupData) -> Result<(), SinkError> {
        self.queue.push_back(group);
        self.send_queue().await
    }

    /// Sends what cancelled calls have left, and drops the sender: with the last one the receiver
    /// comes to the end.
    async fn finish(&mut self) -> Result<(), SinkError> {
        self.send_queue().await?;
        self.sender = None;
        Ok(())
    }
}

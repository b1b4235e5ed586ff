//! [`Attachment`]: a process that has mapped a ring; and [`Handle`], its lease that keeps it open.

use zc_core::sync::Arc;
use zc_core::wait::WaitStrategy;

use super::control::Control;
use super::process::Process;
use crate::rows::RowStore;

/// A ring that this process has mapped.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) control: Arc<Control>,
    pub(crate) store: Arc<RowStore>,
    /// Who holds what is taken through this attachment.
    pub(crate) process: Process,
    pub(crate) strategy: WaitStrategy,
}

impl Attachment {
    /// Whether what is held through this attachment is this process's: not so in a child that was
    /// forked, whose copies of the handles must not give back what its parent holds.
    pub(crate) fn is_ours(&self) -> bool {
        if cfg!(any(zc_loom, zc_shuttle)) {
            // What a model has ended does nothing any more.
            return !self.control.is_dead(self.process);
        }
        self.process.is_current()
    }

    /// How many rows from `first` on are overwritten, or may be soon.
    pub(crate) fn overwritten(&self, first: u64) -> u64 {
        let ahead = self.control.claim().wrapping_sub(first) as i64;
        (ahead - self.control.capacity as i64).max(0) as u64
    }
}

/// The lease of one handle of the ring.
#[derive(Debug)]
pub(crate) struct Handle {
    attachment: Arc<Attachment>,
    word: usize,
}

impl Handle {
    /// None where all are taken.
    pub(crate) fn take(attachment: &Arc<Attachment>) -> Option<Self> {
        let word = attachment.control.take_handle(attachment.process)?;
        Some(Self {
            attachment: Arc::clone(attachment),
            word,
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.attachment.is_ours() {
            let process = self.attachment.process;
            self.attachment.control.release_source(self.word, process);
        }
    }
}

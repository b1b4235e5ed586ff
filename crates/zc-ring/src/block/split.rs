//! Splitting a stream of blocks that were laid end to end.

use zc_core::Frozen;

use super::error::BlockError;
use super::{Block, format};

/// The blocks of a stream, each a view of its part. Ends at the end of the stream, or after the
/// first error: what follows a block that cannot be measured cannot be found.
#[derive(Clone, Debug)]
pub struct Blocks {
    rest: Frozen<u8>,
}

impl Blocks {
    pub(super) fn new(stream: Frozen<u8>) -> Self {
        Self { rest: stream }
    }

    /// What has not been split off yet.
    #[must_use]
    pub fn rest(&self) -> &Frozen<u8> {
        &self.rest
    }

    fn take(&mut self) -> Result<Block, BlockError> {
        let len = self.rest.len();
        let needed = match format::read_lens(&self.rest)? {
            Some((total_len, _)) => total_len,
            None => format::HEAD_BYTES + format::ENTRY_BYTES,
        };
        if len < needed {
            return Err(BlockError::Truncated { len, needed });
        }
        let (first, rest) = self.rest.split_at(needed);
        let block = Block::decode(first)?;
        self.rest = rest;
        Ok(block)
    }
}

impl Iterator for Blocks {
    type Item = Result<Block, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let block = self.take();
        if block.is_err() {
            self.rest = Frozen::new();
        }
        Some(block)
    }
}

//! What the consumer gets: a gap-free stretch of the stream.

use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use zc_core::{Frozen, ledger};

use crate::types::{AbsoluteOffset, GroupId};

/// A gap-free stretch of the stream: a group, or the part of one between two unused tails.
///
/// Its bytes are views of the memory that the writers filled, or of the `Bytes` that they
/// submitted; nothing is copied on the way here. The memory is the manager's, and counts on its
/// budget, until the last view of it is dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SuccessfulGroupData {
    /// The group it belongs to.
    pub group_id: GroupId,
    /// Position of the first byte in the stream.
    pub offset: AbsoluteOffset,
    /// Length in bytes.
    pub len: usize,
    chunks: Vec<Frozen<u8>>,
}

impl SuccessfulGroupData {
    pub(crate) fn new(group_id: GroupId, offset: AbsoluteOffset, chunks: Vec<Frozen<u8>>) -> Self {
        Self {
            group_id,
            offset,
            len: chunks.iter().map(|chunk| chunk.len()).sum(),
            chunks,
        }
    }

    /// The group it belongs to.
    #[must_use]
    pub const fn group_id(&self) -> GroupId {
        self.group_id
    }

    /// Position of the first byte in the stream.
    #[must_use]
    pub const fn offset(&self) -> AbsoluteOffset {
        self.offset
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, in order. One chunk where they are contiguous in memory, which they are unless
    /// `Bytes` were adopted.
    #[must_use]
    pub fn chunks(&self) -> &[Frozen<u8>] {
        &self.chunks
    }

    /// The chunks, to keep.
    #[must_use]
    pub fn into_chunks(self) -> Vec<Frozen<u8>> {
        self.chunks
    }

    /// The bytes as one `Bytes`. Copies nothing if there is one chunk; else it has to copy them
    /// together, and reports that to the ledger as `agent.into_bytes`.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.chunks.len() <= 1 {
            return self.chunks.pop().map(Bytes::from).unwrap_or_default();
        }
        ledger::copied("agent.into_bytes", self.len);
        let mut all = BytesMut::with_capacity(self.len);
        self.chunks
            .iter()
            .for_each(|chunk| all.extend_from_slice(chunk));
        all.freeze()
    }

    /// The chunks, for a vectored write.
    #[must_use]
    pub fn io_slices(&self) -> Vec<IoSlice<'_>> {
        self.chunks
            .iter()
            .map(|chunk| IoSlice::new(chunk))
            .collect()
    }
}

/// Consumes from the front; `offset` and `len` follow.
impl Buf for SuccessfulGroupData {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.first().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let pairs = self.chunks.iter().zip(dst);
        pairs
            .map(|(chunk, slot)| *slot = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, n: usize) {
        assert!(
            n <= self.len,
            "cannot advance by {n}: {} bytes are left",
            self.len
        );
        self.offset += n as u64;
        self.len -= n;
        let mut left = n;
        let whole = self.chunks.iter().take_while(|chunk| {
            let is_whole = chunk.len() <= left;
            left -= if is_whole { chunk.len() } else { 0 };
            is_whole
        });
        let whole = whole.count();
        self.chunks.drain(..whole);
        if left > 0 {
            self.chunks[0] = self.chunks[0].slice(left..);
        }
    }
}

#[cfg(all(test, not(any(zc_loom, zc_shuttle))))]
mod tests {
    use super::*;

    fn group() -> SuccessfulGroupData {
        let chunks = ["abc", "de", "fghi"].map(|s| Frozen::from_vec(s.into()));
        SuccessfulGroupData::new(3, 100, chunks.into())
    }

    #[test]
    fn buf_walks_over_chunks() {
        let mut group = group();
        assert_eq!(group.len(), 9);
        group.advance(4);
        assert_eq!((group.offset, group.chunk()), (104, &b"e"[..]));
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(group.chunks_vectored(&mut slices), 2);
        assert_eq!(&*group.copy_to_bytes(5), b"efghi");
        assert!(!group.has_remaining() && group.chunk().is_empty());
    }

    #[test]
    fn one_chunk_becomes_bytes_in_place() {
        let only = Frozen::from_vec(vec![7; 10]);
        let at = only.as_ptr();
        let bytes = SuccessfulGroupData::new(0, 0, vec![only]).into_bytes();
        assert_eq!(bytes.as_ptr(), at);
        assert_eq!(&*group().into_bytes(), b"abcdefghi");
    }
}

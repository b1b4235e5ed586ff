//! [`FixedBytes`]: the values of a `fixed_bytes` column.

use std::slice::ChunksExact;

/// Values of equal length, end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedBytes {
    width: usize,
    bytes: Vec<u8>,
}

impl FixedBytes {
    /// `bytes` is a multiple of `width`, which is not 0.
    pub(crate) fn new(width: usize, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len() % width, 0);
        Self { width, bytes }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of each value.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The value of row `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// The values, in order.
    pub fn iter(&self) -> ChunksExact<'_, u8> {
        self.bytes.chunks_exact(self.width)
    }

    /// All of them, end to end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, as what they lie in.
    #[cfg(feature = "arrow")]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl<'a> IntoIterator for &'a FixedBytes {
    type Item = &'a [u8];
    type IntoIter = ChunksExact<'a, u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

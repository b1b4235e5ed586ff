//! Keys as the index keeps them: short ones inside the slot, long ones on the heap.

/// Bytes of a key that fit into a slot.
pub const INLINE: usize = 46;

/// An owned key of 0 to 65,536 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// At most [`INLINE`] bytes; `bytes[..len]` is the key.
    Inline {
        /// Length, in 0 ..= [`INLINE`].
        len: u8,
        /// The key, then zeros.
        bytes: [u8; INLINE],
    },
    /// A longer one.
    Heap(Box<[u8]>),
}

impl Key {
    /// Copies `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        if key.len() > INLINE {
            return Self::Heap(key.into());
        }
        let mut bytes = [0; INLINE];
        bytes[..key.len()].copy_from_slice(key);
        let len = u8::try_from(key.len()).unwrap_or(u8::MAX);
        Self::Inline { len, bytes }
    }

    /// The key's bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(bytes) => bytes,
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new(&[])
    }
}

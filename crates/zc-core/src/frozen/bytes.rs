//! `bytes::Bytes` and back, without copying.

use bytes::Bytes;

use super::view::Frozen;

impl From<Frozen<u8>> for Bytes {
    /// The same memory as `Bytes`; one small allocation.
    #[inline]
    fn from(view: Frozen<u8>) -> Self {
        if view.is_empty() {
            return Self::new();
        }
        Self::from_owner(view)
    }
}

impl From<Bytes> for Frozen<u8> {
    /// The same memory as a view; one small allocation.
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::new();
        }
        Self::from_owner(bytes)
    }
}

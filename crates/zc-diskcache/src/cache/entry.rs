//! An object that was found, to be asked and sent as often as need be.

use std::fmt;
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Duration;

use zc_core::Frozen;
use zc_core::sync::atomic::Ordering;

use super::{RawDiskCache, verified};
use crate::error::CacheError;
use crate::index::key::Key;
use crate::read::view::Object;
use crate::ttl;
use crate::zero_copy::send;

/// One edition of an object: length, identity and bytes belong together, whatever is stored under
/// its key meanwhile.
///
/// A server needs this: it announces a length and a validator before the body leaves, and the body
/// must be that one. As a view does, it holds its extent.
#[must_use = "an entry pins its extent"]
pub struct Entry {
    object: Object,
    key: Key,
}

impl RawDiskCache {
    /// Finds an object and holds on to this edition of it. Verifies it as the policy says. Not a
    /// hit yet: views and sends of the entry are.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn entry(&self, key: impl AsRef<[u8]>) -> Result<Option<Entry>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        let found = verified(object).await.map_err(|error| error.for_key(key))?;
        Ok(found.map(|object| Entry {
            object,
            key: Key::new(key),
        }))
    }
}

impl Entry {
    /// Bytes of the value.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.object.len
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The edition's place in the order of all stores into this file; higher is newer, and no two
    /// are the same. With [`crc32c`](Self::crc32c) it makes a strong validator.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.object.seq
    }

    /// CRC32C of the value.
    #[must_use]
    pub fn crc32c(&self) -> u32 {
        self.object.crc
    }

    /// What is left of its time to live; `None`: it has no end.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let expires = self.object.slot().expires.load(Ordering::Relaxed);
        let left = || Duration::from_millis(expires.saturating_sub(ttl::coarse_ms()));
        (expires != ttl::NEVER).then(left)
    }

    /// A view of the whole value.
    #[must_use]
    pub fn view(&self) -> Frozen<u8> {
        self.object.clone().into_view()
    }

    /// A view of the bytes `range`.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn view_range(&self, range: Range<u64>) -> Result<Frozen<u8>, CacheError> {
        let (offset, len) = self.range(&range)?;
        Ok(self.object.clone().into_part(offset, len))
    }

    /// Sends the bytes `range` to `socket`; as
    /// [`send_range_to_socket`](RawDiskCache::send_range_to_socket), of this edition.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub async fn send_range(
        &self,
        range: Range<u64>,
        socket: impl AsFd,
    ) -> Result<u64, CacheError> {
        let (offset, len) = self.range(&range)?;
        let sent = send::send(self.object.clone(), offset, len, socket.as_fd()).await;
        sent.map_err(|error| error.for_key(self.key.as_bytes()))
    }

    fn range(&self, range: &Range<u64>) -> Result<(u64, u64), CacheError> {
        let checked = self.object.range(range);
        checked.map_err(|error| error.for_key(self.key.as_bytes()))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("len", &self.len())
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

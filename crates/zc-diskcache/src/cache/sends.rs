//! Sending an object to a socket.

use std::ops::Range;
use std::os::fd::AsFd;

use super::{RawDiskCache, verified};
use crate::error::CacheError;
use crate::read::view::Object;
use crate::zero_copy::send;

impl RawDiskCache {
    /// Sends the object to `socket` without copying it in this process; gives the bytes sent.
    /// `None`: there is no such object, and nothing was sent.
    ///
    /// `socket` is any stream socket, blocking or not, a tokio one included, or a pipe. It is not
    /// put into another mode. While the send runs the object is pinned. See
    /// [`zero_copy`](crate::zero_copy) for how bytes leave.
    ///
    /// # Errors
    /// `Socket` if the peer went away or the socket failed; [`CacheError::bytes_sent`] says how
    /// far it got, as for every other error of a send.
    ///
    /// # Cancel safety
    /// Not cancel-safe: bytes that the socket took are gone, and their number is lost. Close the
    /// socket. A send to a blocking socket stops within 100 ms.
    ///
    /// # Panics
    /// If the socket is non-blocking and full, and the tokio runtime has no I/O driver.
    pub async fn sendfile_to_socket(
        &self,
        key: impl AsRef<[u8]>,
        socket: impl AsFd,
    ) -> Result<Option<u64>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        let len = object.len;
        self.send(object, key, 0, len, socket).await
    }

    /// Sends the bytes `range` of the object to `socket`; as
    /// [`sendfile_to_socket`](Self::sendfile_to_socket).
    ///
    /// # Errors
    /// As there, and `OutOfRange`, in which case nothing was sent.
    ///
    /// # Cancel safety
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub async fn send_range_to_socket(
        &self,
        key: impl AsRef<[u8]>,
        range: Range<u64>,
        socket: impl AsFd,
    ) -> Result<Option<u64>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        let (offset, len) = object.range(&range).map_err(|error| error.for_key(key))?;
        self.send(object, key, offset, len, socket).await
    }

    async fn send(
        &self,
        object: Object,
        key: &[u8],
        offset: u64,
        len: u64,
        socket: impl AsFd,
    ) -> Result<Option<u64>, CacheError> {
        let Some(object) = verified(object).await.map_err(|error| error.for_key(key))? else {
            return Ok(None);
        };
        let sent = send::send(object, offset, len, socket.as_fd()).await;
        sent.map(Some).map_err(|error| error.for_key(key))
    }
}

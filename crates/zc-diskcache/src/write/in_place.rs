//! Values that come in pieces, written where they will stay.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::store::Reservation;
use crate::error::{CacheError, CacheErrorKind};
use crate::io::checksum::Crc32c;
use crate::runtime;

/// A value under way into the cache; see [`RawDiskCache::writer`](crate::RawDiskCache::writer).
///
/// Dropped without a [`commit`](Self::commit) it leaves everything as it was. It is also an
/// [`io::Write`].
#[must_use = "nothing is stored until the writer is committed"]
pub struct ObjectWriter {
    reservation: Reservation,
    key: Bytes,
    ttl_ms: u64,
    len: u64,
    written: u64,
    crc: Crc32c,
}

impl ObjectWriter {
    pub(crate) fn new(reservation: Reservation, key: Bytes, ttl_ms: u64, len: u64) -> Self {
        Self {
            reservation,
            key,
            ttl_ms,
            len,
            written: 0,
            crc: Crc32c::new(),
        }
    }

    /// Appends `piece`, on this thread.
    ///
    /// # Errors
    /// `LengthMismatch` if that is more than was promised, `Io`, `DiskFull`. Nothing of the piece
    /// then counts, and it may be tried again.
    pub fn write_piece(&mut self, piece: &[u8]) -> Result<(), CacheError> {
        if piece.len() as u64 > self.remaining() {
            return Err(self.mismatch(self.written.saturating_add(piece.len() as u64)));
        }
        self.reservation
            .write(piece, self.written)
            .map_err(|error| error.for_key(&self.key))?;
        self.crc.update(piece);
        self.written += piece.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.len - self.written
    }

    /// Puts the object into the cache, in place of what was there.
    ///
    /// # Errors
    /// `LengthMismatch` if bytes are missing; `Closed` if the cache was closed meanwhile; `Io`,
    /// `DiskFull`. The old object then stays.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn commit(self) -> Result<(), CacheError> {
        if self.remaining() > 0 {
            return Err(self.mismatch(self.written));
        }
        runtime::blocking(move || {
            let path = self.reservation.path().to_path_buf();
            let crc = self.crc.finish();
            let done = self
                .reservation
                .commit(&self.key, self.ttl_ms, self.len, crc, None);
            done.map(|_| ())
                .map_err(|error| error.for_key(&self.key).at(&path))
        })
        .await
    }

    fn mismatch(&self, have: u64) -> CacheError {
        CacheError::new(CacheErrorKind::LengthMismatch)
            .detail(format!("{have} bytes of {}", self.len))
            .for_key(&self.key)
            .at(self.reservation.path())
    }
}

impl io::Write for ObjectWriter {
    /// Takes all of `bytes`, or none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_piece(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Does nothing: bytes are with the kernel when `write` returns.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWriter")
            .field("key", &self.key)
            .field("len", &self.len)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

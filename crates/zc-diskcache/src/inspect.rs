//! Looking into a cache file from outside, without changing a byte of it.
//!
//! What the tool `zc-cache` is made of. The file is locked while it is looked at, so a cache that
//! is in use is [`InUse`](CacheErrorKind::InUse).

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::{CacheError, CacheErrorKind};
use crate::index::slot::Meta;
use crate::io::checksum::Crc32c;
use crate::io::create;
use crate::io::file::CacheFile;
use crate::log::header::{Header, Session};
use crate::log::recover::{Recovered, recover};
use crate::ttl;

/// Bytes read at once.
const PIECE: u64 = 1 << 20;

/// A cache file, opened to be looked at.
#[derive(Debug)]
pub struct Inspection {
    file: CacheFile,
    header: Header,
    session: Option<Session>,
    recovered: Recovered,
}

/// One object of the file.
#[derive(Clone, Copy, Debug)]
pub struct ObjectInfo<'a> {
    meta: &'a Meta,
    left_ms: u64,
}

impl ObjectInfo<'_> {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.meta.key.as_bytes()
    }

    /// Bytes of its value.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an object is no collection")]
    pub fn len(&self) -> u64 {
        self.meta.len
    }

    /// Where its value begins in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.meta.start
    }

    /// Its place in the order of all stores; higher is newer.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.meta.seq
    }

    /// What is left of its time to live; `None`: it has no end.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        (self.left_ms != ttl::NEVER).then(|| Duration::from_millis(self.left_ms))
    }
}

impl Inspection {
    /// Opens, locks and reads the file at `path`.
    ///
    /// # Errors
    /// As [`CacheBuilder::open`](crate::CacheBuilder::open), but for the geometry, which is the
    /// file's own; `Io` if there is nothing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CacheError> {
        let path = path.as_ref();
        let open = || {
            let Some(file) = create::open_existing(path)? else {
                let missing = io::Error::from(io::ErrorKind::NotFound);
                return Err(CacheError::io("opening", missing));
            };
            let (header, _) = Header::read(&file)?;
            file.check_len(header.layout.file_len())?;
            let session = Session::read(&file)?;
            let recovered = recover(&file, &header.layout, header.seed, ttl::wall_ms())?;
            Ok(Self {
                file,
                header,
                session,
                recovered,
            })
        };
        open().map_err(|error: CacheError| error.at(path))
    }

    /// Bytes of the data area.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.header.layout.capacity()
    }

    /// The unit of allocation in bytes.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        self.header.layout.block_size
    }

    /// Free bytes of the data area.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.recovered.extents.free_blocks() * self.block_size()
    }

    /// Records that do not match their checksum. Each would be a miss.
    #[must_use]
    pub fn damaged_records(&self) -> u64 {
        self.recovered.corrupt
    }

    /// Objects whose time has come.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.recovered.expired
    }

    /// How many times the file was opened, and whether it was closed cleanly the last time.
    /// `None`: that page is damaged.
    #[must_use]
    pub fn session(&self) -> Option<(u64, bool)> {
        self.session.map(|session| (session.number, session.clean))
    }

    /// Every object, oldest first.
    pub fn objects(&self) -> impl Iterator<Item = ObjectInfo<'_>> {
        self.recovered.objects.iter().map(|found| ObjectInfo {
            meta: &found.meta,
            left_ms: found.left_ms,
        })
    }

    /// Whether the object's bytes match their checksum.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    pub fn verify(&self, object: ObjectInfo<'_>) -> Result<bool, CacheError> {
        self.copy(object, &mut io::sink())
    }

    /// Writes the object's bytes to `out`, and says whether they matched their checksum.
    ///
    /// # Errors
    /// `Io` if they cannot be read, or `out` fails.
    pub fn copy(&self, object: ObjectInfo<'_>, out: &mut impl Write) -> Result<bool, CacheError> {
        let meta = object.meta;
        let mut crc = Crc32c::new();
        let mut buffer = vec![0; meta.len.min(PIECE) as usize];
        let mut done = 0;
        while done < meta.len {
            let piece = &mut buffer[..(meta.len - done).min(PIECE) as usize];
            self.file.read_exact_at(piece, meta.start + done)?;
            crc.update(piece);
            out.write_all(piece)
                .map_err(|error| CacheError::io("copying an object out", error))?;
            done += piece.len() as u64;
        }
        Ok(crc.finish() == meta.crc)
    }

    /// The object under `key`.
    ///
    /// # Errors
    /// `KeyTooLong`.
    pub fn find(&self, key: &[u8]) -> Result<Option<ObjectInfo<'_>>, CacheError> {
        if key.len() > crate::log::layout::MAX_KEY {
            return Err(CacheError::new(CacheErrorKind::KeyTooLong).for_key(key));
        }
        Ok(self.objects().find(|object| object.key() == key))
    }
}

//! The cache, as programs use it.

mod entry;
#[cfg(feature = "metrics")]
mod observe;
mod prefetch;
mod sends;

pub use self::entry::Entry;

use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use zc_core::Frozen;

use crate::builder::CacheBuilder;
use crate::error::CacheError;
use crate::fetch::FetchError;
use crate::read::view::Object;
use crate::root::Root;
use crate::runtime;
use crate::shared::Shared;
use crate::stats::{CacheStats, Count};
use crate::ttl;
use crate::write::in_place::ObjectWriter;
use crate::zero_copy::{ZeroCopyManager, ZeroCopyStats};

/// Stores of at least this many bytes leave the async thread; below it, handing them over would
/// cost more than writing them does.
const OFFLOAD_STORE: usize = 64 << 10;
/// Regular reads from this size on leave the async thread when their bytes are not in memory;
/// below it they are looked at all the same, one page costs little.
const OFFLOAD_VERIFY: u64 = 4 << 20;

/// A disk cache whose hits are views. Cheap to clone; all clones are one cache.
///
/// See the [crate documentation](crate) for how it works and an example.
///
/// Keys are 0 to 65,536 bytes, anything that is `AsRef<[u8]>`. Every method that looks at the
/// cache gives `Closed` after [`close`](Self::close), `KeyTooLong` for longer keys, and `Io` or
/// `Truncated` where the file cannot be read.
#[derive(Clone)]
pub struct RawDiskCache {
    root: Arc<Root>,
}

impl RawDiskCache {
    /// Opens the cache at `path`, warm if there is one, or makes it.
    ///
    /// # Errors
    /// As [`CacheBuilder::open`].
    pub async fn new(
        path: impl AsRef<Path>,
        capacity_bytes: u64,
        block_size: usize,
        ttl: Duration,
    ) -> Result<Self, CacheError> {
        Self::builder(path)
            .capacity(capacity_bytes)
            .block_size(block_size)
            .ttl(ttl)
            .open()
            .await
    }

    /// Options for opening the cache at `path`.
    pub fn builder(path: impl AsRef<Path>) -> CacheBuilder {
        CacheBuilder::new(path.as_ref().to_path_buf())
    }

    pub(crate) fn from_shared(shared: Shared) -> Self {
        Self {
            root: Arc::new(Root::new(shared)),
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.root
    }

    /// Stores `data` under `key`, in place of what was there, for the cache's time to live.
    ///
    /// When this returns the object is a hit, also after a kill of the process. The bytes are
    /// written once, into the file's pages.
    ///
    /// # Errors
    /// `TooLarge`, `KeyTooLong`; `Pinned` if live views leave no room; `Io`, `Truncated`,
    /// `DiskFull`. The old object then stays.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the store happens or not, never by half.
    pub async fn store(&self, key: impl AsRef<[u8]>, data: Bytes) -> Result<(), CacheError> {
        self.store_with(key, self.shared().options.ttl, data).await
    }

    /// As [`store`](Self::store), with a time to live of its own. `Duration::MAX` is for ever.
    ///
    /// # Errors
    /// As `store`; `InvalidTtl` for zero.
    pub async fn store_with(
        &self,
        key: impl AsRef<[u8]>,
        ttl: Duration,
        data: Bytes,
    ) -> Result<(), CacheError> {
        let key = key.as_ref();
        let ttl_ms = ttl::millis(ttl).map_err(|error| error.for_key(key))?;
        if data.len() < OFFLOAD_STORE {
            return self.root.store_now(key, ttl_ms, &data, None).map(|_| ());
        }
        let key = Bytes::copy_from_slice(key);
        self.offload(data.len(), move |shared| {
            shared.store_now(&key, ttl_ms, &data, None).map(|_| ())
        })
        .await
    }

    /// Runs work on `len` bytes: here if they are few, else where waiting for the disk is allowed.
    pub(crate) async fn offload<R: Send + 'static>(
        &self,
        len: usize,
        work: impl FnOnce(&Arc<Root>) -> Result<R, CacheError> + Send + 'static,
    ) -> Result<R, CacheError> {
        if len < OFFLOAD_STORE {
            return work(&self.root);
        }
        let shared = Arc::clone(&self.root);
        runtime::blocking(move || work(&shared)).await
    }

    /// A writer for a value of `len` bytes that come in pieces. Each piece goes straight into the
    /// object's extent; the object is there when the writer is
    /// [committed](ObjectWriter::commit), and until then the old one is.
    ///
    /// An open writer holds its extent: stores that would need it fail with `Pinned`.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub async fn writer(
        &self,
        key: impl AsRef<[u8]>,
        len: u64,
    ) -> Result<ObjectWriter, CacheError> {
        let key = key.as_ref();
        let ttl_ms = ttl::millis(self.shared().options.ttl)?;
        let reservation = self
            .root
            .reserve_for(key, len)
            .map_err(|error| error.for_key(key).at(self.path()))?;
        let key = Bytes::copy_from_slice(key);
        Ok(ObjectWriter::new(reservation.hold(), key, ttl_ms, len))
    }

    /// Stores the `len` bytes that `pieces` gives, without collecting them in memory.
    ///
    /// # Errors
    /// [`FetchError::Fetch`] with the stream's error; [`FetchError::Cache`] as
    /// [`writer`](Self::writer), or with `LengthMismatch` if there are more or fewer bytes. The
    /// old object then stays.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the store happens or not, never by half.
    pub async fn store_stream<E>(
        &self,
        key: impl AsRef<[u8]>,
        len: u64,
        pieces: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), FetchError<E>> {
        let mut writer = self.writer(key, len).await?;
        let mut pieces = pin!(pieces);
        while let Some(piece) = poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
            let piece = piece.map_err(|error| FetchError::Fetch(Arc::new(error)))?;
            let size = piece.len();
            let write = move |_: &Arc<Root>| {
                writer.write_piece(&piece)?;
                Ok(writer)
            };
            writer = self.offload(size, write).await?;
        }
        Ok(writer.commit().await?)
    }

    /// The regular read: an owned copy that holds nothing of the cache.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn lookup(&self, key: impl AsRef<[u8]>) -> Result<Option<Bytes>, CacheError> {
        let key = key.as_ref();
        match self.root.find(key)? {
            Some(object) => copy(object).await.map_err(|error| error.for_key(key)),
            None => Ok(None),
        }
    }

    /// A view over the mapping if the object is at least as large as the
    /// [threshold](Self::set_mmap_threshold), a copy if it is smaller.
    ///
    /// A view costs the same at every size and keeps its bytes as long as it lives: through
    /// eviction, overwrite, removal, expiry, close and drop. A warm hit does not leave the calling
    /// thread; an object that must be verified first and is not in memory is read elsewhere.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn lookup_zero_copy(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Bytes>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        if !self.shared().zero_copy.should_map(object.len) {
            self.shared().zero_copy.count_skip();
            return copy(object).await.map_err(|error| error.for_key(key));
        }
        let Some(object) = verified(object).await.map_err(|error| error.for_key(key))? else {
            return Ok(None);
        };
        Ok(Some(object.into_view().into()))
    }

    /// [`lookup_zero_copy`](Self::lookup_zero_copy) without a runtime: what is not in memory is
    /// read on this thread.
    pub fn lookup_zero_copy_sync(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Bytes>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        if !self.shared().zero_copy.should_map(object.len) {
            self.shared().zero_copy.count_skip();
            return object.copy().map_err(|error| error.for_key(key));
        }
        Ok(self
            .verified_now(object, key)?
            .map(|object| object.into_view().into()))
    }

    /// A view of the object, whatever its size. If it must be verified first and is not in memory
    /// it is read on this thread.
    pub fn get_frozen(&self, key: impl AsRef<[u8]>) -> Result<Option<Frozen<u8>>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        Ok(self.verified_now(object, key)?.map(Object::into_view))
    }

    /// A view of the bytes `range` of the object. An empty range gives empty bytes.
    ///
    /// # Errors
    /// `OutOfRange` if the range reaches beyond the end or ends before it starts.
    pub fn lookup_range(
        &self,
        key: impl AsRef<[u8]>,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, CacheError> {
        let key = key.as_ref();
        let Some(object) = self.root.find(key)? else {
            return Ok(None);
        };
        let (offset, len) = object.range(&range).map_err(|error| error.for_key(key))?;
        let object = self.verified_now(object, key)?;
        Ok(object.map(|object| object.into_part(offset, len).into()))
    }

    fn verified_now(&self, object: Object, key: &[u8]) -> Result<Option<Object>, CacheError> {
        match object.verify() {
            Ok(true) => Ok(Some(object)),
            Ok(false) => {
                self.shared().count_damaged();
                Ok(None)
            }
            Err(error) => Err(error.for_key(key)),
        }
    }

    /// Takes the object out; says whether it was there. Views of it stay as they are.
    ///
    /// # Errors
    /// `Io` if that could not be written down; the object is a miss all the same, but might be
    /// back after a crash. Every later change tries again and fails until it succeeds.
    pub async fn remove(&self, key: impl AsRef<[u8]>) -> Result<bool, CacheError> {
        self.shared().remove_now(key.as_ref())
    }

    /// Whether the object is there. Not a lookup: it counts for nothing.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, CacheError> {
        let key = key.as_ref();
        let shared = self.shared();
        shared.check_open()?;
        shared.check_key(key)?;
        Ok(shared.holds(key))
    }

    /// Starts the object's time to live anew; says whether it was there. Counts as a use for the
    /// eviction policy.
    pub async fn touch(&self, key: impl AsRef<[u8]>) -> Result<bool, CacheError> {
        self.shared().touch_now(key.as_ref())
    }

    /// Takes every object out. Views stay as they are.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn clear(&self) -> Result<(), CacheError> {
        let shared = Arc::clone(&self.root);
        runtime::blocking(move || shared.clear_now()).await
    }

    /// Objects in the cache that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared().count_objects()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of this moment, in no order. Takes a copy of all of them first.
    pub fn iter_keys(&self) -> impl Iterator<Item = Bytes> + use<> {
        self.shared().keys().into_iter()
    }

    /// Waits until every store, overwrite and removal acknowledged so far is on the disk, unless
    /// the sync policy is `Never`.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn flush(&self) -> Result<(), CacheError> {
        let shared = Arc::clone(&self.root);
        runtime::blocking(move || shared.flush_now()).await
    }

    /// Flushes, marks the file as cleanly closed, and refuses all that comes after with `Closed`.
    /// Views live on; the file stays locked until the last of them and the last handle are gone.
    /// Closing again does nothing. Dropping a cache without closing it loses nothing either; only
    /// after a crash of the machine objects are verified at their first read.
    ///
    /// # Cancel safety
    /// Once begun it runs to its end.
    pub async fn close(&self) -> Result<(), CacheError> {
        let shared = Arc::clone(&self.root);
        runtime::blocking(move || shared.close_now()).await
    }

    /// Whether hits can be views on this platform.
    #[must_use]
    pub fn is_zero_copy_available(&self) -> bool {
        self.shared().zero_copy.is_available()
    }

    /// From now on `lookup_zero_copy` gives views of objects of at least `bytes`.
    pub fn set_mmap_threshold(&self, bytes: usize) {
        self.shared().zero_copy.set_threshold(bytes);
    }

    /// The part that decides about views and sends.
    #[must_use]
    pub fn zero_copy_manager(&self) -> &ZeroCopyManager {
        &self.shared().zero_copy
    }

    /// What was done without a copy so far.
    pub async fn zero_copy_stats(&self) -> ZeroCopyStats {
        self.shared().zero_copy.stats()
    }

    /// The cache at this moment. Looks at every slot to count pinned bytes: about 1 ns a slot.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.shared().stats_now()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared().file.path()
    }
}

impl fmt::Debug for RawDiskCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawDiskCache")
            .field("path", &self.path())
            .field("capacity", &self.shared().layout.capacity())
            .finish_non_exhaustive()
    }
}

/// Verifies if need be: here if the bytes are in memory and not too many, else elsewhere.
async fn verified(object: Object) -> Result<Option<Object>, CacheError> {
    if !object.needs_verification() {
        return Ok(Some(object));
    }
    let warm = object.is_resident();
    let verify = move |object: Object| match object.verify_where(warm)? {
        true => Ok(Some(object)),
        false => {
            object.shared().count_damaged();
            Ok(None)
        }
    };
    if !warm {
        object.shared().count(Count::ColdHits, 1);
    }
    if warm && object.len < OFFLOAD_VERIFY {
        return verify(object);
    }
    runtime::blocking(move || verify(object)).await
}

/// Copies: here if the bytes are in memory and not too many, else elsewhere.
async fn copy(object: Object) -> Result<Option<Bytes>, CacheError> {
    let warm = object.is_resident();
    if !warm {
        object.shared().count(Count::ColdHits, 1);
    }
    if warm && object.len < OFFLOAD_VERIFY {
        return object.copy();
    }
    runtime::blocking(move || object.copy()).await
}

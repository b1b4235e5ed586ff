//! [`CachedObjectStore`]: a cache in front of any [`ObjectStore`] (feature `object-store`).
//!
//! A read goes through three steps, each in a file of its own:
//!
//! 1. `facts`: what is the object now? Its length, ETag, version and time of change come from the
//!    store by a `HEAD`, at each read, or as often as [`Freshness`] says.
//! 2. `parts`: the bytes, in parts of a fixed size. The key of a part names the *edition* of the
//!    object (all that step 1 found), so parts of two editions never meet, and those of an old one
//!    are evicted like anything that nobody reads. A missing part is fetched by one range request
//!    however many callers miss it at once, asks for this very edition (`If-Match`), and is kept
//!    only if the answer is of it.
//! 3. The caller's range is given part by part: a view of each, not a copy.
//!
//! Invariants:
//! - I1: the bytes of one answer are of one edition, the one its `meta` describes. If the object
//!   changes before the first byte was given, the read starts again; after that it fails.
//! - I2: a write through this store (put, multipart, copy, rename, delete) forgets the facts of its
//!   target before it returns, whether it succeeded or not.

mod facts;
mod parts;
mod upload;

pub use self::facts::Freshness;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};
use zc_core::ledger;

use self::facts::{Facts, Known};
use self::parts::Edition;
use self::upload::ForgettingUpload;
use crate::cache::RawDiskCache;
use crate::error::{CacheError, CacheErrorKind};

/// Bytes of a part unless said otherwise: large enough for one request to be worth its latency,
/// small enough that a footer does not drag a file behind it.
const PART_LEN: u64 = 1 << 20;
const SMALLEST_PART: u64 = 4 << 10;

/// How often a read begins anew because the object changed while it was looked at.
const CHANGES: usize = 4;

/// An [`ObjectStore`] whose reads come from a [`RawDiskCache`] where it has the bytes.
///
/// Cheap to clone; the cache may be shared with other stores and other uses (its keys begin with
/// `object\0`, and name the store by what it displays as).
///
/// # What is cached
/// Bytes, in parts of [`part_len`](Self::with_part_len); and for as long as [`Freshness`] says,
/// what a `HEAD` told. Listings and errors are not. A request for a certain `version` goes straight
/// to the store. Writes go to the store alone; the next read brings in what is read of it.
///
/// # Cost
/// A read of what is there: one `HEAD` with [`Freshness::Checked`] (the default), none with
/// [`Freshness::For`] within its time; then a lookup for each part, about 100 ns, and 0 bytes copied
/// unless [`get_ranges`](ObjectStore::get_ranges) must join parts into one piece. A read of what is
/// not there: the `HEAD` and one range request a part.
///
/// # Errors
/// The store's own, the same kind for all who waited for one fetch. A cache that cannot be read is
/// [`Error::Generic`] with the [`CacheError`] as its source; one that cannot be written is not an
/// error, the bytes are given all the same.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};
/// use zc_diskcache::{RawDiskCache, object_store::CachedObjectStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cache");
/// let cache = RawDiskCache::builder(path).capacity(64 << 20).open().await?;
/// let store = CachedObjectStore::new(InMemory::new(), cache);
/// let name = Path::from("2026/quotes.bin");
/// store.put(&name, vec![7; 3 << 20].into()).await?;
/// assert_eq!(store.get_range(&name, 100..200).await?.len(), 100); // fetches the first part
/// assert_eq!(store.get_range(&name, 0..1 << 20).await?.len(), 1 << 20); // has it
/// # Ok(())
/// # }
/// ```
pub struct CachedObjectStore<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    store: S,
    cache: RawDiskCache,
    /// Tells stores that share a cache apart.
    name: String,
    part_len: u64,
    known: Known,
}

impl<S: ObjectStore> CachedObjectStore<S> {
    /// Puts `cache` in front of `store`, with parts of 1 MiB and every read checked.
    pub fn new(store: S, cache: RawDiskCache) -> Self {
        let largest = cache.shared().options.max_object;
        Self::assemble(store, cache, PART_LEN.min(largest), Freshness::Checked)
    }

    fn assemble(store: S, cache: RawDiskCache, part_len: u64, freshness: Freshness) -> Self {
        let name = store.to_string();
        let known = Known::new(freshness);
        Self {
            inner: Arc::new(Inner {
                store,
                cache,
                name,
                part_len,
                known,
            }),
        }
    }

    /// The same with parts of `bytes`, which is also the most that one request to the store asks
    /// for. Parts of another length that are in the cache are not found any more.
    ///
    /// # Errors
    /// `InvalidConfig` below 4 KiB, or above the largest object that the cache takes.
    pub fn with_part_len(self, bytes: u64) -> Result<Self, CacheError> {
        let largest = self.inner.cache.shared().options.max_object;
        if !(SMALLEST_PART..=largest).contains(&bytes) {
            return Err(
                CacheError::new(CacheErrorKind::InvalidConfig).detail(format!(
                    "parts of {bytes} bytes, not of {SMALLEST_PART} to {largest}"
                )),
            );
        }
        let freshness = self.inner.known.freshness();
        self.rebuilt(bytes, freshness)
    }

    /// The same with another answer to how long a `HEAD` is believed.
    ///
    /// # Errors
    /// `InvalidConfig` if there are clones of this store already: they would go on as before.
    pub fn with_freshness(self, freshness: Freshness) -> Result<Self, CacheError> {
        let part_len = self.inner.part_len;
        self.rebuilt(part_len, freshness)
    }

    fn rebuilt(self, part_len: u64, freshness: Freshness) -> Result<Self, CacheError> {
        match Arc::try_unwrap(self.inner) {
            Ok(inner) => Ok(Self::assemble(
                inner.store,
                inner.cache,
                part_len,
                freshness,
            )),
            Err(_) => Err(CacheError::new(CacheErrorKind::InvalidConfig)
                .detail("the store has clones already")),
        }
    }

    /// Bytes of a part.
    #[must_use]
    pub fn part_len(&self) -> u64 {
        self.inner.part_len
    }

    /// The store behind.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// The cache in front, for its statistics.
    #[must_use]
    pub fn cache(&self) -> &RawDiskCache {
        &self.inner.cache
    }
}

impl<S: ObjectStore> Inner<S> {
    /// The object as it is now, as far as the freshness asks for it.
    async fn facts(&self, location: &Path, options: &GetOptions) -> Result<Arc<Facts>> {
        if let Some(facts) = self.known.get(location) {
            return Ok(facts);
        }
        let asked = self.known.ask();
        let request = GetOptions {
            head: true,
            extensions: options.extensions.clone(),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(location, request).await?;
        let facts = Arc::new(Facts {
            meta: answer.meta,
            attributes: answer.attributes,
        });
        self.known.learn(asked, location, &facts);
        Ok(facts)
    }

    fn edition<'a>(&'a self, facts: &'a ObjectMeta) -> Edition<'a> {
        Edition::new(&self.name, self.part_len, facts)
    }

    /// The bytes of part `number`, at once if they are there.
    async fn part(&self, meta: &ObjectMeta, number: u64, like: &GetOptions) -> Result<Bytes> {
        let edition = self.edition(meta);
        let fetch = edition.fetch(&self.store, number, like);
        let found = self.cache.get_or_fetch(edition.key(number), fetch).await;
        let found = found.map_err(parts::given_to_all);
        if let Err(error) = &found
            && parts::is_change(error)
        {
            self.known.forget(&meta.location);
        }
        found
    }

    /// The first piece of `range`, and where the next one begins.
    async fn piece(
        &self,
        meta: &ObjectMeta,
        range: &Range<u64>,
        like: &GetOptions,
    ) -> Result<(Bytes, u64)> {
        let number = range.start / self.part_len;
        let base = number * self.part_len;
        let end = range.end.min(base + self.part_len);
        let part = self.part(meta, number, like).await?;
        let piece = part.slice((range.start - base) as usize..(end - base) as usize);
        Ok((piece, end))
    }

    /// `range` in one piece: a view if it lies in one part.
    async fn joined(
        &self,
        meta: &ObjectMeta,
        range: Range<u64>,
        like: &GetOptions,
    ) -> Result<Bytes> {
        let (first, mut at) = self.piece(meta, &range, like).await?;
        if at == range.end {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity((range.end - range.start) as usize);
        whole.extend_from_slice(&first);
        while at < range.end {
            let (piece, next) = self.piece(meta, &(at..range.end), like).await?;
            whole.extend_from_slice(&piece);
            at = next;
        }
        ledger::copied("cache.join_parts", whole.len());
        Ok(whole.freeze())
    }

    async fn get(self: &Arc<Self>, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let facts = self.facts(location, options).await?;
        options.check_preconditions(&facts.meta)?;
        let range = resolve(options.range.as_ref(), facts.meta.size)?;
        let pieces = match options.head || range.is_empty() {
            true => stream::empty().boxed(),
            false => self.pieces(&facts, range.clone(), options).await?,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(pieces),
            meta: facts.meta.clone(),
            range,
            attributes: facts.attributes.clone(),
        })
    }

    /// The pieces of `range`; the first is there when this returns.
    async fn pieces(
        self: &Arc<Self>,
        facts: &Arc<Facts>,
        range: Range<u64>,
        options: &GetOptions,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let (first, at) = self.piece(&facts.meta, &range, options).await?;
        let rest = (Arc::clone(self), Arc::clone(facts), at..range.end);
        let like = GetOptions {
            extensions: options.extensions.clone(),
            ..GetOptions::default()
        };
        let rest = stream::try_unfold(rest, move |(inner, facts, range)| {
            let like = like.clone();
            async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let (piece, at) = inner.piece(&facts.meta, &range, &like).await?;
                Ok(Some((piece, (inner, facts, at..range.end))))
            }
        });
        Ok(stream::once(async { Ok(first) }).chain(rest).boxed())
    }

    async fn ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let options = GetOptions::default();
        let facts = self.facts(location, &options).await?;
        let mut found = Vec::with_capacity(ranges.len());
        for range in ranges {
            let range = resolve(Some(&GetRange::Bounded(range.clone())), facts.meta.size)?;
            found.push(self.joined(&facts.meta, range, &options).await?);
        }
        Ok(found)
    }
}

fn resolve(range: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    let Some(range) = range else {
        return Ok(0..size);
    };
    range.as_range(size).map_err(|error| Error::Generic {
        store: "CachedObjectStore",
        source: error.into(),
    })
}

/// Does `$read` again while the object changes under it (I1).
macro_rules! while_it_changes {
    ($read:expr) => {{
        let mut changes = 0;
        loop {
            match $read.await {
                Err(error) if parts::is_change(&error) && changes < CHANGES => changes += 1,
                answer => break answer,
            }
        }
    }};
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for CachedObjectStore<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let _forgets = self.inner.known.forgets(location);
        self.inner.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.store.put_multipart_opts(location, options);
        Ok(Box::new(ForgettingUpload {
            upload: upload.await?,
            location: location.clone(),
            inner: Arc::clone(&self.inner),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.version.is_some() {
            return self.inner.store.get_opts(location, options).await;
        }
        while_it_changes!(self.inner.get(location, &options))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        while_it_changes!(self.inner.ranges(location, ranges))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (asked, answered) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        // Before and after: what is deleted may be looked up in between, and a deletion that
        // failed does not say of which object it was.
        let locations = locations.inspect(move |location| asked.forget_named(location));
        let deleted = self.inner.store.delete_stream(locations.boxed());
        deleted
            .inspect(move |location| answered.forget_named(location))
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.store.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let _forgets = self.inner.known.forgets(to);
        self.inner.store.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let _forgets = (self.inner.known.forgets(from), self.inner.known.forgets(to));
        self.inner.store.rename_opts(from, to, options).await
    }
}

impl<S> Inner<S> {
    fn forget_named(&self, location: &Result<Path>) {
        match location {
            Ok(location) => self.known.forget(location),
            Err(_) => self.known.forget_all(),
        }
    }
}

impl<S> Clone for CachedObjectStore<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: ObjectStore> fmt::Display for CachedObjectStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.inner.cache.path().display();
        write!(f, "CachedObjectStore({} in {path})", self.inner.store)
    }
}

impl<S: ObjectStore> fmt::Debug for CachedObjectStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedObjectStore")
            .field("store", &self.inner.store)
            .field("cache", &self.inner.cache)
            .field("part_len", &self.inner.part_len)
            .field("freshness", &self.inner.known.freshness())
            .finish()
    }
}

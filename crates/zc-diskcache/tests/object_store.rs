//! The cache in front of an object store: what is asked of the store, and that the bytes are those
//! of one edition, whatever happens to the object meanwhile.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::{Dir, open, pattern};
use futures_util::TryStreamExt as _;
use futures_util::stream::{BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use zc_core::sync::Mutex;
use zc_diskcache::CacheErrorKind;
use zc_diskcache::object_store::{CachedObjectStore, Freshness};

const PART: usize = 64 << 10;
const LEN: usize = 3 * PART + 100;

/// A store in memory that writes down what it was asked, and can be told to change or to fail.
#[derive(Debug, Default)]
struct Origin {
    store: InMemory,
    heads: Mutex<usize>,
    gets: Mutex<Vec<Range<u64>>>,
    /// Put in place of the object before the next range request is answered.
    change: Mutex<Option<Bytes>>,
    fail: Mutex<bool>,
    slow: Mutex<Duration>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin")
    }
}

#[async_trait]
impl ObjectStore for Origin {
    async fn put_opts(&self, at: &Path, what: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.store.put_opts(at, what, how).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        if how.head {
            *self.heads.lock() += 1;
            return self.store.get_opts(at, how).await;
        }
        let Some(GetRange::Bounded(range)) = &how.range else {
            panic!("the cache asks for parts, not for {:?}", how.range);
        };
        self.gets.lock().push(range.clone());
        let slow = *self.slow.lock();
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        if *self.fail.lock() {
            return Err(Error::PermissionDenied {
                path: at.to_string(),
                source: "told to".into(),
            });
        }
        let change = self.change.lock().take();
        if let Some(change) = change {
            self.store.put(at, change.into()).await?;
        }
        self.store.get_opts(at, how).await
    }

    fn delete_stream(
        &self,
        which: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(which)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, how).await
    }
}

struct Bed {
    _dir: Dir,
    origin: Arc<Origin>,
    store: CachedObjectStore<Arc<Origin>>,
    at: Path,
    bytes: Bytes,
}

impl Bed {
    async fn new(freshness: Freshness) -> Self {
        let dir = Dir::new();
        let origin = Arc::new(Origin::default());
        let store = CachedObjectStore::new(Arc::clone(&origin), open(&dir.path()).await);
        let store = store.with_part_len(PART as u64).unwrap();
        let store = store.with_freshness(freshness).unwrap();
        let (at, bytes) = (Path::from("some/object"), pattern(1, LEN));
        origin.store.put(&at, bytes.clone().into()).await.unwrap();
        Self {
            _dir: dir,
            origin,
            store,
            at,
            bytes,
        }
    }

    async fn all(&self) -> Bytes {
        self.store
            .get(&self.at)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    }

    async fn range(&self, range: Range<u64>) -> Bytes {
        self.store.get_range(&self.at, range).await.unwrap()
    }

    fn gets(&self) -> Vec<Range<u64>> {
        self.origin.gets.lock().clone()
    }

    fn heads(&self) -> usize {
        *self.origin.heads.lock()
    }
}

#[tokio::test]
async fn what_was_read_once_comes_from_the_cache() {
    let bed = Bed::new(Freshness::Checked).await;
    assert_eq!(bed.all().await, bed.bytes);
    let part = PART as u64;
    let (one, two, three) = (part, 2 * part, 3 * part);
    assert_eq!(
        bed.gets(),
        [0..one, one..two, two..three, three..LEN as u64]
    );
    assert_eq!(bed.all().await, bed.bytes);
    assert_eq!(
        (bed.gets().len(), bed.heads()),
        (4, 2),
        "the second one only asked"
    );
}

#[tokio::test]
async fn a_range_fetches_the_parts_it_touches_and_is_a_view() {
    let bed = Bed::new(Freshness::Checked).await;
    let (one, a, b) = (PART as u64, PART + 10, 2 * PART - 10);
    assert_eq!(bed.range(a as u64..b as u64).await, bed.bytes[a..b]);
    assert_eq!(bed.gets(), vec![one..2 * one; 1]);
    let (one, two) = (
        bed.range(a as u64..b as u64).await,
        bed.range(a as u64 + 1..b as u64).await,
    );
    assert_eq!(one.as_ptr().wrapping_add(1), two.as_ptr(), "0 bytes copied");
    // Over the edge of two parts, one of which is there.
    let (a, b) = (2 * PART - 5, 2 * PART + 5);
    assert_eq!(bed.range(a as u64..b as u64).await, bed.bytes[a..b]);
    assert_eq!(bed.gets().len(), 2);
}

#[tokio::test]
async fn every_kind_of_range_is_answered_as_the_store_would() {
    let bed = Bed::new(Freshness::Checked).await;
    let len = LEN as u64;
    for range in [
        GetRange::Bounded(0..1),
        GetRange::Bounded(len - 1..len + 500),
        GetRange::Offset(len - 7),
        GetRange::Offset(0),
        GetRange::Suffix(9),
        GetRange::Suffix(len + 1),
        GetRange::Bounded(5..5),
        GetRange::Bounded(len..len + 1),
        GetRange::Offset(len),
    ] {
        let options = GetOptions::new().with_range(Some(range.clone()));
        let ours = bed.store.get_opts(&bed.at, options.clone()).await;
        let theirs = bed.origin.store.get_opts(&bed.at, options).await;
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(ours.range, theirs.range, "{range:?}");
                assert_eq!(ours.meta, theirs.meta, "{range:?}");
                assert_eq!(ours.bytes().await.unwrap(), theirs.bytes().await.unwrap());
            }
            (ours, theirs) => assert!(ours.is_err() && theirs.is_err(), "{range:?}"),
        }
    }
    let many = [0..10, len - 10..len, 5..PART as u64 + 5];
    let found = bed.store.get_ranges(&bed.at, &many).await.unwrap();
    for (range, found) in many.into_iter().zip(found) {
        assert_eq!(found, bed.bytes[range.start as usize..range.end as usize]);
    }
}

#[tokio::test]
async fn an_empty_object_and_a_missing_one() {
    let bed = Bed::new(Freshness::Checked).await;
    let empty = Path::from("empty");
    bed.store.put(&empty, PutPayload::new()).await.unwrap();
    let answer = bed.store.get(&empty).await.unwrap();
    assert_eq!(answer.range, 0..0);
    assert!(answer.bytes().await.unwrap().is_empty());
    let missing = bed.store.get(&Path::from("missing")).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    assert!(bed.gets().is_empty());
}

#[tokio::test]
async fn a_changed_object_is_seen_at_the_next_read() {
    let bed = Bed::new(Freshness::Checked).await;
    assert_eq!(bed.all().await, bed.bytes);
    let new = pattern(2, LEN); // of the same length, behind the cache's back
    bed.origin
        .store
        .put(&bed.at, new.clone().into())
        .await
        .unwrap();
    assert_eq!(bed.all().await, new);
}

#[tokio::test]
async fn a_change_before_the_first_byte_begins_the_read_anew() {
    let bed = Bed::new(Freshness::Checked).await;
    let new = pattern(3, LEN + 1);
    *bed.origin.change.lock() = Some(new.clone());
    assert_eq!(bed.all().await, new);
    assert_eq!(bed.heads(), 2);
}

#[tokio::test]
async fn a_change_after_the_first_byte_is_an_error_and_never_a_mixture() {
    let bed = Bed::new(Freshness::Checked).await;
    let mut pieces = bed.store.get(&bed.at).await.unwrap().into_stream();
    let first = pieces.try_next().await.unwrap().unwrap();
    assert_eq!(first, bed.bytes[..PART]);
    *bed.origin.change.lock() = Some(pattern(4, LEN));
    let error = pieces.try_next().await.unwrap_err();
    assert!(
        error.to_string().contains("was changed while it was read"),
        "{error}"
    );
    // What was begun on the old edition left nothing that the new one could meet.
    assert_eq!(bed.all().await, pattern(4, LEN));
}

#[tokio::test]
async fn preconditions_are_those_of_the_object_now() {
    let bed = Bed::new(Freshness::Checked).await;
    let tag = bed.store.head(&bed.at).await.unwrap().e_tag;
    let same = GetOptions::new().with_if_none_match(tag.clone());
    let answer = bed.store.get_opts(&bed.at, same).await;
    assert!(matches!(answer, Err(Error::NotModified { .. })));
    bed.origin
        .store
        .put(&bed.at, pattern(5, 10).into())
        .await
        .unwrap();
    let old = GetOptions::new().with_if_match(tag);
    let answer = bed.store.get_opts(&bed.at, old).await;
    assert!(matches!(answer, Err(Error::Precondition { .. })));
    assert!(bed.gets().is_empty());
}

#[tokio::test]
async fn sixty_four_readers_of_one_part_are_one_request() {
    let bed = Bed::new(Freshness::For(Duration::MAX)).await;
    *bed.origin.slow.lock() = Duration::from_millis(20);
    let readers = (0..64).map(|_| {
        let (store, at) = (bed.store.clone(), bed.at.clone());
        tokio::spawn(async move { store.get_range(&at, 3..10).await.unwrap() })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert_eq!(reader.await.unwrap(), bed.bytes[3..10]);
    }
    assert_eq!(bed.gets().len(), 1);
}

#[tokio::test]
async fn all_who_waited_get_an_error_of_the_same_kind_and_it_is_not_kept() {
    let bed = Bed::new(Freshness::Checked).await;
    *bed.origin.slow.lock() = Duration::from_millis(20);
    *bed.origin.fail.lock() = true;
    let readers = (0..8).map(|_| {
        let (store, at) = (bed.store.clone(), bed.at.clone());
        tokio::spawn(async move { store.get_range(&at, 3..10).await })
    });
    for reader in readers.collect::<Vec<_>>() {
        let error = reader.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    }
    *bed.origin.fail.lock() = false;
    assert_eq!(bed.all().await, bed.bytes);
}

#[tokio::test]
async fn a_believed_answer_costs_no_request_until_somebody_writes_here() {
    let bed = Bed::new(Freshness::For(Duration::MAX)).await;
    assert_eq!(bed.all().await, bed.bytes);
    assert_eq!(bed.all().await, bed.bytes);
    assert_eq!(bed.heads(), 1);
    let (other, new) = (Path::from("other"), pattern(6, LEN));
    // Every way to write.
    bed.store.put(&bed.at, new.clone().into()).await.unwrap();
    assert_eq!(bed.all().await, new);
    bed.origin
        .store
        .put(&other, bed.bytes.clone().into())
        .await
        .unwrap();
    bed.store.copy(&other, &bed.at).await.unwrap();
    assert_eq!(bed.all().await, bed.bytes);
    let mut upload = bed.store.put_multipart(&bed.at).await.unwrap();
    upload.put_part(new.clone().into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(bed.all().await, new);
    bed.store.rename(&other, &bed.at).await.unwrap();
    assert_eq!(bed.all().await, bed.bytes);
    bed.store.delete(&bed.at).await.unwrap();
    let gone = bed.store.get(&bed.at).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_believed_answer_that_turns_out_old_is_asked_for_anew() {
    let bed = Bed::new(Freshness::For(Duration::MAX)).await;
    assert_eq!(bed.range(0..10).await, bed.bytes[..10]);
    let new = pattern(7, LEN);
    bed.origin
        .store
        .put(&bed.at, new.clone().into())
        .await
        .unwrap();
    // The first part is believed; the second is not there, and fetching it finds out.
    assert_eq!(bed.range(0..10).await, bed.bytes[..10]);
    let part = PART as u64;
    assert_eq!(bed.range(part..part + 10).await, new[PART..PART + 10]);
    assert_eq!(bed.range(0..10).await, new[..10]);
}

#[tokio::test]
async fn the_rest_of_the_store_is_the_store_s() {
    let bed = Bed::new(Freshness::Checked).await;
    let listed: Vec<_> = bed.store.list(None).try_collect().await.unwrap();
    assert_eq!(
        listed,
        bed.origin
            .store
            .list(None)
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
    );
    let folders = bed.store.list_with_delimiter(None).await.unwrap();
    assert_eq!(folders.common_prefixes, [Path::from("some")]);
    let past = bed.store.list_with_offset(None, &bed.at);
    assert_eq!(past.count().await, 0);
    assert_eq!(
        bed.store.to_string().split(" in ").next(),
        Some("CachedObjectStore(Origin")
    );
}

#[tokio::test]
async fn the_parts_are_warm_after_a_restart() {
    let dir = Dir::new();
    let origin = Arc::new(Origin::default());
    let (at, bytes) = (Path::from("object"), pattern(8, 5000));
    origin.store.put(&at, bytes.clone().into()).await.unwrap();
    for _ in 0..2 {
        let cache = open(&dir.path()).await;
        let store = CachedObjectStore::new(Arc::clone(&origin), cache.clone());
        assert_eq!(store.get_range(&at, 0..5000).await.unwrap(), bytes);
        cache.close().await.unwrap();
    }
    assert_eq!(origin.gets.lock().len(), 1);
}

#[tokio::test]
async fn a_closed_cache_is_an_error_with_its_cause() {
    let bed = Bed::new(Freshness::Checked).await;
    bed.store.cache().close().await.unwrap();
    let Err(Error::Generic { source, .. }) = bed.store.get(&bed.at).await else {
        panic!("the cache is closed");
    };
    let cause = source.downcast_ref::<zc_diskcache::CacheError>().unwrap();
    assert_eq!(cause.kind(), CacheErrorKind::Closed);
}

#[tokio::test]
async fn unfit_settings_are_refused() {
    let bed = Bed::new(Freshness::Checked).await;
    let clone = bed.store.clone();
    let refused = clone.with_freshness(Freshness::Checked).unwrap_err();
    assert_eq!(refused.kind(), CacheErrorKind::InvalidConfig);
    for bytes in [0, 4095, 17 << 20] {
        let refused = bed.store.clone().with_part_len(bytes).unwrap_err();
        assert_eq!(refused.kind(), CacheErrorKind::InvalidConfig);
    }
}

//! A disk cache whose hits are views: small and large objects, overwriting under a view, statistics.

use std::time::Duration;

use bytes::Bytes;
use zcbuf::diskcache::{CacheError, RawDiskCache};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), CacheError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = RawDiskCache::builder(folder.path().join("cache"))
        .capacity(64 << 20)
        .ttl(Duration::from_secs(3600))
        .open()
        .await?;

    cache
        .store("small", Bytes::from_static(b"a few bytes"))
        .await?;
    cache.store("large", Bytes::from(vec![7; 4 << 20])).await?;

    // From the threshold on (64 KiB unless told otherwise) a hit is a view of the file's pages.
    let view = cache.lookup_zero_copy("large").await?.expect("just stored");
    let again = cache.lookup_zero_copy("large").await?.expect("just stored");
    println!(
        "two lookups, one memory: {}",
        view.as_ptr() == again.as_ptr()
    );

    // A view keeps its bytes whatever becomes of the object.
    cache.store("large", Bytes::from(vec![8; 1 << 20])).await?;
    println!(
        "the old view is whole: {}",
        view.iter().all(|&byte| byte == 7)
    );

    let stats = cache.zero_copy_stats().await;
    println!("{} views of {} bytes", stats.mmap_reads, stats.mmap_bytes);
    println!("{:#?}", cache.stats());

    // Closed cleanly or killed: opened again, the cache is warm.
    cache.close().await
}

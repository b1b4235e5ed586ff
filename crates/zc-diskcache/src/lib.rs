//! zc-diskcache
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod builder;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod cache;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod error;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod evict;
#[cfg(any(zc_loom, zc_shuttle))]
pub mod index;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod index;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod io;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod log;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod read;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod runtime;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod shared;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod stats;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod ttl;
#[cfg(not(any(zc_loom, zc_shuttle)))]
mod write;
#[cfg(not(any(zc_loom, zc_shuttle)))]
pub mod zero_copy;

#[cfg(not(any(zc_loom, zc_shuttle)))]
pub use self::{
    builder::{CacheBuilder, IoBackend, SyncPolicy, Verify},
    cache::RawDiskCache,
    error::{CacheError, CacheErrorKind},
    evict::Eviction,
    stats::CacheStats,
    zero_copy::{ZeroCopyConfig, ZeroCopyManager, ZeroCopyStats},
};

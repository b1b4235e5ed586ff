//! This workspace's cache.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;
use zc_core::sync::block_on;
use zc_diskcache::{RawDiskCache, Verify};

use crate::work::{Plan, Set, look, run};

/// A cache that holds a set.
pub(crate) struct Ours {
    cache: RawDiskCache,
    _folder: TempDir,
}

impl Ours {
    pub(crate) fn new(set: Set, verify: Verify) -> Result<Self, String> {
        let folder = crate::folder()?;
        let builder = RawDiskCache::builder(folder.path().join("cache"))
            .capacity(set.bytes() + set.bytes() / 2)
            .verify(verify);
        let cache = block_on(builder.open()).map_err(text)?;
        for number in 0..set.objects {
            let stored = cache.store(Set::key(number), set.object(number));
            block_on(stored).map_err(text)?;
        }
        // Each is used once before it counts: that verifies it and brings its pages in.
        for number in 0..set.objects {
            let view = cache.get_frozen(Set::key(number)).map_err(text)?;
            view.ok_or("an object is gone")?;
        }
        Ok(Self {
            cache,
            _folder: folder,
        })
    }

    /// `get_frozen`: a view.
    pub(crate) fn view(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        run(plan, ops, || {
            |key: &str| match self.cache.get_frozen(key) {
                Ok(Some(view)) => Ok(look(&view, plan.use_)),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// `lookup_zero_copy_sync`: the view as `Bytes`.
    pub(crate) fn bytes(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        self.cache.set_mmap_threshold(0);
        run(plan, ops, || {
            |key: &str| match self.cache.lookup_zero_copy_sync(key) {
                Ok(Some(view)) => Ok(look(&view, plan.use_)),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// `lookup_zero_copy`, polled once: a warm hit is never pending.
    pub(crate) fn polled(&self, plan: Plan, ops: u64) -> Result<Duration, String> {
        self.cache.set_mmap_threshold(0);
        run(plan, ops, || {
            |key: &str| {
                let hit = pin!(self.cache.lookup_zero_copy(key));
                match hit.poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(Some(view))) => Ok(look(&view, plan.use_)),
                    Poll::Pending => Err("a warm hit was pending".to_owned()),
                    Poll::Ready(other) => Err(format!("{other:?}")),
                }
            }
        })
    }
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! Groups from the agent into the disk cache.

use zcbuf::agent::{Failures, Groups, Received};
use zcbuf::channel::Sender;
use zcbuf::core::sync::atomic::Ordering::Relaxed;
use zcbuf::diskcache::RawDiskCache;

use crate::failure::Failure;
use crate::shared::Shared;

/// A group that the cache holds and the server can serve.
#[derive(Clone, Debug)]
pub struct Stored {
    pub key: String,
    pub len: usize,
}

/// Stores every group under a key of its own, in order, and tells the verifier. A group is stored
/// when there is room for telling so: what is stored and not verified is bounded, and must not be more
/// than the cache keeps.
pub async fn store_groups(
    mut groups: Groups,
    cache: RawDiskCache,
    stored: Sender<Stored>,
    shared: &Shared,
) -> Result<(), Failure> {
    loop {
        let group = match groups.recv().await {
            Received::Item(group) => group,
            Received::End(report) if report.is_empty() => return Ok(()),
            Received::End(report) => {
                return Err(Failure::run(format!(
                    "the agent could not deliver all: {report:?}"
                )));
            }
        };
        let Ok(told) = stored.reserve().await else {
            return Err(Failure::run("the verifier is gone"));
        };
        let key = format!("group-{:08}", group.group_id());
        let bytes = group.into_bytes();
        let len = bytes.len();
        cache
            .store(&key, bytes)
            .await
            .map_err(Failure::because(format_args!("storing {key}")))?;
        shared.groups.fetch_add(1, Relaxed);
        shared.stored_bytes.fetch_add(len as u64, Relaxed);
        told.send(Stored { key, len });
    }
}

/// Nothing fails in a good run, so the first failure is the demo's.
pub async fn watch_failures(mut failures: Failures) -> Result<(), Failure> {
    match failures.recv().await {
        Received::End(_) => Ok(()),
        Received::Item(group) => Err(Failure::run(format!("a group failed: {group:?}"))),
    }
}

//! What reaches a subscriber of the `tracing` crate.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::fmt;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use common::{Dir, builder, open, pattern};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use zc_core::sync::Mutex;
use zc_diskcache::{CacheErrorKind, Verify};

/// Keeps each event as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zc_diskcache"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// On one thread, so that the subscriber of this test sees all that the cache does: outside of a
/// runtime nothing goes elsewhere.
fn run(work: impl Future<Output = ()>) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || zc_core::sync::block_on(work));
    log.0.lock().clone()
}

fn has(lines: &[String], parts: &[&str]) -> bool {
    lines
        .iter()
        .any(|line| parts.iter().all(|part| line.contains(part)))
}

#[test]
fn opening_closing_and_refusals_are_told() {
    let dir = Dir::new();
    let lines = run(async {
        let cache = builder(&dir.path()).max_object(1000).open().await.unwrap();
        cache.store("key", pattern(1, 1000)).await.unwrap();
        let refused = cache.store("key", pattern(1, 1001)).await.unwrap_err();
        assert_eq!(refused.kind(), CacheErrorKind::TooLarge);
        cache.close().await.unwrap();
    });
    assert!(
        has(&lines, &["INFO", "cache opened", "objects=0"]),
        "{lines:?}"
    );
    assert!(
        has(&lines, &["WARN", "store refused", "len=1001", "too large"]),
        "{lines:?}"
    );
    assert!(has(&lines, &["INFO", "cache closed"]), "{lines:?}");
    let again = run(async { drop(open(&dir.path()).await) });
    assert!(has(&again, &["cache opened", "objects=1"]), "{again:?}");
}

#[test]
fn a_damaged_object_is_told_and_a_hit_is_not() {
    let dir = Dir::new();
    let lines = run(async {
        let cache = builder(&dir.path())
            .verify(Verify::Always)
            .open()
            .await
            .unwrap();
        cache.store("key", pattern(2, 5000)).await.unwrap();
        let offset = {
            let view = cache.get_frozen("key").unwrap().unwrap();
            view.file_span().unwrap().offset
        };
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(dir.path())
            .unwrap();
        file.write_all_at(b"not what was stored", offset).unwrap();
        assert!(cache.get_frozen("key").unwrap().is_none());
    });
    assert!(has(&lines, &["WARN", "checksum", "len=5000"]), "{lines:?}");
    assert_eq!(
        lines.len(),
        2,
        "opened and damaged, nothing for the hit: {lines:?}"
    );
}

#[test]
fn a_fetch_and_its_failure_are_told() {
    let dir = Dir::new();
    let lines = run(async {
        let cache = open(&dir.path()).await;
        let failed = cache
            .get_or_fetch("some\nkey", async { Err::<Bytes, _>("no") })
            .await;
        assert!(failed.is_err());
    });
    assert!(
        has(&lines, &["DEBUG", "fetching", "some\\nkey"]),
        "{lines:?}"
    );
    assert!(has(&lines, &["WARN", "fetch failed"]), "{lines:?}");
}

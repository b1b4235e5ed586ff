//! What reaches a recorder of the `metrics` crate.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use common::{Dir, open, pattern};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use zc_core::sync::Mutex;

/// Keeps the last value of each.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<HashMap<String, f64>>>);

struct One(String, Last);

impl CounterFn for One {
    fn increment(&self, _: u64) {}

    fn absolute(&self, value: u64) {
        self.1.0.lock().insert(self.0.clone(), value as f64);
    }
}

impl GaugeFn for One {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.1.0.lock().insert(self.0.clone(), value);
    }
}

impl Recorder for Last {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(One(key.name().to_owned(), self.clone())))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(One(key.name().to_owned(), self.clone())))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn the_statistics_reach_a_recorder() {
    let dir = Dir::new();
    let cache = open(&dir.path()).await;
    cache.store("key", pattern(1, 5000)).await.unwrap();
    cache.get_frozen("key").unwrap().unwrap();
    assert!(cache.lookup("missing").await.unwrap().is_none());
    // Without a recorder it does nothing.
    cache.publish_metrics();
    let last = Last::default();
    metrics::with_local_recorder(&last, || cache.publish_metrics());
    let last = last.0.lock();
    for (name, value) in [
        ("view_hits", 1.0),
        ("misses", 1.0),
        ("stores", 1.0),
        ("objects", 1.0),
        ("bytes", 5000.0),
        ("pinned_bytes", 0.0),
    ] {
        assert_eq!(
            last.get(&format!("zc_diskcache_{name}")),
            Some(&value),
            "{name}"
        );
    }
}

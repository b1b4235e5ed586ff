//! What reaches a recorder of the `metrics` crate.

#![cfg(not(any(zc_loom, zc_shuttle)))]

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use zc_core::sync::Mutex;
use zc_ring::{ConsumerOptions, Ring};

/// Keeps the last value of each, by name and labels.
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

impl Last {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        Arc::new(One(name, self.clone()))
    }
}

impl Recorder for Last {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn the_counters_reach_a_recorder() {
    let ring = Ring::<u64>::builder(8).build().unwrap();
    let options = ConsumerOptions {
        name: "one",
        ..Default::default()
    };
    let mut consumer = ring.consumer(options).unwrap();
    let mut producer = ring.producer().unwrap();
    producer.publish_slice(&[0; 5]).unwrap();
    assert_eq!(consumer.poll(4).rows().unwrap().len(), 4);
    let counted = ring.metrics();
    // Without a recorder it does nothing.
    counted.publish("quotes");
    let last = Last::default();
    metrics::with_local_recorder(&last, || counted.publish("quotes"));
    let last = last.0.lock();
    for (name, value) in [
        ("published ring=quotes", 5.0),
        ("full_stalls ring=quotes", 0.0),
        ("capacity ring=quotes", 8.0),
        ("consumers ring=quotes", 1.0),
        ("consumer_lag ring=quotes consumer=one", 1.0),
        ("consumer_batches ring=quotes consumer=one", 1.0),
        ("consumer_missed ring=quotes consumer=one", 0.0),
        ("batch_size ring=quotes quantile=1", 7.0),
    ] {
        let found = last.get(&format!("zc_ring_{name}"));
        assert_eq!(found, Some(&value), "{name}");
    }
}

//! Numbers for the `metrics` crate (feature `metrics`).

use super::RingMetrics;

/// The quantiles that are published of the histograms.
const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.99", 0.99), ("0.999", 0.999), ("1", 1.0)];

impl RingMetrics {
    /// Publishes these counters through the `metrics` facade, all named `zc_ring_…` and labelled
    /// with `ring`; those of a consumer with its name as well, the histograms' quantiles with
    /// `quantile`. Does nothing without a recorder.
    ///
    /// Call it on a snapshot as often as the figures are to be seen: the ring itself pays nothing.
    /// Consumers of one name share their figures, the last of them counts.
    pub fn publish(&self, ring: &str) {
        let ring = || ring.to_owned();
        let counters = [
            ("zc_ring_published", self.published),
            ("zc_ring_full_stalls", self.full_stalls),
            (
                "zc_ring_blocked_ns",
                u64::try_from(self.time_blocked.as_nanos()).unwrap_or(u64::MAX),
            ),
        ];
        for (name, value) in counters {
            metrics::counter!(name, "ring" => ring()).absolute(value);
        }
        metrics::gauge!("zc_ring_capacity", "ring" => ring()).set(self.capacity as f64);
        metrics::gauge!("zc_ring_consumers", "ring" => ring()).set(self.consumers.len() as f64);
        for consumer in &self.consumers {
            let name = || consumer.name.clone();
            let counters = [
                ("zc_ring_consumer_batches", consumer.batches),
                ("zc_ring_consumer_missed", consumer.missed),
                ("zc_ring_consumer_evictions", consumer.evictions),
                ("zc_ring_consumer_waits", consumer.waits),
            ];
            for (counter, value) in counters {
                metrics::counter!(counter, "ring" => ring(), "consumer" => name()).absolute(value);
            }
            metrics::gauge!("zc_ring_consumer_lag", "ring" => ring(), "consumer" => name())
                .set(consumer.lag as f64);
        }
        let histograms = [
            ("zc_ring_batch_size", &self.batch_size),
            ("zc_ring_latency_ns", &self.latency),
        ];
        for (name, histogram) in histograms {
            for (label, q) in QUANTILES {
                metrics::gauge!(name, "ring" => ring(), "quantile" => label)
                    .set(histogram.quantile(q) as f64);
            }
        }
    }
}

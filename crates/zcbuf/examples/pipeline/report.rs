//! What happened, as a table and as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use zcbuf::core::ledger::Ledger;
use zcbuf::core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zcbuf::diskcache::CacheStats;
use zcbuf::ring::RingMetrics;

use crate::bars::{BarSummary, Latency};
use crate::failure::Failure;
use crate::shared::Shared;

/// Everything that was measured.
pub struct Report {
    pub interrupted: bool,
    pub rows_in: u64,
    pub rows_verified: u64,
    pub malformed: u64,
    pub elapsed: Duration,
    pub row_bytes: u64,
    pub blocks: u64,
    pub groups: u64,
    pub sealed_bytes: u64,
    pub fetched_bytes: u64,
    pub bars: BarSummary,
    pub monitor_rows: u64,
    pub monitor_missed: u64,
    pub ring_latency: Latency,
    pub end_latency: Latency,
    pub ledger: Ledger,
    pub ring: RingMetrics,
    pub cache: CacheStats,
}

impl Report {
    pub fn counters(shared: &Shared) -> [u64; 8] {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        [
            get(&shared.rows_in),
            get(&shared.malformed),
            get(&shared.blocks),
            get(&shared.groups),
            get(&shared.sealed_bytes),
            get(&shared.fetched_bytes),
            get(&shared.monitor_rows),
            get(&shared.monitor_missed),
        ]
    }

    /// Rows that went in and did not come back as they were.
    pub fn lost(&self) -> u64 {
        self.rows_in.saturating_sub(self.rows_verified)
    }

    fn rows_per_second(&self) -> f64 {
        self.rows_in as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn ratio(&self) -> f64 {
        (self.rows_in * self.row_bytes) as f64 / (self.sealed_bytes.max(1)) as f64
    }

    /// Prints the table.
    pub fn print(&self) {
        print!("{}", self.table());
    }

    /// The table of everything that was measured.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<28} {value}");
        };
        let partial = if self.interrupted {
            " (interrupted: a partial table)"
        } else {
            ""
        };
        line("rows in", format!("{}{partial}", self.rows_in));
        line("rows verified over HTTP", format!("{}", self.rows_verified));
        if self.malformed > 0 {
            line("malformed lines skipped", format!("{}", self.malformed));
        }
        line("time", format!("{:.3} s", self.elapsed.as_secs_f64()));
        line("rows per second", format!("{:.0}", self.rows_per_second()));
        line("latency, ring to consumer", percentiles(&self.ring_latency));
        line("latency, ring to verified", percentiles(&self.end_latency));
        line(
            "bars",
            format!("{} over {} ticks", self.bars.bars, self.bars.ticks),
        );
        line(
            "blocks, groups",
            format!("{}, {}", self.blocks, self.groups),
        );
        line(
            "raw row bytes",
            format!("{}", self.rows_in * self.row_bytes),
        );
        line("sealed bytes", format!("{}", self.sealed_bytes));
        line("compression ratio", format!("{:.2}", self.ratio()));
        line(
            "bytes delivered over HTTP",
            format!("{}", self.fetched_bytes),
        );
        line("bytes copied", format!("{}", self.ledger.copied()));
        for site in &self.ledger.sites {
            line(
                &format!("  at {}", site.name),
                format!("{} in {} calls", site.bytes, site.calls),
            );
        }
        for consumer in &self.ring.consumers {
            line(
                &format!("consumer {}", consumer.name),
                format!(
                    "at row {}, {} batches, {} waits",
                    consumer.sequence, consumer.batches, consumer.waits
                ),
            );
        }
        line(
            "monitor (lossy)",
            format!(
                "saw {}, was told it missed {}",
                self.monitor_rows, self.monitor_missed
            ),
        );
        line(
            "ring full, time blocked",
            format!(
                "{} times, {:?}",
                self.ring.full_stalls, self.ring.time_blocked
            ),
        );
        line(
            "cache",
            format!(
                "{} objects, {} bytes, {} evictions",
                self.cache.objects, self.cache.bytes, self.cache.evictions
            ),
        );
        out
    }

    /// The line that a script looks for.
    pub fn closing_line(&self) -> String {
        format!(
            "demo: {} rows in, {} rows verified, {} lost, {} bytes copied",
            self.rows_in,
            self.rows_verified,
            self.lost(),
            self.ledger.copied()
        )
    }

    /// Writes all figures as JSON.
    pub fn write_json(&self, path: &Path) -> Result<(), Failure> {
        let latency = |h: &Latency| {
            format!(
                "{{\"samples\": {}, \"p50_ns\": {}, \"p99_ns\": {}, \"max_ns\": {}}}",
                h.len(),
                h.value_at_quantile(0.5),
                h.value_at_quantile(0.99),
                h.max()
            )
        };
        // Site names are the workspace's own and need no escaping.
        let sites: Vec<_> = (self.ledger.sites.iter())
            .map(|s| {
                format!(
                    "{{\"site\": \"{}\", \"bytes\": {}, \"calls\": {}}}",
                    s.name, s.bytes, s.calls
                )
            })
            .collect();
        let json = format!(
            "{{\n  \"interrupted\": {},\n  \"rows_in\": {},\n  \"rows_verified\": {},\n  \"rows_lost\": {},\n  \
             \"malformed_lines\": {},\n  \"seconds\": {:.6},\n  \"rows_per_second\": {:.0},\n  \
             \"ring_latency\": {},\n  \"end_to_end_latency\": {},\n  \"bars\": {},\n  \"blocks\": {},\n  \
             \"groups\": {},\n  \"raw_bytes\": {},\n  \"sealed_bytes\": {},\n  \"compression_ratio\": {:.4},\n  \
             \"bytes_delivered\": {},\n  \"bytes_copied\": {},\n  \"copies\": [{}],\n  \
             \"monitor_rows\": {},\n  \"monitor_missed\": {},\n  \"ring_full_stalls\": {}\n}}\n",
            self.interrupted,
            self.rows_in,
            self.rows_verified,
            self.lost(),
            self.malformed,
            self.elapsed.as_secs_f64(),
            self.rows_per_second(),
            latency(&self.ring_latency),
            latency(&self.end_latency),
            self.bars.bars,
            self.blocks,
            self.groups,
            self.rows_in * self.row_bytes,
            self.sealed_bytes,
            self.ratio(),
            self.fetched_bytes,
            self.ledger.copied(),
            sites.join(", "),
            self.monitor_rows,
            self.monitor_missed,
            self.ring.full_stalls,
        );
        std::fs::write(path, json)
            .map_err(Failure::because(format_args!("writing {}", path.display())))
    }
}

fn percentiles(latency: &Latency) -> String {
    if latency.is_empty() {
        return "no samples".into();
    }
    let at = |q| Duration::from_nanos(latency.value_at_quantile(q));
    format!(
        "p50 {:.1?}, p99 {:.1?}, max {:.1?}",
        at(0.5),
        at(0.99),
        Duration::from_nanos(latency.max())
    )
}

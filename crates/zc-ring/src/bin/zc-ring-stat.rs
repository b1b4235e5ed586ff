//! `zc-ring-stat PATH`: a live shared ring, looked at without taking part in it.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zc_core::sync::thread;
use zc_ring::metrics::Histogram;
use zc_ring::{OnLag, RingMetrics, SharedError, SharedMonitor};

const USAGE: &str = "\
Shows head, consumers and counters of a live shared ring.

usage: zc-ring-stat [--once] [--count N] [--interval SECONDS] [--wait SECONDS] [--json] PATH

  PATH                a ring; a name without a slash is one in /dev/shm
  --once              show it once (as --count 1)
  --count N           show it N times; without, until interrupted
  --interval SECONDS  time between two looks, 1 unless given
  --wait SECONDS      wait so long for the file to appear, 0 unless given
  --json              one JSON object a line";

/// Between two looks for a file that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

struct Args {
    path: std::path::PathBuf,
    count: Option<u64>,
    interval: Duration,
    wait: Duration,
    json: bool,
}

fn main() -> ExitCode {
    let run = || match args()? {
        Some(args) => watch(&args),
        None => writeln!(io::stdout(), "{USAGE}").map_err(Into::into),
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has enough of it.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "zc-ring-stat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// None where help is asked for.
fn args() -> Result<Option<Args>, Box<dyn Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let mut parser = lexopt::Parser::from_env();
    let (mut path, mut count, mut json) = (None, None, false);
    let (mut interval, mut wait) = (1.0, 0.0);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("help") | Short('h') => return Ok(None),
            Long("once") => count = Some(1),
            Long("count") => count = Some(parser.value()?.parse()?),
            Long("interval") => interval = parser.value()?.parse()?,
            Long("wait") => wait = parser.value()?.parse()?,
            Long("json") => json = true,
            Value(value) if path.is_none() => path = Some(value.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(Args {
        path: path.ok_or("a PATH is missing; --help says more")?,
        count,
        interval: Duration::try_from_secs_f64(interval)?,
        wait: Duration::try_from_secs_f64(wait)?,
        json,
    }))
}

fn watch(args: &Args) -> Result<(), Box<dyn Error>> {
    let monitor = open(args)?;
    let mut out = io::stdout().lock();
    let refreshes = out.is_terminal() && !args.json && args.count != Some(1);
    let mut last: Option<(Instant, u64)> = None;
    let mut shown = 0;
    loop {
        let (now, metrics) = (Instant::now(), monitor.metrics());
        let rate = last.map(|(then, published)| {
            let rows = metrics.published.wrapping_sub(published);
            rows as f64 / now.duration_since(then).as_secs_f64()
        });
        last = Some((now, metrics.published));
        if args.json {
            writeln!(out, "{}", to_json(&metrics, monitor.has_producer(), rate))?;
        } else {
            if refreshes {
                // Home, and clear what is below.
                write!(out, "\x1b[H\x1b[J")?;
            }
            write!(out, "{}", to_text(&metrics, monitor.has_producer(), rate))?;
        }
        out.flush()?;
        shown += 1;
        if args.count.is_some_and(|count| shown >= count) {
            return Ok(());
        }
        thread::sleep(args.interval);
    }
}

/// Opens the ring, if need be once it is there. A ring's file is complete when it appears.
fn open(args: &Args) -> Result<SharedMonitor, SharedError> {
    let begin = Instant::now();
    loop {
        match SharedMonitor::open(&args.path) {
            Err(SharedError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && begin.elapsed() < args.wait =>
            {
                thread::sleep(LOOK_AGAIN);
            }
            other => return other,
        }
    }
}

fn to_text(metrics: &RingMetrics, has_producer: bool, rate: Option<f64>) -> String {
    let mut text = String::new();
    let producer = if has_producer { "alive" } else { "none" };
    let rate = rate.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "head {}  published {}  capacity {}  rows/s {rate}  producer {producer}",
        metrics.head, metrics.published, metrics.capacity
    );
    let blocked = metrics.time_blocked;
    let _ = writeln!(
        text,
        "full stalls {}  time blocked {blocked:.3?}",
        metrics.full_stalls
    );
    let _ = writeln!(
        text,
        "\n{:<24} {:<8} {:>20} {:>12} {:>5} {:>12} {:>10} {:>10} {:>7}  state",
        "consumer", "policy", "position", "lag", "lag%", "batches", "waits", "missed", "evicted"
    );
    for consumer in &metrics.consumers {
        let percent = consumer.lag as f64 * 100.0 / metrics.capacity as f64;
        let _ = writeln!(
            text,
            "{:<24} {:<8} {:>20} {:>12} {:>5.0} {:>12} {:>10} {:>10} {:>7}  {}",
            consumer.name,
            policy(consumer.on_lag),
            consumer.sequence,
            consumer.lag,
            percent,
            consumer.batches,
            consumer.waits,
            consumer.missed,
            consumer.evictions,
            if consumer.thread_ended {
                "dead"
            } else {
                "alive"
            }
        );
    }
    histogram(&mut text, "batch size, rows", &metrics.batch_size);
    histogram(&mut text, "latency, ns (sampled)", &metrics.latency);
    text
}

/// A line for each bucket that counted something, with a bar.
fn histogram(text: &mut String, title: &str, histogram: &Histogram) {
    let (p50, p99) = (histogram.quantile(0.5), histogram.quantile(0.99));
    let _ = writeln!(
        text,
        "\n{title}: {} counted, p50 ≤ {p50}, p99 ≤ {p99}",
        histogram.count()
    );
    let most = histogram
        .buckets()
        .map(|(_, count)| count)
        .max()
        .unwrap_or(1);
    for (up_to, count) in histogram.buckets() {
        let bar = "#".repeat((count as f64 * 40.0 / most as f64).ceil() as usize);
        let _ = writeln!(text, "  ≤ {up_to:<20} {count:>12} {bar}");
    }
}

fn policy(on_lag: OnLag) -> &'static str {
    match on_lag {
        OnLag::Block => "block",
        OnLag::Lossy => "lossy",
        OnLag::Evict { .. } => "evict",
    }
}

fn to_json(metrics: &RingMetrics, has_producer: bool, rate: Option<f64>) -> Value {
    let buckets = |histogram: &Histogram| -> Value {
        let buckets = histogram.buckets();
        buckets
            .map(|(up_to, count)| json!({ "up_to": up_to, "count": count }))
            .collect()
    };
    let consumers: Value = metrics
        .consumers
        .iter()
        .map(|consumer| {
            json!({
                "name": consumer.name,
                "id": consumer.id.to_string(),
                "policy": policy(consumer.on_lag),
                "sequence": consumer.sequence,
                "lag": consumer.lag,
                "batches": consumer.batches,
                "missed": consumer.missed,
                "evictions": consumer.evictions,
                "waits": consumer.waits,
                "in_hand": consumer.in_hand,
                "alive": !consumer.thread_ended,
            })
        })
        .collect();
    json!({
        "head": metrics.head,
        "published": metrics.published,
        "capacity": metrics.capacity,
        "rows_per_second": rate,
        "producer_alive": has_producer,
        "full_stalls": metrics.full_stalls,
        "blocked_ns": u64::try_from(metrics.time_blocked.as_nanos()).unwrap_or(u64::MAX),
        "consumers": consumers,
        "batch_size": buckets(&metrics.batch_size),
        "latency_ns": buckets(&metrics.latency),
    })
}

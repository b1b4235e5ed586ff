//! The run as a page: how far each consumer was behind, how many rows a second went in, and how
//! long rows took, as SVG in one HTML file that needs nothing else.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use zcbuf::core::sync::Mutex;
use zcbuf::core::sync::atomic::Ordering::Relaxed;

use crate::bars::Latency;
use crate::failure::Failure;
use crate::report::Report;
use crate::shared::Shared;

/// How often a sample is taken.
pub const PERIOD: Duration = Duration::from_millis(20);
/// Samples kept; when there are twice as many, every other one goes, so that a run of any length
/// fits.
const SAMPLES: usize = 600;
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 70.0;
const COLOURS: [&str; 4] = ["#1b6ca8", "#c0562f", "#4b8b3b", "#7a5195"];
/// The stages whose lag is drawn.
const STAGES: [&str; 4] = ["bars", "archiver", "monitor", "verifier"];

/// The counters at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    seconds: f64,
    rows_in: u64,
    /// Of each stage, the rows that it has behind it.
    done: [u64; 4],
}

/// What the counters were over time.
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    samples: Mutex<Vec<Sample>>,
}

impl Timeline {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            samples: Mutex::new(Vec::new()),
        }
    }

    /// Writes down how things stand.
    pub fn sample(&self, shared: &Shared) {
        let monitor = shared.monitor_rows.load(Relaxed) + shared.monitor_missed.load(Relaxed);
        let done = [
            shared.bar_rows.load(Relaxed),
            shared.archived_rows.load(Relaxed),
            monitor,
            shared.verified_rows.load(Relaxed),
        ];
        let sample = Sample {
            seconds: self.start.elapsed().as_secs_f64(),
            rows_in: shared.rows_in.load(Relaxed),
            done,
        };
        let mut samples = self.samples.lock();
        samples.push(sample);
        if samples.len() >= 2 * SAMPLES {
            let mut keep = false;
            samples.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// Writes the page.
    pub fn write(&self, report: &Report, path: &Path) -> Result<(), Failure> {
        let samples = self.samples.lock().clone();
        std::fs::write(path, page(report, &samples))
            .map_err(Failure::because(format_args!("writing {}", path.display())))
    }
}

fn page(report: &Report, samples: &[Sample]) -> String {
    let lag = |stage: usize| {
        let behind = |s: &Sample| s.rows_in.saturating_sub(s.done[stage]) as f64;
        samples.iter().map(|s| (s.seconds, behind(s))).collect()
    };
    let lags: Vec<Line> = (0..STAGES.len()).map(|i| (STAGES[i], lag(i))).collect();
    let speed = samples.windows(2).map(|pair| {
        let time = (pair[1].seconds - pair[0].seconds).max(1e-9);
        let rows = pair[1].rows_in.saturating_sub(pair[0].rows_in);
        (pair[1].seconds, rows as f64 / time)
    });
    let speed: Vec<Line> = vec![("rows in", speed.collect())];
    let table = escaped(&report.table());
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>zcbuf demo</title>\n\
         <style>body{{font:15px sans-serif;max-width:860px;margin:2em auto}}pre{{background:#f4f4f4;padding:1em}}</style>\n\
         <h1>zcbuf demo</h1>\n<p>{}</p>\n<pre>{table}</pre>\n\
         <h2>Rows behind the source</h2>\n{}\n<h2>Rows a second</h2>\n{}\n\
         <h2>Latency</h2>\n<p>From publication to the first consumer, and to the row that came back over HTTP verified.</p>\n{}\n{}\n</html>\n",
        escaped(&report.closing_line()),
        lines(&lags, "rows"),
        lines(&speed, "rows/s"),
        histogram("ring to consumer", &report.ring_latency, COLOURS[0]),
        histogram("ring to verified", &report.end_latency, COLOURS[1]),
    )
}

/// Name and points of one line.
type Line = (&'static str, Vec<(f64, f64)>);

fn lines(all: &[Line], unit: &str) -> String {
    let points = || all.iter().flat_map(|(_, points)| points);
    let right = points().map(|p| p.0).fold(1e-9, f64::max);
    let top = points().map(|p| p.1).fold(1.0, f64::max);
    let mut svg = frame(&format!("{top:.0} {unit}"), &format!("{right:.2} s"));
    for (i, (name, points)) in all.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let mut path = String::new();
        for (x, y) in points {
            // Writing to a string cannot fail.
            let _ = write!(
                path,
                "{:.1},{:.1} ",
                LEFT + x / right * WIDTH,
                HEIGHT - y / top * (HEIGHT - 20.0)
            );
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            LEFT + 10.0,
            16 * (i + 2)
        );
    }
    svg + "</svg>"
}

/// A bar for each doubling of the time.
fn histogram(name: &str, latency: &Latency, colour: &str) -> String {
    let counts: Vec<(u64, u64)> = latency
        .iter_log(1000, 2.0)
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .collect();
    let top = counts.iter().map(|c| c.1).max().unwrap_or(0).max(1);
    let last = counts.last().map_or(0, |c| c.0);
    let mut svg = frame(
        &format!("{top} samples"),
        &format!("{:.1?}", Duration::from_nanos(last)),
    );
    let step = WIDTH / counts.len().max(1) as f64;
    for (i, (until, count)) in counts.iter().enumerate() {
        let height = *count as f64 / top as f64 * (HEIGHT - 20.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{colour}\">\
             <title>{count} up to {:?}</title></rect>",
            LEFT + i as f64 * step + 1.0,
            HEIGHT - height,
            (step - 2.0).max(1.0),
            Duration::from_nanos(*until),
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"32\" fill=\"{colour}\">{name}, each bar twice the time of the one before</text>",
        LEFT + 10.0
    );
    svg + "</svg>"
}

/// The two axes, with what stands at their ends.
fn frame(top: &str, right: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <line x1=\"{LEFT}\" y1=\"10\" x2=\"{LEFT}\" y2=\"{HEIGHT}\" stroke=\"#888\"/>\
         <line x1=\"{LEFT}\" y1=\"{HEIGHT}\" x2=\"{}\" y2=\"{HEIGHT}\" stroke=\"#888\"/>\
         <text x=\"{LEFT}\" y=\"10\">{top}</text>\
         <text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{right}</text>\n",
        LEFT + WIDTH + 20.0,
        HEIGHT + 24.0,
        LEFT + WIDTH,
        LEFT + WIDTH,
        HEIGHT + 16.0,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

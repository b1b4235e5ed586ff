//! `--tui`: the run on one screen, redrawn ten times a second.
//!
//! ```text
//!    rows/s ▁▃▆█▇▆▇▇█▇▇▇█▇       8,412,077
//!      bars ██                       1,310 behind
//!  archiver ██████                  19,842 behind
//!   monitor                              0 behind, 5,120 missed
//!  verifier ██████████████          48,290 behind
//!   archive 61 groups, 58.2 MiB sealed, 55.0 MiB fetched back
//!    copied 116,412,090 bytes
//! ```
//!
//! A bar is full when a stage is a ring behind. Lines, not a screen of its own: what was said before stays
//! above, and the last state stays when the run is over.

use std::collections::VecDeque;
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use zcbuf::core::ledger;
use zcbuf::core::sync::Mutex;
use zcbuf::core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::RING_ROWS;
use crate::shared::Shared;

/// Rates that the curve shows.
const CURVE: usize = 40;
/// Cells of a full bar.
const BAR: usize = 40;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LINES: [&str; 7] = [
    "rows/s", "bars", "archiver", "monitor", "verifier", "archive", "copied",
];

pub struct Dashboard {
    lines: Vec<ProgressBar>,
    rates: Mutex<Rates>,
}

/// What the curve is drawn from.
struct Rates {
    last: (Instant, u64),
    recent: VecDeque<f64>,
}

impl Dashboard {
    pub fn new(all: &MultiProgress) -> Self {
        let style = ProgressStyle::with_template("{prefix:>9} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = |name| {
            let bar = ProgressBar::no_length().with_style(style.clone());
            all.add(bar.with_prefix(name))
        };
        Self {
            lines: LINES.map(line).into(),
            rates: Mutex::new(Rates {
                last: (Instant::now(), 0),
                recent: VecDeque::with_capacity(CURVE),
            }),
        }
    }

    pub fn draw(&self, shared: &Shared) {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let rows_in = get(&shared.rows_in);
        let missed = get(&shared.monitor_missed);
        let behind = |done: u64| {
            let behind = rows_in.saturating_sub(done);
            format!(
                "{} {:>15} behind",
                bar(behind),
                HumanCount(behind).to_string()
            )
        };
        let texts = [
            self.rates.lock().curve(rows_in),
            behind(get(&shared.bar_rows)),
            behind(get(&shared.archived_rows)),
            format!(
                "{}, {} missed",
                behind(get(&shared.monitor_rows) + missed),
                HumanCount(missed)
            ),
            behind(get(&shared.verified_rows)),
            format!(
                "{} groups, {} sealed, {} fetched back",
                HumanCount(get(&shared.groups)),
                HumanBytes(get(&shared.sealed_bytes)),
                HumanBytes(get(&shared.fetched_bytes))
            ),
            format!("{} bytes", HumanCount(ledger::snapshot().copied())),
        ];
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
        }
    }

    pub fn finish(&self) {
        self.lines.iter().for_each(ProgressBar::abandon);
    }
}

impl Rates {
    /// Takes the rate since the last call in, and draws the recent ones.
    fn curve(&mut self, rows_in: u64) -> String {
        let (then, before) = std::mem::replace(&mut self.last, (Instant::now(), rows_in));
        let seconds = then.elapsed().as_secs_f64().max(1e-9);
        let rate = rows_in.saturating_sub(before) as f64 / seconds;
        if self.recent.len() == CURVE {
            self.recent.pop_front();
        }
        self.recent.push_back(rate);
        let highest = self.recent.iter().copied().fold(1.0, f64::max);
        let level = |rate: &f64| LEVELS[(rate / highest * 7.0).round() as usize % LEVELS.len()];
        let curve: String = self.recent.iter().map(level).collect();
        format!(
            "{curve:<CURVE$} {:>15}",
            HumanCount(rate as u64).to_string()
        )
    }
}

fn bar(behind: u64) -> String {
    let cells = (behind as usize).min(RING_ROWS) * BAR / RING_ROWS;
    format!("{:<BAR$}", "█".repeat(cells))
}

//! Progress bars while the pipeline runs. They show themselves only on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use zcbuf::core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::shared::Shared;

/// Which counter a bar shows.
type Counter = fn(&Shared) -> &AtomicU64;

pub struct Progress {
    all: MultiProgress,
    bars: Vec<(ProgressBar, Counter)>,
}

impl Progress {
    /// Bars for a run of so many rows, or for one whose length nobody knows.
    pub fn new(rows: Option<u64>) -> Self {
        let template = if rows.is_some() {
            "{prefix:>9} {wide_bar:.cyan/dim} {human_pos:>11} rows {per_sec:>18}"
        } else {
            "{prefix:>9} {spinner} {human_pos:>11} rows {per_sec:>18}"
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let all = MultiProgress::new();
        let stages: [(&'static str, Counter); 4] = [
            ("published", |s| &s.rows_in),
            ("in bars", |s| &s.bar_rows),
            ("archived", |s| &s.archived_rows),
            ("verified", |s| &s.verified_rows),
        ];
        let bars = stages.map(|(name, counter)| {
            let bar = rows.map_or_else(ProgressBar::no_length, ProgressBar::new);
            (
                all.add(bar.with_style(style.clone()).with_prefix(name)),
                counter,
            )
        });
        Self {
            all,
            bars: bars.into(),
        }
    }

    /// Draws the counters as they are.
    pub fn draw(&self, shared: &Shared) {
        for (bar, counter) in &self.bars {
            bar.set_position(counter(shared).load(Relaxed));
        }
    }

    /// A line above the bars, on standard error.
    pub fn say(&self, line: &str) {
        self.all.suspend(|| eprintln!("{line}"));
    }

    pub fn finish(&self, shared: &Shared) {
        self.draw(shared);
        self.bars.iter().for_each(|(bar, _)| bar.abandon());
    }
}

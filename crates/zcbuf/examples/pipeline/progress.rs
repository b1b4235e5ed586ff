//! What is seen while the pipeline runs: a bar a stage, or the dashboard. Both show themselves only on
//! a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use zcbuf::core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::dashboard::Dashboard;
use crate::shared::Shared;

/// Which counter a bar shows.
type Counter = fn(&Shared) -> &AtomicU64;

pub struct Progress {
    all: MultiProgress,
    shown: Shown,
}

enum Shown {
    Bars(Vec<(ProgressBar, Counter)>),
    Dashboard(Dashboard),
}

impl Progress {
    /// The dashboard, on a terminal that can show it.
    pub fn dashboard() -> Self {
        let all = MultiProgress::new();
        if all.is_hidden() {
            eprintln!("demo: standard error is no terminal: --tui shows nothing");
        }
        let shown = Shown::Dashboard(Dashboard::new(&all));
        Self { all, shown }
    }

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
            shown: Shown::Bars(bars.into()),
        }
    }

    /// Draws the counters as they are.
    pub fn draw(&self, shared: &Shared) {
        match &self.shown {
            Shown::Dashboard(dashboard) => dashboard.draw(shared),
            Shown::Bars(bars) => {
                for (bar, counter) in bars {
                    bar.set_position(counter(shared).load(Relaxed));
                }
            }
        }
    }

    /// A line above all that, on standard error.
    pub fn say(&self, line: &str) {
        self.all.suspend(|| eprintln!("{line}"));
    }

    pub fn finish(&self, shared: &Shared) {
        self.draw(shared);
        match &self.shown {
            Shown::Dashboard(dashboard) => dashboard.finish(),
            Shown::Bars(bars) => bars.iter().for_each(|(bar, _)| bar.abandon()),
        }
    }
}

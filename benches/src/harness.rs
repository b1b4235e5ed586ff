//! Runs cells: warms up, finds how many operations fill a repetition, interleaves, checks.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::args::{Args, Mode, RESUME};
use crate::goal::Goal;
use crate::results::{Figures, Measured, Result as CellResult, Results};
use crate::{machine, table};

/// The work of one contestant: does so many operations, checks what came out, and says how long
/// the operations took (not the preparation), or what went wrong.
pub type Work = Arc<dyn Fn(u64) -> Result<Duration, String> + Send + Sync>;

/// The work of a contestant whose figure is counted; see [`Bench::counted`].
pub type Count<'a> = Box<dyn FnOnce(bool) -> Result<f64, String> + 'a>;

/// Repetitions of each contestant. Odd, so that the median is one of them.
const REPETITIONS: usize = 9;
/// A measured repetition, of which the target is a fraction of a second, has hung if it takes longer.
const HUNG: Duration = Duration::from_secs(10);
/// The same in the smoke run, which may be a debug build on a busy machine.
const HUNG_IN_SMOKE: Duration = Duration::from_secs(60);

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unit {
    /// Nanoseconds for one operation; lower is better.
    NsPerOp,
    /// 10^9 bytes a second, where one operation moves this many bytes; higher is better.
    GigabytesPerSecond {
        /// Bytes that one operation moves.
        bytes: u64,
    },
    /// How often something happens in one operation; lower is better. The work gives the count in
    /// place of a time, as so many nanoseconds.
    PerOp {
        /// What is counted, and per what.
        what: &'static str,
        /// Operations of a measured repetition.
        ops: u64,
    },
    /// 10^6 steps a second, where one operation is this many (one by each thread, say); higher is
    /// better.
    MillionsPerSecond {
        /// Steps that one operation takes.
        steps: u64,
    },
    /// The work gives back a latency itself, a percentile of this many operations, instead of the
    /// time they took; nanoseconds, lower is better.
    Latency {
        /// Operations of a measured repetition.
        ops: u64,
    },
}

/// One bench: its name, how it was asked to run, and what it has found so far.
#[derive(Debug)]
pub struct Bench {
    args: Args,
    cells: usize,
    failed: usize,
    results: Results,
}

/// One row of a bench under construction.
pub struct Cell<'b> {
    bench: &'b mut Bench,
    name: String,
    unit: Unit,
    smoke: u64,
    pub(crate) goal: Option<Goal>,
    ours: Option<Work>,
    peers: Vec<(String, Work)>,
    limit: Option<Work>,
}

impl Bench {
    /// Runs the bench `name` as the command line says: `--list`, `--test` (also without the `--bench`
    /// that cargo passes), `--quick`, and words that the cells' names must contain.
    pub fn main(name: &str, cells: impl FnOnce(&mut Self)) -> ExitCode {
        let args = Args::parse(std::env::args().skip(1));
        let done = args.resume.as_deref().and_then(Results::resume);
        let mut bench = Self {
            cells: 0,
            failed: 0,
            results: done.unwrap_or_else(|| Results {
                bench: name.to_owned(),
                machine: machine::describe(),
                date: machine::today(),
                quick: args.mode == Mode::Quick,
                cells: Vec::new(),
            }),
            args,
        };
        cells(&mut bench);
        bench.finish()
    }

    /// A cell. Its name says capacity, batch, sizes and threads; `smoke` operations are enough to
    /// see that it works.
    pub fn cell(&mut self, name: impl Into<String>, unit: Unit, smoke: u64) -> Cell<'_> {
        Cell {
            bench: self,
            name: name.into(),
            unit,
            smoke,
            goal: None,
            ours: None,
            peers: Vec::new(),
            limit: None,
        }
    }

    /// A cell whose figures are counted and not timed, so that one run of each contestant is enough:
    /// each is told whether a short run will do, and gives its figure. The first one is ours; higher
    /// is better.
    pub fn counted(&mut self, name: &str, unit: &str, contestants: Vec<(&str, Count<'_>)>) {
        if !self.args.wants(name) || self.results.has(name) {
            return;
        }
        if self.args.mode == Mode::List {
            table::line(&format!("{}: {name}", self.results.bench));
            return;
        }
        let short = self.args.mode == Mode::Smoke;
        let mut figures = contestants.into_iter().map(|(name, count)| {
            let figure = count(short).map(|figure| Figures::of(&mut [figure]));
            let measured = figure.map_or_else(Measured::Failed, Measured::Figures);
            (name.to_owned(), measured)
        });
        let ours = figures.next().map(|(_, measured)| measured);
        self.take(CellResult {
            cell: name.to_owned(),
            unit: unit.to_owned(),
            better: "higher".to_owned(),
            ours: ours.unwrap_or(Measured::Failed("not run".to_owned())),
            peers: figures.collect(),
            limit: None,
            goal: None,
        });
    }

    /// Shows and keeps the result of a cell.
    fn take(&mut self, result: CellResult) {
        self.cells += 1;
        if let Measured::Failed(why) = &result.ours {
            table::line(&format!("{}: ours failed: {why}", result.cell));
            self.failed += 1;
        }
        if self.args.mode != Mode::Smoke {
            if self.results.cells.is_empty() {
                table::head(&self.results);
            }
            table::row(&result);
        } else {
            for (name, why) in result.failed_peers() {
                table::line(&format!("{}: {name}: {why}", result.cell));
            }
        }
        self.results.cells.push(result);
    }

    /// Goes on with the next cell in a new image of this process: the threads of a peer that hung,
    /// which might spin, end with the old one.
    fn start_over(&self) {
        let resume = self.results.keep().map(|kept| format!("{RESUME}{kept}"));
        let args = std::env::args().skip(1).filter(|a| !a.starts_with(RESUME));
        let error = match (std::env::current_exe(), resume) {
            (Ok(program), Ok(resume)) => Command::new(program).args(args).arg(resume).exec(),
            (Err(error), _) | (_, Err(error)) => error,
        };
        table::line(&format!(
            "the hung threads stay, and disturb the rest: {error}"
        ));
    }

    fn finish(self) -> ExitCode {
        let name = self.results.bench.clone();
        let written = match self.args.mode {
            Mode::List => return ExitCode::SUCCESS,
            Mode::Smoke => Ok(format!("smoke: {} cells checked", self.cells)),
            Mode::Quick | Mode::Full if self.cells == 0 => Ok(format!(
                "{name}: no cell is called that; `--list` shows them"
            )),
            Mode::Quick | Mode::Full => self.results.write(self.args.filtered()),
        };
        match written {
            Ok(line) => table::line(&line),
            Err(why) => {
                table::line(&format!("{name}: {why}"));
                return ExitCode::FAILURE;
            }
        }
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Cell<'_> {
    /// Our own work.
    #[must_use]
    pub fn ours(
        mut self,
        work: impl Fn(u64) -> Result<Duration, String> + Send + Sync + 'static,
    ) -> Self {
        self.ours = Some(Arc::new(work));
        self
    }

    /// The same work done by a peer.
    #[must_use]
    pub fn peer(
        mut self,
        name: &str,
        work: impl Fn(u64) -> Result<Duration, String> + Send + Sync + 'static,
    ) -> Self {
        self.peers.push((name.to_owned(), Arc::new(work)));
        self
    }

    /// The least that any code for this work must do on this machine.
    #[must_use]
    pub fn limit(
        mut self,
        work: impl Fn(u64) -> Result<Duration, String> + Send + Sync + 'static,
    ) -> Self {
        self.limit = Some(Arc::new(work));
        self
    }

    /// Runs the cell.
    pub fn run(self) {
        if !self.bench.args.wants(&self.name) || self.bench.results.has(&self.name) {
            return;
        }
        if self.bench.args.mode == Mode::List {
            table::line(&format!("{}: {}", self.bench.results.bench, self.name));
            return;
        }
        let mut field: Vec<Contestant> = Vec::new();
        field.extend(
            self.ours
                .iter()
                .map(|w| Contestant::new("ours", w, self.smoke)),
        );
        field.extend(
            self.peers
                .iter()
                .map(|(n, w)| Contestant::new(n, w, self.smoke)),
        );
        field.extend(
            self.limit
                .iter()
                .map(|w| Contestant::new("limit", w, self.smoke)),
        );
        race(&mut field, self.bench.args.mode, self.unit);
        let mut by_name: BTreeMap<String, Measured> = field
            .into_iter()
            .map(|c| (c.name.clone(), c.measured()))
            .collect();
        let ours = by_name
            .remove("ours")
            .unwrap_or(Measured::Failed("not run".to_owned()));
        let limit = by_name.remove("limit");
        let result = CellResult {
            cell: self.name,
            unit: self.unit.name().to_owned(),
            better: self.unit.better().to_owned(),
            ours,
            goal: self.goal.and_then(|goal| goal.figure(&by_name)),
            peers: by_name,
            limit,
        };
        let hung = result
            .failed_peers()
            .any(|(_, why)| why.starts_with("hung"));
        self.bench.take(result);
        if hung && self.bench.args.mode != Mode::Smoke {
            self.bench.start_over();
        }
    }
}

impl std::fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

struct Contestant {
    name: String,
    work: Work,
    ops: u64,
    patience: Duration,
    figures: Vec<f64>,
    failure: Option<String>,
}

impl Contestant {
    fn new(name: &str, work: &Work, ops: u64) -> Self {
        Self {
            name: name.to_owned(),
            work: Arc::clone(work),
            ops,
            patience: HUNG,
            figures: Vec::new(),
            failure: None,
        }
    }

    /// One repetition; `None` once it has failed.
    fn run(&mut self) -> Option<Duration> {
        if self.failure.is_some() {
            return None;
        }
        match run_apart(&self.work, self.ops, self.patience) {
            Ok(elapsed) => Some(elapsed),
            Err(why) => {
                self.failure = Some(why);
                None
            }
        }
    }

    /// Finds the number of operations that take about `target`.
    fn calibrate(&mut self, target: Duration) {
        for _ in 0..24 {
            let Some(elapsed) = self.run() else { return };
            let share = elapsed.as_secs_f64() / target.as_secs_f64();
            if share > 0.5 {
                return;
            }
            let factor = (1.0 / share.max(0.001)).clamp(1.5, 20.0);
            self.ops = scaled(self.ops, factor);
        }
    }

    fn measured(mut self) -> Measured {
        if let Some(why) = self.failure {
            return Measured::Failed(why);
        }
        Measured::Figures(Figures::of(&mut self.figures))
    }
}

fn race(field: &mut [Contestant], mode: Mode, unit: Unit) {
    let (repetitions, target) = match mode {
        Mode::Smoke | Mode::List => (1, None),
        Mode::Quick => (REPETITIONS, Some(Duration::from_millis(20))),
        Mode::Full => (REPETITIONS, Some(Duration::from_millis(200))),
    };
    for contestant in &mut *field {
        match (target, unit) {
            (Some(_), Unit::Latency { ops } | Unit::PerOp { ops, .. }) => contestant.ops = ops,
            (Some(target), _) => contestant.calibrate(target),
            (None, _) => contestant.patience = HUNG_IN_SMOKE,
        }
    }
    for repetition in 0..repetitions {
        // A different one begins each time, so that none always runs on the other's heels.
        for i in 0..field.len() {
            let at = (repetition + i) % field.len();
            let contestant = &mut field[at];
            if let Some(elapsed) = contestant.run() {
                let figure = unit.figure(elapsed, contestant.ops);
                contestant.figures.push(figure);
            }
        }
    }
}

/// Runs the work on a thread of its own, so that one that hangs does not hang the bench.
fn run_apart(work: &Work, ops: u64, patience: Duration) -> Result<Duration, String> {
    let work = Arc::clone(work);
    let (send, receive) = channel();
    let thread = std::thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| work(ops)));
        let result = result.unwrap_or_else(|panic| Err(panic_text(&*panic)));
        // Nobody listens any more where the time ran out.
        let _ = send.send(result);
    });
    match receive.recv_timeout(patience) {
        Ok(result) => {
            thread
                .join()
                .map_err(|_| "the thread panicked".to_owned())?;
            result
        }
        Err(_) => Err(format!("hung: no end after {} s", patience.as_secs())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no text"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of repetitions need not be exact"
)]
fn scaled(ops: u64, factor: f64) -> u64 {
    (ops as f64 * factor) as u64
}

impl Unit {
    #[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
    fn figure(self, elapsed: Duration, ops: u64) -> f64 {
        let seconds = elapsed.as_secs_f64();
        match self {
            Self::NsPerOp => seconds * 1e9 / ops as f64,
            Self::GigabytesPerSecond { bytes } => (ops * bytes) as f64 / seconds / 1e9,
            Self::PerOp { .. } => elapsed.as_nanos() as f64 / ops as f64,
            Self::MillionsPerSecond { steps } => (ops * steps) as f64 / seconds / 1e6,
            Self::Latency { .. } => seconds * 1e9,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::NsPerOp => "ns/op",
            Self::PerOp { what, .. } => what,
            Self::GigabytesPerSecond { .. } => "GB/s",
            Self::MillionsPerSecond { .. } => "M/s",
            Self::Latency { .. } => "ns",
        }
    }

    fn better(self) -> &'static str {
        match self {
            Self::NsPerOp | Self::PerOp { .. } | Self::Latency { .. } => "lower",
            Self::GigabytesPerSecond { .. } | Self::MillionsPerSecond { .. } => "higher",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_say() {
        let second = Duration::from_secs(1);
        assert!((Unit::NsPerOp.figure(second, 1_000_000) - 1000.0).abs() < 1e-6);
        let unit = Unit::GigabytesPerSecond { bytes: 8 };
        assert!((unit.figure(second, 1_000_000_000) - 8.0).abs() < 1e-6);
    }

    #[test]
    fn a_contestant_that_loses_or_panics_is_written_down() {
        let lost: Work = Arc::new(|_| Err("lost 3 values".to_owned()));
        let panics: Work = Arc::new(|_| panic!("no {}", "good"));
        let mut field = [
            Contestant::new("a", &lost, 1),
            Contestant::new("b", &panics, 1),
        ];
        race(&mut field, Mode::Quick, Unit::NsPerOp);
        let [a, b] = field.map(Contestant::measured);
        assert_eq!(a, Measured::Failed("lost 3 values".to_owned()));
        assert_eq!(b, Measured::Failed("panicked: no good".to_owned()));
    }

    #[test]
    fn calibration_fills_the_time() {
        let work: Work = Arc::new(|ops| Ok(Duration::from_micros(ops)));
        let mut contestant = Contestant::new("a", &work, 1);
        contestant.calibrate(Duration::from_millis(20));
        assert!(
            (10_000..=40_000).contains(&contestant.ops),
            "{}",
            contestant.ops
        );
    }
}

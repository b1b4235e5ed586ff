//! Runs cells, and keeps and shows what came of them.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use crate::args::{Args, Mode, RESUME};
use crate::contest::{Contestant, Work, race};
use crate::goal::Goal;
use crate::results::{Figures, Measured, Result as CellResult, Results};
use crate::unit::Unit;
use crate::{machine, table};

/// The work of a contestant whose figure is counted; see [`Bench::counted`].
pub type Count<'a> = Box<dyn FnOnce(bool) -> Result<f64, String> + 'a>;

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

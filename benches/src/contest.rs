//! The contest of one cell: each contestant is warmed up until it fills a repetition, then they take turns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::args::Mode;
use crate::results::{Figures, Measured};
use crate::unit::Unit;

/// The work of one contestant: does so many operations, checks what came out, and says how long
/// the operations took (not the preparation), or what went wrong.
pub type Work = Arc<dyn Fn(u64) -> Result<Duration, String> + Send + Sync>;

/// Repetitions of each contestant. Odd, so that the median is one of them.
const REPETITIONS: usize = 9;
/// A measured repetition, of which the target is a fraction of a second, has hung if it takes longer.
const HUNG: Duration = Duration::from_secs(10);
/// The same in the smoke run, which may be a debug build on a busy machine.
const HUNG_IN_SMOKE: Duration = Duration::from_secs(60);

/// One contestant of a cell, and what it has shown so far.
pub(crate) struct Contestant {
    pub(crate) name: String,
    work: Work,
    ops: u64,
    patience: Duration,
    figures: Vec<f64>,
    failure: Option<String>,
}

impl Contestant {
    pub(crate) fn new(name: &str, work: &Work, ops: u64) -> Self {
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

    pub(crate) fn measured(mut self) -> Measured {
        if let Some(why) = self.failure {
            return Measured::Failed(why);
        }
        Measured::Figures(Figures::of(&mut self.figures))
    }
}

/// Runs the contestants in turn, each on threads of its own, and leaves their figures in them.
pub(crate) fn race(field: &mut [Contestant], mode: Mode, unit: Unit) {
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

#[cfg(test)]
mod tests {
    use super::*;

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

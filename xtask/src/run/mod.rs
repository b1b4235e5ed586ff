//! Runs the rows of the table one after the other and says what became of them.

pub(crate) mod command;
pub(crate) mod count;
pub(crate) mod report;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeVal;

use crate::expect::Expected;
use crate::step::{Done, Failure, Outcome, Step, Tier};
use crate::tree::{Member, Tree};
use command::{Cmd, End, Ran, run_all};

/// How a run differs from the plain one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    /// Only this crate, in the lanes that go crate by crate.
    pub(crate) only: Option<String>,
    /// Skipping is failing.
    pub(crate) strict: bool,
    pub(crate) fail_fast: bool,
    /// The committed list of skips is judged: in the two sets, not in a lane asked for by name.
    pub(crate) judge_skips: bool,
}

/// Runs `steps`; true when nothing failed.
pub(crate) fn run(
    tree: &Tree,
    steps: &[&'static Step],
    name: &str,
    options: &Options,
) -> Result<bool, String> {
    let signals = watch_signals()?;
    let expected = Expected::read(tree)?;
    let mut done: Vec<Done> = Vec::new();
    let mut interrupted = false;
    for step in steps {
        announce(step);
        let (mut this, stop) = run_step(tree, step, options, &signals)?;
        this.outcome = if options.judge_skips {
            expected.judge(step.name, this.outcome)
        } else {
            this.outcome
        };
        if options.strict
            && let Outcome::Skip { reason, .. } = &this.outcome
        {
            this.outcome = Outcome::Fail(format!("skipped, and --strict allows none: {reason}"));
        }
        report::line(&this);
        interrupted = stop;
        done.push(this);
        let failed = !matches!(
            done.last().map(|d| &d.outcome),
            Some(Outcome::Pass | Outcome::Skip { .. })
        );
        if interrupted || (options.fail_fast && failed) {
            break;
        }
    }
    report::write(tree, name, &done).map_err(|e| format!("the report: {e}"))?;
    let good = report::close(&done, steps.len(), interrupted);
    // A lane asked for by name that could not run proved nothing.
    let ran = options.judge_skips || done.iter().any(|d| d.outcome == Outcome::Pass);
    Ok(good && ran && !interrupted)
}

/// What a running step works with.
pub(crate) struct Job<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) only: Option<&'a str>,
    signals: &'a Receiver<Signal>,
    deadline: Instant,
    logs: PathBuf,
    commands: Vec<String>,
    output: String,
    found: String,
    tests: usize,
}

impl Job<'_> {
    /// A cargo command at the root of the workspace.
    pub(crate) fn cargo(&self, args: &[&str]) -> Cmd {
        Cmd::new("cargo", &self.tree.root).args(args)
    }

    /// The crates that this run is about, those of which `wanted` holds.
    pub(crate) fn crates(&self, wanted: impl Fn(&Member) -> bool) -> Vec<&Member> {
        let chosen = |m: &&Member| self.only.is_none_or(|only| only == m.name);
        self.tree
            .crates
            .iter()
            .filter(chosen)
            .filter(|m| wanted(m))
            .collect()
    }

    /// Runs one command to its end; anything but success ends the step.
    pub(crate) fn run(&mut self, cmd: &Cmd) -> Result<String, Failure> {
        let ran = self.run_all(&[(cmd.clone(), Duration::MAX)], 1)?;
        let ran = ran.into_iter().next().ok_or(Failure::Timeout)?;
        // Cargo's messages are for this program; the log keeps them.
        for line in ran
            .output
            .lines()
            .filter(|l| !l.starts_with("{\"reason\":"))
        {
            self.note(line);
        }
        match ran.end {
            End::Ok => Ok(ran.output),
            End::Code(code) => Err(Failure::Failed(format!("exit code {code}: {}", cmd.line()))),
            End::Signal(n) => Err(Failure::Failed(format!("signal {n}: {}", cmd.line()))),
            End::Timeout => Err(Failure::Timeout),
            End::Interrupted => Err(Failure::Interrupted),
        }
    }

    /// As [`run`](Self::run), for an output that is data: it is shown only when the command fails.
    pub(crate) fn run_quietly(&mut self, cmd: &Cmd) -> Result<String, Failure> {
        let before = self.output.len();
        let output = self.run(cmd)?;
        self.output.truncate(before);
        Ok(output)
    }

    /// Runs every command, also after one has failed, so that one run shows all that is wrong.
    pub(crate) fn run_each(&mut self, cmds: &[Cmd]) -> Result<(), Failure> {
        let mut failed = Vec::new();
        for cmd in cmds {
            match self.run(cmd) {
                Ok(_) => {}
                Err(Failure::Failed(why)) => failed.push(why),
                Err(end) => return Err(end),
            }
        }
        match failed.as_slice() {
            [] => Ok(()),
            failed => Err(Failure::Failed(failed.join("\n        and "))),
        }
    }

    /// As [`run`](Self::run), and counts the tests that the command ran, failed ones too.
    pub(crate) fn run_tests(&mut self, cmd: &Cmd) -> Result<String, Failure> {
        let before = self.output.len();
        let result = self.run(cmd);
        self.tests += count::tests(&self.output[before..]);
        result
    }

    /// Runs commands whose failure is for the caller to judge, at most `width` at a time.
    pub(crate) fn run_all(
        &mut self,
        jobs: &[(Cmd, Duration)],
        width: usize,
    ) -> Result<Vec<Ran>, Failure> {
        self.commands.extend(jobs.iter().map(|j| j.0.line()));
        // A step's limit beyond all time is the step's own deadline.
        let capped: Vec<_> = jobs
            .iter()
            .map(|(c, limit)| (c.clone(), (*limit).min(Duration::from_secs(86_400))))
            .collect();
        let ran = run_all(&capped, width, self.deadline, &self.logs, self.signals)?;
        if ran.iter().any(|r| r.end == End::Interrupted) {
            return Err(Failure::Interrupted);
        }
        Ok(ran)
    }

    /// Says what the report names as the command of a step that works in this process.
    pub(crate) fn inside(&mut self, line: &str) {
        self.commands.push(line.to_owned());
    }

    /// Adds a line to what is shown when the step fails.
    pub(crate) fn note(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }

    /// Adds a line to what is shown in any case.
    pub(crate) fn show(&mut self, line: &str) {
        self.found.push_str(line);
        self.found.push('\n');
    }

    /// Says that `n` more tests ran.
    pub(crate) fn count(&mut self, n: usize) {
        self.tests += n;
    }
}

fn run_step(
    tree: &Tree,
    step: &'static Step,
    options: &Options,
    signals: &Receiver<Signal>,
) -> Result<(Done, bool), String> {
    let begin = Instant::now();
    let cpu = cpu_of_children()?;
    let mut job = Job {
        tree,
        only: options.only.as_deref(),
        signals,
        deadline: begin + Duration::from_secs(step.budget),
        logs: tree.output().join("logs").join(step.name.replace(' ', "-")),
        commands: Vec::new(),
        output: String::new(),
        found: String::new(),
        tests: 0,
    };
    let mut interrupted = false;
    let outcome = match missing(step) {
        Some(outcome) => outcome,
        None => match (step.run)(&mut job) {
            Ok(()) if step.tests && job.tests == 0 => {
                Outcome::Fail("no test was executed".to_owned())
            }
            Ok(()) if begin.elapsed() > Duration::from_secs(step.budget) => Outcome::Timeout,
            Ok(()) => Outcome::Pass,
            Err(Failure::Failed(why)) => Outcome::Fail(why),
            Err(Failure::Timeout) => Outcome::Timeout,
            Err(Failure::Interrupted) => {
                interrupted = true;
                Outcome::Fail("interrupted".to_owned())
            }
        },
    };
    let done = Done {
        step: step.name,
        tier: step.tier,
        proves: step.proves,
        outcome,
        commands: job.commands,
        output: job.output,
        found: job.found,
        tests: job.tests,
        wall: begin.elapsed(),
        cpu: cpu_of_children()?.saturating_sub(cpu),
        budget: step.budget,
    };
    Ok((done, interrupted))
}

/// The first thing that the step needs and this machine does not have.
fn missing(step: &Step) -> Option<Outcome> {
    step.needs.iter().find_map(|tool| {
        let reason = (tool.probe)().err()?;
        Some(if tool.required {
            Outcome::Fail(format!(
                "needs {}: {reason}; {}",
                tool.name,
                tool.get.join(" ")
            ))
        } else {
            Outcome::Skip {
                missing: tool.name,
                reason,
            }
        })
    })
}

/// Gives every request to end this program to the commands it runs first: they are in process
/// groups of their own, where a terminal's Ctrl-C does not reach them.
fn watch_signals() -> Result<Receiver<Signal>, String> {
    let wanted = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    // Threads made later inherit the mask; commands do not, the standard library clears it.
    wanted.thread_block().map_err(|e| format!("signals: {e}"))?;
    let (send, receive) = channel();
    std::thread::spawn(move || {
        while let Ok(signal) = wanted.wait() {
            if send.send(signal).is_err() {
                break;
            }
        }
    });
    Ok(receive)
}

fn cpu_of_children() -> Result<Duration, String> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    let seconds = |t: TimeVal| {
        let micros = t.tv_sec() * 1_000_000 + t.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// On a terminal the name of the running step stands where its result will.
fn announce(step: &Step) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        // Only a decoration: nothing depends on its being seen.
        let _ = write!(out, "  ....  {}\r", step.name);
        let _ = out.flush();
    }
}

/// Whether the step is part of the set.
pub(crate) fn in_set(step: &Step, set: Tier) -> bool {
    set == Tier::Verify || step.tier == Tier::Ci
}

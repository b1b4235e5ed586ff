//! What a step is, and what may become of it.

use std::time::Duration;

use crate::run::Job;
use crate::tools::Tool;

/// One row of the table in [`crate::table`].
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// The steps of a lane run together as `cargo xtask LANE`, where there is such a command.
    pub(crate) lane: &'static str,
    pub(crate) tier: Tier,
    /// What holds when it passes, and is unproved when it is skipped.
    pub(crate) proves: &'static str,
    pub(crate) needs: &'static [&'static Tool],
    /// It runs tests: none at all is a failure.
    pub(crate) tests: bool,
    /// Seconds after which it is killed.
    pub(crate) budget: u64,
    pub(crate) run: fn(&mut Job<'_>) -> Result<(), Failure>,
}

/// Which of the two sets a step belongs to. `verify` runs both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    Ci,
    Verify,
}

/// Why a step's run ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    Failed(String),
    Timeout,
    Interrupted,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail(String),
    /// The tool that was missing, and the probe's words.
    Skip {
        missing: &'static str,
        reason: String,
    },
    Timeout,
}

impl Outcome {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail(_) => "FAIL",
            Self::Skip { .. } => "SKIP",
            Self::Timeout => "TIMEOUT",
        }
    }
}

/// A step that was looked at, with everything the report says of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) step: &'static str,
    pub(crate) tier: Tier,
    pub(crate) proves: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) commands: Vec<String>,
    pub(crate) output: String,
    /// What it found, shown also when it passes.
    pub(crate) found: String,
    pub(crate) tests: usize,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) budget: u64,
}

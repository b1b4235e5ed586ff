//! `cargo xtask COMMAND`: every check of the workspace, the demo and the benches.
//!
//! | file | what |
//! |---|---|
//! | `cli` | the commands, their help, the arguments |
//! | `table` | the one table of steps: name, tier, what it needs, budget |
//! | `step` | what a step is, and its four outcomes |
//! | `tools` | the probes |
//! | `out` | what it says, also to a reader that goes away |
//! | `expect` | `expected-skips.toml` |
//! | `run/` | runs steps under their budgets, kills what overruns, writes the report |
//! | `lanes/` | what each step does |
//! | `tidy/` | the rules that the tree is held to |
//! | `tree` | the workspace as it lies on disk |
//! | `setup` | the only place that installs anything |

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stderr,
    reason = "a command-line program talks to its user"
)]

mod cli;
mod expect;
mod lanes;
mod out;
mod run;
mod setup;
mod step;
mod table;
mod tidy;
mod tools;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::from(2)
        }
    }
}

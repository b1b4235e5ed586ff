//! The commands and their arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::run::command::Cmd;
use crate::run::{self, Options};
use crate::setup;
use crate::step::{Step, Tier};
use crate::table::STEPS;
use crate::tidy;
use crate::tree::Tree;

struct Command {
    name: &'static str,
    args: &'static str,
    about: &'static str,
    /// More than a line, for its own `--help`.
    more: &'static str,
    does: Does,
}

enum Does {
    /// Runs every step of a tier.
    Set(Tier),
    /// Runs the steps of the lane of the same name.
    Lane,
    Bench,
    Demo,
    Tidy,
    Setup,
}

const CRATE: &str = "[CRATE] [--strict]";

static COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        args: "[--list] [--explain] [--strict] [--fail-fast]",
        about: "every check that must hold",
        more: "--list       the steps, what each needs, and its budget\n\
               --explain    what stays unproved on this machine, and how to change that\n\
               --strict     a skipped step is a failed one\n\
               --fail-fast  end at the first failure",
        does: Does::Set(Tier::Ci),
    },
    Command {
        name: "verify",
        args: "[--list] [--explain] [--strict] [--fail-fast]",
        about: "`ci`, and the checks that take long",
        more: "Options as in `ci`.",
        does: Does::Set(Tier::Verify),
    },
    Command {
        name: "demo",
        args: "[ARGUMENTS]",
        about: "the whole path on real input, in release mode",
        more: "All arguments go to the facade's example `pipeline`; `cargo xtask demo -- --help` lists them.\n\
               Paths are relative to the folder that you call it from.",
        does: Does::Demo,
    },
    Command {
        name: "test",
        args: CRATE,
        about: "unit, integration and doc tests with default, no and all features",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "loom",
        args: CRATE,
        about: "the exhaustive models, then each of them on its seeded defects",
        more: "LOOM_MAX_PREEMPTIONS is 3 unless set.",
        does: Does::Lane,
    },
    Command {
        name: "shuttle",
        args: CRATE,
        about: "the random schedules, then each of them on its seeded defects",
        more: "SHUTTLE_ITERATIONS is 2000 unless set.",
        does: Does::Lane,
    },
    Command {
        name: "miri",
        args: CRATE,
        about: "the unit tests of core, ring and channel under Miri",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "asan",
        args: CRATE,
        about: "the tests under AddressSanitizer",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "tsan",
        args: CRATE,
        about: "the tests under ThreadSanitizer, with the standard library instrumented",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "msan",
        args: CRATE,
        about: "the tests under MemorySanitizer, with the standard library instrumented",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "clippy",
        args: CRATE,
        about: "each crate alone with default, no and all features, warnings denied",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "docs",
        args: CRATE,
        about: "the documentation, with broken links denied",
        more: "",
        does: Does::Lane,
    },
    Command {
        name: "tidy",
        args: "[--bless]",
        about: "the rules that the tree is held to",
        more: "--bless  bring the table of docs/unsafe.md up to date; what people wrote in it stays",
        does: Does::Tidy,
    },
    Command {
        name: "bench",
        args: "[NAME] [--quick] | --collect | --report",
        about: "the benchmarks against their peers",
        more: "NAME       one of benches/benches; all of them without it\n\
               --quick    shorter repetitions: five minutes for all\n\
               --collect  measure nothing: gather the last results in benches/results.json,\n           \
                          which is committed\n\
               --report   measure nothing: write docs/performance.md from that file",
        does: Does::Bench,
    },
    Command {
        name: "setup",
        args: "[--check]",
        about: "install the optional tools, and print the versions of all",
        more: "--check  install nothing",
        does: Does::Setup,
    },
];

/// Does what the command line says; false when something failed.
pub(crate) fn main() -> Result<bool, String> {
    let mut args = std::env::args_os().skip(1);
    let name = args.next().unwrap_or_default();
    let name = name.to_string_lossy();
    if ["", "-h", "--help", "help"].contains(&&*name) {
        overview();
        return Ok(!name.is_empty());
    }
    let command = COMMANDS.iter().find(|c| c.name == name);
    let command =
        command.ok_or_else(|| format!("no command `{name}`; `cargo xtask --help` lists them"))?;
    let rest: Vec<OsString> = args.collect();
    if rest.first().is_some_and(|a| a == "--help" || a == "-h") {
        help(command);
        return Ok(true);
    }
    match command.does {
        Does::Set(tier) => set(command, tier, rest),
        Does::Lane => lane(command, rest),
        Does::Bench => bench(rest),
        Does::Demo => demo(rest),
        Does::Tidy => tidy(rest),
        Does::Setup => setup(rest),
    }
}

fn overview() {
    println!("cargo xtask COMMAND [--help]\n");
    for c in COMMANDS {
        println!("  {:<8} {}", c.name, c.about);
    }
}

fn help(command: &Command) {
    println!(
        "cargo xtask {} {}\n\n{}",
        command.name, command.args, command.about
    );
    if !command.more.is_empty() {
        println!("\n{}", command.more);
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|s| s.lane == command.name).collect();
    if !steps.is_empty() {
        println!("\nSteps:");
    }
    for s in steps {
        println!("  {:<14} {}", s.name, s.proves);
    }
}

fn set(command: &Command, tier: Tier, args: Vec<OsString>) -> Result<bool, String> {
    let (mut list, mut explain) = (false, false);
    let mut options = Options {
        judge_skips: true,
        ..Options::default()
    };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Long("list") => list = true,
            Long("explain") => explain = true,
            Long("strict") => options.strict = true,
            Long("fail-fast") => options.fail_fast = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|s| run::in_set(s, tier)).collect();
    if list {
        for s in steps {
            let needs: Vec<&str> = s.needs.iter().map(|t| t.name).collect();
            println!(
                "{:<14} {:>5} s  {:<10} {}",
                s.name,
                s.budget,
                needs.join(","),
                s.proves
            );
        }
        return Ok(true);
    }
    if explain {
        setup::explain(&steps);
        return Ok(true);
    }
    run::run(&Tree::read()?, &steps, command.name, &options)
}

fn lane(command: &Command, args: Vec<OsString>) -> Result<bool, String> {
    let tree = Tree::read()?;
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Long("strict") => options.strict = true,
            Value(name) if options.only.is_none() => {
                let name = tree.member(&name.to_string_lossy())?.name.clone();
                options.only = Some(name);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|s| s.lane == command.name).collect();
    run::run(&tree, &steps, command.name, &options)
}

fn bench(args: Vec<OsString>) -> Result<bool, String> {
    let (mut name, mut quick, mut only) = (None, false, None);
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Long("quick") => quick = true,
            Long("report") => only = Some("--report"),
            Long("collect") => only = Some("--collect"),
            Value(value) if name.is_none() => name = Some(value),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let tree = Tree::read()?;
    let cargo = Cmd::new("cargo", &tree.root);
    if let Some(only) = only {
        if name.is_some() || quick {
            return Err(format!(
                "{only} measures nothing: it takes no NAME and no --quick"
            ));
        }
        let run = [
            "run",
            "--quiet",
            "-p",
            "zc-benches",
            "--bin",
            "report",
            "--",
            only,
        ];
        return become_it(&cargo.args(run));
    }
    let which: Vec<OsString> = match name {
        Some(name) => vec!["--bench".into(), name],
        None => vec!["--benches".into()],
    };
    let bench = ["bench", "-p", "zc-benches", "--features", "peers"];
    let quick: &[&str] = if quick { &["--", "--quick"] } else { &[] };
    become_it(&cargo.args(bench).args(which).args(quick.iter().copied()))
}

/// Becomes the demo: same process, same folder, same terminal, so that its exit code, its output
/// and Ctrl-C are its own.
fn demo(args: Vec<OsString>) -> Result<bool, String> {
    let tree = Tree::read()?;
    let here = std::env::current_dir().map_err(|e| format!("this folder: {e}"))?;
    let mut args = args;
    // `cargo xtask demo -- --help` asks the demo, not this program.
    if args.first().is_some_and(|a| a == "--") {
        args.remove(0);
    }
    let run = [
        "run",
        "--release",
        "-p",
        "zcbuf",
        "--features",
        "full",
        "--example",
        "pipeline",
        "--manifest-path",
    ];
    let manifest: PathBuf = tree.root.join("Cargo.toml");
    become_it(
        &Cmd::new("cargo", &here)
            .args(run)
            .arg(manifest)
            .arg("--")
            .args(args),
    )
}

fn become_it(cmd: &Cmd) -> Result<bool, String> {
    Err(format!("{}: {}", cmd.line(), cmd.command().exec()))
}

fn tidy(args: Vec<OsString>) -> Result<bool, String> {
    let mut bless = false;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Long("bless") => bless = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    let tree = Tree::read()?;
    if bless {
        println!("{}", tidy::bless(&tree)?);
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|s| s.lane == "tidy").collect();
    run::run(&tree, &steps, "tidy", &Options::default())
}

fn setup(args: Vec<OsString>) -> Result<bool, String> {
    let mut check = false;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Long("check") => check = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    setup::setup(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_of_a_command_is_in_the_table() {
        for c in COMMANDS.iter().filter(|c| matches!(c.does, Does::Lane)) {
            assert!(
                STEPS.iter().any(|s| s.lane == c.name),
                "`{}` does nothing",
                c.name
            );
        }
    }

    #[test]
    fn verify_is_a_superset_of_ci() {
        let of = |tier| STEPS.iter().filter(|s| run::in_set(s, tier)).count();
        assert_eq!(of(Tier::Verify), STEPS.len());
        assert!(of(Tier::Ci) < STEPS.len());
    }
}

//! The commands and their arguments.

mod commands;
mod programs;

use std::ffi::OsString;

use lexopt::prelude::*;

use crate::out::say;
use crate::run::{self, Options};
use crate::setup;
use crate::step::{Step, Tier};
use crate::table::STEPS;
use crate::tidy;
use crate::tree::Tree;
use commands::{COMMANDS, Command, Does};

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
        Does::Step => step(rest),
        Does::Bench => programs::bench(rest),
        Does::Demo => programs::demo(rest),
        Does::Tidy => tidy(rest),
        Does::Setup => setup(rest),
    }
}

fn overview() {
    say!("cargo xtask COMMAND [--help]\n");
    for c in COMMANDS {
        say!("  {:<8} {}", c.name, c.about);
    }
}

fn help(command: &Command) {
    say!(
        "cargo xtask {} {}\n\n{}",
        command.name,
        command.args,
        command.about
    );
    if !command.more.is_empty() {
        say!("\n{}", command.more);
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|s| s.lane == command.name).collect();
    if !steps.is_empty() {
        say!("\nSteps:");
    }
    for s in steps {
        say!("  {:<14} {}", s.name, s.proves);
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
            say!(
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
    let steps: Vec<&'static Step> = STEPS.iter().filter(|s| s.lane == command.name).collect();
    some(&steps, command.name, args)
}

fn step(args: Vec<OsString>) -> Result<bool, String> {
    let (step, words) = named(&args).ok_or("no such step; `cargo xtask verify --list` has them")?;
    some(&[step], step.name, args.into_iter().skip(words).collect())
}

/// The step that the first arguments name, and how many of them do: as many as make a name.
fn named(args: &[OsString]) -> Option<(&'static Step, usize)> {
    (1..=args.len()).rev().find_map(|words| {
        let name = args[..words].join(" ".as_ref());
        let step = STEPS.iter().find(|s| name == s.name)?;
        Some((step, words))
    })
}

/// Runs these steps, for one crate where the arguments name one.
fn some(steps: &[&'static Step], title: &str, args: Vec<OsString>) -> Result<bool, String> {
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
    run::run(&tree, steps, title, &options)
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
        say!("{}", tidy::bless(&tree)?);
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
    fn a_step_is_named_by_one_argument_or_by_several() {
        let found = |line: &[&str]| {
            let args: Vec<OsString> = line.iter().map(OsString::from).collect();
            named(&args).map(|(step, words)| (step.name, words))
        };
        assert_eq!(found(&["demo smoke"]), Some(("demo smoke", 1)));
        assert_eq!(found(&["demo", "smoke"]), Some(("demo smoke", 2)));
        assert_eq!(
            found(&["loom", "seeds", "zc-core"]),
            Some(("loom seeds", 2))
        );
        assert_eq!(found(&["loom", "zc-core"]), Some(("loom", 1)));
        assert_eq!(found(&["demo"]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn verify_is_a_superset_of_ci() {
        let of = |tier| STEPS.iter().filter(|s| run::in_set(s, tier)).count();
        assert_eq!(of(Tier::Verify), STEPS.len());
        assert!(of(Tier::Ci) < STEPS.len());
    }
}

//! The ordinary tests: nextest where it is there, `cargo test` where not.

use crate::run::Job;
use crate::run::command::Cmd;
use crate::step::Failure;
use crate::tools::NEXTEST;
use crate::tree::{Features, Member};

pub(crate) fn default_features(job: &mut Job<'_>) -> Result<(), Failure> {
    let mut names = names(job, |_| true);
    if job.only.is_none() {
        names.extend(["xtask", "zc-benches", "zc-fuzz"].map(str::to_owned));
    }
    run(job, &names, Features::Default.flags())
}

pub(crate) fn no_features(job: &mut Job<'_>) -> Result<(), Failure> {
    let names = names(job, |m| m.differs_from_default(Features::None));
    run(job, &names, Features::None.flags())
}

pub(crate) fn all_features(job: &mut Job<'_>) -> Result<(), Failure> {
    let names = names(job, |m| m.differs_from_default(Features::All));
    run(job, &names, Features::All.flags())
}

pub(crate) fn release(job: &mut Job<'_>) -> Result<(), Failure> {
    let names = names(job, |_| true);
    run(job, &names, &["--release", "--all-features"])
}

pub(crate) fn doc(job: &mut Job<'_>) -> Result<(), Failure> {
    let names = names(job, |_| true);
    for features in [Features::None, Features::Default, Features::All] {
        let cmd = job
            .cargo(&["test", "--doc"])
            .args(names.iter().flat_map(|n| ["-p", n.as_str()]))
            .args(features.flags().iter().copied());
        job.run_tests(&cmd)?;
    }
    Ok(())
}

fn run(job: &mut Job<'_>, names: &[String], flags: &[&str]) -> Result<(), Failure> {
    if names.is_empty() {
        job.note("no crate in which this makes a difference");
        return Ok(());
    }
    // Doctests are a step of their own; nextest leaves them out by itself.
    let targets: &[&str] = match (NEXTEST.probe)() {
        Ok(_) => &[],
        Err(_) => &["--lib", "--bins", "--tests", "--examples"],
    };
    let cmd = runner(job, None)
        .args(targets.iter().copied())
        .args(names.iter().flat_map(|n| ["-p", n.as_str()]))
        .args(flags.iter().copied());
    job.run_tests(&cmd).map(drop)
}

/// The command that builds and runs tests, without the packages: everything but doctests.
pub(crate) fn runner(job: &Job<'_>, toolchain: Option<&str>) -> Cmd {
    let toolchain = toolchain.map(|t| format!("+{t}"));
    let cmd = Cmd::new("cargo", &job.tree.root).args(toolchain);
    if (NEXTEST.probe)().is_ok() {
        cmd.args(["nextest", "run", "--no-fail-fast", "--show-progress=none"])
            .args(["--status-level=slow", "--final-status-level=slow"])
    } else {
        cmd.args(["test", "--no-fail-fast"])
    }
}

fn names(job: &Job<'_>, wanted: impl Fn(&Member) -> bool) -> Vec<String> {
    job.crates(wanted).iter().map(|m| m.name.clone()).collect()
}

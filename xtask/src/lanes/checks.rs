//! Checks that run nothing of ours: formatting, the tree, lints, documentation.

use crate::run::Job;
use crate::run::command::Cmd;
use crate::step::Failure;
use crate::tidy;
use crate::tree::{Features, Member};

pub(crate) fn fmt(job: &mut Job<'_>) -> Result<(), Failure> {
    job.run(&job.cargo(&["fmt", "--all", "--check"])).map(drop)
}

pub(crate) fn tidy(job: &mut Job<'_>) -> Result<(), Failure> {
    job.inside("cargo xtask tidy");
    let problems = tidy::check(job.tree)?;
    for problem in &problems {
        job.note(problem);
    }
    match problems.len() {
        0 => Ok(()),
        n => Err(Failure::Failed(format!("{n} things are not tidy"))),
    }
}

pub(crate) fn clippy_default(job: &mut Job<'_>) -> Result<(), Failure> {
    let mut cmds = clippy(job, Features::Default);
    if job.only.is_none() {
        cmds.push(clippy_one(job, "xtask", &[]));
        cmds.push(clippy_one(job, "zc-benches", &[]));
        cmds.push(clippy_one(job, "zc-fuzz", &[]));
    }
    job.run_each(&cmds)
}

pub(crate) fn clippy_none(job: &mut Job<'_>) -> Result<(), Failure> {
    let cmds = clippy(job, Features::None);
    job.run_each(&cmds)
}

pub(crate) fn clippy_all(job: &mut Job<'_>) -> Result<(), Failure> {
    let cmds = clippy(job, Features::All);
    job.run_each(&cmds)
}

/// One crate at a time, so that none gets by on a feature that another one turns on.
fn clippy(job: &Job<'_>, features: Features) -> Vec<Cmd> {
    let wanted = |m: &Member| features == Features::Default || m.differs_from_default(features);
    let one = |m: &&Member| clippy_one(job, &m.name, features.flags());
    job.crates(wanted).iter().map(one).collect()
}

fn clippy_one(job: &Job<'_>, name: &str, flags: &[&str]) -> Cmd {
    job.cargo(&["clippy", "-p", name, "--all-targets"])
        .args(flags.iter().copied())
        .args(["--", "-D", "warnings"])
}

pub(crate) fn each_feature(job: &mut Job<'_>) -> Result<(), Failure> {
    let mut cmds = Vec::new();
    for member in job.crates(|_| true) {
        for (feature, _) in &member.manifest.features {
            let flags = ["--no-default-features", "--features", feature.as_str()];
            cmds.push(clippy_one(job, &member.name, &flags));
        }
    }
    job.run_each(&cmds)
}

/// With default features, as a user sees it who documents one crate, and with all of them, as it
/// is published.
pub(crate) fn docs(job: &mut Job<'_>) -> Result<(), Failure> {
    let names: Vec<&str> = job
        .crates(|_| true)
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    let cmds = [Features::Default, Features::All].map(|features| {
        job.cargo(&["doc", "--no-deps"])
            .args(names.iter().flat_map(|n| ["-p", n]))
            .args(features.flags().iter().copied())
            .env("RUSTDOCFLAGS", "-D warnings")
    });
    job.run_each(&cmds)
}

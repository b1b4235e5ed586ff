//! Checks that run nothing of ours: formatting, the tree, lints, documentation.

use crate::run::Job;
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
    clippy(job, Features::Default)?;
    if job.only.is_some() {
        return Ok(());
    }
    let ours = ["clippy", "-p", "xtask", "-p", "zc-benches", "--all-targets"];
    job.run(&job.cargo(&ours).args(["--", "-D", "warnings"]))
        .map(drop)
}

pub(crate) fn clippy_none(job: &mut Job<'_>) -> Result<(), Failure> {
    clippy(job, Features::None)
}

pub(crate) fn clippy_all(job: &mut Job<'_>) -> Result<(), Failure> {
    clippy(job, Features::All)
}

/// One crate at a time, so that none gets by on a feature that another one turns on.
fn clippy(job: &mut Job<'_>, features: Features) -> Result<(), Failure> {
    let wanted = |m: &Member| features == Features::Default || m.differs_from_default(features);
    let names: Vec<String> = job.crates(wanted).iter().map(|m| m.name.clone()).collect();
    for name in names {
        clippy_one(job, &name, features.flags())?;
    }
    Ok(())
}

fn clippy_one(job: &mut Job<'_>, name: &str, flags: &[&str]) -> Result<(), Failure> {
    let cmd = job
        .cargo(&["clippy", "-p", name, "--all-targets"])
        .args(flags.iter().copied())
        .args(["--", "-D", "warnings"]);
    job.run(&cmd).map(drop)
}

pub(crate) fn each_feature(job: &mut Job<'_>) -> Result<(), Failure> {
    let members: Vec<Member> = job.crates(|_| true).into_iter().cloned().collect();
    for member in members {
        for (feature, _) in &member.manifest.features {
            let flags = ["--no-default-features", "--features", feature.as_str()];
            clippy_one(job, &member.name, &flags)?;
        }
    }
    Ok(())
}

/// With default features, as a user sees it who documents one crate, and with all of them, as it
/// is published.
pub(crate) fn docs(job: &mut Job<'_>) -> Result<(), Failure> {
    let names: Vec<String> = job
        .crates(|_| true)
        .iter()
        .map(|m| m.name.clone())
        .collect();
    for features in [Features::Default, Features::All] {
        let cmd = job
            .cargo(&["doc", "--no-deps"])
            .args(names.iter().flat_map(|n| ["-p", n.as_str()]))
            .args(features.flags().iter().copied())
            .env("RUSTDOCFLAGS", "-D warnings");
        job.run(&cmd)?;
    }
    Ok(())
}

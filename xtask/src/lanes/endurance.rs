//! What only shows after a while: tests that kill processes, thousands of times; and every test
//! over and over, more of them at a time than there are processors.

use std::time::{Duration, Instant};

use super::models;
use super::suites::runner;
use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::run::count;
use crate::step::Failure;

/// Kills of each test that kills processes; `ci` runs them at their own, smaller number.
const KILLS: &str = "2000";
/// The crate whose specification asks for more, how many more, and for how long its views are held
/// under eviction.
const CACHE: &str = "zc-diskcache";
const KILLS_OF_THE_CACHE: &str = "10000";
const VIEWS_LAST: &str = "600";
/// How much longer stress tests that read `ZC_STRESS` go on.
const STRESS: &str = "8";
/// How long the programs go round.
const ROUNDS_LAST: Duration = Duration::from_secs(600);
/// A program that takes longer has hung.
const HUNG: Duration = Duration::from_secs(180);

/// The tests that kill a process at a random moment and look at what it left have `killed` in their
/// names, and take the number of their rounds from `ZC_CRASH_ROUNDS`.
pub(crate) fn crash(job: &mut Job<'_>) -> Result<(), Failure> {
    let others = names(job, |name| name != "zcbuf" && name != CACHE);
    let cache = names(job, |name| name == CACHE);
    for (names, kills) in [(others, KILLS), (cache, KILLS_OF_THE_CACHE)] {
        if !names.is_empty() {
            let cmd = long_test(job, &names, "killed").env("ZC_CRASH_ROUNDS", kills);
            job.run_tests(&cmd)?;
        }
    }
    Ok(())
}

/// One scenario of the cache alone: eviction and everything else that changes the cache, under views
/// that are held and compared.
pub(crate) fn views(job: &mut Job<'_>) -> Result<(), Failure> {
    let names = names(job, |name| name == CACHE);
    if names.is_empty() {
        return Ok(());
    }
    let test = "eviction_under_held_views";
    let cmd = long_test(job, &names, test).env("ZC_STRESS_SECONDS", VIEWS_LAST);
    job.run_tests(&cmd).map(drop)
}

fn names(job: &Job<'_>, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let crates = job.crates(|m| wanted(&m.name));
    crates.iter().map(|m| m.name.clone()).collect()
}

/// The tests of these crates that have `word` in their names, on optimised code, with the patience
/// for more than any one test should take.
fn long_test(job: &Job<'_>, crates: &[String], word: &str) -> Cmd {
    runner(job, None)
        .args(["--release", "--all-features", "--tests"])
        .args(crates.iter().flat_map(|n| ["-p", n.as_str()]))
        .arg(word)
        .env("NEXTEST_PROFILE", "endurance")
}

/// Each test program on optimised code, again and again, one more at a time than processors.
pub(crate) fn stress(job: &mut Job<'_>) -> Result<(), Failure> {
    let members: Vec<_> = job
        .crates(|m| m.name != "zcbuf")
        .into_iter()
        .cloned()
        .collect();
    let build = job
        .cargo(&[
            "test",
            "--no-run",
            "--release",
            "--all-features",
            "--lib",
            "--tests",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .args(members.iter().flat_map(|m| ["-p", m.name.as_str()]));
    let messages = job.run(&build)?;
    let mut programs: Vec<Cmd> = Vec::new();
    for member in &members {
        let all = models::Program::all(&messages, member);
        programs.extend(all.iter().map(|p| p.command().env("ZC_STRESS", STRESS)));
    }
    let round: Vec<_> = programs.iter().map(|p| (p.clone(), HUNG)).collect();
    let begin = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || begin.elapsed() < ROUNDS_LAST {
        let ran = job.run_all(&round, models::width() + 1)?;
        rounds += 1;
        for ((cmd, _), ran) in round.iter().zip(&ran) {
            job.count(count::tests(&ran.output));
            if ran.end != End::Ok {
                job.note(&ran.output);
                let (end, line) = (ran.end, cmd.line());
                let why = format!("round {rounds}: {end:?}: {line}");
                return Err(Failure::Failed(why));
            }
        }
    }
    job.show(&format!("{rounds} rounds of {} programs", programs.len()));
    Ok(())
}

//! Mutation testing of the concurrent crates: at least 90 % of what cargo-mutants breaks must make
//! a test fail.
//!
//! All mutants of three crates would take a day. Each run takes one of [`SHARDS`] equal parts; which
//! one is told by `ZC_MUTANTS_SHARD`, else by the day, so that the parts come round.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;

/// Into so many parts are the mutants divided.
const SHARDS: u64 = 24;
/// Per cent that must be caught.
const WANTED: usize = 90;
/// The crates in which threads meet.
const CRATES: [&str; 3] = ["zc-core", "zc-ring", "zc-channel"];

pub(crate) fn mutants(job: &mut Job<'_>) -> Result<(), Failure> {
    let crates = job.crates(|m| CRATES.contains(&m.name.as_str()));
    let names: Vec<String> = crates.iter().map(|m| m.name.clone()).collect();
    if names.is_empty() {
        let why = format!("mutants are made of {} only", CRATES.join(", "));
        return Err(Failure::Failed(why));
    }
    let shard = format!("{}/{SHARDS}", shard()?);
    let cmd = job
        .cargo(&["mutants", "--no-shuffle", "--colors", "never"])
        .args(["--shard", &shard, "--output", "target/mutants"])
        // A mutant that spins is noticed by its time.
        .args(["--timeout", "60", "--minimum-test-timeout", "60"])
        // What only the models run, what only paces, and what only people read.
        .args([
            "--exclude",
            "**/sync/*.rs",
            "--exclude",
            "**/backoff.rs",
            "--exclude-re",
            "fmt::Debug|fmt::Display",
            "--sharding",
            "round-robin",
        ])
        .args(names.iter().flat_map(|n| ["-p", n.as_str()]))
        .args(["--", "--all-features"]);
    let output = judged_by_us(job, &cmd)?;
    let counts = output.lines().rev().find_map(Counts::parse);
    let counts = counts.ok_or_else(|| "cargo mutants says no result".to_owned())?;
    for line in output.lines().filter(|l| l.starts_with("MISSED")) {
        job.show(line);
    }
    job.count(counts.caught + counts.missed);
    let percent = counts.percent();
    job.show(&format!(
        "part {shard}: {percent} % of {} caught",
        counts.caught + counts.missed
    ));
    if percent < WANTED {
        return Err(Failure::Failed(format!(
            "{percent} % caught, not {WANTED} %"
        )));
    }
    Ok(())
}

/// Missed mutants are an exit code of 2, which is not for it to judge; timeouts one of 3.
fn judged_by_us(job: &mut Job<'_>, cmd: &Cmd) -> Result<String, Failure> {
    let day = std::time::Duration::from_secs(86_400);
    let ran = job.run_all(&[(cmd.clone(), day)], 1)?;
    let ran = ran.into_iter().next().ok_or(Failure::Timeout)?;
    match ran.end {
        End::Ok | End::Code(2 | 3) => Ok(ran.output),
        End::Timeout => Err(Failure::Timeout),
        end => {
            job.note(&ran.output);
            Err(Failure::Failed(format!("{end:?}: {}", cmd.line())))
        }
    }
}

fn shard() -> Result<u64, String> {
    if let Ok(text) = std::env::var("ZC_MUTANTS_SHARD") {
        let shard = text.parse().ok().filter(|n| *n < SHARDS);
        return shard.ok_or_else(|| format!("ZC_MUTANTS_SHARD is `{text}`, not below {SHARDS}"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now.map_or(0, |d| d.as_secs() / 86_400) % SHARDS)
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    missed: usize,
    caught: usize,
}

impl Counts {
    /// From `22 mutants tested in 4m: 8 missed, 6 caught, 2 unviable, 6 timeouts`: a hanging test
    /// has noticed as well.
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.split_once(": ")?;
        if !head.contains("mutants tested") && !head.contains("mutant tested") {
            return None;
        }
        let of = |word: &str| {
            let part = tail.split(", ").find_map(|p| p.trim().strip_suffix(word));
            part.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
        };
        Some(Self {
            missed: of("missed"),
            caught: of("caught") + of("timeouts") + of("timeout"),
        })
    }

    fn percent(&self) -> usize {
        (100 * self.caught)
            .checked_div(self.caught + self.missed)
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read() {
        let line = "22 mutants tested in 4m 53s: 8 missed, 6 caught, 2 unviable, 6 timeouts";
        let counts = Counts::parse(line).unwrap();
        assert_eq!(
            counts,
            Counts {
                missed: 8,
                caught: 12
            }
        );
        assert_eq!(counts.percent(), 60);
        assert_eq!(Counts::parse("MISSED x: y"), None);
    }

    #[test]
    fn no_mutant_at_all_is_not_all_of_them() {
        let counts = Counts::parse("0 mutants tested in 1s: ").unwrap();
        assert_eq!(counts.percent(), 0);
    }
}

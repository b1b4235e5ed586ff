//! Seeded defects: every lane that claims to see a kind of mistake is run on that mistake.
//!
//! A crate lists its seeds in `tests/seeds.txt`, one a line:
//!
//! ```text
//! channel.publish:Release  loom  loom  publish_then_consume
//! channel.wake_receiver    loom  loom  no_lost_wake_up        timeout
//! ```
//!
//! that is the value of `ZC_SEEDED`, the lane, the test file, the test, and where hanging is how
//! the defect shows itself the word `timeout`. The test has passed without the seed in the same
//! program a step earlier; with it, it must fail. If it passes, the lane is blind.
//!
//! The lanes are `loom` and `shuttle`, whose tests are in the file of the same name, and two for any
//! ordinary test, on the real primitives: `std`, which rides on the programs that AddressSanitizer's
//! lane has built, and `tsan`, where the defect is a race that ThreadSanitizer reports.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::models::{self, LOOM, Program, SHUTTLE};
use super::sanitizers;
use crate::run::Job;
use crate::run::command::{Cmd, End, Ran};
use crate::step::Failure;
use crate::tree::Member;

/// How long a seeded model may take until it shows its defect.
const LIMIT: Duration = Duration::from_secs(45);

/// The lanes that seeds can be for.
pub(crate) const LANES: [&str; 4] = [LOOM.name, SHUTTLE.name, STD, TSAN];
/// The lane of ordinary tests.
pub(crate) const STD: &str = "std";
/// The lane of ordinary tests under ThreadSanitizer.
pub(crate) const TSAN: &str = "tsan";

/// One line of a `seeds.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) line: usize,
    pub(crate) value: String,
    pub(crate) lane: String,
    pub(crate) file: String,
    pub(crate) test: String,
    pub(crate) may_hang: bool,
}

pub(crate) fn loom(job: &mut Job<'_>) -> Result<(), Failure> {
    let programs = models::build(job, LOOM)?;
    run(job, LOOM.name, &programs)
}

pub(crate) fn shuttle(job: &mut Job<'_>) -> Result<(), Failure> {
    let programs = models::build(job, SHUTTLE)?;
    run(job, SHUTTLE.name, &programs)
}

pub(crate) fn std(job: &mut Job<'_>) -> Result<(), Failure> {
    ordinary(job, STD, sanitizers::asan_programs)
}

pub(crate) fn tsan(job: &mut Job<'_>) -> Result<(), Failure> {
    ordinary(job, TSAN, sanitizers::tsan_programs)
}

/// The seeds of ordinary tests, in the programs that another step has built.
fn ordinary(
    job: &mut Job<'_>,
    lane: &str,
    built: fn(&Job<'_>) -> Result<Cmd, Failure>,
) -> Result<(), Failure> {
    let mut wanted = BTreeSet::new();
    for member in job.crates(|_| true) {
        let seeds = read(member)?.into_iter().filter(|s| s.lane == lane);
        wanted.extend(seeds.map(|s| (member.name.clone(), s.file)));
    }
    if wanted.is_empty() {
        let why = format!("blind: no crate has a seed for the lane {lane}");
        return if job.only.is_some() {
            Ok(())
        } else {
            Err(Failure::Failed(why))
        };
    }
    let messages = job.run(&built(job)?)?;
    let mut programs = Vec::new();
    for (krate, file) in wanted {
        programs.push(Program::find(&messages, job.tree.member(&krate)?, &file)?);
    }
    run(job, lane, &programs)
}

/// Runs every seed of `lane` in its program.
fn run(job: &mut Job<'_>, lane: &str, programs: &[Program]) -> Result<(), Failure> {
    let mut labels = Vec::new();
    let mut jobs = Vec::new();
    for program in programs {
        let mut seeds = read(job.tree.member(&program.krate)?)?;
        seeds.retain(|s| s.lane == lane && s.file == program.file);
        if seeds.is_empty() {
            let (krate, file) = (&program.krate, &program.file);
            let why = format!("blind: {krate} has tests/{file}.rs and no seed for the lane {lane}");
            return Err(Failure::Failed(why));
        }
        for seed in seeds {
            let cmd = program
                .test(&seed.test)
                .env("ZC_SEEDED", seed.value.as_str());
            labels.push((program.krate.clone(), seed));
            jobs.push((cmd, LIMIT));
        }
    }
    let ran = job.run_all(&jobs, models::width())?;
    job.count(ran.len());
    let mut bad = 0;
    for ((krate, seed), ran) in labels.iter().zip(&ran) {
        if let Err(why) = caught(seed, ran) {
            bad += 1;
            let head = format!("--- {krate}: {} in {}: {why}", seed.value, seed.test);
            job.note(&format!("{head}\n{}", ran.output));
        }
    }
    match bad {
        0 => Ok(()),
        n => Err(Failure::Failed(format!(
            "{n} seeded defects were not caught"
        ))),
    }
}

/// Whether the seeded run failed as it should.
fn caught(seed: &Seed, ran: &Ran) -> Result<(), &'static str> {
    let one = ran.output.contains("running 1 test\n");
    match ran.end {
        _ if !one => Err("no such test"),
        End::Ok => Err("blind: it passes"),
        End::Code(_) | End::Signal(_) => Ok(()),
        End::Timeout if seed.may_hang => Ok(()),
        End::Timeout => Err("hung, which only counts where the seed's line says `timeout`"),
        End::Interrupted => Err("interrupted"),
    }
}

/// The seeds of one crate; none when it has no list.
pub(crate) fn read(member: &Member) -> Result<Vec<Seed>, String> {
    let path = member.dir.join("tests/seeds.txt");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&text).map_err(|e| format!("crates/{}/tests/seeds.txt:{e}", member.name))
}

pub(crate) fn parse(text: &str) -> Result<Vec<Seed>, String> {
    let mut seeds = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let may_hang = match words.as_slice() {
            [] => continue,
            [_, _, _, _] => false,
            [_, _, _, _, "timeout"] => true,
            _ => {
                return Err(format!(
                    "{}: expected `SEED LANE FILE TEST [timeout]`",
                    i + 1
                ));
            }
        };
        seeds.push(Seed {
            line: i + 1,
            value: words[0].to_owned(),
            lane: words[1].to_owned(),
            file: words[2].to_owned(),
            test: words[3].to_owned(),
            may_hang,
        });
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str, end: End, output: &str) -> Result<(), &'static str> {
        let seed = parse(line).unwrap().remove(0);
        let output = output.to_owned();
        caught(&seed, &Ran { end, output })
    }

    #[test]
    fn a_seeded_run_must_fail() {
        let line = "core.x:Release loom loom model";
        let one = "running 1 test\n";
        assert!(verdict(line, End::Code(101), one).is_ok());
        assert!(
            verdict(line, End::Signal(6), one).is_ok(),
            "an abort is a failure too"
        );
        assert!(verdict(line, End::Ok, one).unwrap_err().contains("blind"));
        assert!(
            verdict(line, End::Ok, "running 0 tests\n")
                .unwrap_err()
                .contains("no such")
        );
    }

    #[test]
    fn hanging_counts_only_where_the_line_says_so() {
        let one = "running 1 test\n";
        assert!(verdict("a.b loom loom m", End::Timeout, one).is_err());
        assert!(verdict("a.b loom loom m timeout", End::Timeout, one).is_ok());
    }

    #[test]
    fn a_list_has_comments_and_a_broken_line_is_named() {
        let seeds = parse("# why\n\na.b:Acquire loom loom m # tail\n").unwrap();
        assert_eq!(seeds.len(), 1);
        assert_eq!((seeds[0].line, seeds[0].value.as_str()), (3, "a.b:Acquire"));
        assert!(parse("a.b loom m\n").unwrap_err().starts_with("1:"));
        assert!(parse("a.b loom loom m sometimes\n").is_err());
    }
}

//! Which tests may notice a defect, and in which order they are asked.

use std::collections::BTreeSet;

use super::Defect;
use crate::lanes::models::{self, LOOM, Program, SHUTTLE};
use crate::lanes::seeds::{self, STD, Seed};
use crate::run::Job;
use crate::run::command::Cmd;
use crate::step::Failure;

/// One test of one program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    krate: String,
    file: String,
    test: String,
    pub(super) may_hang: bool,
}

/// Every program that was built with its tests, and the seeds of all crates.
#[derive(Debug)]
pub(super) struct Candidates {
    programs: Vec<(Program, Vec<String>)>,
    seeds: Vec<(String, Seed)>,
}

impl Candidate {
    pub(super) fn new(krate: &str, file: &str, test: &str, may_hang: bool) -> Self {
        Self {
            krate: krate.to_owned(),
            file: file.to_owned(),
            test: test.to_owned(),
            may_hang,
        }
    }

    pub(super) fn label(&self) -> String {
        format!("{} {} {}", self.krate, self.file, self.test)
    }
}

impl Candidates {
    /// Builds the models of every crate, and the ordinary tests that some seed names.
    pub(super) fn build(job: &mut Job<'_>) -> Result<Self, Failure> {
        let mut all = Vec::new();
        let mut seeds = Vec::new();
        for member in &job.tree.crates {
            let of_crate = seeds::read(member)?.into_iter();
            seeds.extend(of_crate.map(|s| (member.name.clone(), s)));
        }
        // The models of other crates are asked as well, so that all are built.
        let only = job.only.take();
        all.extend(models::build(job, LOOM)?);
        all.extend(models::build(job, SHUTTLE)?);
        job.only = only;
        all.extend(ordinary(job, &seeds)?);
        let mut programs = Vec::new();
        for program in all {
            let tests = program.list(job)?;
            programs.push((program, tests));
        }
        Ok(Self { programs, seeds })
    }

    /// The seeds of this very end, those of its edge's other end, the models of its crate, and
    /// those of the crates above.
    pub(super) fn of(&self, defect: &Defect) -> Vec<Candidate> {
        let mut found = Vec::new();
        let end = defect.end();
        let same_name = |s: &Seed| s.value.split(':').next() == Some(defect.name.as_str());
        for exactly in [true, false] {
            for (krate, seed) in &self.seeds {
                if same_name(seed) && (seed.value == end) == exactly {
                    let hang = seed.may_hang;
                    found.push(Candidate::new(krate, &seed.file, &seed.test, hang));
                }
            }
        }
        for here in [true, false] {
            for (program, tests) in &self.programs {
                let above = defect.krate == "zc-core" || defect.krate == "zc-channel";
                let model = [LOOM.name, SHUTTLE.name].contains(&program.file.as_str());
                if model && (program.krate == defect.krate) == here && (here || above) {
                    let one = |t: &String| Candidate::new(&program.krate, &program.file, t, false);
                    found.extend(tests.iter().map(one));
                }
            }
        }
        let mut seen = BTreeSet::new();
        found.retain(|c| seen.insert((c.krate.clone(), c.file.clone(), c.test.clone())));
        found.retain(|c| self.program(c).is_some());
        found
    }

    /// Runs the test.
    pub(super) fn cmd(&self, candidate: &Candidate) -> Cmd {
        match self.program(candidate) {
            Some(program) => program.test(&candidate.test),
            // Only those that have a program are handed out.
            None => unreachable!("{} has no program", candidate.label()),
        }
    }

    fn program(&self, candidate: &Candidate) -> Option<&Program> {
        let mut programs = self.programs.iter().map(|(program, _)| program);
        programs.find(|p| p.krate == candidate.krate && p.file == candidate.file)
    }
}

/// Builds the ordinary tests that seeds of the lane `std` name.
fn ordinary(job: &mut Job<'_>, seeds: &[(String, Seed)]) -> Result<Vec<Program>, Failure> {
    let wanted: BTreeSet<(&str, &str)> = seeds
        .iter()
        .filter(|(_, seed)| seed.lane == STD)
        .map(|(krate, seed)| (krate.as_str(), seed.file.as_str()))
        .collect();
    let mut programs = Vec::new();
    for (krate, file) in wanted {
        let cmd = job
            .cargo(&["test", "--no-run", "--target-dir", "target/seeded"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(["-p", krate, "--all-features", "--test", file])
            .env("RUSTFLAGS", "--cfg zc_seeded");
        let messages = job.run(&cmd)?;
        programs.push(Program::find(&messages, job.tree.member(krate)?, file)?);
    }
    Ok(programs)
}

//! Every named edge and every named step, taken out one by one.
//!
//! The seeds of the crates prove that a lane sees the defects that somebody thought of. This
//! lane reads the sources instead: each call of `edge` becomes as many defects as it has ends (an
//! `AcqRel` loses its acquiring half, then its releasing half, everything else becomes `Relaxed`),
//! each call of `seeded` is a step left out, and each must make some test fail. Only the one place
//! changes, although others may carry the same name.
//!
//! A defect is tried on the seeds of its name first, then on every model of its crate, then on
//! those of the crates above. What no test notices is a survivor: `xtask/survivors.txt` names the
//! ones that are known, with the reason; any other fails the step, and so does a line there
//! whose defect is caught after all.

mod candidates;
mod survivors;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::models;
use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;
use crate::tidy::marks::{Mark, Marks};
use candidates::{Candidate, Candidates};
use survivors::Survivors;

/// How long one test may take on one defect. Hanging counts as noticed only where a seed says so.
const LIMIT: Duration = Duration::from_secs(30);
/// The lane proves little with fewer defects than this.
const AT_LEAST: usize = 40;

/// One defect: one end of an edge, or one step, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) krate: String,
    /// The edge's or the step's name.
    pub(crate) name: String,
    /// What is there: `Release`, `order` where it is a parameter, nothing where it is a step.
    pub(crate) order: String,
    /// What it becomes: `Relaxed`, a half, or `left out`.
    pub(crate) becomes: &'static str,
    pub(crate) file: String,
    pub(crate) line: String,
}

impl Defect {
    /// What `mark` can lose.
    fn of(mark: &Mark<'_>) -> Vec<Self> {
        let becomes: &[&str] = match mark.order {
            "" => &["left out"],
            "Relaxed" => &[],
            "AcqRel" => &["Release", "Acquire"],
            _ => &["Relaxed"],
        };
        let (file, line) = mark.place.rsplit_once(':').unwrap_or((&mark.place, ""));
        let one = |becomes: &&'static str| Self {
            krate: mark.krate.unwrap_or_default().to_owned(),
            name: mark.name.to_owned(),
            order: mark.order.to_owned(),
            becomes,
            file: file.to_owned(),
            line: line.to_owned(),
        };
        becomes.iter().map(one).collect()
    }

    /// As the seeds of the crates write it, without its place.
    pub(crate) fn end(&self) -> String {
        if self.order.is_empty() {
            self.name.clone()
        } else {
            format!("{}:{}", self.name, self.order)
        }
    }

    /// The value of `ZC_SEEDED`.
    fn seed(&self) -> String {
        let spelled_out = self.order.starts_with(char::is_uppercase);
        let end = if spelled_out {
            self.end()
        } else {
            self.name.clone()
        };
        let weaker = match self.becomes {
            half @ ("Release" | "Acquire") => format!("={half}"),
            _ => String::new(),
        };
        format!("{end}@{}:{}{weaker}", self.file, self.line)
    }

    /// What `survivors.txt` calls it: lines move, so it names no line.
    pub(crate) fn key(&self) -> String {
        let weaker = match self.becomes {
            half @ ("Release" | "Acquire") => format!("={half}"),
            _ => String::new(),
        };
        format!("{}{weaker} {}", self.end(), self.file)
    }
}

pub(crate) fn edges(job: &mut Job<'_>) -> Result<(), Failure> {
    let known = Survivors::read(&job.tree.root)?;
    let candidates = Candidates::build(job)?;
    let marks = Marks::read(&job.tree.root)?;
    let of_run = |d: &Defect| job.only.is_none_or(|only| only == d.krate);
    let mut defects: Vec<Defect> = marks.all().iter().flat_map(Defect::of).collect();
    defects.retain(of_run);
    defects.dedup();
    let caught = hunt(job, &defects, &candidates)?;
    healthy(job, &caught, &candidates)?;
    job.count(defects.len());

    let table = table(&defects, &caught, &known);
    for line in table.lines() {
        job.show(line);
    }
    let path = job.tree.output().join("edges.txt");
    fs::create_dir_all(job.tree.output())?;
    fs::write(path, &table)?;

    let survived = |(i, d): (usize, &Defect)| (!caught.contains_key(&i)).then(|| d.clone());
    let left: Vec<Defect> = defects.iter().enumerate().filter_map(survived).collect();
    let problems = known.judge(&defects, &left, job.only.is_none());
    for problem in &problems {
        job.note(problem);
    }
    if !problems.is_empty() {
        let why = format!(
            "{} things are not as xtask/survivors.txt says",
            problems.len()
        );
        return Err(Failure::Failed(why));
    }
    if job.only.is_none() && caught.len() < AT_LEAST {
        let why = format!("only {} defects were caught, not {AT_LEAST}", caught.len());
        return Err(Failure::Failed(why));
    }
    Ok(())
}

/// For each defect that was noticed (by its number), the candidate that noticed it. The first
/// candidates of all defects run, then the second ones of those that are left, and so on.
fn hunt(
    job: &mut Job<'_>,
    defects: &[Defect],
    candidates: &Candidates,
) -> Result<BTreeMap<usize, Candidate>, Failure> {
    let lists: Vec<Vec<Candidate>> = defects.iter().map(|d| candidates.of(d)).collect();
    let mut caught = BTreeMap::new();
    for round in 0.. {
        let mut tried = Vec::new();
        let mut jobs: Vec<(Cmd, Duration)> = Vec::new();
        for (i, defect) in defects.iter().enumerate() {
            if let Some(candidate) = lists[i].get(round).filter(|_| !caught.contains_key(&i)) {
                jobs.push((
                    candidates.cmd(candidate).env("ZC_SEEDED", defect.seed()),
                    LIMIT,
                ));
                tried.push((i, candidate));
            }
        }
        if jobs.is_empty() {
            break;
        }
        let ran = job.run_all(&jobs, models::width())?;
        for ((i, candidate), ran) in tried.into_iter().zip(&ran) {
            let ran_one = ran.output.contains("running 1 test\n");
            let failed = match ran.end {
                End::Code(_) | End::Signal(_) => ran_one,
                End::Timeout => candidate.may_hang,
                End::Ok | End::Interrupted => false,
            };
            if failed {
                caught.insert(i, candidate.clone());
            }
        }
    }
    Ok(caught)
}

/// Each test that noticed a defect passes without one: it was the defect that made it fail.
fn healthy(
    job: &mut Job<'_>,
    caught: &BTreeMap<usize, Candidate>,
    candidates: &Candidates,
) -> Result<(), Failure> {
    let tests: BTreeSet<&Candidate> = caught.values().collect();
    let limit = LIMIT * 2;
    let jobs: Vec<_> = tests.iter().map(|c| (candidates.cmd(c), limit)).collect();
    let ran = job.run_all(&jobs, models::width())?;
    for (test, ran) in tests.iter().zip(&ran) {
        if ran.end != End::Ok {
            job.note(&ran.output);
            let why = format!("{} fails without any defect: {:?}", test.label(), ran.end);
            return Err(Failure::Failed(why));
        }
    }
    Ok(())
}

fn table(defects: &[Defect], caught: &BTreeMap<usize, Candidate>, known: &Survivors) -> String {
    let rows: Vec<[String; 4]> = defects
        .iter()
        .enumerate()
        .map(|(i, d)| {
            let by = caught
                .get(&i)
                .map_or_else(|| format!("SURVIVED ({})", known.kind(d)), Candidate::label);
            let at = d.file.rsplit_once("/src/").map_or(&*d.file, |(_, f)| f);
            [
                d.end(),
                d.becomes.to_owned(),
                format!("{at}:{}", d.line),
                by,
            ]
        })
        .collect();
    let width = |i: usize| rows.iter().map(|r| r[i].len()).max().unwrap_or(0);
    let (a, b, c) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [end, becomes, at, by] in &rows {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{end:<a$}  {becomes:<b$}  {at:<c$}  {by}");
    }
    let left = defects.len() - caught.len();
    let _ = writeln!(text, "{} caught, {left} survived", caught.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(order: &'static str) -> Mark<'static> {
        Mark {
            name: "ring.a",
            order,
            place: "crates/zc-ring/src/a.rs:7".to_owned(),
            krate: Some("zc-ring"),
        }
    }

    #[test]
    fn each_end_of_an_edge_is_a_defect_of_its_own() {
        let seeds =
            |order| -> Vec<String> { Defect::of(&mark(order)).iter().map(Defect::seed).collect() };
        let at = "@crates/zc-ring/src/a.rs:7";
        assert_eq!(seeds("Release"), [format!("ring.a:Release{at}")]);
        let halves = ["Release", "Acquire"].map(|h| format!("ring.a:AcqRel{at}={h}"));
        assert_eq!(seeds("AcqRel"), halves);
        assert_eq!(seeds("order"), [format!("ring.a{at}")], "a parameter");
        assert_eq!(seeds(""), [format!("ring.a{at}")], "a step");
        assert!(seeds("Relaxed").is_empty());
    }

    #[test]
    fn the_table_says_what_survived() {
        let defects: Vec<Defect> = ["Release", "Acquire"]
            .iter()
            .flat_map(|o| Defect::of(&mark(o)))
            .collect();
        let by = Candidate::new("zc-ring", "loom", "model", false);
        let text = table(&defects, &BTreeMap::from([(0, by)]), &Survivors::default());
        assert!(
            text.contains("ring.a:Release  Relaxed  a.rs:7  zc-ring loom model\n"),
            "{text}"
        );
        assert!(
            text.contains("ring.a:Acquire  Relaxed  a.rs:7  SURVIVED (not listed)\n"),
            "{text}"
        );
        assert!(text.ends_with("1 caught, 1 survived\n"), "{text}");
    }
}

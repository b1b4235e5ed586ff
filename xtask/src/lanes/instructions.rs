//! How many instructions each hot path takes, against a committed figure.
//!
//! Time says little on a busy machine; the number of instructions of a single thread is the same
//! every time. callgrind counts the program `hot_paths` at two numbers of operations, and the
//! difference is what an operation costs, without the preparation. More than [`TOLERANCE`] above the
//! figure in `benches/instructions.toml` fails. Fewer are told: they are kept by writing them down
//! (`ZC_BLESS=1 cargo xtask instructions`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::models;
use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;
use crate::tools;

const PATH: &str = "benches/instructions.toml";
/// Per cent of the figure; another compiler than the one it was counted with gets [`FOREIGN`].
const TOLERANCE: f64 = 5.0;
const FOREIGN: f64 = 40.0;
/// Differences this small are rounding.
const SLACK: f64 = 2.0;
/// Multiples of 1024, after which the agent has delivered what it has.
const FEW: u64 = 1024;
const MANY: u64 = 3 * 1024;

pub(crate) fn instructions(job: &mut Job<'_>) -> Result<(), Failure> {
    let messages = job.run(
        &job.cargo(&["build", "-p", "zc-benches", "--example", "hot_paths"])
            .args(["--profile", "gate"])
            .args(["--message-format", "json-render-diagnostics"]),
    )?;
    let program = models::example(&messages, "hot_paths");
    let program = program.ok_or_else(|| "cargo built no hot_paths".to_owned())?;
    let program = program.display().to_string();
    let listed = job.run(&Cmd::new(&program, &job.tree.root).arg("--list"))?;
    let names: Vec<&str> = listed.lines().collect();
    let counted = count(job, &program, &names)?;
    job.count(names.len());

    let path = job.tree.root.join(PATH);
    let compiler = tools::compiler()?;
    if std::env::var_os("ZC_BLESS").is_some() {
        fs::write(&path, write(&compiler, &names, &counted))?;
        job.show(&format!("{PATH} written"));
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|e| format!("{PATH}: {e}"))?;
    let committed = Committed::parse(&text)?;
    let same = committed.compiler == compiler;
    let tolerance = if same { TOLERANCE } else { FOREIGN };
    if !same {
        let theirs = &committed.compiler;
        job.show(&format!(
            "counted with {theirs}: {FOREIGN} % are allowed for {compiler}"
        ));
    }
    let mut problems = committed.stale(&names);
    for name in &names {
        let now = counted[name];
        let then = committed.paths.get(*name).copied();
        let change = then.map_or("new".to_owned(), |t| format!("{:+.1} %", percent(t, now)));
        let fewer = then.is_some_and(|t| percent(t, now) < -tolerance);
        let change = if fewer {
            change + " (write it down)"
        } else {
            change
        };
        job.show(&format!("{name:<40} {now:>9.1} {change:>9}"));
        problems.extend(verdict(name, then, now, tolerance));
    }
    match problems.as_slice() {
        [] => Ok(()),
        problems => Err(Failure::Failed(problems.join("\n        "))),
    }
}

/// Instructions of one operation of each path.
fn count<'n>(
    job: &mut Job<'_>,
    program: &str,
    names: &[&'n str],
) -> Result<BTreeMap<&'n str, f64>, Failure> {
    let mut jobs = Vec::new();
    for name in names {
        for ops in [FEW, MANY] {
            let cmd = Cmd::new("valgrind", &job.tree.root)
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .args([program, name, &ops.to_string()]);
            jobs.push((cmd, Duration::from_secs(60)));
        }
    }
    let ran = job.run_all(&jobs, models::width())?;
    let mut counted = BTreeMap::new();
    for (name, pair) in names.iter().zip(ran.chunks(2)) {
        let mut totals = Vec::new();
        for ran in pair {
            let total = collected(&ran.output).filter(|_| ran.end == End::Ok);
            let Some(total) = total else {
                job.note(&ran.output);
                return Err(Failure::Failed(format!("{name}: {:?}", ran.end)));
            };
            totals.push(total);
        }
        let [few, many] = totals[..] else { continue };
        counted.insert(
            *name,
            (many - few) / f64::from(u32::try_from(MANY - FEW).unwrap_or(1)),
        );
    }
    Ok(counted)
}

/// From callgrind's line `==123== Collected : 48789`.
fn collected(output: &str) -> Option<f64> {
    let line = output.lines().find(|l| l.contains("Collected : "))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn percent(then: f64, now: f64) -> f64 {
    100.0 * (now - then) / then
}

fn verdict(name: &str, then: Option<f64>, now: f64, tolerance: f64) -> Option<String> {
    let Some(then) = then else {
        return Some(format!("{name} is not in {PATH}"));
    };
    let change = percent(then, now);
    if change <= tolerance || now - then <= SLACK {
        return None;
    }
    Some(format!(
        "{name}: {now:.1} instructions, {then:.1} in {PATH}: {change:.1} % more"
    ))
}

fn write(compiler: &str, names: &[&str], counted: &BTreeMap<&str, f64>) -> String {
    let mut text = format!(
        "# Instructions of one operation of each hot path of benches/examples/hot_paths.rs, on one\n\
         # thread. `ZC_BLESS=1 cargo xtask instructions` writes this file.\n\n\
         compiler = \"{compiler}\"\n\n[paths]\n"
    );
    for name in names {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "\"{name}\" = {:.1}", counted[name]);
    }
    text
}

/// The committed figures.
#[derive(Debug, PartialEq)]
struct Committed {
    compiler: String,
    paths: BTreeMap<String, f64>,
}

impl Committed {
    fn parse(text: &str) -> Result<Self, String> {
        let broken = |what: &str| format!("{PATH}: {what}");
        let document = DeTable::parse(text).map_err(|e| broken(&e.to_string()))?;
        let root = document.get_ref();
        let compiler = crate::tree::string(root, "compiler");
        let compiler = compiler.ok_or_else(|| broken("no `compiler`"))?;
        let table = crate::tree::table(root, "paths").ok_or_else(|| broken("no [paths]"))?;
        let mut paths = BTreeMap::new();
        for (name, value) in table {
            let DeValue::Float(figure) = value.get_ref() else {
                return Err(broken(&format!("`{}` is no figure", name.get_ref())));
            };
            let figure = figure
                .as_str()
                .parse()
                .map_err(|e| broken(&format!("{e}")))?;
            paths.insert(name.get_ref().to_string(), figure);
        }
        Ok(Self { compiler, paths })
    }

    /// Figures of paths that there are no more.
    fn stale(&self, names: &[&str]) -> Vec<String> {
        let gone = self.paths.keys().filter(|n| !names.contains(&n.as_str()));
        gone.map(|n| format!("{PATH}: there is no path `{n}`"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_total_is_read() {
        assert_eq!(
            collected("==1== Events : Ir\n==1== Collected : 48789\n"),
            Some(48789.0)
        );
        assert_eq!(collected("nothing"), None);
    }

    #[test]
    fn more_are_a_failure_and_rounding_is_not() {
        assert_eq!(verdict("a", Some(100.0), 104.0, 5.0), None);
        assert_eq!(
            verdict("a", Some(10.0), 12.0, 5.0),
            None,
            "two instructions"
        );
        assert!(
            verdict("a", Some(100.0), 110.0, 5.0)
                .unwrap()
                .contains("more")
        );
        assert_eq!(verdict("a", Some(100.0), 50.0, 5.0), None, "fewer");
        assert!(verdict("a", None, 90.0, 5.0).unwrap().contains("is not in"));
    }

    #[test]
    fn the_file_reads_as_it_was_written() {
        let counted = BTreeMap::from([("a: b", 12.25), ("c", 3.0)]);
        let text = write("rustc 1", &["c", "a: b"], &counted);
        let committed = Committed::parse(&text).unwrap();
        assert_eq!(committed.compiler, "rustc 1");
        assert_eq!(committed.paths["c"], 3.0);
        assert_eq!(committed.stale(&["c"]).len(), 1);
    }
}

//! Which lines the ordinary tests run, with a gate on the concurrent modules.
//!
//! The compiler counts, LLVM's own tools add up: they must be of the compiler's LLVM version. Lines
//! of the models' build (`cfg(zc_loom)`) are no part of this.

use std::collections::BTreeMap;
use std::fs;

use super::models::Program;
use super::suites::runner;
use crate::run::Job;
use crate::run::command::Cmd;
use crate::step::Failure;
use crate::tools::llvm_tools;

/// The modules in which threads meet: 95 % of their lines run.
const CONCURRENT: [&str; 9] = [
    "crates/zc-core/src/publish/",
    "crates/zc-core/src/seq/",
    "crates/zc-core/src/shared/",
    "crates/zc-core/src/wait/",
    "crates/zc-channel/src/",
    "crates/zc-ring/src/sequencer/",
    "crates/zc-ring/src/slots/",
    "crates/zc-agent/src/group/",
    "crates/zc-diskcache/src/index/",
];
/// Per cent of the lines of the concurrent modules.
const WANTED: f64 = 95.0;

const FOLDER: &str = "target/coverage";

/// Lines that ran, and lines there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lines {
    hit: u32,
    all: u32,
}

pub(crate) fn coverage(job: &mut Job<'_>) -> Result<(), Failure> {
    let tools = llvm_tools()?;
    let members: Vec<_> = job
        .crates(|m| m.name != "zcbuf")
        .into_iter()
        .cloned()
        .collect();
    let folder = job.tree.root.join(FOLDER);
    let profiles = folder.join("profiles");
    if profiles.is_dir() {
        fs::remove_dir_all(&profiles)?;
    }
    fs::create_dir_all(&profiles)?;
    // `%m` merges the runs of one program, so that a thousand tests leave few files.
    let pattern = profiles.join("%4m.profraw").display().to_string();
    let what = ["--all-features", "--lib", "--tests", "--target-dir", FOLDER];
    let instrumented = |cmd: Cmd| {
        cmd.args(what)
            .args(members.iter().flat_map(|m| ["-p", m.name.as_str()]))
            .env("RUSTFLAGS", "-Cinstrument-coverage")
            .env("LLVM_PROFILE_FILE", pattern.as_str())
    };
    let listed = job.cargo(&["test", "--no-run"]);
    let listed = listed.args(["--message-format", "json-render-diagnostics"]);
    let messages = job.run(&instrumented(listed))?;
    job.run_tests(&instrumented(runner(job, None)))?;

    let merged = folder.join("all.profdata").display().to_string();
    let raw: Vec<String> = fs::read_dir(&profiles)?
        .map(|e| e.map(|e| e.path().display().to_string()))
        .collect::<Result<_, _>>()?;
    let merge = Cmd::new(&tools.profdata, &job.tree.root);
    job.run(&merge.args(["merge", "--sparse", "-o", &merged]).args(raw))?;
    let mut programs = members.iter().flat_map(|m| Program::all(&messages, m));
    let first = programs
        .next()
        .ok_or_else(|| "no test program".to_owned())?;
    let others = programs.flat_map(|p| ["--object".into(), p.path.into_os_string()]);
    let export = Cmd::new(&tools.cov, &job.tree.root)
        .args(["export", "--format=lcov", "--instr-profile", &merged])
        .arg(first.path)
        .args(others);
    let root = format!("{}/", job.tree.root.display());
    let report = job.run_quietly(&export)?;
    fs::write(folder.join("lcov.info"), &report)?;
    judge(job, &by_file(&report, &root))
}

fn judge(job: &mut Job<'_>, files: &BTreeMap<String, Lines>) -> Result<(), Failure> {
    let mut total = Lines::default();
    for module in CONCURRENT {
        let ours = files.iter().filter(|(path, _)| path.starts_with(module));
        let lines = sum(ours.clone().map(|(_, l)| *l));
        if lines.all == 0 {
            if job.only.is_some() {
                continue;
            }
            return Err(Failure::Failed(format!("{module} has no line at all")));
        }
        job.show(&format!("{:>5.1} %  {module}", lines.percent()));
        for (path, lines) in ours.filter(|(_, l)| l.percent() < WANTED) {
            let left = lines.all - lines.hit;
            job.show(&format!(
                "    {:>5.1} %  {path}: {left} lines",
                lines.percent()
            ));
        }
        total = sum([total, lines].into_iter());
    }
    job.show(&format!("{:>5.1} %  together", total.percent()));
    if total.percent() < WANTED {
        let why = format!("{:.1} % of the lines run, not {WANTED} %", total.percent());
        return Err(Failure::Failed(why));
    }
    Ok(())
}

impl Lines {
    fn percent(self) -> f64 {
        100.0 * f64::from(self.hit) / f64::from(self.all.max(1))
    }
}

fn sum(lines: impl Iterator<Item = Lines>) -> Lines {
    lines.fold(Lines::default(), |a, b| Lines {
        hit: a.hit + b.hit,
        all: a.all + b.all,
    })
}

/// The lines of each source file, from the root, out of a report in lcov's form. Files that hold
/// nothing but tests do not count.
fn by_file(report: &str, root: &str) -> BTreeMap<String, Lines> {
    let mut files = BTreeMap::new();
    let mut at = "";
    let mut lines = Lines::default();
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            at = path.strip_prefix(root).unwrap_or(path);
            lines = Lines::default();
        } else if let Some(count) = line.strip_prefix("DA:") {
            lines.all += 1;
            lines.hit += u32::from(!count.ends_with(",0"));
        } else if line == "end_of_record" && !at.ends_with("/tests.rs") && !at.contains("/tests/") {
            files.insert(at.to_owned(), lines);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_gives_the_lines_of_each_file() {
        let report = "SF:/w/crates/a/src/x.rs\nDA:1,3\nDA:2,0\nDA:3,10\nend_of_record\n\
                      SF:/w/crates/a/src/x/tests.rs\nDA:1,0\nend_of_record\n";
        let files = by_file(report, "/w/");
        let x = Lines { hit: 2, all: 3 };
        assert_eq!(files, BTreeMap::from([("crates/a/src/x.rs".to_owned(), x)]));
        assert!((x.percent() - 66.66).abs() < 0.1);
    }
}

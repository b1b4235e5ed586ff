//! Model checking: loom explores every execution of a small model, shuttle many random ones of a
//! bigger one.
//!
//! Both lanes are built with `--cfg zc_seeded` as well. Without `ZC_SEEDED` in the environment
//! that changes nothing in what is modelled, and the run on a seeded defect is then the very same
//! program: what fails there fails because of the defect, and nothing is built twice.
//! Each model is a process of its own, so that each has its own time limit and its own verdict.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;
use crate::tree::Member;

/// One of the two checkers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checker {
    /// The integration test and the target folder are called like it, and so are its seeds.
    pub(crate) name: &'static str,
    flags: &'static str,
}

pub(crate) const LOOM: Checker = Checker {
    name: "loom",
    flags: "--cfg zc_loom --cfg zc_seeded",
};

pub(crate) const SHUTTLE: Checker = Checker {
    name: "shuttle",
    flags: "--cfg zc_shuttle --cfg zc_seeded",
};

/// A test program that was built for a checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) krate: String,
    pub(crate) file: String,
    pub(crate) dir: PathBuf,
    pub(crate) path: PathBuf,
}

pub(crate) fn loom(job: &mut Job<'_>) -> Result<(), Failure> {
    check(job, LOOM, &[], Duration::from_secs(60))
}

pub(crate) fn loom_deep(job: &mut Job<'_>) -> Result<(), Failure> {
    let env = [("LOOM_MAX_PREEMPTIONS", "5"), ("LOOM_MAX_DURATION", "120")];
    check(job, LOOM, &env, Duration::from_secs(600))
}

pub(crate) fn shuttle(job: &mut Job<'_>) -> Result<(), Failure> {
    check(job, SHUTTLE, &[], Duration::from_secs(120))
}

pub(crate) fn shuttle_deep(job: &mut Job<'_>) -> Result<(), Failure> {
    let env = [("SHUTTLE_ITERATIONS", "100000")];
    check(job, SHUTTLE, &env, Duration::from_secs(1800))
}

fn check(
    job: &mut Job<'_>,
    checker: Checker,
    env: &[(&str, &str)],
    limit: Duration,
) -> Result<(), Failure> {
    let mut names = Vec::new();
    let mut jobs = Vec::new();
    for program in build(job, checker)? {
        for test in program.list(job)? {
            let cmd = env
                .iter()
                .fold(program.test(&test), |c, (k, v)| c.env(k, *v));
            names.push(format!("{} {test}", program.krate));
            jobs.push((cmd, limit));
        }
    }
    let ran = job.run_all(&jobs, width())?;
    job.count(ran.len());
    let mut bad = Vec::new();
    for (name, ran) in names.iter().zip(&ran) {
        if ran.end == End::Ok {
            continue;
        }
        job.note(&format!("--- {name}: {:?}\n{}", ran.end, ran.output));
        bad.push(name.as_str());
    }
    match bad.as_slice() {
        [] => Ok(()),
        bad => Err(Failure::Failed(format!("models: {}", bad.join(", ")))),
    }
}

/// Builds the checker's test of each crate that has one.
pub(crate) fn build(job: &mut Job<'_>, checker: Checker) -> Result<Vec<Program>, Failure> {
    let members: Vec<Member> = job
        .crates(|m| m.has_test(checker.name))
        .into_iter()
        .cloned()
        .collect();
    if members.is_empty() {
        return Err(Failure::Failed(format!(
            "no crate has tests/{}.rs",
            checker.name
        )));
    }
    let cmd = job
        .cargo(&["test", "--no-run", "--profile", "model"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(["--target-dir", &format!("target/{}", checker.name)])
        .args(members.iter().flat_map(|m| ["-p", m.name.as_str()]))
        .args(["--test", checker.name])
        .env("RUSTFLAGS", checker.flags);
    let messages = job.run(&cmd)?;
    let found = members
        .iter()
        .map(|m| Program::find(&messages, m, checker.name));
    found.collect::<Result<_, _>>().map_err(Failure::Failed)
}

impl Program {
    /// The test program `file` of `member`, out of the messages of the cargo that built it.
    pub(crate) fn find(messages: &str, member: &Member, file: &str) -> Result<Self, String> {
        let manifest = format!("/{}/Cargo.toml", member.name);
        let path = executable(messages, &manifest, file);
        Ok(Self {
            krate: member.name.clone(),
            file: file.to_owned(),
            dir: member.dir.clone(),
            path: path.ok_or_else(|| format!("cargo built no test {file} of {}", member.name))?,
        })
    }

    /// Every test program of `member`, its unit tests among them.
    pub(crate) fn all(messages: &str, member: &Member) -> Vec<Self> {
        let manifest = format!("/{}/Cargo.toml", member.name);
        let programs = artifacts(messages, &manifest);
        programs
            .map(|(source, path)| Self {
                krate: member.name.clone(),
                file: source,
                dir: member.dir.clone(),
                path,
            })
            .collect()
    }

    /// In the folder, and with the variable, that cargo gives to tests.
    pub(crate) fn command(&self) -> Cmd {
        Cmd::new(&self.path, &self.dir)
            .env("CARGO_MANIFEST_DIR", self.dir.to_string_lossy())
            .env("RUST_BACKTRACE", "1")
    }

    /// The names of its tests.
    pub(crate) fn list(&self, job: &mut Job<'_>) -> Result<Vec<String>, Failure> {
        let listed = job.run(&self.command().args(["--list", "--format=terse"]))?;
        let names = listed.lines().filter_map(|l| l.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }

    /// Runs one of its tests.
    pub(crate) fn test(&self, test: &str) -> Cmd {
        self.command().args(["--exact", test, "--test-threads=1"])
    }
}

/// A model runs on one processor.
pub(crate) fn width() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The path of the test program `test` of the package whose manifest's path ends in `manifest`,
/// out of cargo's messages.
fn executable(messages: &str, manifest: &str, test: &str) -> Option<PathBuf> {
    let ends = [
        format!("/tests/{test}.rs"),
        format!("/tests/{test}/main.rs"),
    ];
    artifacts(messages, manifest)
        .find(|(source, _)| ends.iter().any(|end| source.ends_with(end)))
        .map(|(_, path)| path)
}

/// The path of the example `name`, out of cargo's messages.
pub(crate) fn example(messages: &str, name: &str) -> Option<PathBuf> {
    let end = format!("/examples/{name}.rs");
    artifacts(messages, "/Cargo.toml")
        .find(|(source, _)| source.ends_with(&end))
        .map(|(_, path)| path)
}

/// Source and path of every program that cargo's messages name, of the packages whose manifests'
/// paths end in `manifest`.
fn artifacts<'m>(
    messages: &'m str,
    manifest: &'m str,
) -> impl Iterator<Item = (String, PathBuf)> + 'm {
    let field = |line: &str, key: &str| -> Option<String> {
        let start = line.find(&format!("\"{key}\":\""))? + key.len() + 4;
        let end = line[start..].find('"')?;
        Some(line[start..start + end].to_owned())
    };
    messages
        .lines()
        .filter(|l| l.starts_with("{\"reason\":\"compiler-artifact\""))
        .filter(move |l| field(l, "manifest_path").is_some_and(|p| p.ends_with(manifest)))
        .filter_map(move |l| Some((field(l, "src_path")?, field(l, "executable")?.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_program_is_found_in_cargos_messages() {
        let line = |krate: &str, file: &str, exe: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"/w/crates/{krate}/Cargo.toml\",\
                 \"target\":{{\"src_path\":\"/w/crates/{krate}/{file}\"}},\"executable\":{exe}}}"
            )
        };
        let messages = [
            "   Compiling zc-core".to_owned(),
            line("zc-core", "src/lib.rs", "null"),
            line("zc-ring", "tests/loom.rs", "\"/w/t/loom-1\""),
            line("zc-core", "tests/loom.rs", "\"/w/t/loom-2\""),
        ]
        .join("\n");
        let find = |krate: &str, test| executable(&messages, &format!("/{krate}/Cargo.toml"), test);
        assert_eq!(find("zc-core", "loom"), Some(PathBuf::from("/w/t/loom-2")));
        assert_eq!(find("zc-ring", "loom"), Some(PathBuf::from("/w/t/loom-1")));
        assert_eq!(find("zc-ring", "shuttle"), None);
        assert_eq!(find("zc-agent", "loom"), None);
        assert_eq!(artifacts(&messages, "/Cargo.toml").count(), 2);
    }
}

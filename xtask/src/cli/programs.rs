//! The commands that become another program: the benches and the demo.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::run::command::Cmd;
use crate::tree::Tree;

/// What `cargo xtask bench` was asked to do.
#[derive(Debug, PartialEq, Eq)]
enum Bench {
    /// Measure, or with a flag for the benches something less than that.
    Run {
        /// None of them is all of them.
        name: Option<OsString>,
        /// For the benches themselves: words, and a flag.
        rest: Vec<OsString>,
    },
    Build(Option<OsString>),
    /// Nothing is measured: the arguments of the program that makes the page.
    Page(Vec<OsString>),
}

impl Bench {
    fn parse(args: Vec<OsString>) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut flag: Option<String> = None;
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
            match arg {
                Value(word) => words.push(word),
                Long(name @ ("quick" | "list" | "build" | "report" | "collect")) => {
                    if let Some(other) = flag.replace(format!("--{name}")) {
                        return Err(format!("{other} and --{name} do not go together"));
                    }
                }
                other => return Err(other.unexpected().to_string()),
            }
        }
        let flag = flag.unwrap_or_default();
        if flag == "--collect" {
            let folders = words.into_iter();
            return Ok(Self::Page(
                std::iter::once(flag.into()).chain(folders).collect(),
            ));
        }
        if flag == "--report" {
            if words.is_empty() {
                return Ok(Self::Page(vec![flag.into()]));
            }
            return Err("--report measures nothing: it takes no NAME".to_owned());
        }
        let mut words = words.into_iter();
        let name = words.next().filter(|name| name != "all");
        if flag == "--build" {
            return Ok(Self::Build(name));
        }
        let flag = Some(flag).filter(|f| !f.is_empty());
        let rest = words.chain(flag.map(OsString::from)).collect();
        Ok(Self::Run { name, rest })
    }
}

pub(super) fn bench(args: Vec<OsString>) -> Result<bool, String> {
    let asked = Bench::parse(args)?;
    let tree = Tree::read()?;
    let which = |name: Option<OsString>| -> Vec<OsString> {
        name.map_or_else(|| vec!["--benches".into()], |n| vec!["--bench".into(), n])
    };
    let bench = Cmd::new("cargo", &tree.root);
    let bench = bench.args(["bench", "-p", "zc-benches", "--features", "peers"]);
    become_it(&match asked {
        Bench::Run { name, rest } => bench.args(which(name)).arg("--").args(rest),
        Bench::Build(name) => bench.args(which(name)).arg("--no-run"),
        Bench::Page(args) => {
            let run = [
                "run",
                "--quiet",
                "-p",
                "zc-benches",
                "--bin",
                "report",
                "--",
            ];
            // Folders are relative to the one that the user stands in.
            let here = std::env::current_dir().map_err(|e| format!("this folder: {e}"))?;
            let manifest = tree.root.join("Cargo.toml");
            Cmd::new("cargo", &here)
                .args(&run[..2])
                .arg("--manifest-path")
                .arg(manifest)
                .args(&run[2..])
                .args(args)
        }
    })
}

/// Becomes the demo: same process, same folder, same terminal, so that its exit code, its output
/// and Ctrl-C are its own.
pub(super) fn demo(args: Vec<OsString>) -> Result<bool, String> {
    let tree = Tree::read()?;
    let here = std::env::current_dir().map_err(|e| format!("this folder: {e}"))?;
    let mut args = args;
    // `cargo xtask demo -- --help` asks the demo, not this program.
    if args.first().is_some_and(|a| a == "--") {
        args.remove(0);
    }
    let run = [
        "run",
        "--release",
        "-p",
        "zcbuf",
        "--features",
        "ledger",
        "--example",
        "pipeline",
        "--manifest-path",
    ];
    let manifest: PathBuf = tree.root.join("Cargo.toml");
    become_it(
        &Cmd::new("cargo", &here)
            .args(run)
            .arg(manifest)
            .arg("--")
            .args(args),
    )
}

fn become_it(cmd: &Cmd) -> Result<bool, String> {
    Err(format!("{}: {}", cmd.line(), cmd.command().exec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Bench, String> {
        Bench::parse(line.split_whitespace().map(OsString::from).collect())
    }

    fn run(name: Option<&str>, rest: &[&str]) -> Bench {
        let rest = rest.iter().map(OsString::from).collect();
        Bench::Run {
            name: name.map(OsString::from),
            rest,
        }
    }

    #[test]
    fn the_first_word_is_the_bench_and_the_others_are_for_its_cells() {
        assert_eq!(parse(""), Ok(run(None, &[])));
        assert_eq!(parse("--quick all"), Ok(run(None, &["--quick"])));
        let words = run(Some("x"), &["4x4", "async", "--quick"]);
        assert_eq!(parse("x --quick 4x4 async"), Ok(words));
        assert_eq!(parse("x --build"), Ok(Bench::Build(Some("x".into()))));
        let page = Bench::Page(vec!["--collect".into(), "a".into()]);
        assert_eq!(parse("--collect a"), Ok(page));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for bad in [
            "--quick --list",
            "--report x",
            "--collect --quick",
            "--fast",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

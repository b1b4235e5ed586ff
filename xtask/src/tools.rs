//! What the steps need to be there, and how to see whether it is. Looking installs nothing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Something that a step cannot run without.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Its version where it is there, the reason where it is not.
    pub(crate) probe: fn() -> Result<String, String>,
    /// How to come by it: the command that `cargo xtask setup` runs.
    pub(crate) get: &'static [&'static str],
    /// A step without it fails instead of being skipped.
    pub(crate) required: bool,
}

pub(crate) static RUSTFMT: Tool = Tool {
    name: "rustfmt",
    probe: || version("cargo", &["fmt", "--version"]),
    get: &["rustup", "component", "add", "rustfmt"],
    required: true,
};

pub(crate) static CLIPPY: Tool = Tool {
    name: "clippy",
    probe: || version("cargo", &["clippy", "--version"]),
    get: &["rustup", "component", "add", "clippy"],
    required: true,
};

/// Nobody skips a step for want of it: `cargo test` does the same more slowly.
pub(crate) static NEXTEST: Tool = Tool {
    name: "nextest",
    probe: || version("cargo", &["nextest", "--version"]),
    get: &["cargo", "install", "--locked", "cargo-nextest"],
    required: false,
};

pub(crate) static MIRI: Tool = Tool {
    name: "miri",
    probe: || version("cargo", &["+nightly", "miri", "--version"]),
    get: &[
        "rustup",
        "toolchain",
        "install",
        "nightly",
        "--profile",
        "minimal",
        "--component",
        "miri,rust-src",
    ],
    required: false,
};

pub(crate) static BUILD_STD: Tool = Tool {
    name: "build-std",
    probe: || {
        let toolchain = build_std_toolchain()
            .ok_or("neither a toolchain `nightly-src` nor a nightly with the component rust-src")?;
        let version = version("rustc", &[&format!("+{toolchain}"), "--version"])?;
        Ok(format!("{version} ({toolchain})"))
    },
    get: &[
        "rustup",
        "toolchain",
        "install",
        "nightly",
        "--profile",
        "minimal",
        "--component",
        "rust-src",
    ],
    required: false,
};

pub(crate) static ASAN: Tool = Tool {
    name: "asan",
    probe: || {
        let libraries = output("rustc", &["--print", "target-libdir"])?;
        let found = std::fs::read_dir(&libraries).is_ok_and(|mut files| {
            files.any(|f| f.is_ok_and(|f| f.file_name().to_string_lossy().contains("_rt.asan")))
        });
        let missing = || format!("no AddressSanitizer runtime in {libraries}");
        found
            .then(|| "runtime of the stable toolchain".into())
            .ok_or_else(missing)
    },
    // Comes with the toolchain for a target, or does not exist for it.
    get: &[],
    required: false,
};

pub(crate) static VALGRIND: Tool = Tool {
    name: "valgrind",
    probe: || version("valgrind", &["--version"]),
    get: &["apt-get", "install", "-y", "valgrind"],
    required: false,
};

/// For libFuzzer's runtime.
pub(crate) static CXX: Tool = Tool {
    name: "c++",
    probe: || version("c++", &["--version"]),
    get: &["apt-get", "install", "-y", "g++"],
    required: false,
};

pub(crate) static LLVM_TOOLS: Tool = Tool {
    name: "llvm-tools",
    probe: || llvm_tools().map(|t| format!("{} and {}", t.profdata, t.cov)),
    get: &["rustup", "component", "add", "llvm-tools"],
    required: false,
};

pub(crate) static MUTANTS: Tool = Tool {
    name: "mutants",
    probe: || version("cargo", &["mutants", "--version"]),
    get: &["cargo", "install", "--locked", "cargo-mutants"],
    required: false,
};

/// The programs that read the compiler's coverage.
#[derive(Debug)]
pub(crate) struct LlvmTools {
    pub(crate) profdata: String,
    pub(crate) cov: String,
}

/// Those of the component `llvm-tools`, else the system's of the compiler's LLVM version: older
/// ones cannot read what it writes.
pub(crate) fn llvm_tools() -> Result<LlvmTools, String> {
    let libraries = PathBuf::from(output("rustc", &["--print", "target-libdir"])?);
    let component = libraries.parent().map(|p| p.join("bin"));
    let major = llvm_major()?;
    let places = [
        component
            .map(|bin| ["llvm-profdata", "llvm-cov"].map(|n| bin.join(n).display().to_string())),
        Some(["llvm-profdata", "llvm-cov"].map(|n| format!("{n}-{major}"))),
    ];
    for [profdata, cov] in places.into_iter().flatten() {
        let works = |program: &str| output(program, &["--version"]).is_ok();
        if works(&profdata) && works(&cov) {
            return Ok(LlvmTools { profdata, cov });
        }
    }
    Err(format!(
        "neither the component llvm-tools nor llvm-cov-{major}"
    ))
}

fn llvm_major() -> Result<String, String> {
    let text = output("rustc", &["-vV"])?;
    let line = text.lines().find_map(|l| l.strip_prefix("LLVM version: "));
    let major = line.and_then(|v| v.split('.').next());
    major
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no LLVM".into())
}

/// The compiler's version, as it says it.
pub(crate) fn compiler() -> Result<String, String> {
    version("rustc", &["--version"])
}

/// Every tool, in the order in which `setup` looks at them.
pub(crate) static ALL: &[&Tool] = &[
    &RUSTFMT,
    &CLIPPY,
    &NEXTEST,
    &ASAN,
    &BUILD_STD,
    &VALGRIND,
    &CXX,
    &LLVM_TOOLS,
    &MUTANTS,
    &MIRI,
];

/// The toolchain that can build an instrumented standard library.
pub(crate) fn build_std_toolchain() -> Option<&'static str> {
    ["nightly-src", "nightly"].into_iter().find(|toolchain| {
        output("rustc", &[&format!("+{toolchain}"), "--print", "sysroot"]).is_ok_and(|sysroot| {
            PathBuf::from(sysroot)
                .join("lib/rustlib/src/rust/library/Cargo.lock")
                .is_file()
        })
    })
}

/// The triple that this machine compiles for.
pub(crate) fn host() -> Result<String, String> {
    let text = output("rustc", &["-vV"])?;
    let line = text.lines().find_map(|l| l.strip_prefix("host: "));
    line.map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".into())
}

fn version(program: &str, args: &[&str]) -> Result<String, String> {
    let text = output(program, args)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn output(program: &str, args: &[&str]) -> Result<String, String> {
    let line = || format!("{program} {}", args.join(" "));
    let done = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        // An automatic installation would be more than looking.
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .map_err(|e| format!("`{}`: {e}", line()))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    let errors = String::from_utf8_lossy(&done.stderr);
    let why = errors.lines().find(|l| l.starts_with("error"));
    Err(format!(
        "`{}` fails: {}",
        line(),
        why.unwrap_or("no reason given")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_says_what_was_tried() {
        let error = version("zc-no-such-program", &["--version"]).unwrap_err();
        assert!(error.contains("`zc-no-such-program --version`"), "{error}");
        let error = version("cargo", &["zc-no-such-command"]).unwrap_err();
        assert!(error.contains("error"), "{error}");
    }

    #[test]
    fn this_toolchain_is_found() {
        assert!(host().unwrap().contains('-'));
        assert!(
            version("cargo", &["--version"])
                .unwrap()
                .starts_with("cargo 1.")
        );
    }
}

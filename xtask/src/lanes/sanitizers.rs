//! The same tests on instrumented code, and Miri.
//!
//! Each sanitizer is first shown a canary, a tiny program with the mistake that it is there for:
//! if it stays silent, the lane is blind and fails before anything long is built.
//!
//! Tests that forget or leak something on purpose say so in their names, with `forgotten` or
//! `leaked`: they run without leak detection, all others with it.

use std::time::Duration;

use super::suites::runner;
use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;
use crate::tools::{build_std_toolchain, host};

struct Sanitizer {
    /// As in `-Zsanitizer=`, and the name of the canary.
    name: &'static str,
    /// What its report of the canary says.
    finds: &'static str,
    folder: &'static str,
    /// Whether the standard library must be instrumented too.
    build_std: bool,
}

/// Words in the names of tests that leak on purpose.
const LEAKING: [&str; 2] = ["forgotten", "leaked"];

/// A refused allocation is null, as it is without a sanitizer: tests ask for too much on purpose.
const LENIENT: &str = "allocator_may_return_null=1";

/// Bytes that a process may map while instrumented programs are built.
const COMPILER_MEMORY: u64 = 12 << 30;

/// The facade has no code of its own.
const WITHOUT: &str = "zcbuf";

const ASAN: Sanitizer = Sanitizer {
    name: "address",
    finds: "AddressSanitizer: heap-use-after-free",
    folder: "target/asan",
    build_std: false,
};

const TSAN: Sanitizer = Sanitizer {
    name: "thread",
    finds: "ThreadSanitizer: data race",
    folder: "target/tsan",
    build_std: true,
};

pub(crate) fn asan(job: &mut Job<'_>) -> Result<(), Failure> {
    sanitize(job, &ASAN)
}

pub(crate) fn tsan(job: &mut Job<'_>) -> Result<(), Failure> {
    sanitize(job, &TSAN)
}

pub(crate) fn msan(job: &mut Job<'_>) -> Result<(), Failure> {
    let msan = Sanitizer {
        name: "memory",
        finds: "MemorySanitizer: use-of-uninitialized-value",
        folder: "target/msan",
        build_std: true,
    };
    sanitize(job, &msan)
}

fn sanitize(job: &mut Job<'_>, sanitizer: &Sanitizer) -> Result<(), Failure> {
    let host = host()?;
    let toolchain = sanitizer.toolchain()?;
    canary(job, sanitizer, toolchain, &host)?;
    let flags = flags(job, sanitizer, &host);
    let cmd = build_environment(runner(job, toolchain).args(flags), sanitizer)
        // Instrumented code is some ten times slower; the cases were all tried in `test`.
        .env("PROPTEST_CASES", "16")
        .env("NEXTEST_PROFILE", "instrumented")
        // It keeps a race to itself when it has forgotten where the earlier access was.
        .env("TSAN_OPTIONS", format!("{LENIENT}:history_size=7"))
        .env("MSAN_OPTIONS", LENIENT);
    // Apart, under a limit of memory: what the compiler makes of one huge type must not take the
    // whole machine down. Instrumented programs reserve terabytes, so that they run without it.
    let build = programs(job, sanitizer, toolchain)?.memory(COMPILER_MEMORY);
    job.run(&build)?;
    if sanitizer.name != "address" {
        return job.run_tests(&cmd).map(drop);
    }
    let careful = cmd
        .clone()
        .env("ASAN_OPTIONS", format!("{LENIENT}:detect_leaks=1"))
        .arg("--");
    job.run_tests(&careful.args(LEAKING.iter().flat_map(|w| ["--skip", w])))?;
    let lenient = cmd
        .env("ASAN_OPTIONS", format!("{LENIENT}:detect_leaks=0"))
        .env("NEXTEST_NO_TESTS", "pass");
    job.run_tests(&lenient.arg("--").args(LEAKING)).map(drop)
}

impl Sanitizer {
    /// What to build with, where it is not the usual one.
    fn toolchain(&self) -> Result<Option<&'static str>, Failure> {
        if !self.build_std {
            return Ok(None);
        }
        let found = build_std_toolchain().ok_or_else(|| "the toolchain has gone".to_owned())?;
        Ok(Some(found))
    }
}

/// The command that lists the programs of AddressSanitizer's lane, which is all built by then.
pub(crate) fn asan_programs(job: &Job<'_>) -> Result<Cmd, Failure> {
    programs(job, &ASAN, None)
}

/// The same for ThreadSanitizer's lane.
pub(crate) fn tsan_programs(job: &Job<'_>) -> Result<Cmd, Failure> {
    programs(job, &TSAN, TSAN.toolchain()?)
}

fn programs(job: &Job<'_>, sanitizer: &Sanitizer, toolchain: Option<&str>) -> Result<Cmd, Failure> {
    let cmd = Cmd::new("cargo", &job.tree.root)
        .args(toolchain.map(|t| format!("+{t}")))
        .args([
            "test",
            "--no-run",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(flags(job, sanitizer, &host()?));
    Ok(build_environment(cmd, sanitizer))
}

/// What is built: everything with code of its own.
fn flags(job: &Job<'_>, sanitizer: &Sanitizer, host: &str) -> Vec<String> {
    let crates = job.crates(|m| m.name != WITHOUT);
    let mut flags: Vec<String> = crates
        .iter()
        .flat_map(|m| ["-p".to_owned(), m.name.clone()])
        .collect();
    flags.extend(["--all-features", "--lib", "--tests"].map(str::to_owned));
    // With a target given, build scripts and procedural macros stay as they are.
    flags.extend(["--target", host, "--target-dir", sanitizer.folder].map(str::to_owned));
    flags.extend(sanitizer.build_std.then(|| "-Zbuild-std".to_owned()));
    flags
}

/// Built with `--cfg zc_seeded`, which does nothing until `ZC_SEEDED` names a defect: see
/// [`super::models`].
fn build_environment(cmd: Cmd, sanitizer: &Sanitizer) -> Cmd {
    // Tests leave out what the sanitizer cannot take, or cannot see.
    let left_out = match sanitizer.name {
        "address" => " --cfg zc_asan",
        "thread" => " --cfg zc_tsan",
        _ => "",
    };
    let flags = format!("-Zsanitizer={} --cfg zc_seeded{left_out}", sanitizer.name);
    let cmd = cmd.env("RUSTFLAGS", flags);
    if sanitizer.build_std {
        cmd
    } else {
        // The stable compiler has the sanitizer and hides its switch.
        cmd.env("RUSTC_BOOTSTRAP", "1")
    }
}

/// Compiles and runs the canary; it must be reported.
fn canary(
    job: &mut Job<'_>,
    sanitizer: &Sanitizer,
    toolchain: Option<&str>,
    host: &str,
) -> Result<(), Failure> {
    let folder = job.tree.root.join(sanitizer.folder);
    std::fs::create_dir_all(&folder)?;
    let program = folder.join("canary");
    let mut cmd = Cmd::new("rustc", &job.tree.root)
        .args(toolchain.map(|t| format!("+{t}")))
        .arg(format!("xtask/canaries/{}.rs", sanitizer.name))
        .args([
            "--edition",
            "2024",
            "-Copt-level=0",
            "-g",
            "--target",
            host,
            "-o",
        ])
        .arg(&program)
        .arg(format!("-Zsanitizer={}", sanitizer.name));
    if sanitizer.build_std {
        // This one program is linked to the plain standard library.
        cmd = cmd.arg("-Cunsafe-allow-abi-mismatch=sanitizer");
    } else {
        cmd = cmd.env("RUSTC_BOOTSTRAP", "1");
    }
    job.run(&cmd)?;
    let limit = Duration::from_secs(30);
    let ran = job.run_all(&[(Cmd::new(program, &job.tree.root), limit)], 1)?;
    let ran = ran.into_iter().next().ok_or(Failure::Timeout)?;
    if ran.end != End::Ok && ran.output.contains(sanitizer.finds) {
        return Ok(());
    }
    job.note(&ran.output);
    let why = format!("blind: no \"{}\" about its canary", sanitizer.finds);
    Err(Failure::Failed(why))
}

/// The unit tests of the crates that need no file and no socket, under eight schedules.
pub(crate) fn miri(job: &mut Job<'_>) -> Result<(), Failure> {
    let ready = ["zc-core", "zc-ring", "zc-channel"];
    let crates = job.crates(|m| ready.contains(&m.name.as_str()));
    let names: Vec<String> = crates.iter().map(|m| m.name.clone()).collect();
    if names.is_empty() {
        let why = format!("Miri can run {} only", ready.join(", "));
        return Err(Failure::Failed(why));
    }
    let flags = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check \
                 -Zmiri-disable-isolation -Zmiri-many-seeds=0..8";
    let cmd = job
        .cargo(&[
            "+nightly",
            "miri",
            "test",
            "--lib",
            "--target-dir",
            "target/miri",
        ])
        .args(names.iter().flat_map(|n| ["-p", n.as_str()]))
        .env("MIRIFLAGS", flags)
        .env("PROPTEST_CASES", "4");
    job.run_tests(&cmd).map(drop)
}

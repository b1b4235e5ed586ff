//! libFuzzer, led by coverage, on everything that reads bytes from elsewhere.
//!
//! Its runtime comes from crates.io and is compiled by the system's C++ compiler; the instrumentation
//! is the stable compiler's own, whose switch for AddressSanitizer is only hidden. So no nightly is
//! needed. The canary, a target with a defect that only who is led by coverage reaches, goes first:
//! if it survives, the lane is blind.
//!
//! What a run finds stays in `target/fuzz/corpus`; `cargo xtask fuzz` does not touch the committed
//! corpus in `fuzz/corpus`, which `cargo test -p zc-fuzz` replays in `ci`.

use std::time::Duration;

use super::models;
use crate::run::Job;
use crate::run::command::{Cmd, End};
use crate::step::Failure;
use crate::tools::host;

const TARGETS: [&str; 2] = ["block", "cache"];
const CANARY: &str = "canary";
/// Seconds for each target; `ZC_FUZZ_SECONDS` gives more.
const SECONDS: u64 = 120;

/// Counters on every edge of the control flow, and every comparison, told to libFuzzer.
const INSTRUMENT: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Zsanitizer=address -Ccodegen-units=1";

pub(crate) fn fuzz(job: &mut Job<'_>) -> Result<(), Failure> {
    let seconds = match std::env::var("ZC_FUZZ_SECONDS") {
        Ok(text) => text
            .parse()
            .map_err(|e| format!("ZC_FUZZ_SECONDS is `{text}`: {e}"))?,
        Err(_) => SECONDS,
    };
    let host = host()?;
    let build = job
        .cargo(&["build", "-p", "zc-fuzz", "--features", "libfuzzer"])
        .args(["--bins", "--profile", "model", "--target", &host])
        .args(["--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", INSTRUMENT)
        .env("RUSTC_BOOTSTRAP", "1");
    job.run(&build)?;
    let folder = job.tree.root.join("target/fuzz");
    let programs = folder.join(&host).join("model");
    let corpus = folder.join("corpus");
    let seeds = Cmd::new(programs.join("seeds"), &job.tree.root).arg(&corpus);
    job.run(&seeds.env("ASAN_OPTIONS", "detect_leaks=0"))?;

    let run = |target: &str, seconds: u64| {
        let committed = job.tree.root.join("fuzz/corpus").join(target);
        let committed = committed.is_dir().then_some(committed);
        let cmd = Cmd::new(programs.join("guided"), &job.tree.root)
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=20", "-rss_limit_mb=4096", "-max_len=4096"])
            .arg(format!("-artifact_prefix={}/{target}-", folder.display()))
            .arg(corpus.join(target))
            .args(committed)
            .env("ZC_FUZZ_TARGET", target)
            .env("ASAN_OPTIONS", "detect_leaks=0");
        (cmd, Duration::from_secs(seconds + 60))
    };
    let canary = run(CANARY, 60);
    let all: Vec<_> = TARGETS.iter().map(|target| run(target, seconds)).collect();
    let ran = job.run_all(&[canary], 1)?;
    let dead = |output: &str| output.contains("the canary is dead");
    if !ran.iter().any(|r| r.end != End::Ok && dead(&r.output)) {
        let why = "blind: the canary lives after a minute".to_owned();
        return Err(Failure::Failed(why));
    }
    let ran = job.run_all(&all, models::width())?;
    for (target, ran) in TARGETS.iter().zip(&ran) {
        let runs = executed(&ran.output);
        job.show(&format!("{target}: {runs} runs"));
        job.count(runs);
        if ran.end != End::Ok || runs == 0 {
            job.note(&ran.output);
            let why = format!("{target}: {:?}; its input is in target/fuzz", ran.end);
            return Err(Failure::Failed(why));
        }
    }
    Ok(())
}

/// From libFuzzer's last line, `Done 123456 runs in 61 second(s)`.
fn executed(output: &str) -> usize {
    let last = output.lines().rev().find_map(|l| l.strip_prefix("Done "));
    last.and_then(|l| l.split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::executed;

    #[test]
    fn the_number_of_runs_is_read() {
        assert_eq!(executed("INFO: x\nDone 12 runs in 3 second(s)\n"), 12);
        assert_eq!(executed("==1== ERROR: x\n"), 0);
    }
}

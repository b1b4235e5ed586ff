//! The programs of the workspace, run briefly: the benches and the demo.

use crate::run::Job;
use crate::step::Failure;

/// Rows that the demo's smoke run sends.
const ROWS: &str = "20000";

/// Each cell of each bench once, on the development profile that the tests have built already.
pub(crate) fn bench_smoke(job: &mut Job<'_>) -> Result<(), Failure> {
    let cmd = job.cargo(&[
        "bench",
        "-p",
        "zc-benches",
        "--profile",
        "dev",
        "--",
        "--test",
    ]);
    job.run_tests(&cmd).map(drop)
}

pub(crate) fn peers(job: &mut Job<'_>) -> Result<(), Failure> {
    let with = ["-p", "zc-benches", "--features", "peers"];
    let lint = job.cargo(&["clippy", "--all-targets"]).args(with);
    job.run(&lint.args(["--", "-D", "warnings"]))?;
    let smoke = job.cargo(&["bench", "--profile", "dev"]).args(with);
    job.run_tests(&smoke.args(["--", "--test"])).map(drop)
}

/// The whole path on a few rows; its last line must account for every one of them.
pub(crate) fn demo_smoke(job: &mut Job<'_>) -> Result<(), Failure> {
    let example = [
        "run",
        "-p",
        "zcbuf",
        "--example",
        "pipeline",
        "--",
        "--rows",
        ROWS,
    ];
    let output = job.run(&job.cargo(&example))?;
    let last = output
        .lines()
        .rfind(|l| !l.trim().is_empty())
        .unwrap_or_default();
    if accounted(last) {
        return Ok(());
    }
    let why = format!("the last line does not account for {ROWS} rows: {last}");
    Err(Failure::Failed(why))
}

fn accounted(last: &str) -> bool {
    let head = format!("demo: {ROWS} rows in, {ROWS} rows verified, 0 lost, ");
    let copied = last
        .strip_prefix(&head)
        .and_then(|t| t.strip_suffix(" bytes copied"));
    copied.is_some_and(|n| n.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::accounted;

    #[test]
    fn the_last_line_must_account_for_every_row() {
        let good = "demo: 20000 rows in, 20000 rows verified, 0 lost, 41 bytes copied";
        assert!(accounted(good));
        assert!(!accounted(&good.replace(", 0 lost", ", 3 lost")));
        assert!(!accounted(
            &good.replace("20000 rows verified", "19999 rows verified")
        ));
        assert!(!accounted(&good.replace("41", "many")));
        assert!(!accounted(""));
    }
}

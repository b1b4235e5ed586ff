//! The programs of the workspace, run briefly: the benches and the demo.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use crate::run::Job;
use crate::run::command::{Cmd, End, Ran};
use crate::step::Failure;

/// Rows that the demo's smoke run sends.
const ROWS: &str = "20000";
/// Rows of the run whose cache cannot hold them, and the bytes of that cache.
const MANY_ROWS: &str = "1200000";
const SMALL_CACHE: &str = "8388608";

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

/// The whole path on a few rows, and on more than its cache keeps; the last line must account for
/// every one of them. Then inputs that cannot be used: each ends with one line that says why, and
/// with an exit code that says so.
pub(crate) fn demo_smoke(job: &mut Job<'_>) -> Result<(), Failure> {
    all_rows_come_back(job, ROWS, &["--tui"])?;
    let output = all_rows_come_back(job, MANY_ROWS, &["--cache-bytes", SMALL_CACHE])?;
    if evictions(&output).is_none_or(|evictions| evictions == 0) {
        let why = format!("a cache of {SMALL_CACHE} bytes evicted nothing");
        return Err(Failure::Failed(why));
    }
    the_ring_is_watched(job)?;
    let folder = job.tree.root.join("target/xtask/demo");
    write_inputs(&folder).map_err(|e| Failure::Failed(format!("{}: {e}", folder.display())))?;
    let forever = Duration::MAX;
    for (input, strict, code, says) in UNUSABLE {
        let path = folder.join(input).display().to_string();
        let mut args = vec!["--input", &path];
        args.extend(strict.then_some("--strict"));
        let ran = job.run_all(&[(demo(job, &args), forever)], 1)?;
        let ran = ran.into_iter().next().ok_or(Failure::Timeout)?;
        let ended = match ran.end {
            End::Ok => 0,
            End::Code(code) => code,
            _ => return Err(Failure::Timeout),
        };
        if ended != *code || !ran.output.contains(says) {
            job.note(&ran.output);
            let why = format!("{input}: exit code {ended} where {code} and `{says}` were due");
            return Err(Failure::Failed(why));
        }
    }
    Ok(())
}

fn all_rows_come_back(job: &mut Job<'_>, rows: &str, more: &[&str]) -> Result<String, Failure> {
    let args = [&["--rows", rows], more].concat();
    let output = job.run(&demo(job, &args))?;
    let last = last_line(&output);
    if !accounted(last, rows) {
        let why = format!("the last line does not account for {rows} rows: {last}");
        return Err(Failure::Failed(why));
    }
    Ok(output)
}

/// `zc-ring-stat` looks at the demo's shared ring while rows go through it.
fn the_ring_is_watched(job: &mut Job<'_>) -> Result<(), Failure> {
    let stat = [
        "-p",
        "zc-ring",
        "--features",
        "cli",
        "--bin",
        "zc-ring-stat",
    ];
    // Built ahead, so that it does not come too late.
    job.run(&job.cargo(&["build"]).args(stat))?;
    let ring = std::env::temp_dir().join(format!("zc-demo-ring-{}", std::process::id()));
    let ring = ring.display().to_string();
    let watch = [
        "--",
        "--wait",
        "300",
        "--count",
        "5",
        "--interval",
        "0.2",
        "--json",
        &ring,
    ];
    let watch = job.cargo(&["run", "--quiet"]).args(stat).args(watch);
    let demo = demo(job, &["--rows", MANY_ROWS, "--shared", &ring]);
    let ran = job.run_all(&[(demo, Duration::MAX), (watch, Duration::MAX)], 2)?;
    for ran in &ran {
        job.note(&ran.output);
    }
    let is_good = |ran: &Ran| matches!(ran.end, End::Ok);
    let [demo, watch] = ran.as_slice() else {
        return Err(Failure::Timeout);
    };
    if !is_good(demo) || !accounted(last_line(&demo.output), MANY_ROWS) {
        return Err(Failure::Failed("the demo with a shared ring failed".into()));
    }
    if !is_good(watch) || !is_a_live_ring(&watch.output) {
        let why = "`zc-ring-stat` does not show the demo's ring";
        return Err(Failure::Failed(why.into()));
    }
    Ok(())
}

/// Whether this is what `zc-ring-stat --json` says five times of a ring in which rows move and are read.
/// The first look may come before anybody reads there, the last one after.
fn is_a_live_ring(output: &str) -> bool {
    let looks: Vec<(bool, u64)> = output
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(r#""head":"#)?;
            let head = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            Some((line.contains(r#""name":"readback""#), head.parse().ok()?))
        })
        .collect();
    let is_read = looks.iter().any(|look| look.0);
    let heads = || looks.iter().map(|look| look.1);
    looks.len() == 5 && is_read && heads().is_sorted() && heads().min() < heads().max()
}

/// Input, whether strict, exit code, and what it must say.
const UNUSABLE: &[(&str, bool, i32, &str)] = &[
    ("missing.csv", false, 2, "No such file"),
    ("", false, 2, "is a directory"),
    ("empty.csv", false, 2, "is empty"),
    ("nocolumn.csv", false, 2, "no column `local_ts_ns`"),
    ("broken.csv", true, 2, "demo: line 17: `qty_lots` is `x`"),
    (
        "broken.csv",
        false,
        0,
        "demo: 29 rows in, 29 rows verified, 0 lost, ",
    ),
];

/// The inputs above: thirty rows of which the sixteenth, on line 17, is none.
fn write_inputs(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("empty.csv"), "")?;
    fs::write(folder.join("nocolumn.csv"), "a,b,c\n1,2,3\n")?;
    let mut broken = String::from(
        "local_ts_ns,exch_ts_ms,instrument_id,kind,side,update_id,price_ticks,qty_lots\n",
    );
    for line in 2..32 {
        let qty = if line == 17 { "x" } else { "5" };
        broken += &format!("{line}000000,{line},3,0,1,{line},268380,{qty}\n");
    }
    fs::write(folder.join("broken.csv"), broken)
}

fn demo(job: &Job<'_>, args: &[&str]) -> Cmd {
    let example = [
        "run",
        "-p",
        "zcbuf",
        "--features",
        "ledger",
        "--example",
        "pipeline",
        "--",
    ];
    job.cargo(&example).args(args.iter().copied())
}

fn last_line(output: &str) -> &str {
    output
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default()
}

fn accounted(last: &str, rows: &str) -> bool {
    let head = format!("demo: {rows} rows in, {rows} rows verified, 0 lost, ");
    let copied = last
        .strip_prefix(&head)
        .and_then(|t| t.strip_suffix(" bytes copied"));
    copied.is_some_and(|n| n.parse::<u64>().is_ok())
}

/// What the demo's table says of its cache.
fn evictions(output: &str) -> Option<u64> {
    let line = output
        .lines()
        .find(|line| line.trim_start().starts_with("cache "))?;
    let count = line.strip_suffix(" evictions")?;
    count.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{ROWS, evictions, is_a_live_ring};

    #[test]
    fn a_ring_is_alive_while_its_head_moves() {
        let line = |head: u64| format!(r#"{{"consumers":[{{"name":"readback"}}],"head":{head}}}"#);
        let lines = |heads: [u64; 5]| heads.map(line).join("\n");
        assert!(is_a_live_ring(&lines([0, 10, 20, 30, 30])));
        assert!(!is_a_live_ring(&lines([10; 5])));
        assert!(!is_a_live_ring(&lines([10, 20, 5, 30, 40])));
        let unread = lines([0, 10, 20, 30, 40]).replace("readback", "none");
        assert!(!is_a_live_ring(&unread));
        assert!(!is_a_live_ring("error: no such file"));
    }

    fn accounted(last: &str) -> bool {
        super::accounted(last, ROWS)
    }

    #[test]
    fn evictions_are_read_from_the_table() {
        let table =
            "  rows in  5\n  cache                        9 objects, 73 bytes, 10 evictions\n";
        assert_eq!(evictions(table), Some(10));
        assert_eq!(evictions("demo: 5 rows in"), None);
    }

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

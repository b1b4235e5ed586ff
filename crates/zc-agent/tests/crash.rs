//! kill -9 at any moment while a `FileSink` writes: what the map names afterwards is on disk with
//! the right bytes, what was reported as completed is named, and a torn map is no error.
//!
//! The test runs itself again as a child, which resumes the file, writes groups to it in a random
//! order, syncs after every few, and says on its standard output which ranges are completed. The
//! parent kills it once it has read a random number of lines and waited for a random moment.
//! `ZC_CRASH_ROUNDS` sets the number of kills, 200 unless set.
//!
//! A kill loses nothing that the kernel has; that data written without a sync can be lost with the
//! machine is what the order of steps in the sink is for, and no test here can show it.
#![cfg(all(unix, not(any(zc_loom, zc_shuttle))))]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use zc_agent::*;

const CHILD: &str = "ZC_AGENT_CRASH_CHILD";
const SEED: &str = "ZC_AGENT_CRASH_SEED";
/// Bytes in a group, and groups in the file.
const GROUP: u64 = 1000;
const GROUPS: u64 = 400;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

#[test]
fn the_map_names_what_is_on_disk_wherever_the_writer_is_killed() {
    if let Ok(path) = std::env::var(CHILD) {
        return child(Path::new(&path));
    }
    let kills: u64 =
        std::env::var("ZC_CRASH_ROUNDS").map_or(200, |n| n.parse().expect("a number of kills"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut reached = 0;
    for kill in 0..kills {
        let told = run_and_kill(&path, kill + 1, &mut random);
        let sink = FileSink::resume(&path).expect("a torn map is no error");
        let ranges = sink.completed_ranges();
        assert_pattern(&path, &ranges);
        for range in told {
            let is_named = ranges
                .iter()
                .any(|r| r.start <= range.start && range.end <= r.end);
            assert!(
                is_named,
                "kill {kill}: {range:?} was completed, and is not named"
            );
        }
        reached = reached.max(ranges.iter().map(|r| r.end - r.start).sum());
        if reached == GROUP * GROUPS {
            // All of it is there: begin with a new file.
            FileSink::create(&path).unwrap();
            reached = 0;
        }
    }
}

/// Lets a child write until it is killed; the ranges that it said were completed.
fn run_and_kill(path: &Path, seed: u64, random: &mut Random) -> Vec<Range<u64>> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("the_map_names_what_is_on_disk_wherever_the_writer_is_killed")
        .env(CHILD, path)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let enough = random.below(12);
    while (told.len() as u64) < enough {
        let Some(line) = lines.next() else { break };
        told.extend(parse(&line.unwrap()));
    }
    std::thread::sleep(Duration::from_micros(random.below(3000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died.
    for line in lines {
        told.extend(parse(&line.unwrap()));
    }
    told
}

/// A whole line of the child's; others are the test harness's, or cut off.
fn parse(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.strip_prefix('@')?.strip_suffix(';')?.split_once(' ')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

fn assert_pattern(path: &Path, ranges: &[Range<u64>]) {
    let file = File::open(path).unwrap();
    for range in ranges {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut bytes, range.start).unwrap();
        assert!(
            bytes == pattern_bytes(range.start, bytes.len()),
            "{range:?} is not what was written"
        );
    }
}

/// What the child does until it is killed, or until the file is complete.
fn child(path: &Path) {
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut sink = FileSink::resume(path).unwrap().sync_every(3 * GROUP);
        let mut out = std::io::stdout();
        let mut left = groups().await;
        let done = sink.completed_ranges();
        // One group in eight of those that are there already is written once more.
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        left.retain(|group| {
            let is_done = done
                .iter()
                .any(|r| r.start <= group.offset && group.offset < r.end);
            !is_done || random.below(8) == 0
        });
        while !left.is_empty() {
            let at = random.below(left.len() as u64) as usize;
            sink.write_group(left.swap_remove(at)).await.unwrap();
            let lines: String = sink
                .completed_ranges()
                .iter()
                .map(|r| format!("\n@{} {};", r.start, r.end))
                .collect();
            out.write_all(lines.as_bytes()).unwrap();
            out.write_all(b"\n").unwrap();
            out.flush().unwrap();
        }
        sink.finish().await.unwrap();
    });
}

/// The whole stream.
async fn groups() -> Vec<SuccessfulGroupData> {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(GROUP as usize)
        .adopt_threshold(300)
        .memory_budget(64 << 20)
        .spawn()
        .unwrap();
    let mut all = Vec::new();
    for _ in 0..GROUPS {
        for len in [200, 500, 300] {
            let agent = handle.reserve_writer(size(len)).await.unwrap();
            let bytes = pattern_bytes(agent.offset(), len);
            agent.into_single_agent().submit_bytes(bytes).await.unwrap();
        }
        all.push(next(&mut groups).await);
    }
    all
}

//! The tool `zc-cache`, as its users call it.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::os::unix::fs::FileExt;
use std::process::{Command, Output};

use common::{Dir, open, pattern};

fn tool(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zc-cache"))
        .args(words)
        .output()
        .unwrap()
}

#[test]
fn a_bench_leaves_nothing_behind() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let shown = tool(&["bench", folder.path().to_str().unwrap()]);
    assert_eq!(shown.status.code(), Some(0));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = folder.path().join("missing");
    let refused = tool(&["bench", missing.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
}

#[tokio::test]
async fn a_cache_looked_into_from_outside() {
    let dir = Dir::new();
    let path = dir.path();
    let file = path.to_str().unwrap();
    let cache = open(&path).await;
    cache.store("first", pattern(1, 5000)).await.unwrap();
    cache.store("second", pattern(2, 300_000)).await.unwrap();
    let refused = tool(&["verify", file]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use"));
    cache.close().await.unwrap();
    drop(cache);
    let before = std::fs::read(&path).unwrap();

    let shown = tool(&["inspect", file]);
    assert_eq!(shown.status.code(), Some(0));
    let shown = String::from_utf8(shown.stdout).unwrap();
    for wanted in ["16777216 bytes", "2 with 305000 bytes", "1, closed cleanly"] {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
    let listed = String::from_utf8(tool(&["list", file]).stdout).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(tool(&["verify", file]).status.code(), Some(0));
    let dumped = tool(&["dump", file, "second"]);
    assert_eq!(dumped.status.code(), Some(0));
    assert!(dumped.stdout == pattern(2, 300_000));
    assert_eq!(tool(&["dump", file, "third"]).status.code(), Some(1));
    assert!(
        std::fs::read(&path).unwrap() == before,
        "not a byte was changed"
    );

    // A damaged value is found and named.
    let head = pattern(2, 64);
    let at = before
        .windows(64)
        .position(|window| *window == head[..])
        .unwrap();
    let raw = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    raw.write_all_at(&[!before[at + 1000]], at as u64 + 1000)
        .unwrap();
    let verified = tool(&["verify", file]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("damaged: second"));
    assert_eq!(tool(&["dump", file, "second"]).status.code(), Some(1));
}

#[test]
fn wrong_calls_are_one_clear_line() {
    for words in [
        &["verify"][..],
        &["frobnicate"],
        &["inspect", "/no/such/file"],
        &["--bad"],
    ] {
        let output = tool(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr).lines().count(),
            1,
            "{words:?}"
        );
    }
    assert!(tool(&["--help"]).status.success());
}

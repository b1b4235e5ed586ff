//! `zc-ring-stat` against a live ring.

#![cfg(all(feature = "cli", target_os = "linux", not(any(zc_loom, zc_shuttle))))]

use std::process::{Command, Output};

use zc_ring::{ConsumerOptions, OnLag, RowRing, Schema};

fn stat(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_zc-ring-stat");
    Command::new(program).args(args).output().unwrap()
}

#[test]
fn it_shows_a_live_ring_as_text_and_as_json() {
    let path = std::env::temp_dir().join(format!("zc-ring-stat-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let schema = Schema::builder().u64("n").build().unwrap();
    let n = schema.column::<u64>("n").unwrap();
    let ring = RowRing::create_shared(&path, schema, 64).unwrap();
    let reader = ConsumerOptions {
        name: "reader",
        ..Default::default()
    };
    let mut reader = ring.consumer(reader).unwrap();
    let watcher = ConsumerOptions {
        name: "watcher",
        on_lag: OnLag::Lossy,
        ..Default::default()
    };
    let _watcher = ring.consumer(watcher).unwrap();
    let mut producer = ring.producer().unwrap();
    for i in 0..50 {
        producer.push(|row| row.set(n, i)).unwrap();
    }
    drop(reader.poll(20).rows().unwrap());
    let path = path.to_str().unwrap();

    let json = stat(&["--json", "--count", "2", "--interval", "0.01", path]);
    assert!(json.status.success());
    let text = String::from_utf8(json.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["head"], 50);
    assert_eq!(lines[1]["rows_per_second"], 0.0);
    assert_eq!(lines[0]["producer_alive"], true);
    let consumers = &lines[0]["consumers"];
    assert_eq!(consumers[0]["name"], "reader");
    assert_eq!(consumers[0]["lag"], 30);
    assert_eq!(consumers[1]["policy"], "lossy");
    assert_eq!(lines[0]["batch_size"][0]["count"], 50);
    assert_eq!(lines[0]["latency_ns"][0]["count"], 1);

    let text = stat(&["--once", path]);
    assert!(text.status.success());
    let text = String::from_utf8(text.stdout).unwrap();
    for word in ["head 50", "reader", "watcher", "batch size", "latency"] {
        assert!(text.contains(word), "no {word} in:\n{text}");
    }
    // It has taken no part: no place, no handle.
    assert_eq!(ring.metrics().consumers.len(), 2);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_no_ring_is_an_error_that_says_so() {
    for (args, said) in [
        (&["--once", "/etc/hostname-that-is-not"][..], "cannot open"),
        (
            &["--once", env!("CARGO_BIN_EXE_zc-ring-stat")],
            "no shared ring",
        ),
        (&["--once"], "PATH is missing"),
        (&["--sideways", "x"], "sideways"),
    ] {
        let output = stat(args);
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{error}");
    }
    assert!(stat(&["--help"]).status.success());
}

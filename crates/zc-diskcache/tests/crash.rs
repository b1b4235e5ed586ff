//! kill -9 at any moment: what was acknowledged is there with the right bytes, or (only if it was
//! evicted) a miss; what was overwritten or removed never comes back.
//!
//! The test runs itself again as a child, which stores, overwrites, removes and evicts, and says
//! before and after each change what it is about. The parent kills it after a random time, opens
//! the cache and looks. `ZC_CRASH_ROUNDS` sets the number of rounds, 300 unless set.

#![cfg(not(any(zc_loom, zc_shuttle)))]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use common::{Dir, KIB, MIB, pattern};
use zc_diskcache::{Eviction, RawDiskCache, Verify};

const CHILD: &str = "ZC_CRASH_CHILD";
const KEYS: u64 = 40;

fn builder(path: &PathBuf, seed: u64) -> zc_diskcache::CacheBuilder {
    RawDiskCache::builder(path)
        .capacity(4 * MIB as u64)
        .eviction([Eviction::S3Fifo, Eviction::Sieve, Eviction::Lru][(seed % 3) as usize])
        // A kill alone leaves nothing that a checksum would be needed for.
        .verify(if seed.is_multiple_of(2) {
            Verify::Never
        } else {
            Verify::FirstRead
        })
}

/// The value of `key` in its `version`th edition; says both itself.
fn value(key: u64, version: u64) -> Bytes {
    let seed = key << 40 | version;
    let len = [10, 3 * KIB, 70 * KIB, 300 * KIB][(seed.wrapping_mul(31) % 4) as usize];
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(&pattern(seed, len));
    Bytes::from(bytes)
}

fn key(n: u64) -> String {
    if n.is_multiple_of(5) {
        format!("{n}{}", "-long".repeat(30))
    } else {
        format!("key{n}")
    }
}

/// What the child does until it is killed.
fn child(path: &PathBuf, seed: u64) {
    let mut random = seed | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut out = std::io::stdout().lock();
    // One write a line: the parent sees whole lines or nothing.
    let mut say = |line: String| out.write_all(format!("@{line}\n").as_bytes()).unwrap();
    zc_core::sync::block_on(async {
        let cache = builder(path, seed).open().await.unwrap();
        let mut held = Vec::new();
        for version in seed << 16.. {
            let n = next() % KEYS;
            match next() % 8 {
                0 => {
                    say(format!("begin remove {n} {version}"));
                    let _ = cache.remove(key(n)).await.unwrap();
                    say(format!("done remove {n} {version}"));
                }
                1 => {
                    held.truncate(3);
                    held.insert(0, cache.get_frozen(key(n)).unwrap());
                }
                2 if next() % 8 == 0 => cache.flush().await.unwrap(),
                _ => {
                    say(format!("begin store {n} {version}"));
                    cache.store(key(n), value(n, version)).await.unwrap();
                    say(format!("done store {n} {version}"));
                }
            }
        }
    });
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The last acknowledged edition; `None`: removed, or never there.
    acknowledged: Option<u64>,
    /// A change that was begun and not acknowledged: the edition it leads to.
    begun: Option<Option<u64>>,
}

#[test]
fn killed_at_any_moment() {
    if let Ok(seed) = std::env::var(CHILD) {
        let path = PathBuf::from(std::env::var("ZC_CRASH_PATH").unwrap());
        child(&path, seed.parse().unwrap());
        return;
    }
    let rounds: u64 = std::env::var("ZC_CRASH_ROUNDS").ok().map_or(300, |rounds| {
        rounds.parse().expect("ZC_CRASH_ROUNDS is a number")
    });
    let dir = Dir::new();
    let mut known: HashMap<u64, Known> = HashMap::new();
    let (mut hits, mut changes) = (0_u64, 0_u64);
    for round in 1..=rounds {
        changes += run_and_kill(&dir, round, &mut known);
        hits += look(&dir, round, &mut known);
    }
    assert!(changes > rounds, "the children did nothing: {changes}");
    assert!(hits > rounds, "nothing survived: {hits}");
}

fn run_and_kill(dir: &Dir, round: u64, known: &mut HashMap<u64, Known>) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_at_any_moment", "--nocapture"])
        .env(CHILD, round.to_string())
        .env("ZC_CRASH_PATH", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = output.split(b'\n').map_while(Result::ok);
        lines.collect::<Vec<Vec<u8>>>()
    });
    // From before the cache is open to some hundred changes later.
    let pause = 2_000 + round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 40_000;
    std::thread::sleep(Duration::from_micros(pause));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut done = 0;
    for line in reader.join().unwrap() {
        let line = String::from_utf8(line).unwrap();
        // The test harness may have printed before the first line.
        let Some((_, line)) = line.split_once('@') else {
            continue;
        };
        let words: Vec<&str> = line.split(' ').collect();
        let [when, what, n, version] = words[..] else {
            continue;
        };
        let version: u64 = version.parse().unwrap();
        let edition = (what == "store").then_some(version);
        let known = known.entry(n.parse().unwrap()).or_default();
        if when == "begin" {
            known.begun = Some(edition);
        } else {
            done += 1;
            *known = Known {
                acknowledged: edition,
                begun: None,
            };
        }
    }
    done
}

fn look(dir: &Dir, round: u64, known: &mut HashMap<u64, Known>) -> u64 {
    zc_core::sync::block_on(async {
        // The other policy than the child had, now and then.
        let cache = builder(&dir.path(), round + round / 3)
            .open()
            .await
            .unwrap();
        assert_eq!(
            cache.stats().corrupt,
            0,
            "round {round}: a kill damages no record"
        );
        let mut hits = 0;
        for n in 0..KEYS {
            let known = known.entry(n).or_default();
            let found = cache.lookup(key(n)).await.unwrap();
            let version = found.as_ref().map(|bytes| {
                let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                assert_eq!(seed >> 40, n, "round {round}: the bytes of another key");
                seed & ((1 << 40) - 1)
            });
            if let (Some(bytes), Some(version)) = (&found, version) {
                assert!(
                    *bytes == value(n, version),
                    "round {round}: wrong bytes for {n}"
                );
                let allowed = [known.acknowledged, known.begun.flatten()];
                assert!(
                    allowed.contains(&Some(version)),
                    "round {round}: key {n} is back at {version}, known {known:?}"
                );
                hits += 1;
            }
            // What is there now is what counts from here on.
            *known = Known {
                acknowledged: version,
                begun: None,
            };
        }
        hits
    })
}

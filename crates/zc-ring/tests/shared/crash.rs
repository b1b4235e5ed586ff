//! kill -9 at any moment: what was published is whole and in order, the dead hold nobody up, and the
//! ring goes on.
//!
//! `ZC_CRASH_ROUNDS` sets the number of rounds, 50 unless set.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

const ROLE: &str = "ZC_CRASH_ROLE";
const PATH: &str = "ZC_CRASH_PATH";
const CAPACITY: usize = 64;

fn spawn(role: &str, path: &Temp) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::killed_at_any_moment", "--nocapture"])
        .env(ROLE, role)
        .env(PATH, &path.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the children do until they are killed.
fn child(role: &str) {
    let path = std::env::var(PATH).unwrap();
    loop {
        // Opening and joining are moments to be killed in as well.
        let ring = RowRing::open_shared(&path).unwrap();
        if role == "producer" {
            let Ok(mut producer) = ring.producer() else {
                continue;
            };
            let schema = producer.schema().clone();
            for _ in 0..5000 {
                producer.push(|row| fill(row, &schema)).unwrap();
            }
        } else {
            let on_lag = match role {
                "lossy" => OnLag::Lossy,
                "evict" => OnLag::Evict {
                    rows: 8,
                    after: Duration::from_millis(1),
                },
                _ => OnLag::Block,
            };
            let Ok(mut consumer) = ring.consumer(options(role, Start::Oldest, on_lag)) else {
                continue;
            };
            for _ in 0..500 {
                consumer.ready_timeout(Duration::from_millis(1));
                read(&mut consumer, 7);
            }
        }
    }
}

#[test]
fn killed_at_any_moment() {
    if let Ok(role) = std::env::var(ROLE) {
        return child(&role);
    }
    let rounds: u64 = std::env::var("ZC_CRASH_ROUNDS").ok().map_or(50, |rounds| {
        rounds.parse().expect("ZC_CRASH_ROUNDS is a number")
    });
    let path = Temp::new();
    let ring = create(&path, CAPACITY);
    let mut seen = 0;
    for round in 1..=rounds {
        seen += one_round(&path, &ring, round);
    }
    assert!(
        seen > rounds * CAPACITY as u64,
        "the children did next to nothing: {seen}"
    );
    assert_eq!(ring.metrics().published, seen);
    // Whoever is left is dead.
    drop(ring);
    RowRing::open_shared(&path).unwrap();
}

fn one_round(path: &Temp, ring: &SharedRing, round: u64) -> u64 {
    let mut consumer = ring.consumer(ConsumerOptions::default()).unwrap();
    let first = consumer.sequence();
    let roles = ["block", "lossy", "evict"];
    let mut producer = spawn("producer", path);
    let mut other = spawn(roles[(round % 3) as usize], path);
    let random = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    // From before they have opened the ring to some thousand rows later.
    let pause = Duration::from_micros(500 + random % 25_000);
    let end = Instant::now() + pause;
    while Instant::now() < end {
        consumer.ready_timeout(Duration::from_millis(1));
        read(&mut consumer, 50);
    }
    let (one, two) = if random.is_multiple_of(2) {
        (&mut producer, &mut other)
    } else {
        (&mut other, &mut producer)
    };
    one.kill().unwrap();
    let more = Instant::now() + Duration::from_micros(random % 3000);
    while Instant::now() < more {
        read(&mut consumer, 50);
    }
    two.kill().unwrap();
    one.wait().unwrap();
    two.wait().unwrap();
    // All that was published is whole and in order; `read` looks.
    while read(&mut consumer, 100) > 0 {}
    // The dead producer's place is free at once, and dead consumers hold it up for a second at most.
    let mut producer = ring.producer().unwrap();
    assert_eq!(producer.sequence(), consumer.sequence(), "round {round}");
    let schema = schema();
    for _ in 0..CAPACITY * 2 {
        let pushed = producer.push_timeout(Duration::from_secs(1), |row| fill(row, &schema));
        pushed.unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert_eq!(read(&mut consumer, 100), 1, "round {round}");
    }
    let left = ring.metrics().consumers;
    let gating = left
        .iter()
        .filter(|c| !matches!(c.on_lag, OnLag::Lossy) && c.evictions == 0);
    assert_eq!(gating.count(), 1, "round {round}: {left:?}");
    consumer.sequence() - first
}

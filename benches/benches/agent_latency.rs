//! How long one thing takes, as a percentile over many: a reservation, the way of a group to its
//! receiver, the way of a failure to its, and of a byte that is too few for a group.
//!
//! Each sample is taken with the clock around it, which costs some 25 ns and is part of the figure
//! for everybody. Only a reservation is timed sixteen at a time.

mod agent;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent::{Outcome, runtime, say};
use bytes::BufMut;
use tokio::sync::mpsc;
use zc_agent::{Manager, Received};
use zc_benches::{Bench, Unit};

const LINGER: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    Bench::main("agent_latency", |bench| {
        for (name, q, goal) in [("p50", 0.5, 30.0), ("p99.9", 0.999, 1000.0)] {
            bench
                .cell(
                    format!("reserve 64 B, alone, {name}"),
                    Unit::Latency { ops: 20_000 },
                    64,
                )
                .goal(goal)
                .ours(move |n| reserve(n, q))
                .run();
        }
        for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
            bench
                .cell(
                    format!("last commit to group received, {name}"),
                    Unit::Latency { ops: 300 },
                    32,
                )
                .ours(move |n| group_to_receiver(n, q))
                .peer("tokio mpsc of Bytes", move |n| channel_to_receiver(n, q))
                .run();
        }
        bench
            .cell(
                "agent dropped to failure received, p99",
                Unit::Latency { ops: 300 },
                32,
            )
            .goal(1e6)
            .ours(|n| failure_to_receiver(n, 0.99))
            .run();
        for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
            bench
                .cell(
                    format!("one byte below the threshold, beyond the linger of 2 ms, {name}"),
                    Unit::Latency { ops: 100 },
                    4,
                )
                .goal(1e6)
                .ours(move |n| lingering(n, q))
                .limit(move |n| sleeping(n, q))
                .run();
        }
    })
}

/// The `q`-quantile of `samples`.
fn quantile(mut samples: Vec<Duration>, q: f64) -> Outcome {
    samples.sort_unstable();
    let at = (samples.len() as f64 * q) as usize;
    let sample = samples.get(at.min(samples.len().saturating_sub(1)));
    sample.copied().ok_or_else(|| "no sample".to_owned())
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn reserve(n: u64, q: f64) -> Outcome {
    const BATCH: usize = 16;
    let (handle, mut groups, _failures) = Manager::builder()
        .memory_budget(8 << 20)
        .spawn()
        .map_err(say)?;
    let size = NonZeroUsize::new(64).ok_or("not zero")?;
    let (mut samples, mut received) = (Vec::new(), 0);
    for _ in 0..n.div_ceil(BATCH as u64) {
        let mut agents = Vec::with_capacity(BATCH);
        let begin = Instant::now();
        for _ in 0..BATCH {
            agents.push(handle.try_reserve_writer(size).map_err(say)?);
        }
        samples.push(begin.elapsed() / BATCH as u32);
        for mut agent in agents {
            agent.put_bytes(7, 64);
            agent.commit().map_err(say)?;
        }
        while let Some(Received::Item(group)) = groups.try_recv() {
            received += group.len;
        }
    }
    handle.flush();
    while let Some(Received::Item(group)) = groups.try_recv() {
        received += group.len;
    }
    if received != samples.len() * BATCH * 64 {
        return Err(format!("{received} bytes came out"));
    }
    quantile(samples, q)
}

fn group_to_receiver(n: u64, q: f64) -> Outcome {
    runtime().block_on(async move {
        let (handle, mut groups, _failures) = Manager::builder()
            .min_group_commit_size(64)
            .spawn()
            .map_err(say)?;
        let size = NonZeroUsize::new(64).ok_or("not zero")?;
        let (sent, mut sent_at) = mpsc::channel::<Instant>(1);
        let receiver = tokio::spawn(async move {
            let mut samples = Vec::new();
            while let Received::Item(group) = groups.recv().await {
                let now = Instant::now();
                if group.len != 64 {
                    return Err(format!("a group of {} bytes", group.len));
                }
                let sent = sent_at.recv().await.ok_or("no time of sending")?;
                samples.push(now.saturating_duration_since(sent));
            }
            Ok::<_, String>(samples)
        });
        for _ in 0..n {
            let mut agent = handle.reserve_writer(size).await.map_err(say)?;
            agent.put_bytes(7, 64);
            let now = Instant::now();
            agent.commit().map_err(say)?;
            sent.send(now).await.map_err(say)?;
            // The receiver is to be asleep again.
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        handle.finalize().await.map_err(say)?;
        quantile(receiver.await.map_err(say)??, q)
    })
}

fn channel_to_receiver(n: u64, q: f64) -> Outcome {
    runtime().block_on(async move {
        let (sender, mut receiver) = mpsc::channel::<(Instant, bytes::Bytes)>(16);
        let receiver = tokio::spawn(async move {
            let mut samples = Vec::new();
            while let Some((sent, _)) = receiver.recv().await {
                samples.push(sent.elapsed());
            }
            samples
        });
        for _ in 0..n {
            let bytes = bytes::Bytes::from(vec![7; 64]);
            sender.send((Instant::now(), bytes)).await.map_err(say)?;
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        drop(sender);
        quantile(receiver.await.map_err(say)?, q)
    })
}

fn failure_to_receiver(n: u64, q: f64) -> Outcome {
    runtime().block_on(async move {
        let (handle, groups, mut failures) = Manager::builder().spawn().map_err(say)?;
        let _groups = groups;
        let (sent, mut sent_at) = mpsc::channel::<Instant>(1);
        let receiver = tokio::spawn(async move {
            let mut samples = Vec::new();
            while let Received::Item(failed) = failures.recv().await {
                let now = Instant::now();
                for _ in &failed.failed_reservations {
                    let sent = sent_at.recv().await.ok_or("no time of sending")?;
                    samples.push(now.saturating_duration_since(sent));
                }
            }
            Ok::<_, String>(samples)
        });
        for _ in 0..n {
            let agent = handle.reserve_writer(one()).await.map_err(say)?;
            let now = Instant::now();
            drop(agent);
            sent.send(now).await.map_err(say)?;
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        handle.finalize().await.map_err(say)?;
        quantile(receiver.await.map_err(say)??, q)
    })
}

fn lingering(n: u64, q: f64) -> Outcome {
    runtime().block_on(async move {
        let spawned = Manager::builder().linger(LINGER).spawn();
        let (handle, mut groups, _failures) = spawned.map_err(say)?;
        let mut samples = Vec::new();
        for _ in 0..n {
            let begin = Instant::now();
            let mut agent = handle.reserve_writer(one()).await.map_err(say)?;
            agent.put_u8(7);
            agent.commit().map_err(say)?;
            let group = groups.recv().await.item().ok_or("the end")?;
            samples.push(begin.elapsed().saturating_sub(LINGER));
            if group.len != 1 {
                return Err(format!("a group of {} bytes", group.len));
            }
        }
        quantile(samples, q)
    })
}

/// The bare limit: a sleep of the runtime's.
fn sleeping(n: u64, q: f64) -> Outcome {
    runtime().block_on(async move {
        let mut samples = Vec::new();
        for _ in 0..n {
            let begin = Instant::now();
            tokio::time::sleep(LINGER).await;
            samples.push(begin.elapsed().saturating_sub(LINGER));
        }
        quantile(samples, q)
    })
}

//! The work: numbers below `n` through a channel, shared out among its senders; together the
//! receivers must get each exactly once, which their count and their sum say.

use std::fmt;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use zc_benches::threads::{Task, expect, together};

use crate::ends::{AsyncRx, AsyncTx, BlockingRx, BlockingTx};
use crate::message::Message;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) capacity: usize,
    pub(crate) senders: usize,
    pub(crate) receivers: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            capacity,
            senders,
            receivers,
        } = self;
        write!(f, "cap={capacity} {senders}x{receivers}")
    }
}

/// Senders and receivers of one channel.
pub(crate) type Ends<S, R> = (Vec<S>, Vec<R>);

/// As many clones of each end as the shape says.
pub(crate) fn many<S: Clone, R: Clone>(shape: Shape, (tx, rx): (S, R)) -> Ends<S, R> {
    (vec![tx; shape.senders], vec![rx; shape.receivers])
}

/// Many senders, one receiver.
pub(crate) fn one<S: Clone, R>(shape: Shape, (tx, rx): (S, R)) -> Ends<S, R> {
    (vec![tx; shape.senders], vec![rx])
}

/// One of each, which cannot be cloned.
#[cfg(feature = "peers")]
pub(crate) fn single<S, R>((tx, rx): (S, R)) -> Ends<S, R> {
    (vec![tx], vec![rx])
}

/// What a receiver got.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    fn add(&mut self, message: &impl Message) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(message.number());
    }

    fn check(tallies: &[Self], n: u64) -> Result<(), String> {
        let count = tallies.iter().map(|t| t.count).sum();
        let sum = tallies.iter().fold(0, |a: u64, t| a.wrapping_add(t.sum));
        expect("messages received", count, n)?;
        expect("their sum", sum, n * n.saturating_sub(1) / 2)
    }
}

/// The numbers that sender `first` of `senders` sends.
fn share(first: usize, senders: usize, n: u64) -> impl Iterator<Item = u64> + Send {
    (first as u64..n).step_by(senders)
}

fn send_all<M: Message, S: BlockingTx<M>>(
    mut tx: S,
    numbers: impl Iterator<Item = u64>,
) -> Result<(), String> {
    for number in numbers {
        expect("sent", tx.send(M::of(number)), true)?;
    }
    Ok(())
}

fn recv_all<M: Message, R: BlockingRx<M>>(mut rx: R) -> Tally {
    let mut tally = Tally::default();
    while let Some(message) = rx.recv() {
        tally.add(&message);
    }
    tally
}

async fn send_all_async<M: Message, S: AsyncTx<M>>(
    mut tx: S,
    numbers: impl Iterator<Item = u64>,
) -> Result<(), String> {
    for number in numbers {
        expect("sent", tx.send(M::of(number)).await, true)?;
    }
    Ok(())
}

async fn recv_all_async<M: Message, R: AsyncRx<M>>(mut rx: R) -> Tally {
    let mut tally = Tally::default();
    while let Some(message) = rx.recv().await {
        tally.add(&message);
    }
    tally
}

/// Sends and receives in turn, on one thread.
pub(crate) fn pair<M: Message, S: BlockingTx<M>, R: BlockingRx<M>>(
    n: u64,
    (mut tx, mut rx): (S, R),
) -> Result<Duration, String> {
    let mut tally = Tally::default();
    let begin = Instant::now();
    for number in 0..n {
        expect("sent", tx.send(M::of(number)), true)?;
        let message = rx.recv().ok_or("closed")?;
        tally.add(&message);
    }
    let elapsed = begin.elapsed();
    Tally::check(&[tally], n)?;
    Ok(elapsed)
}

/// Sends and receives in turn, in one task.
pub(crate) fn pair_async<M: Message, S: AsyncTx<M>, R: AsyncRx<M>>(
    n: u64,
    (mut tx, mut rx): (S, R),
) -> Result<Duration, String> {
    let mut tally = Tally::default();
    let begin = Instant::now();
    zc_core::sync::block_on(async {
        for number in 0..n {
            expect("sent", tx.send(M::of(number)).await, true)?;
            let message = rx.recv().await.ok_or("closed")?;
            tally.add(&message);
        }
        Ok::<_, String>(())
    })?;
    let elapsed = begin.elapsed();
    Tally::check(&[tally], n)?;
    Ok(elapsed)
}

/// Threads at both ends.
pub(crate) fn run_threads<M: Message, S: BlockingTx<M>, R: BlockingRx<M>>(
    n: u64,
    (senders, receivers): Ends<S, R>,
) -> Result<Duration, String> {
    let step = senders.len();
    let mut tallies = vec![Tally::default(); receivers.len()];
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for (first, tx) in senders.into_iter().enumerate() {
        tasks.push(Box::new(move || send_all(tx, share(first, step, n))));
    }
    for (rx, tally) in receivers.into_iter().zip(&mut tallies) {
        tasks.push(Box::new(move || {
            *tally = recv_all(rx);
            Ok(())
        }));
    }
    let elapsed = together(tasks)?;
    Tally::check(&tallies, n)?;
    Ok(elapsed)
}

/// Two workers, as many as the machine has processors that the tables speak of.
fn runtime() -> Result<Runtime, String> {
    let built = Builder::new_multi_thread().worker_threads(2).build();
    built.map_err(|error| error.to_string())
}

async fn all<T>(handles: Vec<JoinHandle<T>>) -> Result<Vec<T>, String> {
    let mut results = Vec::with_capacity(handles.len());
    for handle in handles {
        results.push(handle.await.map_err(|error| error.to_string())?);
    }
    Ok(results)
}

/// Tasks at both ends.
pub(crate) fn run_tasks<M: Message, S: AsyncTx<M>, R: AsyncRx<M>>(
    n: u64,
    (senders, receivers): Ends<S, R>,
) -> Result<Duration, String> {
    let runtime = runtime()?;
    let step = senders.len();
    let (elapsed, tallies) = runtime.block_on(async {
        let begin = Instant::now();
        let senders = senders.into_iter().enumerate();
        let senders = senders
            .map(|(first, tx)| tokio::spawn(send_all_async(tx, share(first, step, n))))
            .collect();
        let receivers = receivers
            .into_iter()
            .map(|rx| tokio::spawn(recv_all_async(rx)))
            .collect();
        all(senders).await?.into_iter().collect::<Result<(), _>>()?;
        let tallies = all(receivers).await?;
        Ok::<_, String>((begin.elapsed(), tallies))
    })?;
    Tally::check(&tallies, n)?;
    Ok(elapsed)
}

/// Threads send, tasks receive.
pub(crate) fn run_mixed_to_task<M: Message, S: BlockingTx<M>, R: AsyncRx<M>>(
    n: u64,
    (senders, receivers): Ends<S, R>,
) -> Result<Duration, String> {
    let runtime = runtime()?;
    let step = senders.len();
    let start = Barrier::new(step + 1);
    let (elapsed, tallies) = std::thread::scope(|scope| {
        let threads: Vec<_> = senders
            .into_iter()
            .enumerate()
            .map(|(first, tx)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    send_all(tx, share(first, step, n))
                })
            })
            .collect();
        let receivers = receivers
            .into_iter()
            .map(|rx| runtime.spawn(recv_all_async(rx)))
            .collect();
        start.wait();
        let begin = Instant::now();
        let tallies = runtime.block_on(all(receivers))?;
        let elapsed = begin.elapsed();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok::<_, String>((elapsed, tallies))
    })?;
    Tally::check(&tallies, n)?;
    Ok(elapsed)
}

/// Tasks send, threads receive.
pub(crate) fn run_mixed_to_thread<M: Message, S: AsyncTx<M>, R: BlockingRx<M>>(
    n: u64,
    (senders, receivers): Ends<S, R>,
) -> Result<Duration, String> {
    let runtime = runtime()?;
    let step = senders.len();
    let start = Barrier::new(receivers.len() + 1);
    let (elapsed, tallies) = std::thread::scope(|scope| {
        let threads: Vec<_> = receivers
            .into_iter()
            .map(|rx| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    recv_all(rx)
                })
            })
            .collect();
        start.wait();
        let begin = Instant::now();
        let senders = senders.into_iter().enumerate();
        let senders = senders
            .map(|(first, tx)| runtime.spawn(send_all_async(tx, share(first, step, n))))
            .collect();
        let sent = runtime.block_on(all(senders))?;
        let mut tallies = Vec::new();
        for thread in threads {
            tallies.push(thread.join().map_err(|_| "a thread panicked")?);
        }
        let elapsed = begin.elapsed();
        sent.into_iter().collect::<Result<(), _>>()?;
        Ok::<_, String>((elapsed, tallies))
    })?;
    Tally::check(&tallies, n)?;
    Ok(elapsed)
}

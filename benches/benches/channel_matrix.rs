//! Messages of eight bytes from so many senders to so many receivers, all of them threads that
//! block: what one message costs, by capacity.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use zc_benches::threads::{Task, expect, together};
use zc_benches::{Bench, Unit};

fn main() -> ExitCode {
    Bench::main("channel_matrix", |bench| {
        for (capacity, goals) in [
            (1, [256.0, 430.0, 379.0]),
            (64, [226.0, 43.0, 19.0]),
            (1024, [18.0, 28.0, 23.0]),
        ] {
            for ((senders, receivers), goal) in [(1, 1), (4, 1), (4, 4)].into_iter().zip(goals) {
                let shape = Shape {
                    capacity,
                    senders,
                    receivers,
                };
                let name = format!("sync u64, capacity {capacity}, {senders}x{receivers}");
                let mut cell = bench
                    .cell(name, Unit::NsPerOp, 1000)
                    .goal(goal)
                    .ours(move |n| shape.run::<Ours>(n))
                    .peer("crossbeam-channel", move |n| shape.run::<Crossbeam>(n));
                if receivers == 1 {
                    cell = cell.peer("std mpsc", move |n| shape.run::<Std>(n));
                }
                #[cfg(feature = "peers")]
                {
                    cell = cell
                        .peer("kanal", move |n| shape.run::<peers::Kanal>(n))
                        .peer("crossfire", move |n| shape.run::<peers::Crossfire>(n));
                }
                cell.run();
            }
        }
    })
}

/// What the contestants have in common. Where an end cannot be cloned there is one of it.
trait Channel {
    type Sender: Send;
    type Receiver: Send;
    fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>);
    /// False when the other side is gone.
    fn send(sender: &Self::Sender, value: u64) -> bool;
    /// `None` when all senders are gone and nothing is left.
    fn receive(receiver: &Self::Receiver) -> Option<u64>;
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    capacity: usize,
    senders: usize,
    receivers: usize,
}

impl Shape {
    /// Sends the numbers below `n`, shared out among the senders; together the receivers must get
    /// each exactly once, which their count and their sum say.
    fn run<C: Channel>(self, n: u64) -> Result<Duration, String> {
        let (senders, receivers) = C::ends(self);
        let (report, reports) = mpsc::channel();
        let mut tasks: Vec<Task<'_>> = Vec::new();
        let step = self.senders;
        for (first, sender) in senders.into_iter().enumerate() {
            tasks.push(Box::new(move || {
                let mine = (first as u64..n).step_by(step);
                for value in mine {
                    expect("sent", C::send(&sender, value), true)?;
                }
                Ok(())
            }));
        }
        for receiver in receivers {
            let report = report.clone();
            tasks.push(Box::new(move || {
                let (mut count, mut sum) = (0_u64, 0_u64);
                while let Some(value) = C::receive(&receiver) {
                    count += 1;
                    sum += value;
                }
                report.send((count, sum)).map_err(|e| e.to_string())
            }));
        }
        drop(report);
        let elapsed = together(tasks)?;
        let (count, sum) = reports.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        expect("values received", count, n)?;
        expect("their sum", sum, n * n.saturating_sub(1) / 2)?;
        Ok(elapsed)
    }

    fn clones<S: Clone, R: Clone>(self, (sender, receiver): (S, R)) -> (Vec<S>, Vec<R>) {
        (vec![sender; self.senders], vec![receiver; self.receivers])
    }
}

struct Ours;

impl Channel for Ours {
    type Sender = zc_channel::Sender<u64>;
    type Receiver = zc_channel::Receiver<u64>;

    fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>) {
        shape.clones(zc_channel::bounded(shape.capacity))
    }

    fn send(sender: &Self::Sender, value: u64) -> bool {
        sender.send_blocking(value).is_ok()
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv_blocking()
    }
}

struct Crossbeam;

impl Channel for Crossbeam {
    type Sender = crossbeam::channel::Sender<u64>;
    type Receiver = crossbeam::channel::Receiver<u64>;

    fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>) {
        shape.clones(crossbeam::channel::bounded(shape.capacity))
    }

    fn send(sender: &Self::Sender, value: u64) -> bool {
        sender.send(value).is_ok()
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

struct Std;

impl Channel for Std {
    type Sender = mpsc::SyncSender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>) {
        let (sender, receiver) = mpsc::sync_channel(shape.capacity);
        (vec![sender; shape.senders], vec![receiver])
    }

    fn send(sender: &Self::Sender, value: u64) -> bool {
        sender.send(value).is_ok()
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

#[cfg(feature = "peers")]
mod peers {
    use super::{Channel, Shape};

    pub(super) struct Kanal;

    impl Channel for Kanal {
        type Sender = kanal::Sender<u64>;
        type Receiver = kanal::Receiver<u64>;

        fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>) {
            shape.clones(kanal::bounded(shape.capacity))
        }

        fn send(sender: &Self::Sender, value: u64) -> bool {
            sender.send(value).is_ok()
        }

        fn receive(receiver: &Self::Receiver) -> Option<u64> {
            receiver.recv().ok()
        }
    }

    pub(super) struct Crossfire;

    impl Channel for Crossfire {
        type Sender = crossfire::MTx<crossfire::mpmc::Array<u64>>;
        type Receiver = crossfire::MRx<crossfire::mpmc::Array<u64>>;

        fn ends(shape: Shape) -> (Vec<Self::Sender>, Vec<Self::Receiver>) {
            shape.clones(crossfire::mpmc::bounded_blocking(shape.capacity))
        }

        fn send(sender: &Self::Sender, value: u64) -> bool {
            sender.send(value).is_ok()
        }

        fn receive(receiver: &Self::Receiver) -> Option<u64> {
            receiver.recv().ok()
        }
    }
}

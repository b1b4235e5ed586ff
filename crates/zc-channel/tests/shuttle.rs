//! Random schedules of random programs, each history checked against a locked queue: there must be
//! an order of the operations, each within its own call, in which a plain `VecDeque` gives the same
//! answers.
//!
//! `SHUTTLE_ITERATIONS` says how many: of histories ten times that, and 10^5 unless it is set; a
//! failure names the program, which is a function of its number.
#![cfg(zc_shuttle)]

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc as StdArc, OnceLock};

use zc_channel::{
    ForceSendError, OwnedPermit, Receiver, Sender, State, TryRecvError, TryReserveError,
    TrySendError, bounded,
};
use zc_core::sync::unmodelled::AtomicUsize as Count;
use zc_core::sync::{block_on, model, thread};

/// One operation and its answer. A batch is recorded item by item: it may go in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Op {
    Send(u32, Result<(), Refused>),
    Recv(Result<u32, TryRecvError>),
    Reserve(Result<(), Refused>),
    Use(u32),
    Release,
    Force(u32, Result<Option<u32>, Refused>),
    /// The first step of a forced send; see [`in_two_steps`].
    Evict(u32),
    Close(bool),
    State(State),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Full,
    Closed,
    Reserved,
}

/// An operation with the times between which it took effect.
#[derive(Debug, Clone)]
struct Event {
    op: Op,
    began: usize,
    ended: usize,
}

/// The plain queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Plain {
    capacity: usize,
    queued: VecDeque<u32>,
    permits: usize,
    closed: bool,
}

impl Plain {
    fn room(&self) -> usize {
        self.capacity - self.queued.len() - self.permits
    }

    /// Does `op`; false if its answer would have been another.
    fn agrees(&mut self, op: &Op) -> bool {
        match op {
            Op::Send(value, answer) => {
                let expected = if self.closed {
                    Err(Refused::Closed)
                } else if self.room() == 0 {
                    Err(Refused::Full)
                } else {
                    self.queued.push_back(*value);
                    Ok(())
                };
                *answer == expected
            }
            Op::Recv(answer) => {
                let end = if self.closed && self.permits == 0 {
                    TryRecvError::Closed
                } else {
                    TryRecvError::Empty
                };
                *answer == self.queued.pop_front().ok_or(end)
            }
            Op::Reserve(answer) => {
                let expected = if self.closed {
                    Err(Refused::Closed)
                } else if self.room() == 0 {
                    Err(Refused::Full)
                } else {
                    self.permits += 1;
                    Ok(())
                };
                *answer == expected
            }
            Op::Use(value) => {
                self.permits -= 1;
                self.queued.push_back(*value);
                true
            }
            Op::Release => {
                self.permits -= 1;
                true
            }
            Op::Force(value, answer) => {
                let expected = if self.closed {
                    Err(Refused::Closed)
                } else if self.room() > 0 {
                    Ok(None)
                } else {
                    self.queued.pop_front().map(Some).ok_or(Refused::Reserved)
                };
                if expected.is_ok() {
                    self.queued.push_back(*value);
                }
                *answer == expected
            }
            Op::Evict(oldest) => {
                let full = !self.closed && self.room() == 0;
                self.permits += 1;
                full && self.queued.pop_front() == Some(*oldest)
            }
            Op::Close(answer) => *answer != std::mem::replace(&mut self.closed, true),
            Op::State(answer) => {
                let left = self.queued.len() + self.permits;
                *answer
                    == match (self.closed, left) {
                        (false, _) => State::Open,
                        (true, 0) => State::Closed,
                        (true, _) => State::Closing,
                    }
            }
        }
    }
}

/// Whether some order explains `histories`, one of each thread: Wing and Gong's search, with the
/// dead ends remembered.
fn is_linearizable(
    plain: &Plain,
    histories: &[Vec<Event>],
    at: &mut Vec<usize>,
    dead: &mut HashSet<(Vec<usize>, Plain)>,
) -> bool {
    if at.iter().zip(histories).all(|(&i, h)| i == h.len()) {
        return true;
    }
    if dead.contains(&(at.clone(), plain.clone())) {
        return false;
    }
    // Whatever took effect next began before any operation that is still to come had ended.
    let horizon = at
        .iter()
        .zip(histories)
        .filter_map(|(&i, h)| h.get(i).map(|e| e.ended));
    let horizon = horizon.min().expect("an operation is left");
    for t in 0..histories.len() {
        let Some(event) = histories[t].get(at[t]) else {
            continue;
        };
        let mut next = plain.clone();
        if event.began < horizon && next.agrees(&event.op) {
            at[t] += 1;
            if is_linearizable(&next, histories, at, dead) {
                return true;
            }
            at[t] -= 1;
        }
    }
    dead.insert((at.clone(), plain.clone()));
    false
}

fn closes(histories: &[Vec<Event>]) -> bool {
    let mut events = histories.iter().flatten();
    events.any(|event| event.op == Op::Close(true))
}

/// A forced send that pushes out and meets a close counts as a permit that was out at the close:
/// first the oldest item goes and leaves a permit, then the permit is used.
fn in_two_steps(histories: &[Vec<Event>]) -> Vec<Vec<Event>> {
    let split = |event: &Event| match event.op {
        Op::Force(value, Ok(Some(oldest))) => {
            vec![event.with(Op::Evict(oldest)), event.with(Op::Use(value))]
        }
        _ => vec![event.clone()],
    };
    let histories = histories.iter();
    histories
        .map(|h| h.iter().flat_map(split).collect())
        .collect()
}

impl Event {
    fn with(&self, op: Op) -> Self {
        Self { op, ..*self }
    }
}

/// A small generator, so that a program is a function of its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Runs `steps` random operations and writes down what they answered.
fn run(
    mut dice: Dice,
    steps: usize,
    tx: Sender<u32>,
    rx: Receiver<u32>,
    clock: StdArc<Count>,
    names: u32,
) -> Vec<Event> {
    let mut history = Vec::new();
    let mut permits: Vec<OwnedPermit<u32>> = Vec::new();
    let mut name = names;
    let tick = || clock.fetch_add(1, Relaxed);
    for _ in 0..steps {
        name += 1;
        let kind = dice.roll(16);
        let size = dice.roll(3) as u32 + 1;
        let began = tick();
        let ops = match kind {
            0..=3 => {
                let answer = tx.try_send(name).map_err(|e| match e {
                    TrySendError::Full(_) => Refused::Full,
                    TrySendError::Closed(_) => Refused::Closed,
                });
                vec![Op::Send(name, answer)]
            }
            4..=7 => vec![Op::Recv(rx.try_recv())],
            8 => {
                let items: Vec<_> = (name..name + size).collect();
                name += size;
                let (rest, refused) = match tx.try_send_many(items.clone()) {
                    Ok(()) => (Vec::new(), None),
                    Err(TrySendError::Full(rest)) => (rest, Some(Refused::Full)),
                    Err(TrySendError::Closed(rest)) => (rest, Some(Refused::Closed)),
                };
                let sent = &items[..items.len() - rest.len()];
                let mut ops: Vec<_> = sent.iter().map(|&v| Op::Send(v, Ok(()))).collect();
                ops.extend(refused.map(|r| Op::Send(rest[0], Err(r))));
                ops
            }
            9 => {
                let mut into = Vec::with_capacity(4);
                match rx.try_recv_many(&mut into, size as usize) {
                    Ok(_) => into.into_iter().map(|v| Op::Recv(Ok(v))).collect(),
                    Err(error) => vec![Op::Recv(Err(error))],
                }
            }
            10 | 11 => match tx.try_reserve_owned() {
                Ok(permit) => {
                    permits.push(permit);
                    vec![Op::Reserve(Ok(()))]
                }
                Err(TryReserveError::Full) => vec![Op::Reserve(Err(Refused::Full))],
                Err(TryReserveError::Closed) => vec![Op::Reserve(Err(Refused::Closed))],
                Err(other) => panic!("{other}"),
            },
            12 if !permits.is_empty() => {
                drop(permits.pop().unwrap().send(name));
                vec![Op::Use(name)]
            }
            13 if !permits.is_empty() => {
                drop(permits.pop().unwrap().release());
                vec![Op::Release]
            }
            14 => {
                let answer = tx.force_send(name).map_err(|e| match e {
                    ForceSendError::Reserved(_) => Refused::Reserved,
                    ForceSendError::Closed(_) => Refused::Closed,
                });
                vec![Op::Force(name, answer)]
            }
            15 if size == 1 => vec![Op::Close(tx.close())],
            _ => vec![Op::State(tx.state())],
        };
        let ended = tick();
        history.extend(ops.into_iter().map(|op| Event { op, began, ended }));
    }
    for permit in permits {
        let began = tick();
        drop(permit.release());
        let ended = tick();
        history.push(Event {
            op: Op::Release,
            began,
            ended,
        });
    }
    history
}

#[test]
fn every_history_is_linearizable() {
    static PROGRAM: OnceLock<Count> = OnceLock::new();
    // These schedules are short: 10^5 of them where the others have 2,000, 10^6 where they have 10^5.
    let rounds = if std::env::var_os("SHUTTLE_ITERATIONS").is_some() {
        10
    } else {
        50
    };
    (0..rounds).for_each(|_| model(one_history));

    fn one_history() {
        let number = PROGRAM.get_or_init(|| Count::new(0)).fetch_add(1, Relaxed);
        let mut dice = Dice(number as u64 ^ 0x9e37_79b9_7f4a_7c15);
        dice.roll(1);
        let capacity = 1 + dice.roll(3) as usize;
        let (tx, rx) = bounded(capacity);
        let clock = StdArc::new(Count::new(0));
        let threads: Vec<_> = (1..=3)
            .map(|t| {
                let dice = Dice(dice.roll(1 << 30) << 20 ^ t);
                let (tx, rx, clock) = (tx.clone(), rx.clone(), StdArc::clone(&clock));
                thread::spawn(move || run(dice, 5, tx, rx, clock, 1_000 * t as u32))
            })
            .collect();
        let histories: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let plain = Plain {
            capacity,
            queued: VecDeque::new(),
            permits: 0,
            closed: false,
        };
        let explained = |histories: &[Vec<Event>]| {
            let mut at = vec![0; histories.len()];
            is_linearizable(&plain, histories, &mut at, &mut HashSet::new())
        };
        assert!(
            explained(&histories) || closes(&histories) && explained(&in_two_steps(&histories)),
            "program {number}, capacity {capacity}: {histories:#?}"
        );
    }
}

/// Everybody waits, in both colours, through one place: nothing hangs, nothing is lost.
#[test]
fn blocking_and_async_ends_share_one_place() {
    const EACH: u32 = 5;
    model(|| {
        let (tx, rx) = bounded(1);
        let senders: Vec<_> = (0..3)
            .map(|s| {
                let tx = tx.clone();
                thread::spawn(move || {
                    for i in 0..EACH {
                        let value = s * EACH + i;
                        match s {
                            0 => tx.send_blocking(value).unwrap(),
                            1 => block_on(tx.send(value)).unwrap(),
                            _ => tx.reserve_blocking().unwrap().send(value),
                        }
                    }
                })
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..2)
            .map(|r| {
                let rx = rx.clone();
                thread::spawn(move || {
                    let next = || {
                        if r == 0 {
                            rx.recv_blocking()
                        } else {
                            block_on(rx.recv())
                        }
                    };
                    std::iter::from_fn(next).collect::<Vec<_>>()
                })
            })
            .collect();
        drop(rx);
        senders.into_iter().for_each(|s| s.join().unwrap());
        let mut got: Vec<_> = receivers
            .into_iter()
            .flat_map(|r| r.join().unwrap())
            .collect();
        got.sort_unstable();
        assert!(got.into_iter().eq(0..3 * EACH));
    });
}

//! One message through a bounded channel: what it costs by kind of ends, size, capacity and shape.
//!
//! | group | who sends, who receives |
//! |---|---|
//! | `pair` | one thread does both in turn: nobody waits, nothing is contended |
//! | `threads` | threads that block |
//! | `tasks` | tasks on a runtime with two workers |
//! | `mixed` | threads that block at one end, tasks at the other |
//!
//! A filter picks cells by all its words: `threads u64`, `tasks 1KiB cap=64`. Every receiver adds up
//! what it gets, and the sums must agree; the sender writes a whole message, the receiver reads its
//! first and its last word. A peer stands in exactly the cells that it supports: those with a single
//! receiver only where there is one, crossfire in its flavour for the shape and in its general one.
//!
//! # What was considered for the cells that are behind
//!
//! * `tasks`, capacity 1: kanal lets a sender put its value into the future of a waiting receiver and
//!   a receiver take one out of a waiting sender's, so each turn of a task moves three items; crossfire
//!   has two slots where one was asked for. Ours moves one a turn. Handing values over would make a
//!   cancelled or leaked receive lose one, or a cancelled send be sent, which the contract rules out.
//!   Tried instead: to spin for a moment before a task goes to sleep, if that has been of use lately
//!   (`wait::luck`). Quick runs, u64, 1×1, 4×1, 4×4: without 513, 422, 263 ns; 31 pauses at most 302,
//!   258, 177; 63 pauses 240, 284, 168; 255 pauses 444, 302, 178. So 63.
//!   A waiter took the lock of its line three times: to enter, by its notifier, to leave. The last of
//!   these is a load now, and a notifier of one sets up no buffer for many. Quick runs in turn with the
//!   former, u64: 627, 613, 628 ns before, 518, 623, 397 after in one, 205, 188, 182 in the other. What
//!   remains swings by a factor of three from run to run, for both, 170 to 650 ns; no profile says why yet
//!   (the guess is whether the runtime keeps both tasks on one worker). An item takes two turns of a task,
//!   and kanal's two thirds of one.
//!   Two tasks on one thread (no second worker, so that every run gives the same): kanal 51 ns an item,
//!   tokio 196, ours 222, of which 38 were spins, tried once in 64 waits and in vain each time. Now each
//!   end notes where it waited, and nobody spins for one that waited on the same processor: 185. Between
//!   the pauses of a spin only the slot is read, and the score of either end has a cache line of its own.
//!   On two workers, 1×1, 4×1, 4×4, in turn with the former: 279 (260), 180 (185), 136 (178). 1×1 swings
//!   because tokio, after three tasks in a row from its slot for the next one, queues the next and wakes
//!   the other worker: 40,000 times a second, for all contestants alike, so what a turn costs is
//!   multiplied by about 1.5. Half of a turn's 90 ns are its ten locked instructions: two locks of the
//!   line, the barrier, the waker's clone and wake, the claim, and the runtime's own.
//!   In a queue for more than eight a future does not spin at all, in turn with the former that did, 1×1,
//!   4×1, 4×4: u64 at 64 29 (43), 20 (25), 21 (23), at 1024 26 (21), 28 (29), 18 (21); 64 B at 64 44
//!   (46), 45 (50), 39 (48), at 1024 33 (48), 34 (38), 32 (45); 1 KiB at 64 115 (113), 111 (124), 119 (127).
//!   Not tried: the lock of the line as a bit of its word, which would save three of them.
//!   Also tried: a task that has to wait wakes itself and looks again, up to four times before it enters
//!   the line, if that has been of use lately, in place of the pauses (166 and 192, 249 and 247, 232 and
//!   212 ns in two runs; with pauses only 261 and 247, 232 and 213, 171 and 188) and after them (187 and
//!   188, 187 and 281, 183 and 188). It helps 1×1 and costs the others as much, and whoever polls a
//!   future by hand would see a wake that means nothing: not done.
//! * 1 KiB: reading the item in the last expression, and freeing its slot in a `Drop` after that, saves
//!   a copy where a thread receives (`pair sync`: 60 ns, 48 so) and costs one where a future does
//!   (`pair async`: 65, 86 so), so only threads do it.
//! * A second core, two locks around ranges, for batches and large items: the stamped one takes about
//!   5 ns an item in batches of 32 (`channel_batch`) and is level with the best or ahead at 1 KiB, so
//!   there is nothing for it to win.

mod ends;
mod message;
#[cfg(feature = "peers")]
mod peers;
mod work;

use std::process::ExitCode;

use message::{Message, Words};
use work::{Shape, many, pair, pair_async, run_mixed_to_task, run_mixed_to_thread, run_tasks};
use work::{one, run_threads};
use zc_benches::{Bench, Cell, Unit};

type Word = Words<1>;
type Line = Words<8>;
type KiB = Words<128>;

fn main() -> ExitCode {
    Bench::main("channel_matrix", |bench| {
        pairs::<Word>(bench, [Some(16.0), Some(18.0), Some(3.0)]);
        pairs::<Line>(bench, [None; 3]);
        pairs::<KiB>(bench, [None; 3]);
        // The figures of the best peer where the specification names one, by shape.
        threads::<Word>(bench, 1, [Some(256.0), Some(430.0), Some(379.0)]);
        threads::<Word>(bench, 64, [Some(226.0), Some(43.0), Some(19.0)]);
        threads::<Word>(bench, 1024, [Some(18.0), Some(28.0), Some(23.0)]);
        tasks::<Word>(bench, 1, [Some(95.0), Some(79.0), Some(68.0)]);
        tasks::<Word>(bench, 64, [Some(26.0), Some(32.0), Some(23.0)]);
        tasks::<Word>(bench, 1024, [None; 3]);
        for capacity in [1, 64, 1024] {
            threads::<Line>(bench, capacity, [None; 3]);
            tasks::<Line>(bench, capacity, [None; 3]);
            threads::<KiB>(bench, capacity, [None; 3]);
            let goals = [Some(106.0), Some(118.0), Some(95.0)];
            tasks::<KiB>(
                bench,
                capacity,
                if capacity == 64 { goals } else { [None; 3] },
            );
        }
        mixed::<Word>(bench, Some(200.0));
    })
}

fn cell<'b>(bench: &'b mut Bench, name: String, goal: Option<f64>) -> Cell<'b> {
    let cell = bench.cell(name, Unit::NsPerOp, 1000);
    match goal {
        Some(goal) => cell.goal(goal),
        None => cell,
    }
}

/// The three shapes at one capacity.
fn shapes(capacity: usize) -> [Shape; 3] {
    [(1, 1), (4, 1), (4, 4)].map(|(senders, receivers)| Shape {
        capacity,
        senders,
        receivers,
    })
}

fn pairs<M: Message>(bench: &mut Bench, [sync, tasks, spsc]: [Option<f64>; 3]) {
    const CAPACITY: usize = 64;
    let m = M::NAME;
    let c = cell(bench, format!("pair sync {m} cap={CAPACITY}"), sync)
        .ours(|n| pair::<M, _, _>(n, zc_channel::bounded(CAPACITY)))
        .peer("std", |n| {
            pair::<M, _, _>(n, std::sync::mpsc::sync_channel(CAPACITY))
        })
        .peer("crossbeam", |n| {
            pair::<M, _, _>(n, crossbeam::channel::bounded(CAPACITY))
        })
        .peer("tokio", |n| {
            pair::<M, _, _>(n, tokio::sync::mpsc::channel(CAPACITY))
        });
    #[cfg(feature = "peers")]
    let c = peers::pair_sync::<M>(c, CAPACITY);
    c.run();

    let c = cell(bench, format!("pair async {m} cap={CAPACITY}"), tasks)
        .ours(|n| pair_async::<M, _, _>(n, zc_channel::bounded(CAPACITY)))
        .peer("tokio", |n| {
            pair_async::<M, _, _>(n, tokio::sync::mpsc::channel(CAPACITY))
        });
    #[cfg(feature = "peers")]
    let c = peers::pair_async::<M>(c, CAPACITY);
    c.run();

    cell(bench, format!("pair spsc {m} cap={CAPACITY}"), spsc)
        .ours(|n| pair::<M, _, _>(n, zc_channel::spsc::channel(CAPACITY)))
        .peer("rtrb", |n| {
            pair::<M, _, _>(n, rtrb::RingBuffer::new(CAPACITY))
        })
        .run();
}

fn threads<M: Message>(bench: &mut Bench, capacity: usize, goals: [Option<f64>; 3]) {
    for (s, goal) in shapes(capacity).into_iter().zip(goals) {
        let mut c = cell(bench, format!("threads {} {s}", M::NAME), goal)
            .ours(move |n| run_threads::<M, _, _>(n, many(s, zc_channel::bounded(s.capacity))))
            .peer("crossbeam", move |n| {
                run_threads::<M, _, _>(n, many(s, crossbeam::channel::bounded(s.capacity)))
            });
        if s.receivers == 1 {
            c = c
                .peer("std", move |n| {
                    run_threads::<M, _, _>(n, one(s, std::sync::mpsc::sync_channel(s.capacity)))
                })
                .peer("tokio", move |n| {
                    run_threads::<M, _, _>(n, one(s, tokio::sync::mpsc::channel(s.capacity)))
                });
        }
        #[cfg(feature = "peers")]
        let c = peers::threads::<M>(c, s);
        c.run();
    }
}

fn tasks<M: Message>(bench: &mut Bench, capacity: usize, goals: [Option<f64>; 3]) {
    for (s, goal) in shapes(capacity).into_iter().zip(goals) {
        let mut c = cell(bench, format!("tasks {} {s}", M::NAME), goal)
            .ours(move |n| run_tasks::<M, _, _>(n, many(s, zc_channel::bounded(s.capacity))));
        if s.receivers == 1 {
            c = c.peer("tokio", move |n| {
                run_tasks::<M, _, _>(n, one(s, tokio::sync::mpsc::channel(s.capacity)))
            });
        }
        #[cfg(feature = "peers")]
        let c = peers::tasks::<M>(c, s);
        c.run();
    }
}

fn mixed<M: Message>(bench: &mut Bench, goal: Option<f64>) {
    let m = M::NAME;
    for s in shapes(64).into_iter().take(2) {
        let c = cell(bench, format!("mixed thread to task {m} {s}"), goal)
            .ours(move |n| {
                run_mixed_to_task::<M, _, _>(n, many(s, zc_channel::bounded(s.capacity)))
            })
            .peer("tokio", move |n| {
                run_mixed_to_task::<M, _, _>(n, one(s, tokio::sync::mpsc::channel(s.capacity)))
            });
        #[cfg(feature = "peers")]
        let c = peers::to_task::<M>(c, s);
        c.run();

        let c = cell(bench, format!("mixed task to thread {m} {s}"), goal)
            .ours(move |n| {
                run_mixed_to_thread::<M, _, _>(n, many(s, zc_channel::bounded(s.capacity)))
            })
            .peer("tokio", move |n| {
                run_mixed_to_thread::<M, _, _>(n, one(s, tokio::sync::mpsc::channel(s.capacity)))
            });
        #[cfg(feature = "peers")]
        let c = peers::to_thread::<M>(c, s);
        c.run();
    }
}

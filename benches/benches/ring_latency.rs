//! One row at a time between two pinned cores that spin, in a ring of 16 Ki rows: the round trip,
//! and the way of rows that are a microsecond apart. The limit is a line of memory that is handed
//! over with nothing around it.
//!
//! | cell, ns | goal | ours | best peer | peer / ours | line / ours |
//! |---|---|---|---|---|---|
//! | round trip, p50 | 345 | 110 | disruptor 120 | 1.09 | 1.00 |
//! | round trip, p99 | 558 | 170 | disruptor 170 | 1.00 | 0.77 |
//! | one way, p50 | 148, and 1.05 × the line | 110 | disruptor 90 | 0.82 | 0.73 |
//! | one way, p99 | | 325 | ringbuf 191 | 0.59 | 0.37 |
//!
//! (One quick run on an AMD EPYC; the clock steps by 10 ns, the p99 of the one way is anywhere between 150 and
//! 1000 for all.)
//!
//! The round trip was 140: every look in vain cost two loads of the head and a call, and a wait two locked
//! instructions for a count of owners. Now the row's line is asked for as soon as the head is seen to have
//! moved. Tried and lost: asking for it at every look while there is none (550: the line is taken from the
//! producer between two of its stores). Not tried: the sequence beside the row; batches are slices of `T`, in which there
//! is no room for it.

use std::process::ExitCode;

use zc_benches::broadcast::latency::{one_way, round_trip};
use zc_benches::broadcast::{bare, ours};
use zc_benches::{Bench, Unit};
use zc_ring::WaitStrategy::BusySpin;

const CAPACITY: usize = 16 * 1024;

fn main() -> ExitCode {
    Bench::main("ring_latency", |bench| {
        for (name, q, goal) in [("p50", 0.5, 345.0), ("p99", 0.99, 558.0)] {
            #[cfg_attr(not(feature = "peers"), expect(unused_mut, reason = "peers join it"))]
            let mut cell = bench
                .cell(format!("round trip, {name}"), Unit::NsPerOp, 512)
                .goal(goal)
                .ours(move |rows| {
                    let open = || ours::open_with(CAPACITY, 1, BusySpin);
                    round_trip(open()?, open()?, q, rows)
                })
                .limit(move |rows| bare::line_round_trip(q, rows));
            #[cfg(feature = "peers")]
            {
                use zc_benches::broadcast::{Pause::Spin, peers};
                macro_rules! peer {
                    ($name:literal, $open:expr) => {
                        cell = cell.peer($name, move |rows| round_trip($open?, $open?, q, rows));
                    };
                }
                peer!("disruptor", peers::disruptor::one(CAPACITY, Spin));
                peer!("rtrb", peers::rtrb(CAPACITY, 1, Spin));
                peer!("ringbuf", peers::ringbuf(CAPACITY, Spin));
                peer!("crossbeam", peers::crossbeam(CAPACITY, 1, Spin));
                peer!("bus", peers::bus(CAPACITY, 1, Spin));
                peer!("multiqueue2", peers::multiqueue(CAPACITY, 1, Spin));
                peer!("tokio broadcast", peers::tokio(CAPACITY, 1, Spin));
            }
            cell.run();
        }
        for (name, q, goal) in [("p50", 0.5, Some(148.0)), ("p99", 0.99, None)] {
            let mut cell = bench
                .cell(format!("one way, a row a µs, {name}"), Unit::NsPerOp, 512)
                .ours(move |rows| one_way(ours::open_with(CAPACITY, 1, BusySpin)?, q, rows))
                .limit(move |rows| bare::line_one_way(q, rows));
            if let Some(goal) = goal {
                cell = cell.goal(goal);
            }
            #[cfg(feature = "peers")]
            {
                use zc_benches::broadcast::{Pause::Spin, peers};
                macro_rules! peer {
                    ($name:literal, $open:expr) => {
                        cell = cell.peer($name, move |rows| one_way($open?, q, rows));
                    };
                }
                peer!("disruptor", peers::disruptor::one(CAPACITY, Spin));
                peer!("rtrb", peers::rtrb(CAPACITY, 1, Spin));
                peer!("ringbuf", peers::ringbuf(CAPACITY, Spin));
                peer!("crossbeam", peers::crossbeam(CAPACITY, 1, Spin));
            }
            cell.run();
        }
    })
}

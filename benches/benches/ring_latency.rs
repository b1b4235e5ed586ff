//! One row at a time between two pinned cores that spin, in a ring of 16 Ki rows: the round trip,
//! and the way of rows that are a microsecond apart. The limit is a line of memory that is handed
//! over with nothing around it.

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

//! Several producers of one ring of 16 Ki rows of 32 bytes, one of which is active, and one
//! consumer: what it costs that there might be others.
//!
//! | batch | goal | ours | best peer | peer / ours |
//! |---|---|---|---|---|
//! | 1 | 10.5 | 6.8 | crossbeam 12.3 | 1.81 |
//! | 64 | 2.7 | 1.49 | disruptor 1.42 | 0.95 |
//!
//! (One quick run on an AMD EPYC.) With a compare-and-swap for the claim and one for the head it was 17.9 where
//! crossbeam took 10.9: each waits for all stores before it, the head's among them, which the consumer looks at.
//! So a producer that has been alone for 4096 calls claims blocks, and neither is left.

use std::process::ExitCode;

use zc_benches::broadcast::throughput::one_active;
use zc_benches::broadcast::{Shape, ours};
use zc_benches::{Bench, Unit};

const CAPACITY: usize = 16 * 1024;

fn main() -> ExitCode {
    Bench::main("ring_multi_producer", |bench| {
        for (batch, goal) in [(1, 10.5), (64, 2.7)] {
            let shape = Shape {
                capacity: CAPACITY,
                batch,
                consumers: 1,
            };
            let name = format!("one of two active, capacity {CAPACITY}, batch {batch}");
            let cell = bench
                .cell(name, Unit::NsPerOp, 4096)
                .goal(goal)
                .ours(move |rows| one_active(ours::open_multi(CAPACITY, 2, 1)?, shape, rows));
            #[cfg(feature = "peers")]
            let cell = {
                use zc_benches::broadcast::throughput::{Cores, throughput};
                use zc_benches::broadcast::{Pause::Spin, peers};
                macro_rules! one {
                    ($open:expr) => {
                        move |rows| throughput($open?, shape, Cores::Pinned, rows)
                    };
                }
                cell.peer("disruptor", move |rows| {
                    one_active(peers::disruptor::multi(CAPACITY)?, shape, rows)
                })
                .peer("crossbeam", one!(peers::crossbeam(CAPACITY, 1, Spin)))
                .peer("multiqueue2", one!(peers::multiqueue(CAPACITY, 1, Spin)))
                .peer("tokio broadcast", one!(peers::tokio(CAPACITY, 1, Spin)))
            };
            cell.run();
        }
    })
}

//! Several producers of one ring of 16 Ki rows of 32 bytes, one of which is active, and one
//! consumer: what it costs that there might be others.

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

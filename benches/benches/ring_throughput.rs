//! Rows of 32 bytes from one producer to one consumer, each pinned to a core of its own, and to a
//! thread that is both: what a row costs, by capacity and batch. Ours waits as it does by default;
//! the peers spin.
//!
//! The capacity decides more than anything else: ends that run close together wait for each other's
//! lines.

use std::process::ExitCode;

use zc_benches::broadcast::throughput::{Cores, one_thread, throughput};
use zc_benches::broadcast::{Shape, bare, ours};
use zc_benches::{Bench, Unit};

fn main() -> ExitCode {
    Bench::main("ring_throughput", |bench| {
        for (capacity, batch, goal) in [
            (16 * 1024, 64, 2.15),
            (16 * 1024, 1, 2.65),
            (4 * 1024, 1, 7.4),
            (1024, 1, 14.0),
        ] {
            let shape = Shape {
                capacity,
                batch,
                consumers: 1,
            };
            let name = format!("1→1, capacity {capacity}, batch {batch}");
            #[cfg_attr(not(feature = "peers"), expect(unused_mut, reason = "peers join it"))]
            let mut cell = bench
                .cell(name, Unit::NsPerOp, 4096)
                .goal(goal)
                .ours(move |rows| throughput(ours::open(capacity, 1)?, shape, Cores::Pinned, rows))
                .limit(move |rows| {
                    throughput(bare::open(capacity, 1)?, shape, Cores::Pinned, rows)
                });
            #[cfg(feature = "peers")]
            {
                use zc_benches::broadcast::{Pause::Spin, peers};
                let run = Cores::Pinned;
                cell = cell
                    .peer("disruptor", move |rows| {
                        throughput(peers::disruptor::one(capacity, Spin)?, shape, run, rows)
                    })
                    .peer("rtrb", move |rows| {
                        throughput(peers::rtrb(capacity, 1, Spin)?, shape, run, rows)
                    })
                    .peer("ringbuf", move |rows| {
                        throughput(peers::ringbuf(capacity, Spin)?, shape, run, rows)
                    });
                if capacity > 4096 {
                    cell = cell
                        .peer("crossbeam", move |rows| {
                            throughput(peers::crossbeam(capacity, 1, Spin)?, shape, run, rows)
                        })
                        .peer("bus", move |rows| {
                            throughput(peers::bus(capacity, 1, Spin)?, shape, run, rows)
                        })
                        .peer("multiqueue2", move |rows| {
                            throughput(peers::multiqueue(capacity, 1, Spin)?, shape, run, rows)
                        })
                        .peer("tokio broadcast", move |rows| {
                            throughput(peers::tokio(capacity, 1, Spin)?, shape, run, rows)
                        });
                }
            }
            cell.run();
        }
        for (batch, goal) in [(1, 8.65), (64, 1.25)] {
            let capacity = 16 * 1024;
            let name = format!("one thread, capacity {capacity}, batch {batch}");
            #[cfg_attr(not(feature = "peers"), expect(unused_mut, reason = "peers join it"))]
            let mut cell = bench
                .cell(name, Unit::NsPerOp, 4096)
                .goal(goal)
                .ours(move |rows| one_thread(ours::open(capacity, 1)?, batch, rows))
                .limit(move |rows| bare::vector(batch, rows));
            #[cfg(feature = "peers")]
            {
                use zc_benches::broadcast::{Pause::Spin, peers};
                cell = cell
                    .peer("disruptor", move |rows| {
                        one_thread(peers::disruptor::one(capacity, Spin)?, batch, rows)
                    })
                    .peer("rtrb", move |rows| {
                        one_thread(peers::rtrb(capacity, 1, Spin)?, batch, rows)
                    })
                    .peer("ringbuf", move |rows| {
                        one_thread(peers::ringbuf(capacity, Spin)?, batch, rows)
                    });
            }
            cell.run();
        }
    })
}

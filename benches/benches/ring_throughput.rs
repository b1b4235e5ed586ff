//! Rows of 32 bytes from one producer to one consumer, each pinned to a core of its own, and to a
//! thread that is both: what a row costs, by capacity and batch. Ours waits as it does by default;
//! the peers spin.
//!
//! The capacity decides more than anything else: ends that run close together wait for each other's
//! lines.
//!
//! Where the default waits lead (medians of one quick run with all peers on two cores of an AMD EPYC, which
//! is not the machine that the goals were set on):
//!
//! | cell | goal | ours | best peer | peer / ours |
//! |---|---|---|---|---|
//! | 16 Ki, batch 64 | 2.15 | 1.20 | disruptor 1.27 | 1.06 |
//! | 16 Ki, batch 1 | 2.65 | 2.33 | rtrb 7.23 | 3.11 |
//! | 4 Ki, batch 1 | 7.4 | 2.46 | rtrb 7.72 | 3.13 |
//! | 1 Ki, batch 1 | 14 | 4.12 | rtrb 7.42 | 1.80 |
//! | one thread, batch 1 | 8.65 | 5.59 | disruptor 2.58 | 0.46 |
//! | one thread, batch 64 | 1.25 | 1.51 | rtrb 1.43 | 0.95 |
//!
//! Small rings: a consumer that runs dry again and again behind a fast producer lets rows gather for a
//! microsecond (6.1, 7.0 and 8.2 ns before). What is written with every licence lies apart from what consumers look at with
//! every batch.
//!
//! One thread, batch 1: 9.3 ns before. The processor commits a store a cycle, and a row of ours takes 13
//! (its four words; next, head and batch size of the producer; end, batches, rows in hand twice, next and
//! cursor of the consumer), so that the counters that are always on cost what the row does. It took
//! twice as many while calls stood between (20 words saved and returned), and while the end of a batch was computed from
//! the one before. A vector is written and read back in 2.4 ns.

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
